//! What all machines of a stream have in common: the design, and the lengths of time.

use crate::design::Design;
use crate::vocabulary::{SpanOf, Vocabulary};

/// The design and the lengths of time that every machine of a stream obeys.
///
/// A machine borrows them with each call instead of storing them, which keeps its
/// state small. All machines of a stream must be given the same rules. The lengths
/// of time are in the unit of the vocabulary's clock ([`Time::Span`]).
///
/// [`Time::Span`]: crate::Time::Span
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules<V: Vocabulary> {
    /// The protocol.
    pub design: Design,
    /// How long a lease lasts, counted from the moment at which its owner asked for it.
    pub lease: SpanOf<V>,
    /// How long an owner waits before it renews. It must be well below `lease`, so that a
    /// renewal that is sent several times still arrives before the lease ends.
    pub renew: SpanOf<V>,
    /// How long an empty slot with something behind it may stand before a reader voids it, or
    /// looks again where the design waits.
    pub grace: SpanOf<V>,
    /// The largest difference between two workers' clocks under which L2 is promised.
    pub skew: SpanOf<V>,
}
