//! The search for violations: campaigns of many seeds, shrinking, counterexamples of the
//! checker played for real, and random dialogues.

mod campaign;
pub mod conformance;
mod counterexample;
mod shrink;

pub use campaign::{Campaign, CampaignProgress, CampaignReport, FailedSeed};
pub use counterexample::Counterexample;
pub use shrink::{Shrunk, shrink};
