//! The actions of the checked world.

use serde::{Deserialize, Serialize};

use super::small::{GroupNo, ProducerNo, Tick, WorkerNo};
use crate::store::View;

/// A process of the checked world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Process {
    /// A process that appends.
    Producer(ProducerNo),
    /// A process that consumes.
    Worker(WorkerNo),
}

/// One step of the checked world: a decision, in the sense of the decision log. Its JSON form is
/// part of the log's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Action {
    /// A producer begins to append its next events as one batch.
    Begin {
        /// The producer.
        producer: ProducerNo,
        /// The number of events in the batch.
        count: u8,
    },
    /// A process sends what it wants, a request or a trigger. A request is applied, and its reply
    /// arrives.
    Send {
        /// The process.
        process: Process,
    },
    /// A process sends its request, which is applied, and the reply is lost.
    LoseReply {
        /// The process.
        process: Process,
    },
    /// A process sends its request, which stays under way. The process still wants it.
    Delay {
        /// The process.
        process: Process,
    },
    /// A request that was under way arrives and is applied. Its reply is lost.
    Arrive {
        /// The request's place among those under way.
        copy: u8,
    },
    /// A worker's read misses something that was written.
    StaleRead {
        /// The worker.
        worker: WorkerNo,
        /// What it sees.
        view: Sight,
    },
    /// A process dies.
    Crash {
        /// The process.
        process: Process,
        /// Whether the process first sends its request, which is applied. The reply is lost.
        applied: bool,
    },
    /// A dead producer runs again, from its input and without memory.
    Restart {
        /// The producer.
        producer: ProducerNo,
    },
    /// A worker takes a trigger and begins a turn.
    Take {
        /// The worker.
        worker: WorkerNo,
        /// The trigger's group.
        group: GroupNo,
    },
    /// A worker's handler finishes its delivery.
    Deliver {
        /// The worker.
        worker: WorkerNo,
    },
    /// A worker looks at its clock.
    Clock {
        /// The worker.
        worker: WorkerNo,
        /// What the clock shows.
        now: Tick,
    },
    /// A worker's time runs out.
    Stop {
        /// The worker.
        worker: WorkerNo,
    },
    /// A group's lease ends by the passing of time.
    Lapse {
        /// The group.
        group: GroupNo,
        /// Whether the owner, if it is alive, sees that before it acts again.
        aware: bool,
    },
    /// A process's only attempt to send a trigger fails.
    LoseTrigger {
        /// The process.
        process: Process,
    },
    /// A trigger arrives once more.
    DuplicateTrigger {
        /// The trigger's group.
        group: GroupNo,
    },
    /// A sweep finds that a group lags, and triggers it.
    Sweep {
        /// The group.
        group: GroupNo,
    },
}

/// What a stale read sees: a [`View`] that is small enough for an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sight {
    /// The read sees no item from this slot on.
    Before(u8),
    /// The read sees every item but this slot's.
    Without(u8),
}

impl Sight {
    /// Returns the view that the store applies.
    #[must_use]
    pub fn view(self) -> View {
        use crate::ids::Seq;
        match self {
            Sight::Before(slot) => View::Before(Seq(slot.into())),
            Sight::Without(slot) => View::Without(Seq(slot.into())),
        }
    }
}
