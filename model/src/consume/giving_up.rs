//! Giving the lease up, because the turn has caught up or the worker's time runs out.

use super::reading::read_phase;
use super::state::{Consume, Phase, Why};
use super::turn::Outcome;
use crate::design::{Handover, Release};
use crate::ids::{Epoch, Seq};
use crate::rules::Rules;
use crate::store::{Lease, Reply};
use crate::vocabulary::Vocabulary;

impl<V: Vocabulary> Consume<V> {
    /// Ends the lease after a release. Reads on if new work refused the release, and ends the
    /// turn if another worker has the lease.
    pub(super) fn finish_release(
        &mut self,
        rules: &Rules<V>,
        why: Why,
        upto: Option<Seq>,
        reply: Reply<V>,
    ) {
        // D2: what the release would have moved the checkpoint over is still to be checkpointed.
        let goes_on = || upto.map_or_else(|| read_phase(rules), |upto| Phase::Checkpoint { upto });
        match reply {
            Reply::Released => self.end_lease(rules, why, upto),
            // The release was applied before, and the reply was lost (scenario 2).
            Reply::Refused { lease: Some(lease), .. } if self.is_own_release(&lease, upto) => {
                self.end_lease(rules, why, upto);
            }
            Reply::Refused { lease: Some(lease), .. } if self.was_woken(&lease) => {
                self.wake = lease.wake;
                self.phase = goes_on();
            }
            // The lease met its condition, and a slot behind the checkpoint was filled.
            Reply::Refused { lease: None, taken: true } => self.phase = goes_on(),
            Reply::Refused { .. } => self.phase = Phase::Done(Outcome::Lost),
            _ => {}
        }
    }

    /// Whether the lease shows that this turn has released it, and moved the checkpoint to `upto`.
    pub(super) fn is_own_release(&self, lease: &Lease<V>, upto: Option<Seq>) -> bool {
        // D2: an operator can release a lease as well, and leaves the checkpoint where it is.
        let moved = upto.is_none_or(|upto| lease.checkpoint >= upto);
        lease.epoch == self.epoch && !lease.active && moved
    }

    /// Whether the turn still holds the lease, and only a trigger that came meanwhile refused
    /// the release.
    pub(super) fn was_woken(&self, lease: &Lease<V>) -> bool {
        self.still_holds(lease) && lease.wake != self.wake
    }

    /// Forgets the lease, and moves to what follows a release that moved the checkpoint to `upto`.
    pub(super) fn end_lease(&mut self, rules: &Rules<V>, why: Why, upto: Option<Seq>) {
        self.epoch = Epoch::ZERO;
        self.cursor = upto.unwrap_or(self.cursor);
        self.phase = match (why, rules.design.handover, rules.design.release) {
            (Why::CaughtUp, _, Release::LookAgain) => Phase::LookAgain,
            (Why::CaughtUp, _, _) => Phase::Done(Outcome::CaughtUp),
            (Why::HandOver, Handover::GiveBack, _) => Phase::Done(Outcome::GivenBack),
            (Why::HandOver, Handover::ReleaseThenTrigger, _) => Phase::Trigger,
            (Why::HandOver, Handover::TriggerThenRelease, _) => Phase::Done(Outcome::HandedOver),
        };
    }

    /// Begins to hand over, in the order that the design chooses.
    pub(super) fn hand_over(&mut self, rules: &Rules<V>) {
        self.phase = match rules.design.handover {
            Handover::GiveBack | Handover::ReleaseThenTrigger => {
                Phase::Release { why: Why::HandOver, upto: None }
            }
            Handover::TriggerThenRelease => Phase::Trigger,
        };
    }

    /// Moves to what follows the trigger for a successor.
    pub(super) fn finish_trigger(&mut self, rules: &Rules<V>) {
        if let Phase::Trigger = self.phase {
            self.phase = match rules.design.handover {
                Handover::TriggerThenRelease => Phase::Release { why: Why::HandOver, upto: None },
                Handover::ReleaseThenTrigger | Handover::GiveBack => {
                    Phase::Done(Outcome::HandedOver)
                }
            };
        }
    }

    /// Notes that the worker's time runs out. A turn that only waits at a gap, or looks for more,
    /// hands over at once; any other first finishes its delivery or its request.
    pub(super) fn begin_stop(&mut self, rules: &Rules<V>) {
        self.stopping = true;
        match self.phase {
            Phase::Gap { renewing: false, .. } => self.hand_over(rules),
            _ => self.do_without(rules),
        }
    }
}
