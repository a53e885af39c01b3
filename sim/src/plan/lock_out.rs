//! Draws lock-outs: a process whose credentials expire in the middle of its work.

use super::Plan;
use super::dice::Dice;
use super::incident::{Ambush, Happening, Incident, Moment};
use super::units::{Millis, Node};

/// Locks a producer out in one seed in five, a worker in one in ten, and a reader in one in four of
/// those that have one. They have dice of their own, so that the rest of a plan is as it was before
/// there were any.
pub(super) fn add_lock_outs(plan: &mut Plan) {
    let appending = &[Moment::Raised];
    add(plan, 21, 20, 0..plan.producers.len(), appending);
    let workers = plan.producers.len()..plan.producers.len() + plan.workers.len();
    let consuming = &[Moment::Acquired, Moment::Read, Moment::Checkpointed];
    add(plan, 25, 10, workers.clone(), consuming);
    add(plan, 26, 25, workers.end..workers.end + plan.readers.len(), &[Moment::Read]);
}

/// Locks one of these nodes out in so many percent of the seeds, as a rule after a moment of the
/// protocol.
fn add(
    plan: &mut Plan,
    path: u64,
    percent: u64,
    nodes: std::ops::Range<usize>,
    moments: &[Moment],
) {
    let mut dice = Dice::at(plan.seed, &[path, plan.profile as u64]);
    if nodes.is_empty() || !dice.percent(percent) {
        return;
    }
    let index = nodes.start + dice.below(nodes.len() as u64) as usize;
    let node = Node(u16::try_from(index).unwrap_or(u16::MAX));
    let span = Millis(dice.between(100, 3_000));
    let at = Millis(dice.between(50, plan.heals.0 / 2));
    let after = Millis(dice.below(30));
    let waits = dice.percent(80);
    let ambush = waits.then_some(Ambush { moment: *dice.pick(moments), after });
    plan.incidents.push(Incident { at, happening: Happening::LockOut { node, span }, ambush });
}
