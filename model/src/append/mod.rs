//! The append machine: takes a partition's next sequence number and writes a
//! batch of events in that slot.

mod claim;
mod machine;

pub use claim::Claim;
pub use machine::{Answer, Append, Identity, Session, Want};
