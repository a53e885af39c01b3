//! The machine itself.

use super::turn::{Delivery, Outcome, Wants};
use crate::design::{Acquire, Expiry, Gap, Handover, Read, Release};
use crate::number::{Epoch, Seq};
use crate::rules::Rules;
use crate::store::{Lease, Reply};
use crate::vocabulary::{Page, Seen, Time, Vocabulary};

/// One worker's turn: acquire, read, deliver, renew, checkpoint, release, hand over.
///
/// As with an append, an unknown outcome is not told: the same request is wanted
/// again, and every reply allows for its having been applied before (scenario 2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Consume<V: Vocabulary> {
    pub(super) group: V::Group,
    pub(super) partition: V::Partition,
    pub(super) owner: V::Owner,
    phase: Phase<V>,
    /// The last slot that this turn knows to be finished: the checkpoint, as far as it knows.
    pub(super) cursor: Seq,
    pub(super) epoch: Epoch,
    /// When the lease was asked for that it holds now: it counts from then (L2).
    leased: V::Time,
    /// The last time it was told.
    pub(super) told: V::Time,
    /// The wake counter as last seen.
    pub(super) wake: u64,
    /// Its time is running out.
    stopping: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Phase<V: Vocabulary> {
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

/// What a page says about the slots after the cursor.
enum Next {
    /// Everything up to here may be passed; whether an event is among it.
    Run { upto: Seq, events: bool },
    /// The next slot is empty, and something is behind it.
    Gap,
    /// Nothing more is to be seen.
    Tail,
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

    fn first_phase(rules: &Rules<V>) -> Phase<V> {
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
        let store = |request| Wants { store: Some(request), wake: None, ..Wants::NOTHING };
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
                wake: Some(since.plus(rules.grace).min(renew_at)),
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

    // Taking the lease.

    fn looked(&mut self, rules: &Rules<V>, now: V::Time, lease: Option<Lease<V>>) {
        let free = |lease: &Lease<V>| !lease.active || lease.until <= now.minus(rules.skew);
        self.phase = match lease {
            None => Phase::Set { epoch: Epoch::ZERO.next(), checkpoint: Seq::ZERO },
            Some(lease) if free(&lease) => {
                Phase::Set { epoch: lease.epoch.next(), checkpoint: lease.checkpoint }
            }
            Some(_) => Phase::Done(Outcome::Busy),
        };
    }

    fn acquired(&mut self, rules: &Rules<V>, asked: V::Time, now: V::Time, lease: Lease<V>) {
        self.leased = asked;
        self.epoch = lease.epoch;
        self.cursor = lease.checkpoint;
        self.wake = lease.wake;
        let in_time = now < asked.plus(rules.lease);
        self.phase = if in_time { first_read(rules) } else { Phase::Done(Outcome::Lost) };
    }

    fn busy(&mut self, rules: &Rules<V>, now: V::Time, lease: &Lease<V>, watched: bool) {
        self.phase = match (rules.design.expiry, rules.design.release) {
            (Expiry::Observer, _) if !watched => {
                let sign = Sign { epoch: lease.epoch, beat: lease.beat };
                Phase::Watch { since: now, sign }
            }
            (Expiry::Observer | Expiry::WallClock, Release::Wake) => Phase::Wake,
            (Expiry::Observer | Expiry::WallClock, _) => Phase::Done(Outcome::Busy),
        };
    }

    // Reading, delivering, and moving the checkpoint.

    fn read_on(&mut self, rules: &Rules<V>, now: V::Time, page: V::Page, consistent: bool) {
        if self.stopping {
            self.hand_over(rules);
            return;
        }
        self.phase = match self.next(rules, &page) {
            Next::Run { upto, events: true } => {
                Phase::Deliver { upto, page, handled: false, renewing: false }
            }
            Next::Run { upto, events: false } => Phase::Checkpoint { upto },
            Next::Gap => Phase::Gap { since: now, renewing: false },
            Next::Tail => match rules.design.read {
                // A stale read may hide what is behind a gap, and then no condition on
                // the next slot alone would tell (P1).
                Read::EventualConfirmed if !consistent => Phase::Read { consistent: true },
                Read::Consistent | Read::Eventual | Read::EventualConfirmed => {
                    Phase::Release { why: Why::CaughtUp }
                }
            },
        };
    }

    /// How far the page lets a reader go: the rule for stepping past an unwritten number (D3, scenario 1).
    fn next(&self, rules: &Rules<V>, page: &V::Page) -> Next {
        let Some(last) = page.last() else { return Next::Tail };
        let (mut upto, mut events) = (self.cursor, false);
        while upto < last {
            match (page.seen(upto.next()), rules.design.gap) {
                (Seen::Events, _) => events = true,
                (Seen::Void, _) | (Seen::Nothing, Gap::Skip) => {}
                (Seen::Nothing, Gap::Wait | Gap::Void) => break,
            }
            upto = upto.next();
        }
        if upto > self.cursor {
            Next::Run { upto, events }
        } else if last > self.cursor {
            Next::Gap
        } else {
            Next::Tail
        }
    }

    fn handled(&mut self) {
        match &mut self.phase {
            Phase::Deliver { handled, renewing: true, .. } => *handled = true,
            Phase::Deliver { upto, renewing: false, .. } => {
                self.phase = Phase::Checkpoint { upto: *upto };
            }
            _ => {}
        }
    }

    fn renewed(&mut self, rules: &Rules<V>, asked: V::Time, reply: Reply<V>) {
        match reply {
            Reply::Leased(_) => self.leased = asked,
            Reply::Refused { .. } => {
                self.phase = Phase::Done(Outcome::Lost);
                return;
            }
            _ => return,
        }
        match &mut self.phase {
            Phase::Deliver { upto, handled: true, .. } => {
                self.phase = Phase::Checkpoint { upto: *upto };
            }
            Phase::Deliver { renewing, .. } | Phase::Gap { renewing, .. } => *renewing = false,
            _ => {}
        }
        if let (Phase::Gap { .. }, true) = (&self.phase, self.stopping) {
            self.hand_over(rules);
        }
    }

    fn checkpointed(&mut self, rules: &Rules<V>, asked: V::Time, upto: Seq, reply: Reply<V>) {
        match reply {
            Reply::Leased(_) => self.leased = asked,
            // It was applied before, and the reply was lost (scenario 2). The lease
            // counts from when that one was asked.
            Reply::Refused { lease: Some(lease), .. } if self.own_checkpoint(&lease, upto) => {
                self.leased = lease.until.minus(rules.lease);
            }
            Reply::Refused { .. } => {
                self.phase = Phase::Done(Outcome::Lost);
                return;
            }
            _ => return,
        }
        self.cursor = upto;
        if self.stopping {
            self.hand_over(rules);
        } else {
            self.phase = first_read(rules);
        }
    }

    fn own_checkpoint(&self, lease: &Lease<V>, upto: Seq) -> bool {
        lease.epoch == self.epoch && lease.active && lease.checkpoint >= upto
    }

    // Giving the lease up.

    fn released(&mut self, rules: &Rules<V>, why: Why, reply: Reply<V>) {
        match reply {
            Reply::Leased(_) => self.gave_up(rules, why),
            // It was applied before, and the reply was lost (scenario 2).
            Reply::Refused { lease: Some(lease), .. } if self.own_release(&lease) => {
                self.gave_up(rules, why);
            }
            Reply::Refused { lease: Some(lease), .. } if self.still_holds(rules, &lease) => {
                self.wake = lease.wake;
                self.phase = first_read(rules);
            }
            // The lease let it pass, and something came in behind the checkpoint.
            Reply::Refused { lease: None, taken: true } => self.phase = first_read(rules),
            Reply::Refused { .. } => self.phase = Phase::Done(Outcome::Lost),
            _ => {}
        }
    }

    fn own_release(&self, lease: &Lease<V>) -> bool {
        lease.epoch == self.epoch && !lease.active
    }

    /// A trigger came meanwhile, and that alone refused the release.
    fn still_holds(&self, rules: &Rules<V>, lease: &Lease<V>) -> bool {
        let fenced_out = self.fence(rules).is_some_and(|epoch| epoch != lease.epoch);
        !fenced_out && lease.active && lease.wake != self.wake
    }

    fn gave_up(&mut self, rules: &Rules<V>, why: Why) {
        self.epoch = Epoch::ZERO;
        self.phase = match (why, rules.design.handover, rules.design.release) {
            (Why::CaughtUp, _, Release::LookAgain) => Phase::LookAgain,
            (Why::CaughtUp, _, _) => Phase::Done(Outcome::CaughtUp),
            (Why::HandOver, Handover::GiveBack, _) => Phase::Done(Outcome::GivenBack),
            (Why::HandOver, Handover::ReleaseThenTrigger, _) => Phase::Trigger,
            (Why::HandOver, Handover::TriggerThenRelease, _) => Phase::Done(Outcome::HandedOver),
        };
    }

    fn hand_over(&mut self, rules: &Rules<V>) {
        self.phase = match rules.design.handover {
            Handover::GiveBack | Handover::ReleaseThenTrigger => {
                Phase::Release { why: Why::HandOver }
            }
            Handover::TriggerThenRelease => Phase::Trigger,
        };
    }

    fn triggered(&mut self, rules: &Rules<V>) {
        if let Phase::Trigger = self.phase {
            self.phase = match rules.design.handover {
                Handover::TriggerThenRelease => Phase::Release { why: Why::HandOver },
                Handover::ReleaseThenTrigger | Handover::GiveBack => {
                    Phase::Done(Outcome::HandedOver)
                }
            };
        }
    }

    fn stop(&mut self, rules: &Rules<V>) {
        self.stopping = true;
        if let Phase::Gap { renewing: false, .. } = self.phase {
            self.hand_over(rules);
        }
    }

    // Time.

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

/// The phase in which a turn reads on.
fn first_read<V: Vocabulary>(rules: &Rules<V>) -> Phase<V> {
    Phase::Read { consistent: reads_consistently(rules) }
}

fn reads_consistently<V: Vocabulary>(rules: &Rules<V>) -> bool {
    match rules.design.read {
        Read::Consistent => true,
        Read::Eventual | Read::EventualConfirmed => false,
    }
}
