//! What a check found, and how it tells how far it has come.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use super::task::Task;
use super::trace::Trace;
use crate::invariant::Invariant;

/// The result of a check.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was checked.
    pub task: Task,
    /// The number of different states that were reached. Where a search with states on disk was cut,
    /// those of its last level are left out: they were not compared with those on disk.
    pub unique: usize,
    /// The number of states that were generated, including those reached again.
    pub generated: usize,
    /// The number of steps to the states that are farthest from the first.
    pub depth: usize,
    /// The number of states without faults on which P1 was judged; 0 if it was not.
    pub outlooks: usize,
    /// Whether every state within the bounds was reached. If a limit ended the check nevertheless, it
    /// ended the judgement of P1.
    pub reached_all: bool,
    /// The number of different states that are on disk at the end; see
    /// [`Task::disk`](super::Task::disk).
    pub on_disk: usize,
    /// Why the disk could not be used, if that ended the search.
    pub disk_failed: Option<String>,
    /// The duration of the check, including the search for short counterexamples. If it went on
    /// from a checkpoint file, the time of the earlier runs up to their last checkpoint is included.
    pub elapsed: Duration,
    /// The largest amount of memory that the process held, in bytes.
    pub peak_memory: usize,
    /// The verdict on each invariant that was checked.
    pub verdicts: BTreeMap<Invariant, Verdict>,
    /// The number of kinds of step and outcome that can occur under the design and the bounds.
    pub reachable_marks: usize,
    /// The kinds among those that occurred on no path. If there are any, a verdict rests on less
    /// than it seems to.
    pub missed_marks: Vec<&'static str>,
    /// Why the exhaustive search ended.
    pub ended: Ended,
}

/// The verdict on an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The invariant holds in every state within the bounds.
    Holds,
    /// The invariant does not hold at the end of this trace.
    Violated(Box<Trace>),
    /// The invariant is violated, and a limit ended the search before it came to a counterexample.
    Unshown,
    /// The search ended before it was exhaustive, and met no violation.
    Unknown,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Every state within the bounds was searched.
    Exhausted,
    /// The time limit was reached.
    Timeout,
    /// The memory limit was reached.
    Memory,
    /// The [`Watch`] ended the search.
    Interrupted,
    /// The states on disk could not be written or read.
    Disk,
    /// A sequence number or an epoch outgrew the world, so some paths were cut short.
    Outgrown,
    /// There were more different components than the engine has numbers for, so some states were
    /// left out.
    Crowded,
}

impl Report {
    /// Returns the violated invariants, those with the shortest counterexamples first, and last
    /// those without one.
    #[must_use]
    pub fn violated(&self) -> Vec<Invariant> {
        let shown = self.counterexamples().into_iter().map(|(invariant, _)| invariant);
        let unshown = self.verdicts.iter().filter(|(_, verdict)| **verdict == Verdict::Unshown);
        shown.chain(unshown.map(|(invariant, _)| *invariant)).collect()
    }

    /// Returns the counterexamples of the violated invariants, the shortest first.
    #[must_use]
    pub fn counterexamples(&self) -> Vec<(Invariant, &Trace)> {
        let mut found: Vec<_> = self
            .verdicts
            .iter()
            .filter_map(|(invariant, verdict)| match verdict {
                Verdict::Violated(trace) => Some((*invariant, &**trace)),
                Verdict::Holds | Verdict::Unshown | Verdict::Unknown => None,
            })
            .collect();
        found.sort_by_key(|(invariant, trace)| (trace.actions.len(), *invariant));
        found
    }

    /// Returns whether the search covered every state within the bounds and every verdict is known.
    #[must_use]
    pub fn is_exhaustive(&self) -> bool {
        self.verdicts.values().all(|verdict| *verdict != Verdict::Unknown)
            && self.ended == Ended::Exhausted
    }

    /// Returns whether the same check would find no more if it went on: no other verdict, and no
    /// counterexample that it had no time for.
    #[must_use]
    pub fn is_final(&self) -> bool {
        let unshown = self.verdicts.values().any(|verdict| *verdict == Verdict::Unshown);
        let for_good = matches!(self.ended, Ended::Outgrown | Ended::Crowded);
        !unshown && (self.is_exhaustive() || for_good)
    }
}

/// The result of a check that was kept in a file while it was unfinished.
#[derive(Debug)]
pub struct Resumed {
    /// What was found, in this run and before it.
    pub report: Report,
    /// The number of states with which this run began, if the file had a search.
    pub from: Option<usize>,
    /// Why the last checkpoint could not be written, if it could not. The one before is kept still,
    /// if there was one.
    pub unsaved: Option<std::io::Error>,
}

/// How far a search has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The number of different states that were reached so far.
    pub unique: usize,
    /// The number of states that were generated so far, including those reached again.
    pub generated: usize,
    /// The number of steps to the states that are reached now.
    pub depth: usize,
    /// The memory that the process holds, in bytes.
    pub memory: usize,
    /// Whether this is the search for a short counterexample.
    pub shortening: bool,
}

/// Watches a search, and may end it. Closures from [`Progress`] to `bool` are watches.
pub trait Watch {
    /// Returns whether the search is to go on. It is called several times a second.
    fn proceed(&mut self, progress: Progress) -> bool;
}

impl<F: FnMut(Progress) -> bool> Watch for F {
    fn proceed(&mut self, progress: Progress) -> bool {
        self(progress)
    }
}
