//! The incidents of a run: what happens to processes, links, clocks and the store, and when.

use serde::{Deserialize, Serialize};

use super::units::{Millis, Process};

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
pub enum Act {
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
        process: Process,
        /// How long it is away.
        down: Millis,
    },
    /// A process stands still, and goes on as if nothing had been: scenario 7.
    Freeze {
        /// Who.
        process: Process,
        /// How long.
        span: Millis,
    },
    /// A worker is asked to stop, and started again later.
    Stop {
        /// Who.
        process: Process,
        /// How long it stays away.
        down: Millis,
    },
    /// A process cannot reach the others, or cannot be reached.
    Cut {
        /// Who.
        process: Process,
        /// Which messages are lost.
        direction: Direction,
        /// How long.
        span: Millis,
    },
    /// A clock is set.
    SetClock {
        /// Whose.
        process: Process,
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
        act: Act,
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
    pub(crate) fn of(self, moved: impl Fn(Process) -> Process) -> Happening {
        match self {
            Happening::Crash { process, down } => {
                Happening::Crash { process: moved(process), down }
            }
            Happening::Freeze { process, span } => {
                Happening::Freeze { process: moved(process), span }
            }
            Happening::Stop { process, down } => Happening::Stop { process: moved(process), down },
            Happening::Cut { process, direction, span } => {
                Happening::Cut { process: moved(process), direction, span }
            }
            Happening::SetClock { process, offset } => {
                Happening::SetClock { process: moved(process), offset }
            }
            Happening::Storm { .. }
            | Happening::SlowPartition { .. }
            | Happening::RestartEngine { .. }
            | Happening::Operate { .. } => self,
        }
    }

    /// Whom it befalls, if it is a process.
    #[must_use]
    pub fn process(self) -> Option<Process> {
        match self {
            Happening::Crash { process, .. }
            | Happening::Freeze { process, .. }
            | Happening::Stop { process, .. }
            | Happening::Cut { process, .. }
            | Happening::SetClock { process, .. } => Some(process),
            Happening::Storm { .. }
            | Happening::SlowPartition { .. }
            | Happening::RestartEngine { .. }
            | Happening::Operate { .. } => None,
        }
    }
}
