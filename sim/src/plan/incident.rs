//! The incidents of a run: what happens to processes, links, clocks and the store, and when.

use serde::{Deserialize, Serialize};

use super::units::{Millis, Node};

/// Something that happens once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// When.
    pub at: Millis,
    /// What.
    pub happening: Happening,
}

/// Which messages a broken link loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// What the process sends.
    Out,
    /// What is sent to it.
    In,
    /// Both.
    Both,
}

/// What an operator does at a bad moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorAction {
    /// Audits the tables beside live traffic: whatever it finds is a violation.
    Audit,
    /// Creates the stream again, which must change nothing.
    Create,
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happening {
    /// A process dies, and starts again without memory.
    Crash {
        /// Who.
        #[serde(rename = "process")]
        node: Node,
        /// How long it is away.
        down: Millis,
    },
    /// A process stands still, and goes on as if nothing had been: scenario 7.
    Freeze {
        /// Who.
        #[serde(rename = "process")]
        node: Node,
        /// How long.
        span: Millis,
    },
    /// A worker is asked to stop, and started again later.
    Stop {
        /// Who.
        #[serde(rename = "process")]
        node: Node,
        /// How long it stays away.
        down: Millis,
    },
    /// A process cannot reach the others, or cannot be reached.
    Cut {
        /// Who.
        #[serde(rename = "process")]
        node: Node,
        /// Which messages are lost.
        direction: Direction,
        /// How long.
        span: Millis,
    },
    /// A clock is set.
    SetClock {
        /// Whose.
        #[serde(rename = "process")]
        node: Node,
        /// What it is ahead by from then on, in milliseconds.
        offset: i64,
    },
    /// The store turns most calls away.
    Storm {
        /// How long.
        span: Millis,
    },
    /// One partition's calls take long.
    SlowPartition {
        /// Which, counted through the layout.
        partition: u8,
        /// How much longer.
        by: Millis,
        /// How long that lasts.
        span: Millis,
    },
    /// The store forgets what is under way, and comes back with what it acknowledged.
    RestartEngine {
        /// How long it is away.
        down: Millis,
    },
    /// An operator acts.
    Operate {
        /// What.
        act: OperatorAction,
    },
}

/// The kinds of [`Happening`].
pub const HAPPENINGS: [&str; 9] = [
    "crash",
    "freeze",
    "stop",
    "cut",
    "set-clock",
    "storm",
    "slow-partition",
    "restart-engine",
    "operate",
];

impl Happening {
    /// The place of its kind in [`HAPPENINGS`].
    #[must_use]
    pub fn kind(self) -> usize {
        match self {
            Happening::Crash { .. } => 0,
            Happening::Freeze { .. } => 1,
            Happening::Stop { .. } => 2,
            Happening::Cut { .. } => 3,
            Happening::SetClock { .. } => 4,
            Happening::Storm { .. } => 5,
            Happening::SlowPartition { .. } => 6,
            Happening::RestartEngine { .. } => 7,
            Happening::Operate { .. } => 8,
        }
    }

    /// What it is called.
    #[must_use]
    pub fn name(self) -> &'static str {
        HAPPENINGS[self.kind()]
    }

    /// The same, to the process that `moved` says.
    #[must_use]
    pub(crate) fn renumbered(self, moved: impl Fn(Node) -> Node) -> Happening {
        match self {
            Happening::Crash { node, down } => Happening::Crash { node: moved(node), down },
            Happening::Freeze { node, span } => Happening::Freeze { node: moved(node), span },
            Happening::Stop { node, down } => Happening::Stop { node: moved(node), down },
            Happening::Cut { node, direction, span } => {
                Happening::Cut { node: moved(node), direction, span }
            }
            Happening::SetClock { node, offset } => {
                Happening::SetClock { node: moved(node), offset }
            }
            Happening::Storm { .. }
            | Happening::SlowPartition { .. }
            | Happening::RestartEngine { .. }
            | Happening::Operate { .. } => self,
        }
    }

    /// Whom it befalls, if it is a process.
    #[must_use]
    pub fn node(self) -> Option<Node> {
        match self {
            Happening::Crash { node, .. }
            | Happening::Freeze { node, .. }
            | Happening::Stop { node, .. }
            | Happening::Cut { node, .. }
            | Happening::SetClock { node, .. } => Some(node),
            Happening::Storm { .. }
            | Happening::SlowPartition { .. }
            | Happening::RestartEngine { .. }
            | Happening::Operate { .. } => None,
        }
    }
}
