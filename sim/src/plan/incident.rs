//! The incidents of a run: what happens to nodes, links, clocks and the store, and when.

use serde::{Deserialize, Serialize};

use super::units::{Millis, Node};

/// Something that happens once in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Incident {
    /// When it happens.
    pub at: Millis,
    /// What happens.
    pub happening: Happening,
    /// The moment of the protocol that it waits for from then on, if it waits for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ambush: Option<Ambush>,
}

/// What an incident waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ambush {
    /// The moment.
    pub moment: Moment,
    /// How long after it the incident happens.
    pub after: Millis,
}

/// A moment of the protocol: a request of the incident's node was applied, and its reply is still under
/// way; or it is delayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// A producer was given a number; where the design has no request for that alone, its slot.
    Raised,
    /// A worker was given a lease.
    Acquired,
    /// A worker has read events.
    Read,
    /// A worker has asked how far its group is in a partition that comes before another.
    Asked,
    /// A worker's checkpoint has moved.
    Checkpointed,
    /// A worker's checkpoint is on its way, and will arrive when its sender has given it up.
    CheckpointDelayed,
}

/// Which messages a broken link loses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The messages that the node sends.
    Out,
    /// The messages that are sent to the node.
    In,
    /// All of its messages.
    Both,
}

/// What the operator does in the middle of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OperatorAction {
    /// Audits the tables beside live traffic. Every finding is a violation.
    Audit,
    /// Creates the stream once more, which must change nothing.
    Create,
    /// Opens the stream with another design, which must be refused.
    OpenOtherwise,
    /// Splits a partition in two.
    Split {
        /// Which of those that take events, modulo how many there are.
        leaf: u8,
        /// After how long it dies, if it does: it may have been done by then.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dies: Option<Millis>,
    },
    /// Merges a partition with all that came of the other half of its family.
    Merge {
        /// Which of those that take events, modulo how many there are.
        leaf: u8,
        /// After how long it dies, if it does: it may have been done by then, or half of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dies: Option<Millis>,
    },
    /// Moves a group's checkpoint back, with everything that came of the partition.
    Reset {
        /// Which group, modulo how many there are.
        group: u8,
        /// Which of all partitions, modulo how many there are.
        partition: u8,
        /// How many percent of what the group had finished stay finished.
        keeps: u8,
        /// After how long the operator dies, if it does: with some of the leases in its hands.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        dies: Option<Millis>,
    },
}

/// What happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Happening {
    /// A node crashes and restarts without memory.
    Crash {
        /// The node.
        #[serde(rename = "process")]
        node: Node,
        /// How long until the restart.
        down: Millis,
    },
    /// A node pauses and resumes without noticing, like a process in a long garbage collection.
    Freeze {
        /// The node.
        #[serde(rename = "process")]
        node: Node,
        /// How long.
        span: Millis,
    },
    /// A worker is asked to stop and is started again later.
    Stop {
        /// The node.
        #[serde(rename = "process")]
        node: Node,
        /// How long until it is started again.
        down: Millis,
    },
    /// A worker's run is dropped in the middle of its turns, and the same worker runs again at once; or
    /// the appends are dropped that a producer waits for, and it goes on with the next.
    Drop {
        /// The node.
        #[serde(rename = "process")]
        node: Node,
    },
    /// A node's link is cut.
    Cut {
        /// The node.
        #[serde(rename = "process")]
        node: Node,
        /// Which messages are lost.
        direction: Direction,
        /// How long.
        span: Millis,
    },
    /// A node's clock is set.
    SetClock {
        /// The node.
        #[serde(rename = "process")]
        node: Node,
        /// How far it is ahead from then on, in milliseconds.
        offset: i64,
    },
    /// The store throttles most calls.
    Storm {
        /// How long.
        span: Millis,
    },
    /// Calls to one partition take longer.
    SlowPartition {
        /// The partition's index in the layout, modulo the number of partitions.
        partition: u8,
        /// How much longer.
        by: Millis,
        /// For how long.
        span: Millis,
    },
    /// The store restarts: it drops the requests in progress and keeps what it acknowledged.
    RestartEngine {
        /// How long until the restart.
        down: Millis,
    },
    /// The operator acts.
    Operate {
        /// What it does.
        act: OperatorAction,
    },
    /// The store refuses every call of a process for good, as if its credentials had expired. What is
    /// under way then has no answer.
    LockOut {
        /// The node.
        #[serde(rename = "process")]
        node: Node,
        /// How long.
        span: Millis,
    },
    /// The store throttles most calls to one partition, as it does where one gets more than its share
    /// of the throughput.
    HotPartition {
        /// The partition's index in the layout, modulo the number of partitions.
        partition: u8,
        /// For how long.
        span: Millis,
    },
    /// Every call of a process takes longer before it leaves. A later one takes the place of an earlier
    /// one.
    SlowProcess {
        /// The node.
        #[serde(rename = "process")]
        node: Node,
        /// How much longer.
        by: Millis,
        /// For how long.
        span: Millis,
    },
    /// The index of partitions gets more writes than it can take: the store throttles most writes of the
    /// Partitions table. Reads are answered.
    HotIndex {
        /// For how long.
        span: Millis,
    },
    /// One table, or the table's stream, fails most calls with internal errors. The others work.
    Outage {
        /// What fails.
        part: StorePart,
        /// How long.
        span: Millis,
    },
}

