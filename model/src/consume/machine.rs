//! The machine's two doors: what it wants, and what it is told.

use super::reading::{Next, first_read, reads_consistently};
use super::state::{Consume, Phase};
use super::turn::{Delivery, Outcome, Wants};
use crate::design::Gap;
use crate::rules::Rules;
use crate::store::{Lease, Reply};
use crate::vocabulary::{Time, Vocabulary};

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
                // P1: a renewal under way may take as long as the lease lasts. A grace longer than
                // the time to the renewal would never be waited out otherwise.
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
            // L2: whatever it was about to do, another worker may be at it (scenario 7). A reply
            // that says otherwise came too late to count.
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
                // L2: a lease of its own name that has ended is what an earlier turn left, and
                // others may count it as free.
                if lease.owner == self.owner && now < lease.until {
                    // Its own request was applied, and the reply was lost (scenario 2). The
                    // lease counts from when that one was asked, not from this one.
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
                    // P1: its writer may be dead, and no reader could ever pass it.
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
