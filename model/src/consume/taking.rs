//! Taking the lease, and what a turn does that does not get it.

use super::reading::read_phase;
use super::state::{Consume, Phase, Sign};
use super::turn::Outcome;
use crate::design::{Expiry, Release};
use crate::ids::{Epoch, Seq};
use crate::rules::Rules;
use crate::store::Lease;
use crate::vocabulary::{Time, Vocabulary};

impl<V: Vocabulary> Consume<V> {
    /// Sets the lease if it was read as free; otherwise the turn ends as busy.
    pub(super) fn set_if_free(&mut self, rules: &Rules<V>, now: V::Time, lease: Option<Lease<V>>) {
        let free = |lease: &Lease<V>| !lease.active || lease.until <= now.minus(rules.skew);
        self.phase = match lease {
            // D4: the group has not begun the partition.
            None if !self.parents.is_empty() && self.seen.is_none() => {
                return self.ask_parents(rules, Epoch::ZERO, None);
            }
            None => Phase::SetLease { epoch: Epoch::ZERO.next(), checkpoint: Seq::ZERO },
            Some(lease) if free(&lease) => {
                Phase::SetLease { epoch: lease.epoch.next(), checkpoint: lease.checkpoint }
            }
            Some(_) => Phase::Done(Outcome::Busy),
        };
    }

    /// Goes on after the acquire was refused because of this lease, which is not the turn's own.
    pub(super) fn meet_lease(
        &mut self,
        rules: &Rules<V>,
        now: V::Time,
        lease: &Lease<V>,
        watched: Option<Sign>,
    ) {
        let shows = Sign { epoch: lease.epoch, beat: lease.beat };
        let ended = match rules.design.expiry {
            // L2: the owner's clock may be behind this one by as much as the bound.
            Expiry::WallClock => lease.until <= now.minus(rules.skew),
            Expiry::Observer => watched == Some(shows),
        };
        if !lease.begun && (!lease.active || ended) {
            // D4: the group has not begun the partition.
            self.ask_parents(rules, lease.epoch, watched);
        } else {
            self.watch_or_end(rules, now, lease, watched.is_some());
        }
    }

    /// Begins to act under the lease, unless it has ended already.
    pub(super) fn adopt_lease(
        &mut self,
        rules: &Rules<V>,
        asked: V::Time,
        now: V::Time,
        lease: Lease<V>,
    ) {
        // L2: the lease's end was computed when it was asked for, not when the reply came.
        self.leased = asked;
        self.epoch = lease.epoch;
        self.cursor = lease.checkpoint;
        self.wake = lease.wake;
        self.seen = None;
        let in_time = now < asked.plus(rules.lease);
        self.phase = if in_time { read_phase(rules) } else { Phase::Done(Outcome::Lost) };
    }

    /// Moves to what the design does about a lease that another worker holds: watch it, unless
    /// that was done, count a trigger on it, or end as busy.
    pub(super) fn watch_or_end(
        &mut self,
        rules: &Rules<V>,
        now: V::Time,
        lease: &Lease<V>,
        watched: bool,
    ) {
        self.phase = match (rules.design.expiry, rules.design.release) {
            (Expiry::Observer, _) if !watched => {
                let sign = Sign { epoch: lease.epoch, beat: lease.beat };
                Phase::Watch { since: now, sign }
            }
            (Expiry::Observer | Expiry::WallClock, Release::Wake) => Phase::Wake,
            (Expiry::Observer | Expiry::WallClock, _) => Phase::Done(Outcome::Busy),
        };
    }
}
