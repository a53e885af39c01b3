//! Draws lock-outs: a producer whose credentials expire in the middle of an append.

use super::Plan;
use super::dice::Dice;
use super::incident::{Ambush, Happening, Incident, Moment};
use super::units::Millis;

/// Locks a producer out in one seed in eight, as a rule between its number and its write. It has dice
/// of its own, so that other plans are as they were before there were lock-outs.
pub(super) fn add_lock_out(plan: &mut Plan) {
    let mut dice = Dice::at(plan.seed, &[21, plan.profile as u64]);
    if plan.producers.is_empty() || !dice.percent(12) {
        return;
    }
    let index = dice.below(plan.producers.len() as u64) as usize;
    let span = Millis(dice.between(100, 3_000));
    let happening = Happening::LockOut { node: plan.producer(index), span };
    let at = Millis(dice.between(50, plan.heals.0 / 2));
    let after = Millis(dice.below(30));
    let ambush = dice.percent(80).then_some(Ambush { moment: Moment::Raised, after });
    plan.incidents.push(Incident { at, happening, ambush });
}
