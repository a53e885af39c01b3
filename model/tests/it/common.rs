//! What the tests of the checker share.

use std::collections::BTreeSet;

use gapless_model::check::{Bounds, Clocks, Progress, Report, Task, Verdict, check, replay};
use gapless_model::design::Design;
use gapless_model::{Invariant, Mutant};

/// A check of a design under the clocks that allow every invariant to hold.
pub fn task(design: Design, bounds: Bounds) -> Task {
    Task::new("tested", design, bounds, Clocks::Timely)
}

/// The same with a protection taken out of the traffic.
pub fn mutated(design: Design, bounds: Bounds, mutant: Mutant) -> Task {
    Task { mutant: Some(mutant), ..task(design, bounds) }
}

/// Runs a check to its end.
pub fn run(task: &Task) -> Report {
    let report = check(task, &mut |_: Progress| true);
    let whole = report.is_exhaustive() && report.is_final();
    assert!(whole, "the search was cut short: {:?}", report.ended);
    report
}

/// What a check finds violated.
pub fn broken(task: &Task) -> BTreeSet<Invariant> {
    run(task).violated().into_iter().collect()
}

/// Asserts that everything holds, and shows the counterexample if not.
pub fn assert_holds(task: &Task) {
    let report = run(task);
    let traces: Vec<_> =
        report.counterexamples().iter().map(|(_, trace)| trace.to_ndjson()).collect();
    assert!(traces.is_empty(), "{:?} is violated:\n{}", task.design, traces.join("\n"));
}

/// Asserts that an invariant is violated; returns how many steps that takes.
pub fn assert_breaks(task: &Task, invariant: Invariant) -> usize {
    let report = run(&Task { checked: vec![invariant], ..task.clone() });
    match &report.verdicts[&invariant] {
        Verdict::Violated(trace) => {
            assert!(trace.minimal);
            let replayed = replay(&trace.to_ndjson()).expect("the log is whole");
            assert!(replayed.violated, "{invariant}: {}", trace.story());
            trace.actions.len()
        }
        verdict => panic!("{invariant} should be violated by {:?}: {verdict:?}", task.design),
    }
}

/// One key whose partition is split, and then either merged or split again, while any process may crash.
pub const ONE_KEY: Bounds = Bounds { producers: 1, events: 2, resplits: 1, ..Bounds::FAMILY };

/// No fault at all, and one of everything there is.
pub const CALM: Bounds = Bounds {
    producers: 2,
    events: 1,
    batch: 1,
    expected: 0,
    workers: 2,
    groups: 1,
    partitions: 1,
    keys: 2,
    splits: 0,
    merges: 0,
    resplits: 0,
    resets: 0,
    skew: 1,
    faults: 0,
    crashes: 0,
    lost_replies: 0,
    late: 0,
    slow: 0,
    stale: 0,
    expiries: 0,
    clock_steps: 0,
    failures: 0,
    handovers: 0,
    twins: 0,
    long_inputs: 0,
    lost_triggers: 0,
    duplicate_triggers: 0,
};
