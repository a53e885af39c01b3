//! The machine itself.

use super::reading::{Next, first_read, reads_consistently};
use super::turn::{Delivery, Outcome, Wants};
use crate::design::{Acquire, Gap};
use crate::ids::{Epoch, Seq};
use crate::rules::Rules;
use crate::store::{Lease, Reply};
use crate::vocabulary::{Time, Vocabulary};

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

/// What a worker learns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News<V: Vocabulary> {
    /// The store answered the request it wanted.
    Reply(Reply<V>),
    /// The handler finished the delivery it wanted.
    Handled,
    /// The successor's trigger was sent, or attempted where one attempt is all.
    Triggered,
    /// The time, and nothing else.
    Time,
    /// The worker's time is running out: hand over.
    Stop,
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

    /// What it asks for now: a pure function of its state.
    #[must_use]
    pub fn wants(&self, rules: &Rules<V>) -> Wants<'_, V> {
        let lease_ends = self.leased.plus(rules.lease);
        let renew_at = self.leased.plus(rules.renew);
        let store = |request| Wants { store: Some(request), ..Wants::NOTHING };
        match &self.phase {
            Phase::Deliver { upto, page, handled, renewing } => {
                let delivery =
                    Delivery { after: self.cursor, upto: *upto, epoch: self.epoch, page };
                Wants {
                    store: renewing.then(|| self.renew(rules)),
                    deliver: (!handled).then_some(delivery),
                    wake: Some(if *renewing { lease_ends } else { renew_at }),
                    ..Wants::NOTHING
                }
            }
            Phase::Gap { since, renewing } => Wants {
                store: renewing.then(|| self.renew(rules)),
                // A renewal under way may take as long as the lease lasts (P1: a grace that is
                // longer than the time to the renewal would never be waited out).
                wake: Some(if *renewing {
                    lease_ends
                } else {
                    since.plus(rules.grace).min(renew_at)
                }),
                ..Wants::NOTHING
            },
            Phase::Watch { since, .. } => {
                Wants { wake: Some(since.plus(rules.lease)), ..Wants::NOTHING }
            }
            Phase::Trigger => Wants { trigger: true, ..Wants::NOTHING },
            Phase::Done(outcome) => Wants { done: Some(*outcome), ..Wants::NOTHING },
            Phase::Look => store(self.look()),
            Phase::Set { epoch, .. } => store(self.set(rules, *epoch)),
            Phase::Acquire { seen } => store(self.acquire(rules, *seen)),
            Phase::Wake => store(self.leave_word()),
            Phase::Read { consistent } => store(self.read(*consistent)),
            Phase::LookAgain => store(self.read(reads_consistently(rules))),
            Phase::Void => store(self.void()),
            Phase::Checkpoint { upto } => store(self.move_to(rules, *upto)),
            Phase::Release { why } => store(self.release(rules, *why)),
        }
    }

    /// Something happened, at `now`.
    pub fn tell(&mut self, rules: &Rules<V>, now: V::Time, news: News<V>) {
        let asked = self.told;
        self.told = now;
        if self.holds_lease() && now >= self.leased.plus(rules.lease) {
            // Whatever it was about to do, somebody else may be at it (L2, scenario 7).
            // A reply that says otherwise came too late to count.
            self.phase = Phase::Done(Outcome::Lost);
            return;
        }
        match news {
            News::Reply(reply) => self.replied(rules, asked, now, reply),
            News::Handled => self.handled(),
            News::Triggered => self.triggered(rules),
            News::Time => self.time(rules, now),
            News::Stop => self.stop(rules),
        }
    }

    fn replied(&mut self, rules: &Rules<V>, asked: V::Time, now: V::Time, reply: Reply<V>) {
        match (&self.phase, reply) {
            (Phase::Look, Reply::Lease(lease)) => self.looked(rules, now, lease),
            (Phase::Set { checkpoint, .. }, Reply::Leased(lease)) => {
                let checkpoint = *checkpoint;
                self.acquired(rules, asked, now, Lease { checkpoint, ..lease });
            }
            (Phase::Acquire { .. }, Reply::Leased(lease)) => {
                self.acquired(rules, asked, now, lease);
            }
            (Phase::Acquire { seen }, Reply::Refused { lease: Some(lease), .. }) => {
                let watched = seen.is_some();
                if lease.owner == self.owner && now < lease.until {
                    // Its own request was applied, and the reply was lost (scenario 2). The
                    // lease counts from when that one was asked, not from this one. One that
                    // has ended is what an earlier turn left: to others it may be free (L2).
                    let asked = lease.until.minus(rules.lease);
                    self.acquired(rules, asked, now, lease);
                } else {
                    self.busy(rules, now, &lease, watched);
                }
            }
            (Phase::Wake, Reply::Leased(_)) => self.phase = Phase::Done(Outcome::Busy),
            // It was released in between, so nobody would see the word left.
            (Phase::Wake, Reply::Refused { .. }) => self.phase = Phase::Acquire { seen: None },
            (Phase::Read { consistent }, Reply::Page(page)) => {
                let consistent = *consistent;
                self.read_on(rules, now, page, consistent);
            }
            (Phase::LookAgain, Reply::Page(page)) => match self.next(rules, &page) {
                Next::Run { .. } | Next::Gap => self.phase = Self::first_phase(rules),
                Next::Tail => self.phase = Phase::Done(Outcome::CaughtUp),
            },
            // Voided, or written just in time: read what is there.
            (Phase::Void, Reply::Written | Reply::Taken(_)) => self.phase = first_read(rules),
            (Phase::Deliver { .. } | Phase::Gap { .. }, reply) => self.renewed(rules, asked, reply),
            (Phase::Checkpoint { upto }, reply) => {
                let upto = *upto;
                self.checkpointed(rules, asked, upto, reply);
            }
            (Phase::Release { why }, reply) => {
                let why = *why;
                self.released(rules, why, reply);
            }
            _ => {}
        }
    }

    fn time(&mut self, rules: &Rules<V>, now: V::Time) {
        let renewal_due = now >= self.leased.plus(rules.renew);
        match &mut self.phase {
            Phase::Watch { since, sign } if now >= since.plus(rules.lease) => {
                self.phase = Phase::Acquire { seen: Some(*sign) };
            }
            Phase::Gap { since, renewing: false } if now >= since.plus(rules.grace) => {
                self.phase = match rules.design.gap {
                    Gap::Void => Phase::Void,
                    // Waiting is looking again; skipping never comes here.
                    Gap::Wait | Gap::Skip => first_read(rules),
                };
            }
            Phase::Deliver { renewing, .. } | Phase::Gap { renewing, .. } if renewal_due => {
                *renewing = true;
            }
            _ => {}
        }
    }
}
