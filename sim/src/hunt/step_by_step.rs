//! The plan in which a counterexample of the checker is played step by step.

use gapless_model::design::Producer;

use super::counterexample::{CheckedFault, Counterexample};
use crate::plan::{
    Appending, HintSource, Lifetime, Millis, Node, Plan, ProducerPlan, Profile, Script, ScriptStep,
    Trouble, Twin, WorkerPlan,
};

/// How many ticks a lease lasts in the checked world, and how many an empty slot may stay empty.
const LEASE: u64 = 2;
const GRACE: u64 = 1;
/// The length of a tick. Whatever takes so long waits for the script, and everything else is short.
const TICK: Millis = Millis(30_000);

impl Counterexample {
    /// The plan that takes these steps. `skew` is the bound on the difference between two clocks, in
    /// ticks. Latencies, tokens and the order of tasks are those of a seed, and the same each time.
    #[must_use]
    pub fn scripted(&self, skew: u8, steps: Vec<ScriptStep>) -> Plan {
        let mut plan = Profile::Calm.plan(0, self.design);
        plan.producers = self.scripted_producers();
        self.staff(&mut plan, worker);
        (plan.partition_bits, plan.keys) = (Some(0), 1);
        plan.lease = Millis(TICK.0 * LEASE);
        plan.grace = Millis(TICK.0 * GRACE);
        plan.skew = Millis(TICK.0 * u64::from(skew));
        plan.latency = Millis(1);
        // A request that waits for its step is not given up.
        plan.read_timeout = Millis(TICK.0 * 1_000);
        plan.sdk_retries = false;
        plan.page = None;
        plan.trouble = Trouble { ppm: 0, ..plan.trouble };
        plan.incidents = Vec::new();
        plan.heals = Millis(0);
        // P1: leases have to end before the next owner begins.
        plan.patience = Millis(plan.lease.0 * 5 + 60_000);
        plan.watched = Some(self.invariant);
        plan.script = Some(Script { tick: TICK, steps });
        plan
    }

    fn scripted_producers(&self) -> Vec<ProducerPlan> {
        let appending = match self.design.producer {
            Producer::Named => Appending::Named,
            Producer::Anonymous => Appending::Single,
        };
        let (events, batch, pause) = (u16::from(self.events), self.batch, Millis(0));
        let first = ProducerPlan { appending, events, batch, pause, twin: None };
        let mut all = vec![first; usize::from(self.producers)];
        if self.has(CheckedFault::SecondRun) {
            // Each producer has one. Those start that the script starts.
            let twins = (0..self.producers).map(|of| Twin { of, starts: Millis(0) });
            all.extend(twins.map(|twin| ProducerPlan { twin: Some(twin), ..first }));
        }
        all
    }

    /// The node of a producer in that plan; `second` for its second run.
    #[must_use]
    pub fn scripted_producer(&self, index: u8, second: bool) -> Node {
        Node(u16::from(index) + if second { u16::from(self.producers) } else { 0 })
    }

    /// The node of a worker in that plan.
    #[must_use]
    pub fn scripted_worker(&self, index: u8) -> Node {
        let runs = if self.has(CheckedFault::SecondRun) { 2 } else { 1 };
        Node(u16::from(self.producers) * runs + u16::from(index))
    }
}

fn worker(group: u8) -> WorkerPlan {
    WorkerPlan {
        group,
        life: Lifetime::Standing,
        sweep: Millis(1_000),
        // Behind the script: long enough that handlers that are at work at once meet.
        handling: Millis(1_000),
        fails: 0,
        hints: HintSource::None,
    }
}
