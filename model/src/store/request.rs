//! The typed requests: everything that the protocol asks of DynamoDB.

use serde::{Deserialize, Serialize};

use super::item::Record;
use crate::ids::{Epoch, Number, Seq};
use crate::vocabulary::Vocabulary;

/// One request to the store, which is one call of DynamoDB's API.
///
/// [`apply`](fn@super::apply) specifies what each of them does, and when it is refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Request<V: Vocabulary> {
    /// Reads a head and one producer's record: a strongly consistent `GetItem` on Partitions.
    ReadHead {
        /// The partition whose head is read.
        partition: V::Partition,
        /// The producer whose record is returned too, if any.
        name: Option<V::Name>,
    },
    /// Gives out the next sequence number: an `UpdateItem` on Partitions.
    Raise(Raise<V>),
    /// Enters a partition that is not there yet, open and empty: an `UpdateItem` on Partitions. The
    /// recommended design has no need of it.
    Create {
        /// The partition.
        partition: V::Partition,
    },
    /// Seals an open partition, which gives out no more numbers, and names the partitions that take its
    /// place: an `UpdateItem` on Partitions, which creates the item if need be.
    Seal {
        /// The partition.
        partition: V::Partition,
        /// The partitions that take its place.
        children: Vec<V::Partition>,
    },
    /// Seals several open partitions whose place one other takes, all or none: a `TransactWriteItems` on
    /// Partitions.
    Merge {
        /// The partitions, at least one.
        parents: Vec<V::Partition>,
        /// The partition that takes their place.
        child: V::Partition,
    },
    /// Starts a new epoch of a named producer, if its record is still as it was seen: an
    /// `UpdateItem` on Partitions.
    Claim {
        /// The partition to which the producer appends.
        partition: V::Partition,
        /// The producer.
        name: V::Name,
        /// The record as last seen. A late copy of this request finds another one and changes
        /// nothing.
        seen: Option<Record>,
    },
    /// Reads the last slot that is not empty: a strongly consistent `Query` on Events,
    /// backwards, with a limit of 1.
    ReadTail {
        /// The partition whose tail is read.
        partition: V::Partition,
    },
    /// Reads one slot: a strongly consistent `GetItem` on Events.
    ReadSlot {
        /// The slot's partition.
        partition: V::Partition,
        /// The slot.
        slot: Seq,
    },
    /// Writes a batch into a slot: a `PutItem` on Events.
    Write(Write<V>),
    /// Settles a slot for good without an event, if it is still empty (S1): a `PutItem` on Events.
    Void {
        /// The slot's partition.
        partition: V::Partition,
        /// The slot.
        slot: Seq,
    },
    /// Raises the head and writes the slot, both or neither: a `TransactWriteItems`.
    RaiseAndWrite {
        /// The increment.
        raise: Raise<V>,
        /// The put into the slot that the increment gives out.
        write: Write<V>,
    },
    /// Reads a partition's slots in order, as many as a page takes: a `Query` on Events.
    ReadEvents {
        /// The partition.
        partition: V::Partition,
        /// The page begins with the slot after this one.
        after: Seq,
        /// Whether the read is strongly consistent (`ConsistentRead`).
        consistent: bool,
    },
    /// Reads a lease: a strongly consistent `GetItem` on Consumers.
    ReadLease {
        /// The group.
        group: V::Group,
        /// The partition.
        partition: V::Partition,
    },
    /// Takes a lease without a condition, as in the first draft: an `UpdateItem` on Consumers.
    SetLease {
        /// The group.
        group: V::Group,
        /// The partition.
        partition: V::Partition,
        /// The new owner.
        owner: V::Owner,
        /// The epoch that the owner chose.
        epoch: Epoch,
        /// The time at which the lease ends unless it is renewed.
        until: V::Time,
    },
    /// Takes a lease that is free, and raises its epoch by one (L1): an `UpdateItem` on Consumers.
    Acquire {
        /// The group.
        group: V::Group,
        /// The partition.
        partition: V::Partition,
        /// The new owner.
        owner: V::Owner,
        /// The time at which the lease ends unless it is renewed.
        until: V::Time,
        /// When another worker's lease counts as free.
        free: Free<V>,
        /// What it demands of how far the group has come.
        #[serde(default)]
        entry: Entry,
    },
    /// Extends a held lease, and never shortens it (L2): an `UpdateItem` on Consumers.
    Renew {
        /// The group.
        group: V::Group,
        /// The partition.
        partition: V::Partition,
        /// The epoch that the lease must have, if the design demands one.
        fence: Option<Epoch>,
        /// The new end and sign of life.
        extend: Extend<V>,
    },
    /// Moves the checkpoint, and extends the lease, so that a renewal and a checkpoint never race
    /// (scenario 6): an `UpdateItem` on Consumers.
    Checkpoint {
        /// The group.
        group: V::Group,
        /// The partition.
        partition: V::Partition,
        /// The last finished slot.
        to: Seq,
        /// The epoch that the lease must have, if the design demands one (L3).
        fence: Option<Epoch>,
        /// Whether the checkpoint must be lower than `to` (L3).
        forward: bool,
        /// The new end and sign of life.
        extend: Extend<V>,
    },
    /// Gives a held lease up, and can move the checkpoint with it: an `UpdateItem` on Consumers. Where
    /// the guard is [`Guard::Empty`], a transaction of that and a `ConditionCheck` on Events.
    Release {
        /// The group.
        group: V::Group,
        /// The partition.
        partition: V::Partition,
        /// The last finished slot, if the checkpoint is to move there.
        to: Option<Seq>,
        /// The epoch that the lease must have, if the design demands one.
        fence: Option<Epoch>,
        /// What else must hold.
        guard: Guard,
    },
    /// Increments the wake counter of a held lease, because a trigger met it held: an `UpdateItem`
    /// on Consumers.
    Wake {
        /// The group.
        group: V::Group,
        /// The partition.
        partition: V::Partition,
    },
}

