//! The typed requests: everything the protocol ever asks of DynamoDB.
//!
//! Each is one call of its API. What each does is said by [`apply`](super::apply).

use serde::{Deserialize, Serialize};

use super::item::Record;
use crate::ids::{Epoch, Number, Seq};
use crate::vocabulary::Vocabulary;

/// One call to the store.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Request<V: Vocabulary> {
    /// Strongly consistent `GetItem` on Partitions: the head, and one producer's record.
    ReadHead {
        /// Whose head.
        partition: V::Partition,
        /// Whose record to return with it.
        name: Option<V::Name>,
    },
    /// `UpdateItem` on Partitions: gives out the next sequence number.
    Raise(Raise<V>),
    /// `UpdateItem` on Partitions: a named producer starts a new epoch, if its
    /// record is still as it last saw it.
    Claim {
        /// The partition it appends to.
        partition: V::Partition,
        /// Who claims.
        name: V::Name,
        /// The record as last seen; a late copy of this request finds another one and changes nothing.
        seen: Option<Record>,
    },
    /// Strongly consistent `Query` on Events, backwards, limit 1: the last slot that is not empty.
    ReadTail {
        /// Whose tail.
        partition: V::Partition,
    },
    /// Strongly consistent `GetItem` on Events.
    ReadSlot {
        /// The slot's partition.
        partition: V::Partition,
        /// The slot.
        slot: Seq,
    },
    /// `PutItem` on Events.
    Write(Write<V>),
    /// `PutItem` on Events: settles an empty slot for ever, if it is still empty (S1).
    Void {
        /// The slot's partition.
        partition: V::Partition,
        /// The slot.
        slot: Seq,
    },
    /// `TransactWriteItems`: both or neither.
    RaiseAndWrite {
        /// The increment.
        raise: Raise<V>,
        /// The put into the slot that the increment gives out.
        write: Write<V>,
    },
    /// `Query` on Events from a position on.
    ReadEvents {
        /// Whose events.
        partition: V::Partition,
        /// Only slots after this one.
        after: Seq,
        /// `ConsistentRead`.
        consistent: bool,
    },
    /// Strongly consistent `GetItem` on Consumers.
    ReadLease {
        /// Whose lease.
        group: V::Group,
        /// On which partition.
        partition: V::Partition,
    },
    /// `UpdateItem` on Consumers without a condition: the first draft's way to take a lease.
    SetLease {
        /// Whose lease.
        group: V::Group,
        /// On which partition.
        partition: V::Partition,
        /// The new owner.
        owner: V::Owner,
        /// The epoch it gives itself.
        epoch: Epoch,
        /// When the lease ends unless renewed.
        until: V::Time,
    },
    /// `UpdateItem` on Consumers: takes a lease that is free, and raises its epoch (L1).
    Acquire {
        /// Whose lease.
        group: V::Group,
        /// On which partition.
        partition: V::Partition,
        /// The new owner.
        owner: V::Owner,
        /// When the lease ends unless renewed.
        until: V::Time,
        /// When somebody's lease counts as free.
        free: Free<V>,
    },
    /// `UpdateItem` on Consumers: the owner is alive. Never shortens the lease.
    Renew {
        /// Whose lease.
        group: V::Group,
        /// On which partition.
        partition: V::Partition,
        /// The fence, if the design has one.
        fence: Option<Epoch>,
        /// The new end and sign of life.
        extend: Extend<V>,
    },
    /// `UpdateItem` on Consumers: everything up to `to` is finished. Renews as well,
    /// so that a renewal and a checkpoint never race.
    Checkpoint {
        /// Whose checkpoint.
        group: V::Group,
        /// In which partition.
        partition: V::Partition,
        /// The last finished slot.
        to: Seq,
        /// The fence, if the design has one.
        fence: Option<Epoch>,
        /// Refuse to move it back or leave it in place (L3).
        forward: bool,
        /// The new end and sign of life.
        extend: Extend<V>,
    },
    /// `UpdateItem` on Consumers, in a transaction with a `ConditionCheck` on Events
    /// where the guard is [`Guard::Empty`].
    Release {
        /// Whose lease.
        group: V::Group,
        /// On which partition.
        partition: V::Partition,
        /// The fence, if the design has one.
        fence: Option<Epoch>,
        /// What else must hold.
        guard: Guard,
    },
    /// `UpdateItem` on Consumers: a trigger met the lease held and leaves word, if it is still held.
    Wake {
        /// Whose lease.
        group: V::Group,
        /// On which partition.
        partition: V::Partition,
    },
}

impl<V: Vocabulary> Request<V> {
    /// Whether it can change anything.
    #[must_use]
    pub fn writes(&self) -> bool {
        match self {
            Request::ReadHead { .. }
            | Request::ReadTail { .. }
            | Request::ReadSlot { .. }
            | Request::ReadEvents { .. }
            | Request::ReadLease { .. } => false,
            Request::Raise(_)
            | Request::Claim { .. }
            | Request::Write(_)
            | Request::Void { .. }
            | Request::RaiseAndWrite { .. }
            | Request::SetLease { .. }
            | Request::Acquire { .. }
            | Request::Renew { .. }
            | Request::Checkpoint { .. }
            | Request::Release { .. }
            | Request::Wake { .. } => true,
        }
    }

