//! Draws appends that are dropped: a caller that has waited for long enough, or whose own caller is gone.

use super::Plan;
use super::dice::Dice;
use super::incident::{Ambush, Happening, Incident, Moment};
use super::participants::Appending;
use super::units::Millis;

/// Drops two to five appends in one plan of four, where a producer appends one by one or in groups. It
/// has dice of its own, so that the other plans are as they were before there were any.
pub(super) fn add_drops(plan: &mut Plan, works: Millis) {
    let mut dice = Dice::at(plan.seed, &[38, plan.profile as u64]);
    let is_dropped = |index: &usize| {
        matches!(plan.producers[*index].appending, Appending::Single | Appending::Grouped)
    };
    let producers: Vec<usize> = (0..plan.producers.len()).filter(is_dropped).collect();
    if producers.is_empty() || !dice.percent(25) {
        return;
    }
    for _ in 0..dice.between(2, 5) {
        let happening = Happening::Drop { node: plan.producer(*dice.pick(&producers)) };
        let at = Millis(dice.between(50, works.0));
        // Between its number and its slot, or wherever it is.
        let after = Millis(if dice.percent(50) { 0 } else { dice.below(10) });
        let ambush = dice.percent(85).then_some(Ambush { moment: Moment::Raised, after });
        plan.incidents.push(Incident { at, happening, ambush });
    }
}