impl<V: Vocabulary> Request<V> {
    /// Returns whether the request can change the tables.
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
            | Request::Create { .. }
            | Request::Seal { .. }
            | Request::Merge { .. }
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

    /// Returns the partition that the request is about; of a merge, the one that takes the others' place.
    #[must_use]
    pub fn partition(&self) -> &V::Partition {
        match self {
            Request::Merge { child, .. } => child,
            Request::Raise(raise) | Request::RaiseAndWrite { raise, .. } => &raise.partition,
            Request::Write(write) => &write.partition,
            Request::ReadHead { partition, .. }
            | Request::Claim { partition, .. }
            | Request::Create { partition }
            | Request::Seal { partition, .. }
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

    /// Returns the slot that the request writes, if it writes one.
    #[must_use]
    pub fn slot(&self) -> Option<Seq> {
        match self {
            Request::Write(write) | Request::RaiseAndWrite { write, .. } => Some(write.slot),
            Request::Void { slot, .. } => Some(*slot),
            Request::ReadHead { .. }
            | Request::Raise(_)
            | Request::Claim { .. }
            | Request::Create { .. }
            | Request::Seal { .. }
            | Request::Merge { .. }
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

    /// Returns the producer whose record the request writes, if it writes one.
    #[must_use]
    pub fn producer(&self) -> Option<&V::Name> {
        match self {
            Request::Raise(raise) | Request::RaiseAndWrite { raise, .. } => {
                raise.record.as_ref().map(|keep| &keep.name)
            }
            Request::Claim { name, .. } => Some(name),
            Request::ReadHead { .. }
            | Request::Create { .. }
            | Request::Seal { .. }
            | Request::Merge { .. }
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

    /// Returns the group whose lease the request writes, if it writes one.
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
            | Request::Create { .. }
            | Request::Seal { .. }
            | Request::Merge { .. }
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

/// The increment of a partition's head, which gives out the next sequence number.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Raise<V: Vocabulary> {
    /// The partition whose head is raised.
    pub partition: V::Partition,
    /// The head that the raise demands, if it demands one.
    pub head: Option<Seq>,
    /// The append's token, kept as the head's [`Raiser`](super::Raiser). An anonymous append that
    /// demands the expected head recognises its own raise by it; a named one by its record.
    pub token: Option<V::Token>,
    /// The record to write, for a named producer.
    pub record: Option<Keep<V>>,
}

/// The record that a raise writes under a producer's name, if the old record is as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Keep<V: Vocabulary> {
    /// The producer.
    pub name: V::Name,
    /// The record as last seen. The raise is refused if the stored one differs (S2).
    pub seen: Record,
    /// The number of the batch's last event, in the producer's own count.
    pub number: Number,
    /// The number of events in the batch.
    pub count: u64,
}

/// The put of a batch into a slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Write<V: Vocabulary> {
    /// The slot's partition.
    pub partition: V::Partition,
    /// The slot.
    pub slot: Seq,
    /// The name of the append.
    pub token: V::Token,
    /// The batch.
    pub batch: V::Batch,
    /// Whether the slot must be empty (S1).
    pub if_absent: bool,
}

/// When a lease counts as free. One that is not active, or was never taken, always does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Free<V: Vocabulary> {
    /// An active lease is never free.
    Inactive,
    /// An active lease is free if it ended at or before this time.
    EndedBy(V::Time),
    /// An active lease is free if it still shows the epoch and the beat that it showed before.
    Unchanged {
        /// The epoch as it was seen.
        epoch: Epoch,
        /// The beat as it was seen.
        beat: u64,
    },
}

/// What an acquire demands of how far the group has come (D4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Entry {
    /// The group must have begun the partition.
    Begun,
    /// The group begins the partition if it has not: then its item must still show the epoch that it showed
    /// before the parents were asked; zero if there was no item, or where nothing comes before the partition.
    Begin {
        /// That epoch.
        seen: Epoch,
    },
    /// Nothing. The group counts as not having begun the partition from then on, until it begins it (again)
    /// behind what it has finished there.
    Hold,
}

impl Default for Entry {
    /// What acquires demanded before they could demand anything else.
    fn default() -> Entry {
        Entry::Begin { seen: Epoch::ZERO }
    }
}

/// What an owner writes into its lease to show that it is alive.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Extend<V: Vocabulary> {
    /// The new end of the lease.
    pub until: V::Time,
    /// Whether to increment the beat, for workers that watch the lease.
    pub beat: bool,
}

/// What a release demands besides its fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Guard {
    /// Nothing.
    None,
    /// This slot must be empty.
    Empty(Seq),
    /// The wake counter must have this value.
    Unwoken(u64),
}
