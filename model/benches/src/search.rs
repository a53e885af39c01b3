//! What is searched, and what a search came to.

use std::num::NonZeroUsize;
use std::time::Duration;

use gapless_model::Invariant;
use gapless_model::check::{Bounds, Clocks, Engine, Task};
use gapless_model::design::Design;
use serde::{Deserialize, Serialize};

/// A search on one thread.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Search {
    /// The protocol.
    Protocol(Protocol),
    /// Two-phase commit on Stateright, with a number of participants.
    TwoPhaseCommit(usize),
}

/// A search of the protocol.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Protocol {
    /// The design.
    pub design: Design,
    /// The size of the world and the faults that may strike it.
    pub bounds: Bounds,
    /// How it is searched.
    pub way: Way,
    /// The most memory of the process, in MiB.
    pub memory: usize,
    /// The longest time, in seconds. `None`: no limit.
    pub seconds: Option<u64>,
}

/// How the protocol is searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Way {
    /// Every order of steps, and states that differ in names apart; without P1.
    Plain,
    /// With the reduction and with symmetry, but without P1.
    Reduced,
    /// As `gapless check` does, with every invariant.
    Shipped,
    /// What [`Way::Plain`] searches, on Stateright.
    Stateright,
}

impl Way {
    /// Every way.
    pub const ALL: [Way; 4] = [Way::Stateright, Way::Plain, Way::Reduced, Way::Shipped];

    /// Returns the name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Way::Plain => "plain",
            Way::Reduced => "reduced",
            Way::Shipped => "shipped",
            Way::Stateright => "stateright",
        }
    }
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Every state was searched.
    Exhaustive,
    /// The time limit was reached.
    Time,
    /// The memory limit was reached.
    Memory,
}

/// What a search came to.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Measured {
    /// The number of different states.
    pub states: u64,
    /// The number of transitions: states generated, including those reached again.
    pub transitions: u64,
    /// From the start of the process to its end.
    pub seconds: f64,
    /// The memory that the search took, in bytes.
    pub memory: u64,
    /// Why it ended.
    pub outcome: Outcome,
}

impl Protocol {
    /// Returns the task for the checker.
    pub(crate) fn task(&self) -> Task {
        let mut task = Task::new("benchmark", self.design, self.bounds, Clocks::Timely);
        if self.way != Way::Shipped {
            // Neither Spin's search for violations of safety nor Stateright judges it.
            task.checked.retain(|invariant| *invariant != Invariant::P1);
        }
        let as_shipped = matches!(self.way, Way::Reduced | Way::Shipped);
        (task.reduced, task.symmetric) = (as_shipped, as_shipped);
        if self.way == Way::Stateright {
            task.engine = Engine::Stateright;
        }
        task.threads = NonZeroUsize::MIN;
        task.max_memory = Some(self.memory << 20);
        task.timeout = self.seconds.map(Duration::from_secs);
        task
    }
}
