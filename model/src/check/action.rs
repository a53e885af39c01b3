//! What can happen next in the checked world.

use serde::{Deserialize, Serialize};

use super::small::{GroupNo, ProducerNo, Tick, WorkerNo};
use crate::store::View;

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Process {
    /// One that appends.
    Producer(ProducerNo),
    /// One that consumes.
    Worker(WorkerNo),
}

/// One step of the world: a decision, in the sense of the decision log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Action {
    /// A producer begins to append its next events, this many as one batch.
    Begin {
        /// Which.
        producer: ProducerNo,
        /// How many events.
        count: u8,
    },
    /// A process sends what it wants, it is applied, and the reply is heard.
    Send {
        /// Which.
        process: Process,
    },
    /// A process sends what it wants, it is applied, and the reply is lost.
    LoseReply {
        /// Which.
        process: Process,
    },
    /// A process sends what it wants, and a copy stays under way.
    Delay {
        /// Which.
        process: Process,
    },
    /// A copy that was under way arrives.
    Arrive {
        /// Which: its place among those under way.
        copy: u8,
    },
    /// A worker's read misses something.
    StaleRead {
        /// Which worker.
        worker: WorkerNo,
        /// What it sees.
        view: Sight,
    },
    /// A process dies.
    Crash {
        /// Which.
        process: Process,
        /// Whether the request it wanted was sent and applied; it heard no reply.
        applied: bool,
    },
    /// A named producer runs again, from its input, without memory.
    Restart {
        /// Which.
        producer: ProducerNo,
    },
    /// A worker takes a trigger and begins a turn.
    Take {
        /// Which worker.
        worker: WorkerNo,
        /// The trigger's group.
        group: GroupNo,
    },
    /// A worker's handler does its work.
    Deliver {
        /// Which worker.
        worker: WorkerNo,
    },
    /// A worker looks at its clock.
    Clock {
        /// Which worker.
        worker: WorkerNo,
        /// What it sees.
        now: Tick,
    },
    /// A worker's time is running out.
    Stop {
        /// Which worker.
        worker: WorkerNo,
    },
    /// A group's lease ends.
    Lapse {
        /// Whose.
        group: GroupNo,
        /// Whether its owner, if alive, knows.
        aware: bool,
    },
    /// A process's only attempt to send a trigger fails.
    LoseTrigger {
        /// Which.
        process: Process,
    },
    /// A trigger arrives once more.
    DuplicateTrigger {
        /// Whose.
        group: GroupNo,
    },
    /// A sweep finds that a group lags.
    Sweep {
        /// Which group.
        group: GroupNo,
    },
}

/// A stale read's view, small enough for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// Nothing from this slot on.
    Before(u8),
    /// Everything but this slot.
    Without(u8),
}

impl Sight {
    /// As the store understands it.
    #[must_use]
    pub fn view(self) -> View {
        use crate::ids::Seq;
        match self {
            Sight::Before(slot) => View::Before(Seq(slot.into())),
            Sight::Without(slot) => View::Without(Seq(slot.into())),
        }
    }
}
