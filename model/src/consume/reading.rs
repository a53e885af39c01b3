//! Reading on, delivering, and moving the checkpoint.

use super::state::{Consume, Gaps, Phase, Why};
use super::turn::Outcome;
use crate::design::{Finish, Gap, Handover, Read, SealedTail};
use crate::ids::Seq;
use crate::rules::Rules;
use crate::store::{Lease, Reply};
use crate::vocabulary::{Page, Seen, Time, Vocabulary};

/// What a page shows behind the cursor.
pub(super) enum Next {
    /// Every slot up to `upto` may be passed; `events` if one of them holds events.
    Run { upto: Seq, events: bool },
    /// The next slot is empty, and a later one is not.
    Gap,
    /// The page shows nothing behind the cursor.
    Tail,
}

impl<V: Vocabulary> Consume<V> {
    /// Moves to the phase that a page leads to: deliver, pass voids, wait at a gap, or release.
    pub(super) fn act_on_page(
        &mut self,
        rules: &Rules<V>,
        now: V::Time,
        page: V::Page,
        consistent: bool,
    ) {
        if self.stopping {
            self.hand_over(rules);
            return;
        }
        self.age_gaps(rules, now, &page);
        self.phase = match self.next(rules, &page) {
            Next::Run { upto, .. } if self.voids_first(rules, now, upto, &page) => {
                Phase::Void { slot: upto.next() }
            }
            Next::Run { upto, events: true } => {
                Phase::Deliver { upto, page, handled: false, renewing: false }
            }
            Next::Run { upto, events: false } => Phase::Checkpoint { upto },
            Next::Gap => self.wait_or_void(rules, now),
            Next::Tail => match rules.design.read {
                // P1: a stale read may hide what is behind a gap, and no condition on the next
                // slot alone would reveal it.
                Read::EventualConfirmed if !consistent => Phase::Read { consistent: true },
                Read::Consistent | Read::Eventual | Read::EventualConfirmed => {
                    Phase::Release { why: Why::CaughtUp, upto: None }
                }
            },
        };
    }

    /// Notes since when the empty slots of a page have been passed over, unless older ones are
    /// still in front of the cursor.
    fn age_gaps(&mut self, rules: &Rules<V>, now: V::Time, page: &V::Page) {
        let (first, last) =
            (self.cursor.next().0, self.last_of(rules, page).unwrap_or(self.cursor));
        // Behind the end of a sealed partition nothing is to come.
        let last = if self.end == Some(last) { last.next() } else { last };
        let open =
            |before: Seq| (first..before.0).any(|slot| page.seen(Seq(slot)) == Seen::Nothing);
        let older = self.gaps.take().filter(|gaps| open(gaps.before));
        self.gaps = match (rules.design.gap, rules.design.read) {
            (Gap::Void, Read::Consistent) => {
                older.or_else(|| open(last).then_some(Gaps { before: last, since: now }))
            }
            // To wait is to look again, a whole grace period later. So is to void what a stale
            // read shows as empty and the store does not.
            (Gap::Void, Read::Eventual | Read::EventualConfirmed) | (Gap::Wait | Gap::Skip, _) => {
                None
            }
        };
    }

    /// What to do about the next slot, which is empty and was passed over.
    fn wait_or_void(&self, rules: &Rules<V>, now: V::Time) -> Phase<V> {
        let slot = self.cursor.next();
        if self.has_aged(rules, now, slot) {
            // P1: the slot's writer may be dead, and no reader could ever pass the slot.
            return Phase::Void { slot };
        }
        let since = self.gaps.as_ref().map_or(now, |gaps| gaps.since);
        Phase::Gap { since, renewing: false }
    }

    /// Whether the grace period of an empty slot is over.
    fn has_aged(&self, rules: &Rules<V>, now: V::Time, slot: Seq) -> bool {
        let gaps = self.gaps.as_ref().filter(|gaps| slot < gaps.before);
        gaps.is_some_and(|gaps| now >= gaps.since.plus(rules.grace))
    }

