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
    crowd_together(plan);
}

/// Lets all producers append to histories in one of four plans that have a producer of that kind: then
/// no other one fills a slot behind one whose writer died, so they get on only if they void it.
fn crowd_together(plan: &mut Plan) {
    let any = plan.producers.iter().any(|producer| producer.appending == Appending::Loading);
    let twins = plan.producers.iter().any(|producer| producer.twin.is_some());
    if any && !twins && Dice::at(plan.seed, &[37, plan.profile as u64]).percent(25) {
        plan.producers.iter_mut().for_each(|producer| producer.appending = Appending::Loading);
    }
}
