//! The machine's two doors: what it wants, and what it is told.

use super::reading::{Next, confirms, read_phase, reads_consistently};
use super::state::{Consume, Phase, Why};
use super::turn::{Delivery, Outcome, Wants};
use crate::design::Gap;
use crate::ids::Epoch;
use crate::rules::Rules;
use crate::store::{Lease, Reply};
use crate::vocabulary::{Page, Time, Vocabulary};

/// What a turn is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News<V: Vocabulary> {
    /// The store's reply to the request that the turn wants.
    Reply(Reply<V>),
    /// The request that the turn [can do without](Consume::can_do_without) failed, or its reply was
    /// given up.
    Unheard,
    /// The handler has finished the delivery that the turn wants.
    Handled,
    /// The successor's trigger was sent, or attempted where the design attempts it only once.
    Triggered,
    /// The time, and nothing else.
    Time,
    /// The worker's time is running out: the turn finishes the delivery in hand, and hands over.
    Stop,
}

impl<V: Vocabulary> Consume<V> {
    /// Returns what the turn asks for now: a pure function of its state and the rules.
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
                // P1: a renewal under way may take as long as the lease lasts. Otherwise a grace
                // period longer than the time to the renewal would never end.
                wake: Some(if *renewing {
                    lease_ends
                } else {
                    since.plus(rules.grace).min(renew_at)
                }),
                ..Wants::NOTHING
            },
            Phase::Watch { since, .. } => {
                Wants { wake: Some(watched_until(rules, *since)), ..Wants::NOTHING }
            }
            Phase::Trigger => Wants { trigger: true, ..Wants::NOTHING },
            Phase::Done(outcome) => Wants { done: Some(*outcome), ..Wants::NOTHING },
            Phase::ReadLease => store(self.read_lease()),
            Phase::SetLease { epoch, .. } => store(self.set_lease(rules, *epoch)),
            Phase::Acquire { seen } => store(self.acquire(rules, *seen)),
            Phase::AskHead { parent } => store(self.ask_head(*parent)),
            Phase::AskLease { parent, .. } => store(self.ask_lease(*parent)),
            Phase::Wake => store(self.wake()),
            Phase::Read { consistent } => store(self.read_events(self.cursor, *consistent)),
            Phase::LookBehind { upto } => Wants {
                store: Some(self.read_events(*upto, confirms(rules))),
                wake: Some(renew_at),
                ..Wants::NOTHING
            },
            Phase::LookAgain => store(self.read_events(self.cursor, reads_consistently(rules))),
            Phase::Void { slot } => store(self.void(*slot)),
            Phase::Checkpoint { upto } => store(self.checkpoint(rules, *upto)),
            Phase::Release { why, upto } => store(self.release(rules, *why, *upto)),
        }
    }

    /// Tells the turn what happened, with `now`, the time of the driver's clock. News that does
    /// not fit the phase changes nothing but the time.
    pub fn tell(&mut self, rules: &Rules<V>, now: V::Time, news: News<V>) {
        let asked = self.clock;
        self.clock = now;
        if self.holds_lease() && now >= self.leased.plus(rules.lease) {
            // L2: whatever the turn was about to do, another worker may be doing it (scenario 7).
            // A reply that says otherwise came too late to count.
            self.phase = Phase::Done(Outcome::Lost);
            return;
        }
        match news {
            News::Reply(reply) => self.take_reply(rules, asked, now, reply),
            News::Unheard => self.do_without(rules),
            News::Handled => self.finish_delivery(rules),
            News::Triggered => self.finish_trigger(rules),
            News::Time => self.pass_time(rules, now),
            News::Stop => self.begin_stop(rules),
        }
    }

    /// Moves to the phase that a reply leads to. The request was asked at `asked` or later.
    fn take_reply(&mut self, rules: &Rules<V>, asked: V::Time, now: V::Time, reply: Reply<V>) {
        match (&self.phase, reply) {
            (Phase::ReadLease, Reply::Lease(lease)) => self.set_if_free(rules, now, lease),
            (Phase::SetLease { checkpoint, .. }, Reply::Leased(lease)) => {
                let checkpoint = *checkpoint;
                self.adopt_lease(rules, asked, now, Lease { checkpoint, ..lease });
            }
            (Phase::Acquire { .. }, Reply::Leased(lease)) => {
                self.adopt_lease(rules, asked, now, lease);
            }
            (Phase::Acquire { seen }, Reply::Refused { lease: Some(lease), .. }) => {
                let watched = *seen;
                // L1: the owner's name is this turn's alone, so its own request made the lease.
                // L2: once that has ended, other workers may count it as free.
                if lease.owner == self.owner && now < lease.until {
                    // The turn's own request was applied, and the reply was lost (scenario 2). The
                    // lease counts from the time at which that request was asked, not this one.
                    let asked = lease.until.minus(rules.lease);
                    self.adopt_lease(rules, asked, now, lease);
                } else {
                    self.meet_lease(rules, now, &lease, watched);
                }
            }
            // D4: the group has not begun the partition.
            (Phase::Acquire { .. }, Reply::Refused { lease: None, .. })
                if !self.parents.is_empty() =>
            {
                self.ask_parents(rules, Epoch::ZERO, None);
            }
            (Phase::AskHead { parent }, Reply::Head(head)) => {
                let parent = *parent;
                self.take_head(parent, &head);
            }
            (Phase::AskLease { parent, end }, Reply::Lease(lease)) => {
                let (parent, end) = (*parent, *end);
                self.take_lease(rules, parent, end, lease.as_ref());
            }
            (Phase::Wake, Reply::Leased(_)) => self.phase = Phase::Done(Outcome::Busy),
            // The lease was released in between, so no holder would see the wake counter.
            (Phase::Wake, Reply::Refused { .. }) => self.phase = Phase::Acquire { seen: None },
            (Phase::Read { consistent }, Reply::Page(page)) => {
                let consistent = *consistent;
                self.act_on_page(rules, now, page, consistent);
            }
            (Phase::LookBehind { upto }, Reply::Page(page)) => {
                let upto = *upto;
                self.phase = match page.last() {
                    Some(_) => self.checkpoint_or_leave(rules, upto),
                    None => Phase::Release { why: Why::CaughtUp, upto: Some(upto) },
                };
            }
            (Phase::LookAgain, Reply::Page(page)) => match self.next(rules, &page) {
                Next::Run { .. } | Next::Gap => self.phase = Self::first_phase(rules),
                Next::Tail => self.phase = Phase::Done(Outcome::CaughtUp),
            },
            // Voided, or written just in time: read what is there.
            (Phase::Void { .. }, Reply::Written | Reply::Taken(_)) => {
                self.phase = read_phase(rules)
            }
            (Phase::Deliver { .. } | Phase::Gap { .. }, reply) => {
                self.finish_renewal(rules, asked, reply);
            }
            (Phase::Checkpoint { upto }, reply) => {
                let upto = *upto;
                self.finish_checkpoint(rules, asked, upto, reply);
            }
            (Phase::Release { why, upto }, reply) => {
                let (why, upto) = (*why, *upto);
                self.finish_release(rules, why, upto, reply);
            }
            _ => {}
        }
    }

    /// Goes on without a look behind the last delivery.
    pub(super) fn do_without(&mut self, rules: &Rules<V>) {
        if let Phase::LookBehind { upto } = self.phase {
            // P1: the turn has not caught up, as more may have come.
            self.phase = self.checkpoint_or_leave(rules, upto);
        }
    }

    /// Moves to the phase that is due at `now`, if one is.
    fn pass_time(&mut self, rules: &Rules<V>, now: V::Time) {
        let renewal_due = now >= self.leased.plus(rules.renew);
        match &mut self.phase {
            Phase::Watch { since, sign } if now >= watched_until(rules, *since) => {
                self.phase = Phase::Acquire { seen: Some(*sign) };
            }
            Phase::Gap { since, renewing: false } if now >= since.plus(rules.grace) => {
                self.phase = match rules.design.gap {
                    // P1: the slot's writer may be dead, and no reader could ever pass the slot.
                    Gap::Void => Phase::Void { slot: self.cursor.next() },
                    // To wait is to look again. A design that skips gaps has no such phase.
                    Gap::Wait | Gap::Skip => read_phase(rules),
                };
            }
            Phase::Deliver { renewing, .. } | Phase::Gap { renewing, .. } if renewal_due => {
                *renewing = true;
            }
            // The checkpoint renews the lease.
            Phase::LookBehind { .. } if renewal_due => self.do_without(rules),
            _ => {}
        }
    }
}

/// The time at which a lease that was watched unchanged since then has ended.
///
/// L2: within the bound, a clock that is set or drifts can make the owner's lease longer by `skew`,
/// and the time of a watch shorter by as much.
fn watched_until<V: Vocabulary>(rules: &Rules<V>, since: V::Time) -> V::Time {
    since.plus(rules.lease).plus(rules.skew).plus(rules.skew)
}
