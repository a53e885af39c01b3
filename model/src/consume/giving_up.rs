//! Giving the lease up: caught up, or out of time.

use super::reading::first_read;
use super::state::{Consume, Phase, Why};
use super::turn::Outcome;
use crate::design::{Handover, Release};
use crate::ids::Epoch;
use crate::rules::Rules;
use crate::store::{Lease, Reply};
use crate::vocabulary::Vocabulary;

impl<V: Vocabulary> Consume<V> {
    pub(super) fn released(&mut self, rules: &Rules<V>, why: Why, reply: Reply<V>) {
        match reply {
            Reply::Released => self.gave_up(rules, why),
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

    pub(super) fn own_release(&self, lease: &Lease<V>) -> bool {
        lease.epoch == self.epoch && !lease.active
    }

    /// A trigger came meanwhile, and that alone refused the release.
    pub(super) fn still_holds(&self, rules: &Rules<V>, lease: &Lease<V>) -> bool {
        let fenced_out = self.fence(rules).is_some_and(|epoch| epoch != lease.epoch);
        !fenced_out && lease.active && lease.wake != self.wake
    }

    pub(super) fn gave_up(&mut self, rules: &Rules<V>, why: Why) {
        self.epoch = Epoch::ZERO;
        self.phase = match (why, rules.design.handover, rules.design.release) {
            (Why::CaughtUp, _, Release::LookAgain) => Phase::LookAgain,
            (Why::CaughtUp, _, _) => Phase::Done(Outcome::CaughtUp),
            (Why::HandOver, Handover::GiveBack, _) => Phase::Done(Outcome::GivenBack),
            (Why::HandOver, Handover::ReleaseThenTrigger, _) => Phase::Trigger,
            (Why::HandOver, Handover::TriggerThenRelease, _) => Phase::Done(Outcome::HandedOver),
        };
    }

    pub(super) fn hand_over(&mut self, rules: &Rules<V>) {
        self.phase = match rules.design.handover {
            Handover::GiveBack | Handover::ReleaseThenTrigger => {
                Phase::Release { why: Why::HandOver }
            }
            Handover::TriggerThenRelease => Phase::Trigger,
        };
    }

    pub(super) fn triggered(&mut self, rules: &Rules<V>) {
        if let Phase::Trigger = self.phase {
            self.phase = match rules.design.handover {
                Handover::TriggerThenRelease => Phase::Release { why: Why::HandOver },
                Handover::ReleaseThenTrigger | Handover::GiveBack => {
                    Phase::Done(Outcome::HandedOver)
                }
            };
        }
    }

    pub(super) fn stop(&mut self, rules: &Rules<V>) {
        self.stopping = true;
        if let Phase::Gap { renewing: false, .. } = self.phase {
            self.hand_over(rules);
        }
    }
}