    /// Whether to void the empty slot behind `upto` before what is in front of it is delivered, so
    /// that one delivery takes both sides: its grace period is over, and no renewal is due.
    fn voids_first(&self, rules: &Rules<V>, now: V::Time, upto: Seq, page: &V::Page) -> bool {
        self.last_of(rules, page).is_some_and(|last| upto < last)
            && self.has_aged(rules, now, upto.next())
            && now < self.leased.plus(rules.renew)
    }

    /// The last slot that the page tells of: in a sealed partition the end, unless more is behind the page.
    fn last_of(&self, rules: &Rules<V>, page: &V::Page) -> Option<Seq> {
        let end = match rules.design.sealed_tail {
            // P1: no slot behind a gap at the end of a sealed partition would ever tell that it was passed.
            SealedTail::Void => self.end.filter(|end| *end > self.cursor && !page.is_full()),
            SealedTail::Leave => None,
        };
        page.last().max(end)
    }

    /// How far the page lets the turn go: the rule for stepping past an unwritten number (D3,
    /// scenario 1).
    pub(super) fn next(&self, rules: &Rules<V>, page: &V::Page) -> Next {
        let Some(last) = self.last_of(rules, page) else { return Next::Tail };
        let (mut upto, mut events) = (self.cursor, false);
        while upto < last {
            match (page.seen(upto.next()), rules.design.gap) {
                // D1: only events are a reason to deliver; a void is passed.
                (Seen::Events, _) => events = true,
                (Seen::Void, _) | (Seen::Nothing, Gap::Skip) => {}
                // D3: the slot's writer may still write it, behind the checkpoint.
                (Seen::Nothing, Gap::Wait | Gap::Void) => break,
            }
            upto = upto.next();
        }
        if upto > self.cursor {
            Next::Run { upto, events }
        } else {
            // A page shows only slots after the cursor, so a later one is not empty.
            Next::Gap
        }
    }

    /// Notes that the handler is done: the checkpoint comes next, once no renewal is in flight.
    pub(super) fn finish_delivery(&mut self, rules: &Rules<V>) {
        let end = self.end;
        match &mut self.phase {
            Phase::Deliver { handled, renewing: true, .. } => *handled = true,
            // D3: the checkpoint moves only after the handler has finished.
            Phase::Deliver { upto, page, renewing: false, .. } => {
                let (upto, is_last) = (*upto, is_last(end, *upto, page));
                self.phase = self.after_delivery(rules, upto, is_last);
            }
            _ => {}
        }
    }

    /// Extends the lease after a renewal, or ends the turn if the renewal was refused.
    pub(super) fn finish_renewal(&mut self, rules: &Rules<V>, asked: V::Time, reply: Reply<V>) {
        match reply {
            Reply::Leased(_) => self.leased = self.counted_from(asked),
            // D2: a renewal was applied before and its reply was lost, and the clock was set back
            // since, so this one asked for less. The lease counts from the earlier one.
            Reply::Refused { lease: Some(lease), .. } if self.still_holds(&lease) => {
                self.leased = lease.until.minus(rules.lease);
            }
            Reply::Refused { .. } => {
                self.phase = Phase::Done(Outcome::Lost);
                return;
            }
            _ => return,
        }
        let end = self.end;
        match &mut self.phase {
            Phase::Deliver { upto, page, handled: true, .. } => {
                let (upto, is_last) = (*upto, is_last(end, *upto, page));
                self.phase = self.after_delivery(rules, upto, is_last);
            }
            Phase::Deliver { renewing, .. } | Phase::Gap { renewing, .. } => *renewing = false,
            _ => {}
        }
        if let (Phase::Gap { .. }, true) = (&self.phase, self.stopping) {
            self.hand_over(rules);
        }
    }

