//! The plan of one run: its participants, what they do, and every fault that strikes them.
//!
//! A plan is drawn from a seed ([`Profile::plan`]) or written by the shrinker. As JSON it is
//! the file that `gapless replay` repeats.

mod crowd;
mod dice;
mod draw;
mod drops;
mod fault;
mod incident;
mod lag;
mod lineage;
mod loading;
mod lock_out;
mod mutation;
mod outage;
mod participants;
mod patience;
mod profile;
mod ranks;
mod readers;
mod resets;
mod scenes;
mod script;
mod strangers;
mod twins;
mod units;
mod validate;

use std::num::NonZeroU8;

use gapless::{Config, Layout};
use gapless_model::Invariant;
use gapless_model::Mutant;
use gapless_model::design::Design;
use serde::{Deserialize, Serialize};

pub use dice::Dice;
pub use fault::{CallKind, FAULTS, Fault, Strike, Trouble};
pub use incident::{
    Ambush, Direction, HAPPENINGS, Happening, Incident, Moment, OperatorAction, StorePart,
};
pub(crate) use lineage::Home;
pub use participants::{
    Appending, ClockPlan, HintSource, Lifetime, ProducerPlan, ReaderPlan, Reading, Scope, Twin,
    WorkerPlan,
};
pub use profile::{NoProfile, Profile};
pub use script::{Act, Divergence, Followed, Script, ScriptStep};
pub use units::{Millis, Node};

/// The version of the plan format.
pub const PLAN_VERSION: u32 = 3;

/// The prefix of the stream's tables.
pub(crate) const PREFIX: &str = "s-";

/// What it was before plans said it.
fn four_seconds() -> Millis {
    Millis(4_000)
}

/// Everything that a run depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// The version of the format: [`PLAN_VERSION`].
    pub version: u32,
    /// The seed of latencies, jitter, tokens and the order of tasks.
    pub seed: u64,
    /// The family of plans that this one was drawn from.
    pub profile: Profile,
    /// The design of the protocol.
    pub design: Design,
    /// The number of binary digits in a partition's id, or `None` to give each key its own
    /// partition.
    pub partition_bits: Option<u8>,
    /// How many keys the events have.
    pub keys: u8,
    /// How long a lease lasts.
    pub lease: Millis,
    /// How long an empty slot may stay empty before a worker voids it.
    pub grace: Millis,
    /// The promised bound on the difference between two clocks.
    pub skew: Millis,
    /// Whether clocks keep that bound. L2 is promised only then.
    pub timely: bool,
    /// The usual latency of a call.
    pub latency: Millis,
    /// How long a caller's socket waits for an answer.
    pub read_timeout: Millis,
    /// Whether the SDK retries on its own, without the machines' knowledge.
    pub sdk_retries: bool,
    /// How many slots a page holds at most, as if they were so large that no more were within the
    /// 1 MB that a query returns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<NonZeroU8>,
    /// How long the queue hides a message that was received.
    #[serde(default = "four_seconds")]
    pub visibility: Millis,
    /// How many groups consume.
    pub groups: u8,
    /// The producers.
    pub producers: Vec<ProducerPlan>,
    /// The workers of all groups.
    pub workers: Vec<WorkerPlan>,
    /// The readers without a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub readers: Vec<ReaderPlan>,
    /// Each node's clock: its offset at the start, and its drift.
    pub clocks: Vec<ClockPlan>,
    /// The faults that strike calls at random.
    pub trouble: Trouble,
    /// The exact list of faults that strike calls, instead of random ones. The shrinker
    /// writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strikes: Option<Vec<Strike>>,
    /// What happens to nodes, links, clocks and the store, in the order of time.
    pub incidents: Vec<Incident>,
    /// When all faults end.
    pub heals: Millis,
    /// How long after that everything must be delivered (P1).
    pub patience: Millis,
    /// A defect planted into the traffic between adapter and engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutant: Option<Mutant>,
    /// Whether to judge the invariants alone, and not that the adapter refines the model.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invariants_only: bool,
    /// The only invariant to judge, whatever else is broken before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<Invariant>,
    /// What happens step by step, before the run goes on by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub script: Option<Script>,
}

