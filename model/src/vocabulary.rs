//! The types that the machines are generic over: ids, times, batches and pages.
//!
//! The checker uses single bytes, so that it can hold millions of states. Production uses
//! strings, real time and the application's events.

use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ids::Seq;

/// A name or a value that the protocol compares, hashes and passes on, and never computes with.
///
/// Every type with the supertraits is an id.
pub trait Id: Clone + Eq + Hash + Debug + Serialize + DeserializeOwned {}

impl<T: Clone + Eq + Hash + Debug + Serialize + DeserializeOwned> Id for T {}

/// A reading of a process's clock.
///
/// The machines never read a clock. The driver of a turn passes the time with everything that
/// it tells, and the machine compares it with the times that it was told before.
pub trait Time: Copy + Ord + Id {
    /// A length of time, in the unit of the clock.
    type Span: Copy + Eq + Hash + Debug;

    /// Returns the time `span` later.
    #[must_use]
    fn plus(self, span: Self::Span) -> Self;

    /// Returns the time `span` earlier, or the earliest time that can be represented.
    #[must_use]
    fn minus(self, span: Self::Span) -> Self;
}

/// What an append writes into its slot: one or more events.
pub trait Batch: Id {
    /// Returns the number of events, at least 1.
    fn events(&self) -> u64;
}

/// What one page shows of one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// No item: never written, not written *yet*, or hidden from a stale read.
    Nothing,
    /// A void: the slot never held an event and never will.
    Void,
    /// A batch of events.
    Events,
}

/// The answer to one read of a partition's slots.
pub trait Page: Id {
    /// Returns what the page shows of a slot: [`Seen::Nothing`] outside of what it covers.
    fn seen(&self, slot: Seq) -> Seen;

    /// Returns the highest slot that the page shows as a void or as events; `None` if it
    /// shows no item.
    fn last(&self) -> Option<Seq>;

    /// Returns whether the page ends because it has no more room. Nothing was known to be behind the
    /// last slot of any other page when it was read.
    fn is_full(&self) -> bool;

    /// Returns whether nothing was known to be behind a slot of the page when it was read.
    fn ends_with(&self, slot: Seq) -> bool {
        self.last() == Some(slot) && !self.is_full()
    }
}

/// The types that the protocol leaves open.
pub trait Vocabulary: Clone + Eq + Hash + Debug + 'static {
    /// The name of a partition. What takes a partition's place sorts behind it.
    type Partition: Id + Ord;
    /// The name of a group (`consumerId` in the Consumers table).
    type Group: Id;
    /// The name of one run of one worker process. Two runs must never share a name:
    /// otherwise a worker takes a dead predecessor's lease for its own.
    type Owner: Id;
    /// The name of a producer, the same across its restarts.
    type Name: Id;
    /// The name of one append, never used for another, so that an append recognises its
    /// own effect.
    type Token: Id;
    /// A reading of a clock.
    type Time: Time;
    /// What an append writes.
    type Batch: Batch;
    /// What a consumer reads.
    type Page: Page;
}

/// A length of time on the clock of a vocabulary.
pub type SpanOf<V> = <<V as Vocabulary>::Time as Time>::Span;
