//! What two searches of the same states must have in common, and searches to compare.

use std::num::NonZeroUsize;

use gapless_model::check::{Bounds, Clocks, Ended, Report, Task, Verdict};
use gapless_model::design::{Design, named};
use gapless_model::{Invariant, Mutant};

use crate::common::{CALM, mutated, task};

const R: Design = Design::RECOMMENDED;

/// What two searches of the same states must have in common, however they were interrupted.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    ended: Ended,
    pub unique: usize,
    generated: usize,
    depth: usize,
    verdicts: Vec<(Invariant, Option<String>)>,
    reachable_marks: usize,
    missed_marks: Vec<&'static str>,
}

pub fn outcome(report: &Report) -> Outcome {
    let verdict = |verdict: &Verdict| match verdict {
        Verdict::Holds => None,
        Verdict::Violated(trace) => Some(trace.to_ndjson()),
        Verdict::Unshown | Verdict::Unknown => Some(format!("{verdict:?}")),
    };
    let verdicts = report.verdicts.iter().map(|(&invariant, found)| (invariant, verdict(found)));
    Outcome {
        ended: report.ended,
        unique: report.unique,
        generated: report.generated,
        depth: report.depth,
        verdicts: verdicts.collect(),
        reachable_marks: report.reachable_marks,
        missed_marks: report.missed_marks.clone(),
    }
}

pub fn design(name: &str) -> Design {
    named(name).expect("a named design").design
}

/// Searches with and without violations, with symmetry and without, reduced and not, and with
/// everything that a state can hold.
pub fn searches() -> Vec<Task> {
    let one = Bounds { faults: 1, crashes: 1, lost_replies: 1, late: 1, slow: 1, ..CALM };
    let all = Bounds { faults: 1, ..Bounds::TINY };
    let groups = Bounds { groups: 2, faults: 1, lost_triggers: 1, ..CALM };
    let expecting = Bounds { expected: 1, faults: 1, lost_replies: 1, ..CALM };
    let batches = Bounds { events: 2, batch: 2, producers: 1, faults: 1, expiries: 1, ..CALM };
    let unbounded = Bounds { faults: 1, expiries: 1, clock_steps: 1, twins: 1, ..CALM };
    vec![
        task(R, one),
        task(design("seed"), all),
        task(design("skip-gaps"), one),
        task(design("observer"), batches),
        task(design("best-effort-trigger"), groups),
        task(design("anonymous"), expecting),
        mutated(R, one, Mutant::LeaseTakenAnyway),
        Task::new("tested", R, unbounded, Clocks::Unbounded),
        Task { symmetric: false, ..task(design("no-counter"), one) },
        Task { reduced: false, ..task(R, CALM) },
        Task { checked: vec![Invariant::L3], ..task(design("read-then-set"), one) },
    ]
}

pub fn with_threads(task: &Task, threads: usize) -> Task {
    Task { threads: NonZeroUsize::new(threads).expect("not zero"), ..task.clone() }
}
