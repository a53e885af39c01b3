//! The state of a turn: its phase, its lease, its cursor.

use super::turn::Outcome;
use crate::design::Acquire;
use crate::ids::{Epoch, Seq};
use crate::rules::Rules;
use crate::vocabulary::Vocabulary;
#[cfg(feature = "check")]
use crate::vocabulary::{SpanOf, Time};

/// One turn of a worker, on one partition for one group: acquire, read, deliver, renew,
/// checkpoint, release, hand over.
///
/// The machine is never told about an unknown outcome, unless it [can do
/// without](Consume::can_do_without); it keeps wanting the same request. Every reply that it
/// understands allows for the request having been applied before (scenario 2).
/// See the [module](super) for its phases. A turn that is dropped leaves its lease to end: no other
/// turn takes it for its own, since a request of this one may still be under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
// For the checkpoint files of the checker alone: a turn that production kept would outlive its lease.
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Consume<V: Vocabulary> {
    pub(super) group: V::Group,
    pub(super) partition: V::Partition,
    pub(super) owner: V::Owner,
    pub(super) phase: Phase<V>,
    /// The last slot that this turn knows to be finished: the checkpoint, as far as it knows.
    pub(super) cursor: Seq,
    /// The epoch of the lease that the turn holds.
    pub(super) epoch: Epoch,
    /// The time at which the present lease was asked for. It counts from then (L2).
    pub(super) leased: V::Time,
    /// The latest time that the turn was told.
    pub(super) clock: V::Time,
    /// The wake counter as last seen.
    pub(super) wake: u64,
    /// Empty slots in front of the cursor that wait for their writers.
    pub(super) gaps: Option<Gaps<V>>,
    /// Whether the worker's time is running out.
    pub(super) stopping: bool,
    /// What has to be drained before the group begins the partition.
    pub(super) parents: Vec<V::Partition>,
    /// What the lease showed before the parents were asked, if the group has not begun the partition.
    pub(super) seen: Option<Seen>,
    /// The head of the partition, if it is known to be sealed: every slot up to there is to be settled.
    pub(super) end: Option<Seq>,
    /// What the turn waits for, at its end.
    pub(super) blocked: Option<Blocked>,
}

/// What the lease on a partition showed that the group has not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Seen {
    /// Its epoch; zero if there was none. A reset raises it.
    pub(super) epoch: Epoch,
    /// What was watched for its whole length, if another holds it.
    pub(super) watched: Option<Sign>,
}

/// What keeps a group from beginning a partition: a parent that is not drained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Blocked {
    /// Which of the parents, counted from 0.
    pub(super) parent: usize,
    /// The parent's head, if it is sealed. A turn on it settles every slot up to there.
    pub(super) end: Option<Seq>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub(super) enum Phase<V: Vocabulary> {
    /// Read the lease before setting it.
    ReadLease,
    /// Set the lease that was read as free.
    SetLease { epoch: Epoch, checkpoint: Seq },
    /// Take the lease. If it was watched, it also counts as free if it still shows `seen`.
    Acquire { seen: Option<Sign> },
    /// Read whether a parent is sealed, and how far it goes.
    AskHead { parent: usize },
    /// Read whether the group has finished a parent, which goes as far as `end`.
    AskLease { parent: usize, end: Seq },
    /// Watch another worker's lease for its whole length.
    Watch { since: V::Time, sign: Sign },
    /// Count a trigger on the held lease, so that its holder does not release it unseen.
    Wake,
    /// Read the next page.
    Read { consistent: bool },
    /// The handler is at work, or it is done and a renewal is still in flight.
    Deliver { upto: Seq, page: V::Page, handled: bool, renewing: bool },
    /// Wait at an empty slot with something behind it.
    Gap { since: V::Time, renewing: bool },
    /// Void an empty slot whose grace period is over.
    Void { slot: Seq },
    /// Move the checkpoint.
    Checkpoint { upto: Seq },
    /// Look once more behind the last delivery before the lease is given up.
    LookBehind { upto: Seq },
    /// Give the lease up, and move the checkpoint with it where that is still to be done.
    Release { why: Why, upto: Option<Seq> },
    /// Read once more after the release, for events that came meanwhile.
    LookAgain,
    /// Send a trigger for a successor.
    Trigger,
    /// The turn is over.
    Done(Outcome),
}