/// A part of the store that can fail by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StorePart {
    /// The Partitions table.
    Partitions,
    /// The Events table.
    Events,
    /// The Consumers table.
    Consumers,
    /// The Events table's stream.
    Stream,
}

/// The names of the kinds of [`Happening`], in the order of [`Happening::kind`].
pub const HAPPENINGS: [&str; 15] = [
    "crash",
    "freeze",
    "stop",
    "cut",
    "set-clock",
    "storm",
    "slow-partition",
    "restart-engine",
    "operate",
    "drop",
    "lock-out",
    "hot-partition",
    "outage",
    "slow-process",
    "hot-index",
];

/// How many kinds are drawn at random, the first ones. The others are drawn by themselves.
pub(super) const DRAWN: usize = 10;

impl Happening {
    /// The index of its kind in [`HAPPENINGS`].
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
            Happening::Drop { .. } => 9,
            Happening::LockOut { .. } => 10,
            Happening::HotPartition { .. } => 11,
            Happening::Outage { .. } => 12,
            Happening::SlowProcess { .. } => 13,
            Happening::HotIndex { .. } => 14,
        }
    }

    /// The name of its kind.
    #[must_use]
    pub fn name(self) -> &'static str {
        HAPPENINGS[self.kind()]
    }

    /// The same happening, with its node replaced by what `moved` returns for it.
    #[must_use]
    pub(crate) fn renumbered(self, moved: impl Fn(Node) -> Node) -> Happening {
        match self {
            Happening::Crash { node, down } => Happening::Crash { node: moved(node), down },
            Happening::Freeze { node, span } => Happening::Freeze { node: moved(node), span },
            Happening::Stop { node, down } => Happening::Stop { node: moved(node), down },
            Happening::Drop { node } => Happening::Drop { node: moved(node) },
            Happening::Cut { node, direction, span } => {
                Happening::Cut { node: moved(node), direction, span }
            }
            Happening::SetClock { node, offset } => {
                Happening::SetClock { node: moved(node), offset }
            }
            Happening::LockOut { node, span } => Happening::LockOut { node: moved(node), span },
            Happening::SlowProcess { node, by, span } => {
                Happening::SlowProcess { node: moved(node), by, span }
            }
            Happening::Storm { .. }
            | Happening::SlowPartition { .. }
            | Happening::RestartEngine { .. }
            | Happening::HotPartition { .. }
            | Happening::HotIndex { .. }
            | Happening::Outage { .. }
            | Happening::Operate { .. } => self,
        }
    }

    /// The node that it concerns, if it concerns one.
    #[must_use]
    pub fn node(self) -> Option<Node> {
        match self {
            Happening::Crash { node, .. }
            | Happening::Freeze { node, .. }
            | Happening::Stop { node, .. }
            | Happening::Drop { node }
            | Happening::Cut { node, .. }
            | Happening::SetClock { node, .. }
            | Happening::SlowProcess { node, .. }
            | Happening::LockOut { node, .. } => Some(node),
            Happening::Storm { .. }
            | Happening::SlowPartition { .. }
            | Happening::RestartEngine { .. }
            | Happening::HotPartition { .. }
            | Happening::HotIndex { .. }
            | Happening::Outage { .. }
            | Happening::Operate { .. } => None,
        }
    }

    /// How much longer it makes a call take.
    pub(super) fn delay(self) -> Option<Millis> {
        match self {
            Happening::SlowPartition { by, .. } | Happening::SlowProcess { by, .. } => Some(by),
            Happening::Crash { .. }
            | Happening::Freeze { .. }
            | Happening::Stop { .. }
            | Happening::Drop { .. }
            | Happening::Cut { .. }
            | Happening::SetClock { .. }
            | Happening::Storm { .. }
            | Happening::RestartEngine { .. }
            | Happening::Operate { .. }
            | Happening::LockOut { .. }
            | Happening::HotPartition { .. }
            | Happening::HotIndex { .. }
            | Happening::Outage { .. } => None,
        }
    }

    /// How long it lasts, if it has an end.
    pub(super) fn span(self) -> Option<Millis> {
        match self {
            Happening::Crash { down, .. }
            | Happening::Stop { down, .. }
            | Happening::RestartEngine { down } => Some(down),
            Happening::Freeze { span, .. }
            | Happening::Cut { span, .. }
            | Happening::Storm { span }
            | Happening::SlowPartition { span, .. }
            | Happening::LockOut { span, .. }
            | Happening::HotPartition { span, .. }
            | Happening::HotIndex { span }
            | Happening::SlowProcess { span, .. }
            | Happening::Outage { span, .. } => Some(span),
            Happening::Drop { .. } | Happening::SetClock { .. } | Happening::Operate { .. } => None,
        }
    }
}
