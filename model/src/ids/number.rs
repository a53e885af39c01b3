//! The numbers of the protocol. Each has a type of its own, so that a sequence number cannot
//! be used as an epoch.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A sequence number: a slot's place in its partition, counted from 1.
///
/// It counts slots, not events: a batch fills one slot. [`Seq::ZERO`] stands before the first slot.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Seq(pub u64);

impl Seq {
    /// The place before the first slot: the head of an empty partition, and the checkpoint of a
    /// new group.
    pub const ZERO: Seq = Seq(0);

    /// Returns the number of the next slot.
    #[must_use]
    pub const fn next(self) -> Seq {
        Seq(self.0 + 1)
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An epoch: the generation of a lease or of a named producer, and its fencing token.
///
/// Epochs only grow (L1). The first owner has epoch 1.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Epoch(pub u64);

impl Epoch {
    /// The epoch before the first owner.
    pub const ZERO: Epoch = Epoch(0);

    /// Returns the next generation.
    #[must_use]
    pub const fn next(self) -> Epoch {
        Epoch(self.0 + 1)
    }
}

impl fmt::Display for Epoch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A named producer's own number for an event of its input, counted from 1; 0 means "none yet".
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Number(pub u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
