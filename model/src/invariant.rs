//! The invariants, by name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A property that the recommended design has in every reachable state.
///
/// S is for slots, D for delivery, L for leases, P for progress. Each is judged for every group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Invariant {
    /// A slot never changes once it is not empty.
    S1,
    /// An event is in at most one slot.
    S2,
    /// If one append was acknowledged before another began, its position is lower.
    S3,
    /// An append with an expected position is acknowledged only if nothing is acknowledged between
    /// that position and its own.
    S4,
    /// Nothing is delivered that was not appended.
    D1,
    /// Positions are delivered in order. A redelivery happens only after a crash, a failed handler,
    /// a dropped turn or a lost lease.
    D2,
    /// No event at or below the checkpoint, now or later, was never delivered.
    D3,
    /// All of what comes before a partition is finished before its first delivery.
    D4,
    /// An epoch has one owner, which is one turn of one worker, and epochs only grow.
    L1,
    /// At most one worker is active, while clocks keep their bound and no worker is paused between
    /// looking at its clock and acting.
    L2,
    /// A checkpoint moves only forward, and only by the current epoch, under any clocks.
    L3,
    /// When faults stop, every acknowledged event is delivered to every group.
    P1,
    /// Every key has exactly one partition that takes its events.
    P2,
}

impl Invariant {
    /// Every invariant: slots, delivery, leases, progress.
    pub const ALL: &'static [Invariant] = &[
        Invariant::S1,
        Invariant::S2,
        Invariant::S3,
        Invariant::S4,
        Invariant::D1,
        Invariant::D2,
        Invariant::D3,
        Invariant::D4,
        Invariant::L1,
        Invariant::L2,
        Invariant::L3,
        Invariant::P1,
        Invariant::P2,
    ];

    /// Returns whether it is about partitions that come of others, by splits or merges.
    #[must_use]
    pub const fn is_about_lineage(self) -> bool {
        matches!(self, Invariant::D4 | Invariant::P2)
    }

    /// Returns the name, such as `L3`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Invariant::S1 => "S1",
            Invariant::S2 => "S2",
            Invariant::S3 => "S3",
            Invariant::S4 => "S4",
            Invariant::D1 => "D1",
            Invariant::D2 => "D2",
            Invariant::D3 => "D3",
            Invariant::D4 => "D4",
            Invariant::L1 => "L1",
            Invariant::L2 => "L2",
            Invariant::L3 => "L3",
            Invariant::P1 => "P1",
            Invariant::P2 => "P2",
        }
    }

    /// Returns the invariant as half a sentence, which can follow "not true that".
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Invariant::S1 => "a slot never changes once it is not empty",
            Invariant::S2 => "an event is in at most one slot",
            Invariant::S3 => "an append acknowledged before another began has the lower position",
            Invariant::S4 => "nothing is acknowledged between an expected position and the append",
            Invariant::D1 => "nothing is delivered that was not appended",
            Invariant::D2 => {
                "delivery is in order, repeated only after a crash, a failed handler or a lost lease"
            }
            Invariant::D3 => "no event at or below the checkpoint was never delivered",
            Invariant::D4 => {
                "all of what comes before a partition is finished before its first delivery"
            }
            Invariant::L1 => "an epoch has one owner and one turn, and epochs only grow",
            Invariant::L2 => "at most one worker is active",
            Invariant::L3 => "a checkpoint moves only forward, by the current epoch",
            Invariant::P1 => "without further faults, every acknowledged event is delivered",
            Invariant::P2 => "every key has exactly one partition that takes its events",
        }
    }

    /// Returns the invariant of that name, in upper or lower case.
    #[must_use]
    pub fn named(name: &str) -> Option<Invariant> {
        Invariant::ALL.iter().copied().find(|known| known.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
