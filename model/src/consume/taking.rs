//! Taking the lease, and what becomes of a turn that does not get it.

use super::reading::first_read;
use super::state::{Consume, Phase, Sign};
use super::turn::Outcome;
use crate::design::{Expiry, Release};
use crate::ids::{Epoch, Seq};
use crate::rules::Rules;
use crate::store::Lease;
use crate::vocabulary::{Time, Vocabulary};

impl<V: Vocabulary> Consume<V> {
    pub(super) fn looked(&mut self, rules: &Rules<V>, now: V::Time, lease: Option<Lease<V>>) {
        let free = |lease: &Lease<V>| !lease.active || lease.until <= now.minus(rules.skew);
        self.phase = match lease {
            None => Phase::Set { epoch: Epoch::ZERO.next(), checkpoint: Seq::ZERO },
            Some(lease) if free(&lease) => {
                Phase::Set { epoch: lease.epoch.next(), checkpoint: lease.checkpoint }
            }
            Some(_) => Phase::Done(Outcome::Busy),
        };
    }

    pub(super) fn acquired(
        &mut self,
        rules: &Rules<V>,
        asked: V::Time,
        now: V::Time,
        lease: Lease<V>,
    ) {
        // L2: the lease's end was reckoned when it was asked for, not when the reply came.
        self.leased = asked;
        self.epoch = lease.epoch;
        self.cursor = lease.checkpoint;
        self.wake = lease.wake;
        let in_time = now < asked.plus(rules.lease);
        self.phase = if in_time { first_read(rules) } else { Phase::Done(Outcome::Lost) };
    }

    pub(super) fn busy(&mut self, rules: &Rules<V>, now: V::Time, lease: &Lease<V>, watched: bool) {
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
