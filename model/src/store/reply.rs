//! The typed replies: what the store answers, conditional failures with the old item included.

use serde::{Deserialize, Serialize};

use super::item::{Lease, Raiser, Record, Slot};
use crate::ids::Seq;
use crate::vocabulary::Vocabulary;

/// The store's answer to one [`Request`](super::Request).
///
/// A failed condition comes with the item that failed it
/// (`ReturnValuesOnConditionCheckFailure`), which is how a writer recognises its
/// own effect without another read.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub enum Reply<V: Vocabulary> {
    /// To [`ReadHead`](super::Request::ReadHead).
    Head(Head<V>),
    /// To [`Raise`](super::Request::Raise): the number given out.
    Raised(Seq),
    /// A raise's condition failed against this.
    NotRaised(Head<V>),
    /// To [`Claim`](super::Request::Claim): the record now.
    Claimed(Record),
    /// A claim's condition failed against this.
    NotClaimed(Option<Record>),
    /// To [`ReadTail`](super::Request::ReadTail): the last slot that is not empty, or [`Seq::ZERO`].
    Tail(Seq),
    /// To [`ReadSlot`](super::Request::ReadSlot).
    Slot(Slot<V>),
    /// To [`Write`](super::Request::Write) and [`Void`](super::Request::Void).
    Written,
    /// The slot was not empty; this is in it.
    Taken(Slot<V>),
    /// To [`RaiseAndWrite`](super::Request::RaiseAndWrite): the number given out and written to.
    Appended(Seq),
    /// The transaction failed as a whole; for each item whose condition failed, what it was.
    NotAppended {
        /// The increment's item.
        head: Option<Head<V>>,
        /// The slot.
        slot: Option<Slot<V>>,
    },
    /// To [`ReadEvents`](super::Request::ReadEvents).
    Page(V::Page),
    /// To [`ReadLease`](super::Request::ReadLease).
    Lease(Option<Lease<V>>),
    /// To every write of a lease but its release: the item now.
    Leased(Lease<V>),
    /// To [`Release`](super::Request::Release), which may be a transaction, and those return nothing.
    Released,
    /// A lease's condition failed against this.
    Refused {
        /// The lease's item, if its condition failed.
        lease: Option<Lease<V>>,
        /// Whether the slot that should be empty was not ([`Guard::Empty`](super::Guard::Empty)).
        taken: bool,
    },
}

impl<V: Vocabulary> Reply<V> {
    /// Whether a slot was written.
    #[must_use]
    pub fn wrote(&self) -> bool {
        matches!(self, Reply::Written | Reply::Appended(_))
    }
}

/// A partition's head, as a reader or a refused writer sees it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(bound = "")]
pub struct Head<V: Vocabulary> {
    /// The highest sequence number given out.
    pub head: Seq,
    /// Who raised it last on condition of its value, unnamed.
    pub raiser: Option<Raiser<V>>,
    /// The record under the name that was asked for.
    pub record: Option<Record>,
}
