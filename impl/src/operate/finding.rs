//! What an audit can find.

use std::fmt;

use gapless_model::store::partition_words;
use gapless_model::{PartitionId, Seq};
use serde::Serialize;

use crate::vocabulary::{Group, Live};

/// Something that the protocol never leaves behind: a fault of this crate, of a clock, or of
/// another program that wrote into the tables.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Finding {
    /// D3: a group has finished a slot that is empty. An event that is written there is
    /// skipped.
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
    /// A slot above the head is filled: its number was never handed out.
    HeadBelowSlot {
        /// The partition.
        partition: PartitionId,
        /// The head.
        head: Seq,
        /// The slot.
        slot: Seq,
    },
    /// D3: a group has finished a slot whose number was never handed out.
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
    /// L1: a lease has no epoch.
    LeaseWithoutEpoch {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
    },
    /// L2: a lease ends later than any lease that is taken now. A clock is wrong, or a program
    /// writes times in another unit.
    LeaseTooLong {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
        /// How much later it ends, in milliseconds.
        beyond_ms: u64,
    },
    /// There are events or leases of a partition that the layout does not have.
    StrayPartition {
        /// The partition.
        partition: PartitionId,
    },
    /// S3: an event is in a partition that is not its key's.
    StrayEvent {
        /// The partition.
        partition: PartitionId,
        /// The slot.
        slot: Seq,
        /// The event's key.
        key: String,
    },
    /// P2: a partition was split into others that do not cover all of its keys.
    NoLeaf {
        /// The sealed partition.
        partition: PartitionId,
        /// What took its place.
        children: Vec<PartitionId>,
    },
    /// P2: a partition took the place of some of those that cover its keys, and not of all.
    TwoLeaves {
        /// The partition.
        partition: PartitionId,
        /// Whose place it took.
        parents: Vec<PartitionId>,
    },
    /// D4: a group has begun a partition, and has not finished a parent of it.
    BegunBeforeParent {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
        /// The parent.
        parent: PartitionId,
    },
    /// S2: one append is in two slots, of two partitions.
    InTwoPartitions {
        /// The later partition.
        partition: PartitionId,
        /// The append's token.
        token: String,
        /// The slot there.
        slot: Seq,
        /// The earlier partition, and the slot there.
        before: (PartitionId, Seq),
    },
    /// S2: one append is in two slots.
    Twice {
        /// The partition.
        partition: PartitionId,
        /// The append's token.
        token: String,
        /// The slots.
        slots: (Seq, Seq),
    },
}

impl Finding {
    /// Returns the partition that it is about.
    #[must_use]
    pub fn partition(&self) -> &PartitionId {
        match self {
            Finding::EmptyBelowCheckpoint { partition, .. }
            | Finding::HeadBelowSlot { partition, .. }
            | Finding::CheckpointAboveHead { partition, .. }
            | Finding::LeaseWithoutEpoch { partition, .. }
            | Finding::LeaseTooLong { partition, .. }
            | Finding::StrayPartition { partition }
            | Finding::StrayEvent { partition, .. }
            | Finding::NoLeaf { partition, .. }
            | Finding::TwoLeaves { partition, .. }
            | Finding::BegunBeforeParent { partition, .. }
            | Finding::InTwoPartitions { partition, .. }
            | Finding::Twice { partition, .. } => partition,
        }
    }

    /// Returns the slots that it is about, in order. There are none if it is about a lease or a
    /// whole partition.
    #[must_use]
    pub fn slots(&self) -> Vec<Seq> {
        match self {
            Finding::EmptyBelowCheckpoint { slot, .. }
            | Finding::HeadBelowSlot { slot, .. }
            | Finding::StrayEvent { slot, .. }
            | Finding::InTwoPartitions { slot, .. } => vec![*slot],
            Finding::Twice { slots: (first, second), .. } => vec![*first, *second],
            Finding::CheckpointAboveHead { .. }
            | Finding::LeaseWithoutEpoch { .. }
            | Finding::LeaseTooLong { .. }
            | Finding::NoLeaf { .. }
            | Finding::TwoLeaves { .. }
            | Finding::BegunBeforeParent { .. }
            | Finding::StrayPartition { .. } => Vec::new(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::EmptyBelowCheckpoint { partition, group, slot, checkpoint } => write!(
                f,
                "D3: {partition}: slot {slot} is empty, and group {group} has its checkpoint at {checkpoint}"
            ),
            Finding::HeadBelowSlot { partition, head, slot } => {
                write!(f, "{partition}: slot {slot} is filled, and the head is {head}")
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
                 taken now would: a clock or a unit is wrong"
            ),
            Finding::StrayPartition { partition } => {
                write!(
                    f,
                    "{partition} is no partition of this stream: neither of its layout, nor split or \
                     merged from one"
                )
            }
            Finding::NoLeaf { partition, children } => write!(
                f,
                "P2: {partition} was split into {}, which do not cover all of its keys",
                partition_words::<Live>(children)
            ),
            Finding::TwoLeaves { partition, parents } => write!(
                f,
                "P2: {partition} took the place of {}, which do not cover all of its keys",
                partition_words::<Live>(parents)
            ),
            Finding::BegunBeforeParent { partition, group, parent } => write!(
                f,
                "D4: {partition}: group {group} has begun it, and has not finished {parent}, which comes \
                 before it"
            ),
            Finding::InTwoPartitions { partition, token, slot, before: (other, first) } => write!(
                f,
                "S2: {partition}: append {token} is in slot {slot}, and in slot {first} of {other}"
            ),
            Finding::StrayEvent { partition, slot, key } => {
                write!(
                    f,
                    "S3: {partition}: slot {slot} holds an event of key `{key}`, which belongs elsewhere"
                )
            }
            Finding::Twice { partition, token, slots } => {
                write!(f, "S2: {partition}: append {token} is in slots {} and {}", slots.0, slots.1)
            }
        }
    }
}
