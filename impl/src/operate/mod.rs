//! Looking after a stream: where it stands, whether it is sound, and leases left behind.

mod audit;
mod finding;
mod producers;
mod release;
mod status;

pub use audit::Audit;
pub use finding::Finding;
pub use producers::ProducerStatus;
pub use status::PartitionStatus;
