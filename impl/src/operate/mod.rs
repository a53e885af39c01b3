//! Looking after a stream: where it stands, and whether it is sound.

mod audit;
mod finding;
mod status;

pub use audit::Audit;
pub use finding::Finding;
pub use status::PartitionStatus;
