//! The plans from which a hunt goes on: those that met what few others did.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::cell::Cell;
use crate::plan::{Dice, Plan};
use crate::play::RunReport;

/// How many runs are drawn by themselves before the first one is changed from another.
const FIRST: u64 = 50;
/// How many of the rarest cells a hunt goes on from.
const RAREST: usize = 32;
/// How many plans are kept for each cell, the latest.
const KEPT: usize = 3;

/// What a hunt has met so far.
#[derive(Debug, Default)]
pub(super) struct Pool {
    runs: u64,
    cells: BTreeMap<Cell, Met>,
}

/// How many runs met a cell, and some of their plans.
#[derive(Debug, Default)]
struct Met {
    runs: u64,
    plans: VecDeque<Arc<Plan>>,
}

impl Pool {
    /// The plan of a seed: the one that was drawn, or in three of four runs a changed one of those
    /// that met a rare cell.
    pub(super) fn plan(&self, drawn: Plan) -> Plan {
        let seed = drawn.seed;
        let mut dice = Dice::at(seed, &[32]);
        if self.runs < FIRST || dice.percent(25) {
            return drawn;
        }
        let mut met: Vec<&Met> = self.cells.values().collect();
        met.sort_by_key(|met| met.runs);
        met.truncate(RAREST);
        let Some(met) = (!met.is_empty()).then(|| *dice.pick(&met)) else { return drawn };
        let parent = met.plans.get(dice.below(met.plans.len() as u64) as usize);
        parent.map_or(drawn, |parent| parent.mutated(seed))
    }

    /// Learns from a run.
    pub(super) fn learn(&mut self, plan: &Plan, report: &RunReport) {
        self.runs += 1;
        let plan = Arc::new(plan.clone());
        for cell in &report.cells {
            let met = self.cells.entry(*cell).or_default();
            met.runs += 1;
            met.plans.push_back(Arc::clone(&plan));
            if met.plans.len() > KEPT {
                met.plans.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::design::Design;

    use super::*;
    use crate::plan::Profile;
    use crate::play::run;

    #[test]
    fn a_hunt_goes_on_from_plans_that_met_what_is_rare() {
        let drawn = |seed| Profile::Swarm.plan(seed, Design::RECOMMENDED);
        let mut pool = Pool::default();
        let common = run(&drawn(1));
        for seed in 0..FIRST {
            assert_eq!(pool.plan(drawn(seed)), drawn(seed), "there is nothing to go on from yet");
            pool.learn(&drawn(1), &common);
        }
        // One run met a cell that no other one did.
        let mut rare = common.clone();
        let cell = Cell { asked: "the moon", struck: "nothing", outcome: "refused" };
        rare.cells = [cell].into();
        let parent = Profile::Lambda.plan(7, Design::RECOMMENDED);
        pool.learn(&parent, &rare);
        let children = (1000..1200).map(|seed| pool.plan(drawn(seed)));
        // What is carried over is what is not drawn anew: the length of its leases, for one.
        let of_it = children.filter(|plan| plan.lease == parent.lease).count();
        let expected = 200 * 3 / 4 / RAREST;
        assert!(of_it >= expected / 2, "{of_it} plans come from the rare one, not {expected}");
    }
}