/// Since when the turn has seen that slots were passed over. Those of one page age together: to
/// wait for them one after another would hold up a partition for as many grace periods as a dead
/// writer left gaps.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub(super) struct Gaps<V: Vocabulary> {
    /// A slot that was not empty then: whatever is empty before it has been passed over.
    pub(super) before: Seq,
    pub(super) since: V::Time,
}

/// A lease's epoch and beat, as a watching worker saw them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize))]
pub(super) struct Sign {
    pub(super) epoch: Epoch,
    pub(super) beat: u64,
}

/// Why a lease is given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize))]
pub(super) enum Why {
    /// The turn saw nothing behind its cursor.
    CaughtUp,
    /// The worker's time runs out.
    HandOver,
}

impl<V: Vocabulary> Consume<V> {
    /// Begins a turn at `now`, by the driver's clock. `owner` names this turn in the lease: no other
    /// turn may use it, not even of the same worker, or it would take this one's lease for its own.
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
            clock: now,
            wake: 0,
            gaps: None,
            stopping: false,
            parents: Vec::new(),
            seen: None,
            end: None,
            blocked: None,
        }
    }

    /// The same turn on a partition that comes after others: unless the group has begun it, they have to
    /// be drained first (D4).
    #[must_use]
    pub fn after(self, parents: Vec<V::Partition>) -> Self {
        Consume { parents, ..self }
    }

    /// Tells the turn, before its first request, where the partition ends if that is known to be sealed: a
    /// slot that is empty up to there is voided even if nothing is behind it.
    pub fn ends_at(&mut self, end: Option<Seq>) {
        self.end = end;
    }

    /// Returns the parent that kept the group from beginning the partition, and its head if it is sealed,
    /// after [`Outcome::Blocked`](super::Outcome).
    #[must_use]
    pub fn blocked(&self) -> Option<(&V::Partition, Option<Seq>)> {
        let Blocked { parent, end } = self.blocked?;
        Some((self.parents.get(parent)?, end))
    }

    pub(super) fn first_phase(rules: &Rules<V>) -> Phase<V> {
        match rules.design.acquire {
            Acquire::ReadThenSet => Phase::ReadLease,
            Acquire::Conditional => Phase::Acquire { seen: None },
        }
    }

    /// Returns whether the turn has finished a partition that it knows to be sealed: nothing more will come
    /// there, and what comes after it can begin.
    #[must_use]
    pub fn has_drained(&self) -> bool {
        self.end.is_some_and(|end| self.cursor >= end)
    }

    /// Returns whether the turn is active in the sense of L2: it acts as the owner of the lease.
    ///
    /// A turn that asks for its release is not: it does nothing more unless the release is refused.
    #[must_use]
    pub fn is_active(&self) -> bool {
        match self.phase {
            Phase::Release { .. } => false,
            _ => self.holds_lease(),
        }
    }

    /// Returns whether the turn holds the lease, as far as it knows.
    #[must_use]
    pub fn holds_lease(&self) -> bool {
        match self.phase {
            Phase::Read { .. }
            | Phase::Deliver { .. }
            | Phase::Gap { .. }
            | Phase::Void { .. }
            | Phase::Checkpoint { .. }
            | Phase::LookBehind { .. }
            | Phase::Release { .. } => true,
            // A design may send the trigger before the release.
            Phase::Trigger => self.epoch != Epoch::ZERO,
            Phase::ReadLease
            | Phase::SetLease { .. }
            | Phase::Acquire { .. }
            | Phase::AskHead { .. }
            | Phase::AskLease { .. }
            | Phase::Watch { .. }
            | Phase::Wake
            | Phase::LookAgain
            | Phase::Done(_) => false,
        }
    }

    /// Returns whether [`News::Stop`](super::News::Stop) would change anything: the turn holds the
    /// lease, was not told to stop before, and is not giving the lease up.
    #[must_use]
    pub fn may_stop(&self) -> bool {
        match self.phase {
            Phase::Read { .. }
            | Phase::Deliver { .. }
            | Phase::Gap { .. }
            | Phase::Void { .. }
            | Phase::Checkpoint { .. }
            | Phase::LookBehind { .. } => !self.stopping,
            Phase::ReadLease
            | Phase::SetLease { .. }
            | Phase::Acquire { .. }
            | Phase::AskHead { .. }
            | Phase::AskLease { .. }
            | Phase::Watch { .. }
            | Phase::Wake
            | Phase::Release { .. }
            | Phase::LookAgain
            | Phase::Trigger
            | Phase::Done(_) => false,
        }
    }

    /// Returns whether the turn goes on without a reply to the request that it wants: it only looks
    /// whether more has come. Tell it [`News::Unheard`](super::News::Unheard) if that fails, and do
    /// not ask again.
    #[must_use]
    pub fn can_do_without(&self) -> bool {
        matches!(self.phase, Phase::LookBehind { .. })
    }

    /// Returns the epoch of the lease that the turn holds or lost; [`Epoch::ZERO`] before it has
    /// one and after it released it.
    #[must_use]
    pub fn epoch(&self) -> Epoch {
        self.epoch
    }

    /// Returns the last slot that the turn knows to be finished.
    #[must_use]
    pub fn cursor(&self) -> Seq {
        self.cursor
    }
}

