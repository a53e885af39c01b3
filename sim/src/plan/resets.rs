//! Draws operators that move checkpoints back while everything else goes on.

use super::Plan;
use super::dice::Dice;
use super::incident::{Ambush, Happening, Incident, Moment, OperatorAction};
use super::units::Millis;

/// Has operators move checkpoints back in two of five plans with faults. They have dice of their own, so
/// that the rest of a seed's plan is as it was.
pub(super) fn add_resets(plan: &mut Plan) {
    let before = plan.incidents.len();
    add(plan);
    // What comes later does not happen.
    let heals = plan.heals;
    plan.incidents[before..].iter_mut().for_each(|incident| incident.at = incident.at.min(heals));
}

fn add(plan: &mut Plan) {
    let mut dice = Dice::at(plan.seed, &[46, plan.profile as u64]);
    if !dice.percent(40) {
        return;
    }
    let divided = first_change(plan);
    if divided.is_some() && dice.percent(25) {
        return reset_again_and_again(plan, &mut dice);
    }
    let first = divided.map_or(100, |at| at.0 + 100);
    for _ in 0..dice.between(1, 4) {
        let at = Millis(dice.between(first, plan.heals.0));
        let reset = draw(&mut dice);
        plan.incidents.push(operation(at, reset));
        // Another operator does the same at that moment, or comes when the group has just begun anew.
        if dice.percent(40) {
            let at = Millis(at.0 + if dice.percent(50) { dice.below(30) } else { dice.below(600) });
            plan.incidents.push(operation(at, reset));
        }
    }
}

/// Lets operators reset the first partition several times, while a worker that is about to begin what came
/// of it stands still: what it was told of the partitions before is of another time.
fn reset_again_and_again(plan: &mut Plan, dice: &mut Dice) {
    let (group, partition, keeps, dies) = (dice.below(2) as u8, 0, 0, None);
    let act = OperatorAction::Reset { group, partition, keeps, dies };
    let mut at = Millis(dice.between(plan.heals.0 / 4, plan.heals.0 / 2));
    for (index, worker) in plan.workers.iter().enumerate() {
        if worker.group == group % plan.groups {
            let (node, span) = (plan.worker(index), Millis(dice.between(300, 1_500)));
            let ambush = Some(Ambush { moment: Moment::Asked, after: Millis(0) });
            plan.incidents.push(Incident {
                at: at.plus(Millis(dice.below(600))),
                happening: Happening::Freeze { node, span },
                ambush,
            });
        }
    }
    for _ in 0..dice.between(3, 8) {
        plan.incidents.push(operation(at, act));
        at = at.plus(Millis(dice.between(150, 600)));
    }
}

/// When the first partition is split, if one is.
fn first_change(plan: &Plan) -> Option<Millis> {
    let splits = |incident: &&Incident| {
        matches!(
            incident.happening,
            Happening::Operate { act: OperatorAction::Split { .. } | OperatorAction::Merge { .. } }
        )
    };
    plan.incidents.iter().filter(splits).map(|incident| incident.at).min()
}

fn draw(dice: &mut Dice) -> OperatorAction {
    OperatorAction::Reset {
        group: dice.below(2) as u8,
        // The first ones have the most behind them.
        partition: if dice.percent(60) { 0 } else { dice.below(8) as u8 },
        keeps: if dice.percent(60) { 0 } else { dice.below(100) as u8 },
        dies: dice.percent(25).then(|| Millis(dice.below(120))),
    }
}

fn operation(at: Millis, act: OperatorAction) -> Incident {
    Incident { at, happening: Happening::Operate { act }, ambush: None }
}
