//! Looking after a stream: where it stands, whether it is sound, leases left behind, and checkpoints moved by hand.

mod audit;
mod finding;
mod producers;
mod release;
mod seek;
mod status;

pub use audit::Audit;
pub use finding::Finding;
pub use producers::ProducerStatus;
pub use seek::{SeekError, SeekTo, Sought};
pub use status::PartitionStatus;
