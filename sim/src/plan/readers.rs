//! Draws readers: processes that read the stream without a group.

use super::Plan;
use super::dice::Dice;
use super::incident::{Direction, Happening, Incident};
use super::participants::{ReaderPlan, Reading, Scope};
use super::units::{Millis, Node};

/// Gives one seed in three a reader or two. They have dice of their own, so that plans without one are
/// as they were before there were readers.
pub(super) fn add_readers(plan: &mut Plan) {
    let mut dice = Dice::at(plan.seed, &[17, plan.profile as u64]);
    if !dice.percent(33) {
        return;
    }
    for _ in 0..dice.between(1, 2) {
        plan.readers.push(draw(&mut dice));
        let node = Node(plan.operator().0 - 1);
        // Its clock makes no difference but for its patience: it is that of the operator.
        plan.clocks.extend(plan.clocks.last().copied());
        if dice.percent(50) {
            let incident = incident(plan, node, &mut dice);
            plan.incidents.push(incident);
        }
    }
}

fn draw(dice: &mut Dice) -> ReaderPlan {
    let key = dice.below(6) as u8;
    let scope = *dice.pick(&[Scope::Everything, Scope::Key(key), Scope::PartitionOf(key)]);
    let often = Millis(dice.between(200, 1_500));
    let reading = if dice.percent(50) {
        Reading::Follow { interval: often, sitting: dice.between(1, 30) as u16 }
    } else {
        Reading::Again { pause: often }
    };
    ReaderPlan { scope, reading }
}

fn incident(plan: &Plan, node: Node, dice: &mut Dice) -> Incident {
    let span = Millis(dice.between(20, plan.lease.0 * 2));
    let happening = *dice.pick(&[
        Happening::Crash { node, down: span },
        Happening::Freeze { node, span },
        Happening::Cut { node, direction: Direction::Both, span },
    ]);
    Incident { at: Millis(dice.between(50, plan.heals.0)), happening, ambush: None }
}