    /// The partition that it is about.
    #[must_use]
    pub fn partition(&self) -> &V::Partition {
        match self {
            Request::Raise(raise) | Request::RaiseAndWrite { raise, .. } => &raise.partition,
            Request::Write(write) => &write.partition,
            Request::ReadHead { partition, .. }
            | Request::Claim { partition, .. }
            | Request::ReadTail { partition }
            | Request::ReadSlot { partition, .. }
            | Request::Void { partition, .. }
            | Request::ReadEvents { partition, .. }
            | Request::ReadLease { partition, .. }
            | Request::SetLease { partition, .. }
            | Request::Acquire { partition, .. }
            | Request::Renew { partition, .. }
            | Request::Checkpoint { partition, .. }
            | Request::Release { partition, .. }
            | Request::Wake { partition, .. } => partition,
        }
    }

    /// The slot that it writes.
    #[must_use]
    pub fn slot(&self) -> Option<Seq> {
        match self {
            Request::Write(write) | Request::RaiseAndWrite { write, .. } => Some(write.slot),
            Request::Void { slot, .. } => Some(*slot),
            Request::ReadHead { .. }
            | Request::Raise(_)
            | Request::Claim { .. }
            | Request::ReadTail { .. }
            | Request::ReadSlot { .. }
            | Request::ReadEvents { .. }
            | Request::ReadLease { .. }
            | Request::SetLease { .. }
            | Request::Acquire { .. }
            | Request::Renew { .. }
            | Request::Checkpoint { .. }
            | Request::Release { .. }
            | Request::Wake { .. } => None,
        }
    }

    /// The producer whose record it writes.
    #[must_use]
    pub fn producer(&self) -> Option<&V::Name> {
        match self {
            Request::Raise(raise) | Request::RaiseAndWrite { raise, .. } => {
                raise.record.as_ref().map(|keep| &keep.name)
            }
            Request::Claim { name, .. } => Some(name),
            Request::ReadHead { .. }
            | Request::ReadTail { .. }
            | Request::ReadSlot { .. }
            | Request::Write(_)
            | Request::Void { .. }
            | Request::ReadEvents { .. }
            | Request::ReadLease { .. }
            | Request::SetLease { .. }
            | Request::Acquire { .. }
            | Request::Renew { .. }
            | Request::Checkpoint { .. }
            | Request::Release { .. }
            | Request::Wake { .. } => None,
        }
    }

    /// The group whose lease it writes.
    #[must_use]
    pub fn group(&self) -> Option<&V::Group> {
        match self {
            Request::SetLease { group, .. }
            | Request::Acquire { group, .. }
            | Request::Renew { group, .. }
            | Request::Checkpoint { group, .. }
            | Request::Release { group, .. }
            | Request::Wake { group, .. } => Some(group),
            Request::ReadHead { .. }
            | Request::Raise(_)
            | Request::Claim { .. }
            | Request::ReadTail { .. }
            | Request::ReadSlot { .. }
            | Request::Write(_)
            | Request::Void { .. }
            | Request::RaiseAndWrite { .. }
            | Request::ReadEvents { .. }
            | Request::ReadLease { .. } => None,
        }
    }
}

/// An increment of a partition's head.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Raise<V: Vocabulary> {
    /// Whose head.
    pub partition: V::Partition,
    /// Only if the head is this.
    pub head: Option<Seq>,
    /// Kept beside the head, so that an increment which demands a head can tell
    /// its own effect from a lost race. Unnamed producers only: a record does the same.
    pub token: Option<V::Token>,
    /// The record to keep, for a named producer.
    pub record: Option<Keep<V>>,
}

/// The record that a raise writes under a producer's name, on condition of the one it saw.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Keep<V: Vocabulary> {
    /// Whose record.
    pub name: V::Name,
    /// The record as last seen: the raise is refused if it is another.
    pub seen: Record,
    /// The last event of the batch, in the producer's own count.
    pub number: Number,
    /// How many events the batch holds.
    pub count: u64,
}

/// A put into a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Write<V: Vocabulary> {
    /// The slot's partition.
    pub partition: V::Partition,
    /// The slot.
    pub slot: Seq,
    /// Whose append this is.
    pub token: V::Token,
    /// What it appends.
    pub batch: V::Batch,
    /// Only if the slot is empty (S1).
    pub if_absent: bool,
}

/// When somebody's lease counts as free. A lease that is not active, or was never taken, always does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Free<V: Vocabulary> {
    /// Never, while it is active.
    Inactive,
    /// If it ended at or before this time.
    EndedBy(V::Time),
    /// If it shows the same epoch and the same sign of life as when it was last looked at.
    Unchanged {
        /// The epoch seen.
        epoch: Epoch,
        /// The sign of life seen.
        beat: u64,
    },
}

/// How an owner shows that it is alive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Extend<V: Vocabulary> {
    /// The lease's new end.
    pub until: V::Time,
    /// Whether to count a sign of life, for observers.
    pub beat: bool,
}

/// What a release demands beyond its fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Guard {
    /// Nothing.
    None,
    /// This slot is empty.
    Empty(Seq),
    /// The wake counter still has this value.
    Unwoken(u64),
}
