//! The script of a run: a counterexample of the checker, to be played step by step.

use serde::{Deserialize, Serialize};

use super::units::{Millis, Node};

/// What the processes of a run do, step by step. Until its end they do nothing else, and time passes in
/// its ticks alone. After that the run goes on without any fault.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// How long a tick is.
    pub tick: Millis,
    /// The steps, in order.
    pub steps: Vec<ScriptStep>,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptStep {
    /// The step in the words of the checker.
    pub says: String,
    /// What happens.
    pub act: Act,
}

/// What happens in a step. `asks` is the request that the process sends, in the words of the decision
/// log: if it wants another one, the run has diverged from the script.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// A request is applied, and its sender hears the reply.
    Send {
        /// The sender.
        node: Node,
        /// The request.
        asks: String,
    },
    /// A request is applied, and its reply is lost.
    LoseReply {
        /// The sender.
        node: Node,
        /// The request.
        asks: String,
    },
    /// A sender gives up on its request, which stays under way.
    Delay {
        /// The sender.
        node: Node,
        /// The request.
        asks: String,
    },
    /// A request that was under way is applied.
    Arrive {
        /// The request.
        asks: String,
    },
    /// A process sends a request that takes its time.
    Depart {
        /// The sender.
        node: Node,
        /// The request.
        asks: String,
    },
    /// The request that takes its time is applied.
    Land {
        /// The sender.
        node: Node,
    },
    /// The reply to the request that took its time arrives.
    Hear {
        /// The sender.
        node: Node,
    },
    /// A process dies. A worker starts again at once, a producer by a step of its own.
    Crash {
        /// The process.
        node: Node,
        /// The request of its that is applied before.
        asks: Option<String>,
    },
    /// A dead producer runs again.
    Restart {
        /// The producer.
        node: Node,
    },
    /// The second run of a named producer starts.
    Start {
        /// The second run.
        node: Node,
    },
    /// A worker takes a trigger.
    Take {
        /// The worker.
        node: Node,
    },
    /// A worker's handler finishes its delivery.
    Deliver {
        /// The worker.
        node: Node,
    },
    /// A worker's handler fails.
    Fail {
        /// The worker.
        node: Node,
    },
    /// A worker's run is dropped, and the same worker runs again.
    Drop {
        /// The worker.
        node: Node,
        /// The request of its that is applied before.
        asks: Option<String>,
    },
    /// A worker looks at its clock.
    Clock {
        /// The worker.
        node: Node,
    },
    /// A worker is asked to stop.
    Stop {
        /// The worker.
        node: Node,
    },
    /// Every clock advances by a tick.
    Tick,
    /// A clock is set.
    SetClock {
        /// Whose clock.
        node: Node,
        /// By how many ticks it is ahead of the time of the world afterwards.
        ahead: u8,
    },
    /// Nothing that the run needs: a trigger is sent, is lost or arrives again, or a sweep finds work. A
    /// worker of the run takes a trigger when the script says so.
    Nothing,
}

impl Act {
    /// Whose step it is, and whether it can be a worker's alone (`true`) or a producer's (`false`).
    pub(super) fn node(&self) -> Option<(Node, Option<bool>)> {
        match self {
            Act::Send { node, .. }
            | Act::LoseReply { node, .. }
            | Act::Delay { node, .. }
            | Act::Crash { node, .. } => Some((*node, None)),
            Act::Restart { node } | Act::Start { node } => Some((*node, Some(false))),
            Act::Depart { node, .. }
            | Act::Land { node }
            | Act::Hear { node }
            | Act::Take { node }
            | Act::Deliver { node }
            | Act::Fail { node }
            | Act::Drop { node, .. }
            | Act::Clock { node }
            | Act::Stop { node }
            | Act::SetClock { node, .. } => Some((*node, Some(true))),
            Act::Arrive { .. } | Act::Tick | Act::Nothing => None,
        }
    }
}

/// How far a run has followed its script.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    /// How many steps were taken, the one that broke something included.
    pub steps: usize,
    /// Whether it took all of them, and went on by itself.
    pub is_whole: bool,
    /// The steps before which a worker renewed its lease, or looked behind its delivery, and the script
    /// does not say so: it looks at its clock more often than in the checked world.
    pub detours: Vec<usize>,
    /// Where the run could not follow; `None` if it took every step, or broke something before.
    pub diverges: Option<Divergence>,
}

/// A step that was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// The step, from 1.
    pub step: usize,
    /// The step in the words of the checker.
    pub says: String,
    /// What the adapter wanted instead, in a clause.
    pub instead: String,
}
