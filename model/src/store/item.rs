//! What the tables hold.

use serde::{Deserialize, Serialize};

use crate::ids::{Epoch, Number, Seq};
use crate::vocabulary::Vocabulary;

/// What a named producer last did in a partition, kept in the partition's item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Record {
    /// The producer's generation: a restart raises it.
    pub epoch: Epoch,
    /// The last event it took a slot for, in its own count.
    pub number: Number,
    /// How many events, ending with `number`, went into that slot.
    pub count: u64,
    /// That slot.
    pub slot: Seq,
}

impl Record {
    /// The record of a producer that claimed its name and has not appended yet.
    #[must_use]
    pub const fn claimed(epoch: Epoch) -> Record {
        Record { epoch, number: Number(0), count: 0, slot: Seq::ZERO }
    }
}

/// Who last raised a head that it demanded, kept beside the head: an increment
/// whose condition fails can tell its own effect from a lost race (scenario 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Raiser<V: Vocabulary> {
    /// The append.
    pub token: V::Token,
    /// The number it was given. An append can raise twice, when its first slot was voided.
    pub slot: Seq,
}

/// One slot of a partition. Empty, then for ever one of the other two (S1).
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Slot<V: Vocabulary> {
    /// No item.
    Empty,
    /// Settled without an event.
    Void,
    /// One append's events.
    Events {
        /// The append that wrote it.
        token: V::Token,
        /// What it wrote.
        batch: V::Batch,
    },
}

/// An item of the Consumers table: a group's lease on a partition, and its checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Lease<V: Vocabulary> {
    /// The last slot the group has finished.
    pub checkpoint: Seq,
    /// Whether somebody holds the lease.
    pub active: bool,
    /// Who holds it, or held it last.
    pub owner: V::Owner,
    /// The generation: the fencing token.
    pub epoch: Epoch,
    /// When it ends unless renewed, by its owner's clock.
    pub until: V::Time,
    /// Signs of life, for observers.
    pub beat: u64,
    /// Triggers that met it held, in this epoch.
    pub wake: u64,
}
