//! What the items of the tables hold.

use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, Number, Seq};
use crate::vocabulary::Vocabulary;

/// What a named producer last did in a partition. It is kept in the partition's item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Record {
    /// The producer's generation, which each claim raises.
    pub epoch: Epoch,
    /// The number of the last event for which the producer was given a slot, in its own count.
    pub number: Number,
    /// The number of events in that batch, which ends with `number`.
    pub count: u64,
    /// The slot that the batch was given.
    pub slot: Seq,
}

impl Record {
    /// Returns the record of a producer that has claimed its name and appended nothing yet.
    #[must_use]
    pub const fn claimed(epoch: Epoch) -> Record {
        Record { epoch, number: Number(0), count: 0, slot: Seq::ZERO }
    }
}

/// The last raise by an anonymous append that expected a head. It is kept beside the head, so that
/// a refused raise can tell its own effect from a conflict (scenario 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Raiser<V: Vocabulary> {
    /// The name of the append.
    pub token: V::Token,
    /// The number that the raise gave out. An append raises once more if its slot was voided, so
    /// the token alone would not tell the raises apart.
    pub slot: Seq,
}

/// What a slot holds: empty at first, and then one of the other two for good (S1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Slot<V: Vocabulary> {
    /// There is no item.
    Empty,
    /// The slot was settled without an event.
    Void,
    /// The slot holds the events of one append.
    Events {
        /// The name of the append.
        token: V::Token,
        /// The batch.
        batch: V::Batch,
    },
}

/// An item of the Consumers table: a group's lease on a partition, with its checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Lease<V: Vocabulary> {
    /// The last slot that the group has finished.
    pub checkpoint: Seq,
    /// Whether the lease is held. It stays so after its end, until it is released or taken.
    pub active: bool,
    /// The turn that holds the lease, or held it last.
    pub owner: V::Owner,
    /// The generation, which each acquire raises: the fencing token.
    pub epoch: Epoch,
    /// The time at which the lease ends unless it is renewed, by its owner's clock.
    pub until: V::Time,
    /// The count of its owners' signs of life, for workers that watch the lease.
    pub beat: u64,
    /// The count of triggers that met the lease held, in this epoch.
    pub wake: u64,
    /// Whether the group has begun the partition. An operator who moves a checkpoint takes that back, and
    /// keeps the item for its epoch.
    #[serde(default = "always")]
    pub begun: bool,
}

/// What an item says that was kept before it could say anything else.
const fn always() -> bool {
    true
}
