//! The actions of the checked world.

use serde::{Deserialize, Serialize};

use super::small::{GroupNo, OperatorNo, PartitionNo, ProducerNo, WorkerNo};
use crate::store::View;

/// A process of the checked world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Process {
    /// A process that appends. The numbers after those of the producers are their second runs.
    Producer(ProducerNo),
    /// A process that consumes.
    Worker(WorkerNo),
    /// A process that splits or merges partitions.
    Operator(OperatorNo),
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
    /// arrives, before time passes.
    Send {
        /// The process.
        process: Process,
    },
    /// A process sends its request, which is applied, and the reply is lost.
    LoseReply {
        /// The process.
        process: Process,
    },
    /// A process gives up on its request, a copy of which stays under way. The process still wants
    /// it.
    Delay {
        /// The process.
        process: Process,
    },
    /// A request that was under way arrives and is applied. Its reply is lost.
    Arrive {
        /// The request's place among those under way.
        copy: u8,
    },
    /// A worker sends a request that takes its time.
    Depart {
        /// The worker.
        worker: WorkerNo,
    },
    /// The request that a worker waits for is applied.
    Land {
        /// The worker.
        worker: WorkerNo,
    },
    /// The reply that a worker waits for arrives.
    Hear {
        /// The worker.
        worker: WorkerNo,
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
    /// An operator begins to split or merge, or begins again after it died.
    Operate {
        /// The operator.
        operator: OperatorNo,
    },
    /// A second run of a named producer starts while the first is alive.
    Twin {
        /// The producer.
        producer: ProducerNo,
    },
    /// The input of a producer turns out one event longer.
    Lengthen {
        /// The producer.
        producer: ProducerNo,
    },
    /// A worker takes a trigger and begins a turn.
    Take {
        /// The worker.
        worker: WorkerNo,
        /// The trigger's group.
        group: GroupNo,
        /// The trigger's partition.
        partition: PartitionNo,
    },
    /// A worker's handler finishes its delivery.
    Deliver {
        /// The worker.
        worker: WorkerNo,
    },
    /// A worker's handler fails in the middle of a delivery.
    Fail {
        /// The worker.
        worker: WorkerNo,
        /// The number of slots that were delivered before that.
        delivered: u8,
    },
    /// A worker's turn is dropped, outside a delivery. The worker lives on.
    Drop {
        /// The worker.
        worker: WorkerNo,
        /// Whether the turn first sends its request, which is applied. The reply is lost.
        applied: bool,
    },
    /// A worker looks at its clock, because something that it waits for is due.
    Clock {
        /// The worker.
        worker: WorkerNo,
    },
    /// A worker's time runs out.
    Stop {
        /// The worker.
        worker: WorkerNo,
    },
    /// Every clock advances by one tick.
    Tick,
    /// A worker's clock is set.
    SetClock {
        /// The worker.
        worker: WorkerNo,
        /// By how many ticks it is ahead of the time of the world afterwards.
        ahead: u8,
    },
    /// A process's only attempt to send a trigger fails.
    LoseTrigger {
        /// The process.
        process: Process,
    },
    /// A trigger arrives once more, or an index that is behind shows a lag that is gone.
    DuplicateTrigger {
        /// The trigger's group.
        group: GroupNo,
        /// The trigger's partition.
        partition: PartitionNo,
    },
    /// A sweep finds that a group lags, and triggers it.
    Sweep {
        /// The group.
        group: GroupNo,
        /// The partition.
        partition: PartitionNo,
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
