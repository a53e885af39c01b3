//! Draws producers that load the history of a key and append to it.

use gapless_model::design::Gap;

use super::Plan;
use super::dice::Dice;
use super::participants::Appending;

/// Lets three in ten producers that expect a position expect it of a key's history, where gaps are
/// voided. It has dice of its own, so that other plans are as they were before there were histories.
pub(super) fn add_loading(plan: &mut Plan) {
    let mut dice = Dice::at(plan.seed, &[22, plan.profile as u64]);
    if plan.design.gap != Gap::Void {
        return;
    }
    for producer in &mut plan.producers {
        if producer.appending == Appending::Expecting && dice.percent(30) {
            producer.appending = Appending::Loading;
        }
    }
}
