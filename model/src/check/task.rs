//! What to check, and the limits of the search.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::bounds::{Bounds, Clocks};
use super::protocol::Protocol;
use crate::design::Design;
use crate::invariant::Invariant;
use crate::mutant::Mutant;

/// What to check, and the limits of the search.
#[derive(Clone, Debug)]
pub struct Task {
    /// The name to report.
    pub name: String,
    /// The protocol.
    pub design: Design,
    /// The size of the world and the faults that may strike it.
    pub bounds: Bounds,
    /// What clocks may do.
    pub clocks: Clocks,
    /// The invariants to check; see [`Task::applicable_within`]. Default: all of those.
    pub checked: Vec<Invariant>,
    /// The protection that is taken out, if one is; see [`Mutant::is_in_model`]. Default: none.
    pub mutant: Option<Mutant>,
    /// Whether to leave out orders of steps that make no difference to any verdict. Default: yes.
    pub reduced: bool,
    /// Whether states that differ only in the names of producers, workers or groups are one.
    /// Default: yes.
    pub symmetric: bool,
    /// What searches. Default: the engine of this crate.
    pub engine: Engine,
    /// The number of threads of the exhaustive search. Default: the machine's parallelism.
    pub threads: NonZeroUsize,
    /// The time after which the search ends early. Default: no limit.
    pub timeout: Option<Duration>,
    /// The memory of the process, in bytes, beyond which the search ends early. Default: no limit.
    pub max_memory: Option<usize>,
    /// Where visited states go that take too much memory. Stateright keeps all of its own in memory.
    /// Default: nowhere.
    pub disk: Option<OnDisk>,
}

/// Where visited states go that take too much memory.
#[derive(Clone, Debug)]
pub struct OnDisk {
    /// A folder in which files can be created. They have no name, and are gone with the process.
    pub folder: PathBuf,
    /// The memory for visited states, in bytes, beyond which they go to disk. The file is replaced by
    /// a larger one then, and both exist until that is written.
    pub beyond: usize,
}

impl Task {
    /// Returns a check of every applicable invariant, with the defaults of each field.
    #[must_use]
    pub fn new(name: &str, design: Design, bounds: Bounds, clocks: Clocks) -> Task {
        Task {
            name: name.to_owned(),
            design,
            bounds,
            clocks,
            checked: Task::applicable_within(&bounds, clocks),
            mutant: None,
            reduced: true,
            symmetric: true,
            engine: Engine::Own,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            timeout: None,
            max_memory: None,
            disk: None,
        }
    }

    /// Whether states from which the steps of one process are enough are passed through, and not kept:
    /// where steps are taken in the whole state.
    pub(super) fn passes(&self) -> bool {
        self.reduced && self.bounds.has_lineage()
    }

    /// Returns the invariants that a design can keep under these clocks, where partitions stay as they
    /// are: under unbounded clocks not L2, since no design can promise one active worker there. D4 and P2
    /// are about partitions that come of others.
    #[must_use]
    pub fn applicable(clocks: Clocks) -> Vec<Invariant> {
        applicable(false, clocks)
    }

    /// Returns the same within bounds: D4 and P2 as well where partitions are split or merged.
    #[must_use]
    pub fn applicable_within(bounds: &Bounds, clocks: Clocks) -> Vec<Invariant> {
        applicable(bounds.has_lineage(), clocks)
    }
}

fn applicable(has_lineage: bool, clocks: Clocks) -> Vec<Invariant> {
    let applies = |invariant: &Invariant| {
        (*invariant != Invariant::L2 || clocks == Clocks::Timely)
            && (!invariant.is_about_lineage() || has_lineage)
    };
    Invariant::ALL.iter().copied().filter(applies).collect()
}

/// What searches the states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The engine of this crate.
    Own,
    /// Stateright, as a reference: without symmetry, and without P1.
    Stateright,
}

/// The protocol to search for a task.
pub(super) fn protocol(task: &Task, bounds: Bounds, checked: Vec<Invariant>) -> Protocol {
    let mut protocol = Protocol::new(task.design, bounds, task.clocks, checked);
    let in_model = task.mutant.is_none_or(Mutant::is_in_model);
    assert!(in_model, "the checked model does not have what {:?} takes out", task.mutant);
    protocol.mutant = task.mutant;
    if task.mutant == Some(Mutant::SkewIgnored) {
        protocol.rules.skew = 0;
    }
    protocol.reduced = task.reduced;
    protocol
}
