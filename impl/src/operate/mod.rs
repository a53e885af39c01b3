//! Looking after a stream: where it stands, and whether it is sound.

mod audit;
mod status;

pub use audit::{Audit, Finding};
pub use status::PartitionStatus;
