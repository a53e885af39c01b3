//! The search for violations: campaigns of many seeds, shrinking, counterexamples of the
//! model checker reproduced against the adapter, and random dialogues with an engine.

mod campaign;
pub mod conformance;
mod counterexample;
mod pool;
mod shrink;
mod step_by_step;

pub use campaign::{Campaign, CampaignProgress, CampaignReport, FailedSeed};
pub use counterexample::{CheckedFault, Counterexample};
pub use shrink::{Shrunk, shrink};
