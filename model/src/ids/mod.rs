//! Sequence numbers, epochs, producers' numbers and partition ids.

mod number;
mod partition;

pub use number::{Epoch, Number, Seq};
pub use partition::{HASH_BITS, NoPartition, PartitionId};
