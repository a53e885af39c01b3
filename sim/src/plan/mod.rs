//! What happens in one run: who takes part, what they do, and every fault that strikes.
//!
//! A plan is drawn from a seed ([`Profile::plan`]), or written
//! by the shrinker; as JSON it is the file that `gapless replay` repeats.

mod dice;
mod draw;
mod fault;
mod incident;
mod participants;
mod profile;
mod units;

use gapless::{Config, Layout};
use gapless_model::Invariant;
use gapless_model::Mutant;
use gapless_model::design::Design;
use serde::{Deserialize, Serialize};

pub use dice::Dice;
pub use fault::{CallKind, FAULTS, Fault, Strike, Trouble};
pub use incident::{Direction, HAPPENINGS, Happening, Incident, OperatorAction};
pub use participants::{Appending, ClockPlan, HintSource, Lifetime, ProducerPlan, WorkerPlan};
pub use profile::{NoProfile, Profile};
pub use units::{Millis, Node};

/// The version of the plan's format.
pub const PLAN_VERSION: u32 = 2;

/// The prefix of the stream's tables.
pub(crate) const PREFIX: &str = "s-";

/// Everything that a run depends on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// The seed: latencies, jitter, tokens and the order of tasks are drawn from it.
    pub seed: u64,
    /// From which family of plans this one was drawn.
    pub profile: Profile,
    /// The protocol.
    pub design: Design,
    /// The binary digits of a partition's id; nothing for a partition for each key.
    pub partition_bits: Option<u8>,
    /// How many keys the events have.
    pub keys: u8,
    /// How long a lease lasts.
    pub lease: Millis,
    /// How long an empty slot may stand.
    pub grace: Millis,
    /// The promised bound on clocks.
    pub skew: Millis,
    /// Whether clocks keep that bound. Only then is L2 promised.
    pub timely: bool,
    /// How long a call usually takes.
    pub latency: Millis,
    /// When a caller's socket gives up.
    pub read_timeout: Millis,
    /// Whether the SDK tries again by itself, unseen by the machines (scenario 2).
    pub sdk_retries: bool,
    /// How many groups consume.
    pub groups: u8,
    /// Those who append.
    pub producers: Vec<ProducerPlan>,
    /// Those who consume.
    pub workers: Vec<WorkerPlan>,
    /// Each process's clock: what it is off by at the start, and how it drifts.
    pub clocks: Vec<ClockPlan>,
    /// What strikes messages at random.
    pub trouble: Trouble,
    /// Exactly what strikes messages, instead: written by the shrinker.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strikes: Option<Vec<Strike>>,
    /// What befalls processes, links and the store, and when.
    pub incidents: Vec<Incident>,
    /// When all trouble ends.
    pub heals: Millis,
    /// How long after that everything must be delivered (P1).
    pub patience: Millis,
    /// What is broken on purpose in the traffic between adapter and engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mutant: Option<Mutant>,
    /// Whether only the invariants are watched, and not that the adapter refines the model.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub invariants_only: bool,
    /// The only invariant that is watched, whatever else is broken before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub watched: Option<Invariant>,
}

impl Plan {
    /// How keys are divided.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.partition_bits.map_or(Layout::EachKey, |bits| Layout::Fixed { bits })
    }

    /// The stream's configuration, as every process has it.
    pub(crate) fn config(&self) -> Config {
        Config::new(PREFIX)
            .layout(self.layout())
            .lease(self.lease.duration())
            .grace(self.grace.duration())
            .skew(self.skew.duration())
            // Short, so that it runs out now and then.
            .patience(self.lease.duration())
            .attempt(self.read_timeout.duration() * 4)
            .refuted_design(self.design)
    }

    /// How many processes there are: the operator is the last.
    #[must_use]
    pub fn nodes(&self) -> u16 {
        u16::try_from(self.producers.len() + self.workers.len() + 1).unwrap_or(u16::MAX)
    }

    /// The process of a producer.
    #[must_use]
    pub fn producer(&self, index: usize) -> Node {
        Node(u16::try_from(index).unwrap_or(u16::MAX))
    }

    /// The process of a worker.
    #[must_use]
    pub fn worker(&self, index: usize) -> Node {
        Node(u16::try_from(self.producers.len() + index).unwrap_or(u16::MAX))
    }

    /// The operator's process.
    #[must_use]
    pub fn operator(&self) -> Node {
        Node(self.nodes() - 1)
    }

    /// What a process is called in logs and drawings.
    #[must_use]
    pub fn name(&self, node: Node) -> String {
        let index = usize::from(node.0);
        match index.checked_sub(self.producers.len()) {
            None => format!("producer {}", index + 1),
            Some(worker) if worker < self.workers.len() => format!("worker {}", worker + 1),
            Some(_) => "operator".to_owned(),
        }
    }

    /// The name of a group.
    #[must_use]
    pub fn group_name(index: u8) -> String {
        format!("group-{}", index + 1)
    }

    /// The plan as the file that repeats it.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).unwrap_or_default() + "\n"
    }

    /// Reads a plan, and checks that it can be run.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub fn from_json(text: &str) -> Result<Plan, PlanError> {
        let plan: Plan = serde_json::from_str(text)?;
        plan.validate()?;
        Ok(plan)
    }

    /// Whether the plan can be run.
    ///
    /// # Errors
    /// What cannot be.
    pub fn validate(&self) -> Result<(), PlanError> {
        let wrong = |what: String| Err(PlanError::Impossible(what));
        if self.version != PLAN_VERSION {
            return wrong(format!("version {}; this runs version {PLAN_VERSION}", self.version));
        }
        if self.clocks.len() != usize::from(self.nodes()) {
            return wrong(format!(
                "{} clocks for {} processes (each producer, each worker, and the operator)",
                self.clocks.len(),
                self.nodes()
            ));
        }
        if let Some(worker) = self.workers.iter().find(|worker| worker.group >= self.groups) {
            return wrong(format!(
                "a worker of group {} where `groups` is {}",
                worker.group, self.groups
            ));
        }
        if self.keys == 0 || self.partition_bits.is_some_and(|bits| bits > 6) {
            return wrong("`keys` is at least 1 and `partition_bits` at most 6".to_owned());
        }
        if let Err(error) = self.config().rules() {
            return wrong(error.to_string());
        }
        if let Some(mutant) = self.mutant.filter(|mutant| !mutant.is_in_traffic()) {
            return wrong(format!(
                "the mutant {} exists in the checked model alone",
                mutant.name()
            ));
        }
        let stranger = self
            .incidents
            .iter()
            .find_map(|incident| incident.happening.node().filter(|node| node.0 >= self.nodes()));
        match stranger {
            Some(Node(index)) => wrong(format!(
                "an incident befalls process {index}, and the last is {}",
                self.nodes() - 1
            )),
            None => Ok(()),
        }
    }
}

/// Why a plan cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// It is no plan.
    #[error("not a plan: {0}")]
    Json(#[from] serde_json::Error),
    /// It says what cannot be.
    #[error("the plan cannot be run: {0}")]
    Impossible(String),
}