    /// Moves the cursor and extends the lease after a checkpoint, or ends the turn if the
    /// checkpoint was refused.
    pub(super) fn finish_checkpoint(
        &mut self,
        rules: &Rules<V>,
        asked: V::Time,
        upto: Seq,
        reply: Reply<V>,
    ) {
        match reply {
            Reply::Leased(_) => self.leased = self.counted_from(asked),
            // The checkpoint was applied before, and the reply was lost (scenario 2). The lease
            // counts from the time at which that request was asked.
            Reply::Refused { lease: Some(lease), .. } if self.is_own_checkpoint(&lease, upto) => {
                self.leased = lease.until.minus(rules.lease);
            }
            Reply::Refused { .. } => {
                self.phase = Phase::Done(Outcome::Lost);
                return;
            }
            _ => return,
        }
        // D2: the turn reads on behind what was delivered.
        self.cursor = upto;
        if self.stopping {
            self.hand_over(rules);
        } else {
            self.phase = read_phase(rules);
        }
    }

    /// The phase after a delivery that the handler has finished. `is_last` says that nothing was known
    /// to be behind it.
    fn after_delivery(&self, rules: &Rules<V>, upto: Seq, is_last: bool) -> Phase<V> {
        match rules.design.finish {
            Finish::OneWrite if !self.stopping && is_last => Phase::LookBehind { upto },
            Finish::OneWrite | Finish::TwoWrites => self.checkpoint_or_leave(rules, upto),
        }
    }

    /// The phase after a delivery behind which more may be: it is the successor's if the worker is
    /// to stop.
    pub(super) fn checkpoint_or_leave(&self, rules: &Rules<V>, upto: Seq) -> Phase<V> {
        match (rules.design.finish, rules.design.handover) {
            (Finish::OneWrite, Handover::GiveBack | Handover::ReleaseThenTrigger)
                if self.stopping =>
            {
                Phase::Release { why: Why::HandOver, upto: Some(upto) }
            }
            // A trigger that comes before the release comes before the checkpoint in no design.
            (Finish::OneWrite | Finish::TwoWrites, _) => Phase::Checkpoint { upto },
        }
    }

    /// Whether the lease is still the one that this turn holds.
    pub(super) fn still_holds(&self, lease: &Lease<V>) -> bool {
        lease.epoch == self.epoch && lease.active
    }

    /// Whether the lease shows that this turn has moved the checkpoint to `upto`.
    pub(super) fn is_own_checkpoint(&self, lease: &Lease<V>, upto: Seq) -> bool {
        self.still_holds(lease) && lease.checkpoint >= upto
    }
}

/// Whether nothing is known to be behind a slot of a page, in a partition that may be sealed.
fn is_last<P: Page>(end: Option<Seq>, upto: Seq, page: &P) -> bool {
    page.ends_with(upto) && end.is_none_or(|end| end <= upto)
}

/// Whether the look behind the last delivery is strongly consistent.
pub(super) fn confirms<V: Vocabulary>(rules: &Rules<V>) -> bool {
    match rules.design.read {
        // P1: the page has shown all that was acknowledged before it was read. What came later has
        // a trigger that met this lease, and comes back. The look is there so that it need not.
        Read::Consistent | Read::Eventual => false,
        // P1: the page may have hidden something, and only this read would show it.
        Read::EventualConfirmed => true,
    }
}

/// The phase in which a turn reads the next page.
pub(super) fn read_phase<V: Vocabulary>(rules: &Rules<V>) -> Phase<V> {
    Phase::Read { consistent: reads_consistently(rules) }
}

/// Whether the first look at the next page is strongly consistent.
pub(super) fn reads_consistently<V: Vocabulary>(rules: &Rules<V>) -> bool {
    match rules.design.read {
        // P1: what looks like the tail counts only if the read was consistent.
        Read::Consistent => true,
        Read::Eventual | Read::EventualConfirmed => false,
    }
}
