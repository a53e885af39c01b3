//! Draws schedules with few changes of priority, after Burckhardt and others, "A Randomized Scheduler
//! with Probabilistic Guarantees of Finding Bugs" (ASPLOS 2010): processes have ranks, each waits for
//! longer than those above it, and at a few points of time one falls behind all others. Where delays
//! are drawn call by call, no process stays behind for long.

use super::Plan;
use super::dice::Dice;
use super::incident::{Happening, Incident};
use super::units::{Millis, Node};

/// Gives the processes of one plan in five ranks. It has dice of its own, so that the other plans are
/// as they were before there were any.
pub(super) fn add_ranks(plan: &mut Plan, works: Millis) {
    /// How much longer a call takes at most.
    const MOST: u64 = 140;
    let mut dice = Dice::at(plan.seed, &[36, plan.profile as u64]);
    if !dice.percent(20) {
        return;
    }
    // The operator is not one of them.
    let mut nodes: Vec<Node> = (0..plan.nodes() - 1).map(Node).collect();
    for first in 0..nodes.len() {
        let left = nodes.len() - first;
        nodes.swap(first, first + dice.below(left as u64) as usize);
    }
    let step = dice.between(2, MOST / (nodes.len() as u64 + 2));
    let mut fall = |at: u64, node: Node, rank: usize| {
        let (by, span) = (Millis(step * rank as u64), Millis(plan.heals.0.saturating_sub(at)));
        let happening = Happening::SlowProcess { node, by, span };
        plan.incidents.push(Incident { at: Millis(at), happening, ambush: None });
    };
    // The first one is as fast as ever.
    for (rank, node) in nodes.iter().enumerate().skip(1) {
        fall(1, *node, rank);
    }
    let last = nodes.len();
    for change in 0..dice.between(1, 3) {
        let (at, node) = (dice.between(50, works.0), *dice.pick(&nodes));
        fall(at, node, last + change as usize);
    }
}
