//! What an audit can find.

use std::fmt;

use gapless_model::{PartitionId, Seq};
use serde::Serialize;

use crate::vocabulary::Group;

/// Something that the protocol never leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// D3: a group finished a slot that is empty; what is written there now is skipped.
    EmptyBelowCheckpoint {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
        /// The empty slot.
        slot: Seq,
        /// The group's checkpoint.
        checkpoint: Seq,
    },
    /// A slot is written that was never given out.
    HeadBelowSlot {
        /// The partition.
        partition: PartitionId,
        /// The head.
        head: Seq,
        /// The slot.
        slot: Seq,
    },
    /// A group finished more than was ever given out.
    CheckpointAboveHead {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
        /// The group's checkpoint.
        checkpoint: Seq,
        /// The head.
        head: Seq,
    },
    /// L1: a lease was taken without an epoch.
    LeaseWithoutEpoch {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
    },
    /// A lease lasts longer than any lease of this stream can: clocks, or units (scenario 9).
    LeaseTooLong {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
        /// By how much it outlasts one that was taken now, in milliseconds.
        beyond_ms: u64,
    },
    /// Events or leases of a partition that the layout does not have.
    StrayPartition {
        /// The partition.
        partition: PartitionId,
    },
    /// An event stands in a partition that is not its key's.
    StrayEvent {
        /// The partition.
        partition: PartitionId,
        /// The slot.
        slot: Seq,
        /// The event's key.
        key: String,
    },
    /// S2: one append stands in two slots.
    Twice {
        /// The partition.
        partition: PartitionId,
        /// The append's token.
        token: String,
        /// The slots.
        slots: (Seq, Seq),
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::EmptyBelowCheckpoint { partition, group, slot, checkpoint } => write!(
                f,
                "D3: {partition}: slot {slot} is empty, and group {group} has its checkpoint at {checkpoint}"
            ),
            Finding::HeadBelowSlot { partition, head, slot } => {
                write!(f, "{partition}: slot {slot} is written, and the head is {head}")
            }
            Finding::CheckpointAboveHead { partition, group, checkpoint, head } => write!(
                f,
                "D3: {partition}: group {group} has its checkpoint at {checkpoint}, above the head {head}"
            ),
            Finding::LeaseWithoutEpoch { partition, group } => {
                write!(f, "L1: {partition}: the lease of group {group} has no epoch")
            }
            Finding::LeaseTooLong { partition, group, beyond_ms } => write!(
                f,
                "L2: {partition}: the lease of group {group} ends {beyond_ms} ms later than any lease \
                 taken now would: somebody's clock or unit is wrong"
            ),
            Finding::StrayPartition { partition } => {
                write!(f, "{partition} is not a partition of this stream's layout")
            }
            Finding::StrayEvent { partition, slot, key } => {
                write!(
                    f,
                    "S3: {partition}: slot {slot} holds an event of key `{key}`, whose partition is another"
                )
            }
            Finding::Twice { partition, token, slots } => write!(
                f,
                "S2: {partition}: append {token} stands in slots {} and {}",
                slots.0, slots.1
            ),
        }
    }
}
