//! What the machines are generic over: ids, time, and what a slot holds.
//!
//! The checker fills these with single bytes, so that it can hold millions of
//! states; production fills them with strings, real time and the user's events.

use std::fmt::Debug;
use std::hash::Hash;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ids::Seq;

/// Anything that names something: compared and hashed, never computed with.
pub trait Id: Clone + Eq + Hash + Debug + Serialize + DeserializeOwned {}

impl<T: Clone + Eq + Hash + Debug + Serialize + DeserializeOwned> Id for T {}

/// A reading of one process's clock.
///
/// The machines never read a clock: each news carries the time at which it was
/// told, and they compare it with times they were told before.
pub trait Time: Copy + Ord + Id {
    /// A length of time, in whatever unit the clock has.
    type Span: Copy + Eq + Hash + Debug;

    /// This time and `span` more.
    #[must_use]
    fn plus(self, span: Self::Span) -> Self;

    /// This time less `span`, or the earliest time there is.
    #[must_use]
    fn minus(self, span: Self::Span) -> Self;
}

/// What an append writes into its slot: one or more events.
pub trait Batch: Id {
    /// How many events the batch holds, at least one.
    fn events(&self) -> u64;
}

/// What a reader sees in one slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Seen {
    /// No item: not written, not written *yet*, or hidden from a stale read.
    Nothing,
    /// Voided: it never held an event and never will.
    Void,
    /// A batch of events.
    Events,
}

/// The answer to one read of a partition's slots.
pub trait Page: Id {
    /// What the page shows of a slot; [`Seen::Nothing`] outside what it covers.
    fn seen(&self, slot: Seq) -> Seen;

    /// The highest slot of which the page shows something.
    fn last(&self) -> Option<Seq>;
}

/// One filling of every type that the protocol leaves open.
pub trait Vocabulary: Clone + Eq + Hash + Debug + 'static {
    /// Names a partition.
    type Partition: Id;
    /// Names a group of consumers (the table's `consumerId`).
    type Group: Id;
    /// Names one run of one worker process. Two runs never share a name, or a
    /// worker could take a dead predecessor's lease for its own.
    type Owner: Id;
    /// Names a producer across its restarts.
    type Name: Id;
    /// Names one append for ever, so that it can recognise its own effect.
    type Token: Id;
    /// Readings of a clock.
    type Time: Time;
    /// What an append writes.
    type Batch: Batch;
    /// What a consumer reads.
    type Page: Page;
}

/// A length of time on a vocabulary's clock.
pub type SpanOf<V> = <<V as Vocabulary>::Time as Time>::Span;
