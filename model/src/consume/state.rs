//! What a turn knows: its phase, its lease, its cursor.

use super::turn::Outcome;
use crate::design::Acquire;
use crate::ids::{Epoch, Seq};
use crate::rules::Rules;
use crate::vocabulary::Vocabulary;

/// One worker's turn: acquire, read, deliver, renew, checkpoint, release, hand over.
///
/// As with an append, an unknown outcome is not told: the same request is wanted
/// again, and every reply allows for its having been applied before (scenario 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Consume<V: Vocabulary> {
    pub(super) group: V::Group,
    pub(super) partition: V::Partition,
    pub(super) owner: V::Owner,
    pub(super) phase: Phase<V>,
    /// The last slot that this turn knows to be finished: the checkpoint, as far as it knows.
    pub(super) cursor: Seq,
    pub(super) epoch: Epoch,
    /// When the lease was asked for that it holds now: it counts from then (L2).
    pub(super) leased: V::Time,
    /// The last time it was told.
    pub(super) told: V::Time,
    /// The wake counter as last seen.
    pub(super) wake: u64,
    /// Its time is running out.
    pub(super) stopping: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Phase<V: Vocabulary> {
    /// Read the lease before setting it.
    Look,
    /// Set the lease that was seen free.
    Set { epoch: Epoch, checkpoint: Seq },
    /// Take the lease; it counts as free if it was seen like this and still is.
    Acquire { seen: Option<Sign> },
    /// Watch somebody's lease for its whole length.
    Watch { since: V::Time, sign: Sign },
    /// Leave word with the holder.
    Wake,
    /// Read on.
    Read { consistent: bool },
    /// The handler is at work, or done and waiting for the renewal.
    Deliver { upto: Seq, page: V::Page, handled: bool, renewing: bool },
    /// An empty slot, with something behind it.
    Gap { since: V::Time, renewing: bool },
    /// Void that slot.
    Void,
    /// Move the checkpoint.
    Checkpoint { upto: Seq },
    /// Give the lease up.
    Release { why: Why },
    /// Look for what came while the lease was given up.
    LookAgain,
    /// Trigger a successor.
    Trigger,
    /// The turn is over.
    Done(Outcome),
}

/// A lease's epoch and sign of life, as an observer saw them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Sign {
    pub(super) epoch: Epoch,
    pub(super) beat: u64,
}

/// Why a lease is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Why {
    CaughtUp,
    HandOver,
}

impl<V: Vocabulary> Consume<V> {
    /// A worker begins a turn, at `now`.
    #[must_use]
    pub fn new(
        rules: &Rules<V>,
        group: V::Group,
        partition: V::Partition,
        owner: V::Owner,
        now: V::Time,
    ) -> Self {
        Consume {
            group,
            partition,
            owner,
            phase: Self::first_phase(rules),
            cursor: Seq::ZERO,
            epoch: Epoch::ZERO,
            leased: now,
            told: now,
            wake: 0,
            stopping: false,
        }
    }

    pub(super) fn first_phase(rules: &Rules<V>) -> Phase<V> {
        match rules.design.acquire {
            Acquire::ReadThenSet => Phase::Look,
            Acquire::Conditional => Phase::Acquire { seen: None },
        }
    }

    /// Whether it is active: it acts on what it took the lease for (L2). One that has
    /// asked for its release does nothing more, unless it hears that it was refused.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match self.phase {
            Phase::Release { .. } => false,
            _ => self.holds_lease(),
        }
    }

    /// Whether it has a lease to lose, as far as it knows.
    #[must_use]
    pub fn holds_lease(&self) -> bool {
        match self.phase {
            Phase::Read { .. }
            | Phase::Deliver { .. }
            | Phase::Gap { .. }
            | Phase::Void
            | Phase::Checkpoint { .. }
            | Phase::Release { .. } => true,
            // The first draft's way to hand over may trigger while it still holds the lease.
            Phase::Trigger => self.epoch != Epoch::ZERO,
            Phase::Look
            | Phase::Set { .. }
            | Phase::Acquire { .. }
            | Phase::Watch { .. }
            | Phase::Wake
            | Phase::LookAgain
            | Phase::Done(_) => false,
        }
    }

    /// Whether telling it to stop would be news: it holds the lease and is not on its way out.
    #[must_use]
    pub fn may_stop(&self) -> bool {
        match self.phase {
            Phase::Read { .. }
            | Phase::Deliver { .. }
            | Phase::Gap { .. }
            | Phase::Void
            | Phase::Checkpoint { .. } => !self.stopping,
            Phase::Look
            | Phase::Set { .. }
            | Phase::Acquire { .. }
            | Phase::Watch { .. }
            | Phase::Wake
            | Phase::Release { .. }
            | Phase::LookAgain
            | Phase::Trigger
            | Phase::Done(_) => false,
        }
    }

    /// Whether it watches a lease that showed this epoch and sign of life.
    #[must_use]
    pub fn watches(&self, epoch: Epoch, beat: u64) -> bool {
        match self.phase {
            Phase::Watch { sign, .. } => sign == Sign { epoch, beat },
            _ => false,
        }
    }

    /// The fencing token of the lease it holds or held last; [`Epoch::ZERO`] before that.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// The last slot it knows to be finished.
    #[must_use]
    pub fn cursor(&self) -> Seq {
        self.cursor
    }

    /// Moves the machine to another clock, or shifts its own: every time it holds becomes `now`.
    ///
    /// The checker uses it to keep times relative, so that states which differ
    /// only in how late it is are one state.
    pub fn rebase(&mut self, now: V::Time) {
        self.leased = now;
        self.told = now;
        match &mut self.phase {
            Phase::Watch { since, .. } | Phase::Gap { since, .. } => *since = now,
            _ => {}
        }
    }
}
