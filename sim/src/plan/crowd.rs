//! Draws crowds: many workers of one group, who learn of work by their sweeps alone, and many partitions
//! with an event now and then. Then they are in one another's way, unless each begins elsewhere.

use super::Plan;
use super::dice::Dice;
use super::participants::{Appending, ClockPlan, HintSource, Lifetime, ProducerPlan, WorkerPlan};
use super::units::Millis;

/// How many workers are a crowd.
const WORKERS: usize = 8;
/// The number of binary digits in the ids of its partitions.
const BITS: u8 = 4;

impl Plan {
    /// Whether it has so many workers that they could be in one another's way.
    pub(crate) fn is_crowd(&self) -> bool {
        self.workers.len() >= WORKERS
    }

    /// How many partitions each worker of a crowd takes on at once: all of them.
    pub(super) fn places_in_a_crowd(&self) -> Option<usize> {
        self.is_crowd().then_some(1 << BITS)
    }
}

/// Makes a crowd of one plan in eight. It has dice of its own, so that the other plans are as they were
/// before there were any.
pub(super) fn add_crowd(plan: &mut Plan) {
    let mut dice = Dice::at(plan.seed, &[44, plan.profile as u64]);
    if !dice.percent(12) {
        return;
    }
    (plan.partition_bits, plan.keys, plan.groups) = (Some(BITS), 64, 1);
    let pause = Millis(dice.between(10, 30));
    let appending = Appending::Single;
    plan.producers = vec![ProducerPlan { appending, events: 200, batch: 1, pause, twin: None }];
    let worker = WorkerPlan {
        group: 0,
        life: Lifetime::Standing,
        sweep: Millis(dice.between(300, 1_000)),
        handling: Millis(dice.below(20)),
        fails: 0,
        hints: HintSource::None,
    };
    plan.workers = vec![worker; WORKERS];
    plan.readers.clear();
    plan.clocks = vec![ClockPlan::default(); usize::from(plan.nodes())];
}
