//! Looking after a stream: its partitions, where it stands, whether it is sound, leases left behind,
//! checkpoints moved by hand.

mod audit;
mod audit_lineage;
mod finding;
mod lineage;
mod partitions;
mod producers;
mod release;
mod scaling;
mod seek;
mod status;

pub use audit::Audit;
pub use finding::Finding;
pub use lineage::LineageError;
pub use partitions::{Lineage, Member};
pub use producers::ProducerStatus;
pub use scaling::{Carried, Look, ScaleError, Scaler};
pub use seek::{SeekError, SeekTo, Sought};
pub use status::PartitionStatus;