impl Plan {
    /// How keys are assigned to partitions.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.partition_bits.map_or(Layout::EachKey, |bits| Layout::Fixed { bits })
    }

    /// How many partitions there are at most.
    pub(crate) fn partitions(&self) -> u64 {
        self.partition_bits.map_or(u64::from(self.keys), |bits| 1 << bits) + self.most_made()
    }

    /// The stream's configuration, which is the same on every node.
    pub(crate) fn config(&self) -> Config {
        Config::new(PREFIX)
            .layout(self.layout())
            .lease(self.lease.duration())
            .grace(self.grace.duration())
            .skew(self.skew.duration())
            // Some workers read it.
            .table_stream(true)
            .patience(self.store_patience().duration())
            .attempt(self.read_timeout.duration() * 4)
            .refuted_design(self.design)
    }

    /// Whether it is one of the calm ones, and nothing goes wrong in it.
    pub(crate) fn is_calm(&self) -> bool {
        let strikes = self.strikes.as_ref().is_some_and(|strikes| !strikes.is_empty());
        let fails = self.workers.iter().any(|worker| worker.fails > 0);
        let quiet = self.trouble.ppm == 0 && self.incidents.is_empty() && !strikes && !fails;
        self.profile == Profile::Calm && self.script.is_none() && quiet
    }

    /// How many partitions a worker is at work on at once. Without faults every other one has a single
    /// place, so that partitions have to wait for one another.
    pub(crate) fn concurrency(&self, worker: usize) -> usize {
        let path = [35, worker as u64];
        let is_single = || self.is_calm() && Dice::at(self.seed, &path).percent(50);
        self.places_in_a_crowd().unwrap_or_else(|| if is_single() { 1 } else { 3 })
    }

    /// How long a process waits for a store that does not answer.
    fn store_patience(&self) -> Millis {
        match &self.script {
            // Short enough to run out now and then.
            None => self.lease,
            // In the checked world a process waits for ever.
            Some(_) => Millis(self.lease.0.saturating_mul(100)),
        }
    }

    /// Whether its workers are watched when everything is done: in one seed of eight, where one of them
    /// can be judged, leases end when they should, and that does not take minutes.
    pub(crate) fn is_watched_idle(&self) -> bool {
        let is_brisk = self.workers.iter().all(|worker| worker.sweep < Millis(10_000));
        let can_be = is_brisk && self.timely && self.workers.iter().any(WorkerPlan::is_alone);
        can_be && Dice::at(self.seed, &[33]).percent(12)
    }

    /// How long workers take at most, when everything is done, until they come to rest: until what was
    /// hidden in the queue has come back and been looked into.
    pub(crate) fn time_to_rest(&self) -> Millis {
        let sweep = self.workers.iter().map(|worker| worker.sweep.0).max().unwrap_or(0);
        Millis(self.visibility.0 + self.lease.0 * 2 + self.grace.0 + sweep * 2 + 2_000)
    }

    /// The number of nodes. The operator is the last one.
    #[must_use]
    pub fn nodes(&self) -> u16 {
        let processes = self.producers.len() + self.workers.len() + self.readers.len();
        u16::try_from(processes + 1).unwrap_or(u16::MAX)
    }

    /// The node of a producer.
    #[must_use]
    pub fn producer(&self, index: usize) -> Node {
        Node(u16::try_from(index).unwrap_or(u16::MAX))
    }

    /// The node of a worker.
    #[must_use]
    pub fn worker(&self, index: usize) -> Node {
        Node(u16::try_from(self.producers.len() + index).unwrap_or(u16::MAX))
    }

    /// The node of a reader.
    #[must_use]
    pub fn reader(&self, index: usize) -> Node {
        Node(u16::try_from(self.producers.len() + self.workers.len() + index).unwrap_or(u16::MAX))
    }

    /// The operator's node.
    #[must_use]
    pub fn operator(&self) -> Node {
        Node(self.nodes() - 1)
    }

    /// The name of a node in logs and diagrams.
    #[must_use]
    pub fn name(&self, node: Node) -> String {
        let (index, workers) = (usize::from(node.0), self.workers.len());
        match index.checked_sub(self.producers.len()) {
            None => format!("producer {}", index + 1),
            Some(worker) if worker < workers => format!("worker {}", worker + 1),
            Some(reader) if reader - workers < self.readers.len() => {
                format!("reader {}", reader - workers + 1)
            }
            Some(_) => "operator".to_owned(),
        }
    }

    /// The name of a group.
    #[must_use]
    pub fn group_name(index: u8) -> String {
        format!("group-{}", index + 1)
    }

    /// The plan as JSON, the file that repeats it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a plan from JSON and validates it.
    ///
    /// # Errors
    /// If it is not a plan, or cannot be run.
    pub fn from_json(text: &str) -> Result<Plan, PlanError> {
        let plan: Plan = serde_json::from_str(text)?;
        plan.validate()?;
        Ok(plan)
    }
}

/// Why a plan cannot be read or run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The text is not a plan.
    #[error("not a plan: {0}")]
    Json(#[from] serde_json::Error),
    /// The plan contradicts itself or this version.
    #[error("the plan cannot be run: {0}")]
    Impossible(String),
}

#[cfg(test)]
mod tests {
    use gapless_model::design::NAMED;

    use super::*;

    #[test]
    fn the_crate_runs_the_design_of_the_plan() {
        for known in NAMED {
            let plan = Profile::Calm.plan(0, known.design);
            // A design can need more than a plan gives, and is refused then.
            if let Ok(rules) = plan.config().rules() {
                assert_eq!(rules.design, known.design, "{}", known.name);
            }
        }
    }
}
