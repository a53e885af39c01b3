//! The typed replies. A refusal carries the old item.

use serde::{Deserialize, Serialize};

use super::item::{Lease, Raiser, Record, Slot};
use crate::ids::Seq;
use crate::vocabulary::Vocabulary;

/// The store's answer to one [`Request`](super::Request).
///
/// A refusal carries the item whose condition failed (`ReturnValuesOnConditionCheckFailure`), so
/// that a writer recognises its own effect without another read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Reply<V: Vocabulary> {
    /// Answers [`ReadHead`](super::Request::ReadHead).
    Head(Head<V>),
    /// Answers [`Raise`](super::Request::Raise) with the number that it gave out.
    Raised(Seq),
    /// Refuses a raise, with the partition's item.
    NotRaised(Head<V>),
    /// Answers [`Claim`](super::Request::Claim) with the new record.
    Claimed(Record),
    /// Refuses a claim, with the record that is stored, if one is.
    NotClaimed(Option<Record>),
    /// Answers [`Create`](super::Request::Create): the partition is there.
    Created,
    /// Answers [`Seal`](super::Request::Seal) and [`Merge`](super::Request::Merge).
    Sealed,
    /// Refuses a seal or a merge: for each of the partitions, in the request's order, the children with
    /// which it is sealed; none of one that is open.
    NotSealed(Vec<Vec<V::Partition>>),
    /// Answers [`ReadTail`](super::Request::ReadTail) with the last slot that is not empty, or
    /// with [`Seq::ZERO`].
    Tail(Seq),
    /// Answers [`ReadSlot`](super::Request::ReadSlot).
    Slot(Slot<V>),
    /// Answers [`Write`](super::Request::Write) and [`Void`](super::Request::Void).
    Written,
    /// Refuses a write or a void, with what the slot holds.
    Taken(Slot<V>),
    /// Answers [`RaiseAndWrite`](super::Request::RaiseAndWrite) with the number that was given out
    /// and written to.
    Appended(Seq),
    /// Refuses the transaction as a whole, with every item whose condition failed.
    NotAppended {
        /// The partition's item, if the raise's condition failed.
        head: Option<Head<V>>,
        /// What the slot holds, if the write's condition failed.
        slot: Option<Slot<V>>,
    },
    /// Answers [`ReadEvents`](super::Request::ReadEvents).
    Page(V::Page),
    /// Answers [`ReadLease`](super::Request::ReadLease).
    Lease(Option<Lease<V>>),
    /// Answers every write of a lease but its release, with the new item.
    Leased(Lease<V>),
    /// Answers [`Release`](super::Request::Release). It carries no item, because a release may be
    /// a transaction, and a transaction returns none.
    Released,
    /// Refuses a write of a lease.
    Refused {
        /// The lease's item, if it is there and its condition failed.
        lease: Option<Lease<V>>,
        /// Whether the slot of [`Guard::Empty`](super::Guard::Empty) was not empty.
        taken: bool,
    },
}

impl<V: Vocabulary> Reply<V> {
    /// Returns whether the reply says that a slot was written or voided.
    #[must_use]
    pub fn wrote(&self) -> bool {
        matches!(self, Reply::Written | Reply::Appended(_))
    }

    /// Returns the lease that the reply carries, if it carries one.
    #[cfg(feature = "check")]
    pub(crate) fn lease_mut(&mut self) -> Option<&mut Lease<V>> {
        match self {
            Reply::Leased(lease) => Some(lease),
            Reply::Lease(lease) | Reply::Refused { lease, .. } => lease.as_mut(),
            Reply::Head(_)
            | Reply::Raised(_)
            | Reply::NotRaised(_)
            | Reply::Claimed(_)
            | Reply::NotClaimed(_)
            | Reply::Created
            | Reply::Sealed
            | Reply::NotSealed(_)
            | Reply::Tail(_)
            | Reply::Slot(_)
            | Reply::Written
            | Reply::Taken(_)
            | Reply::Appended(_)
            | Reply::NotAppended { .. }
            | Reply::Page(_)
            | Reply::Released => None,
        }
    }
}

/// A partition's head and what is kept beside it, as a reader or a refused writer sees them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Head<V: Vocabulary> {
    /// The highest sequence number given out.
    pub head: Seq,
    /// The last raise by an anonymous append that expected a head.
    pub raiser: Option<Raiser<V>>,
    /// The record of the producer that the request named.
    pub record: Option<Record>,
    /// The partitions that take this one's place, if it is sealed.
    #[serde(default)]
    pub children: Vec<V::Partition>,
}

impl<V: Vocabulary> Head<V> {
    /// Returns whether the partition takes no more events.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        !self.children.is_empty()
    }
}