/// What the checker sees of a turn, to tell which turns have the same future.
#[cfg(feature = "check")]
impl<V: Vocabulary> Consume<V> {
    /// Returns the end of the turn's lease, which lasts for `lease`.
    pub(crate) fn lease_end(&self, lease: SpanOf<V>) -> V::Time {
        self.leased.plus(lease)
    }

    /// Returns whether the turn waits at an empty slot, and no renewal is under way.
    pub(crate) fn waits_at_gap(&self) -> bool {
        matches!(self.phase, Phase::Gap { renewing: false, .. })
    }

    /// Returns every time that the turn remembers.
    pub(crate) fn times_mut(&mut self) -> Times<'_, V> {
        let since = match &mut self.phase {
            Phase::Watch { since, .. } | Phase::Gap { since, .. } => Some(since),
            _ => None,
        };
        let gaps = self.gaps.as_mut().map(|gaps| &mut gaps.since);
        Times { leased: &mut self.leased, clock: &mut self.clock, since, gaps }
    }

    /// Visits every epoch that the turn remembers, with the beat that it saw under it.
    pub(crate) fn each_sign(&mut self, visit: &mut impl FnMut(&mut Epoch, Option<&mut u64>)) {
        visit(&mut self.epoch, None);
        if let Some(Seen { epoch, watched }) = &mut self.seen {
            visit(epoch, None);
            if let Some(sign) = watched {
                visit(&mut sign.epoch, Some(&mut sign.beat));
            }
        }
        match &mut self.phase {
            Phase::Acquire { seen: Some(sign) } | Phase::Watch { sign, .. } => {
                visit(&mut sign.epoch, Some(&mut sign.beat));
            }
            Phase::SetLease { epoch, .. } => visit(epoch, None),
            _ => {}
        }
    }

    /// Returns the wake counter as last seen.
    pub(crate) fn wake_mut(&mut self) -> &mut u64 {
        &mut self.wake
    }

    /// Returns the name by which the turn owns its lease.
    pub(crate) fn owner(&self) -> &V::Owner {
        &self.owner
    }

    /// Returns the same to replace it.
    pub(crate) fn owner_mut(&mut self) -> &mut V::Owner {
        &mut self.owner
    }

    /// Returns the group for which the turn is taken.
    pub(crate) fn group_mut(&mut self) -> &mut V::Group {
        &mut self.group
    }
}

/// The times that a turn remembers.
#[cfg(feature = "check")]
pub(crate) struct Times<'a, V: Vocabulary> {
    pub(crate) leased: &'a mut V::Time,
    pub(crate) clock: &'a mut V::Time,
    pub(crate) since: Option<&'a mut V::Time>,
    pub(crate) gaps: Option<&'a mut V::Time>,
}
