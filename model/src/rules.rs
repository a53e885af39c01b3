//! What a machine is told once and for all: the design, and the lengths of time.

use crate::design::Design;
use crate::vocabulary::{SpanOf, Vocabulary};

/// The rules that every machine of a stream obeys. They are lent to a machine
/// with each call and not stored in it, which keeps its state small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rules<V: Vocabulary> {
    /// The protocol.
    pub design: Design,
    /// How long a lease lasts after its owner asked for it.
    pub lease: SpanOf<V>,
    /// How long an owner waits before it renews; well under `lease`.
    pub renew: SpanOf<V>,
    /// How long an empty slot may stand before a reader voids it (or, waiting, looks again).
    pub grace: SpanOf<V>,
    /// The most by which two clocks may differ.
    pub skew: SpanOf<V>,
}
