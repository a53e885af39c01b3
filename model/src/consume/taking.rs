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
            None if !self.parents.is_empty() => Phase::AskHead { parent: 0 },
            None => Phase::SetLease { epoch: Epoch::ZERO.next(), checkpoint: Seq::ZERO },
            Some(lease) if free(&lease) => {
                Phase::SetLease { epoch: lease.epoch.next(), checkpoint: lease.checkpoint }
            }
            Some(_) => Phase::Done(Outcome::Busy),
        };
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
