//! Draws what DynamoDB does where a part of it is overloaded or fails: hot partitions, a hot index,
//! outages of one table, and connections that are refused or break.

use super::Plan;
use super::dice::Dice;
use super::fault::DRAWN_FAULTS;
use super::incident::{Happening, Incident, StorePart};
use super::profile::Profile;
use super::units::Millis;

/// Adds a hot partition to one seed in eight, and an outage to one in eight. They have dice of their
/// own, so that the rest of a plan is as it was before there were any.
pub(super) fn add_outages(plan: &mut Plan) {
    let mut dice = Dice::at(plan.seed, &[23, plan.profile as u64]);
    let (is_hot, fails) = (dice.percent(12), dice.percent(12));
    let partition = dice.below(4) as u8;
    let parts = [StorePart::Partitions, StorePart::Events, StorePart::Consumers, StorePart::Stream];
    let part = *dice.pick(&parts);
    let mut span = || Millis(dice.between(100, 3_000));
    let hot = Happening::HotPartition { partition, span: span() };
    let outage = Happening::Outage { part, span: span() };
    for (happens, happening) in [(is_hot, hot), (fails, outage)] {
        let at = Millis(dice.between(50, plan.heals.0 * 3 / 4));
        if happens {
            plan.incidents.push(Incident { at, happening, ambush: None });
        }
    }
}

/// Lets the index get too many writes in one plan of ten.
pub(super) fn add_hot_index(plan: &mut Plan) {
    let mut dice = Dice::at(plan.seed, &[40, plan.profile as u64]);
    if dice.percent(10) {
        let happening = Happening::HotIndex { span: Millis(dice.between(100, 3_000)) };
        // Where each key has a partition, the first append enters it into the index.
        let at = Millis(dice.between(20, plan.heals.0 / 2));
        plan.incidents.push(Incident { at, happening, ambush: None });
    }
}

/// Lets connections be refused, or break, in one half of the seeds each, and in all hostile ones.
pub(super) fn add_broken_connections(plan: &mut Plan) {
    let mut dice = Dice::at(plan.seed, &[24, plan.profile as u64]);
    for weight in &mut plan.trouble.weights[DRAWN_FAULTS..] {
        let (on, drawn) = (dice.percent(50), dice.between(1, 10) as u8);
        *weight = if on || plan.profile == Profile::Hostile { drawn } else { 0 };
    }
}
