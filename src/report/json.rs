//! Results for machines.

use std::collections::BTreeMap;

use gapless_model::check::{Bounds, Clocks, Ended, Engine, Report, Trace, Verdict};
use gapless_model::design::Design;
use gapless_model::explanation::Explanation;
use serde::Serialize;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Results<'a> {
    format: &'static str,
    version: u32,
    checks: Vec<Check<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Check<'a> {
    name: &'a str,
    design: &'a Design,
    bounds: &'a Bounds,
    clocks: Clocks,
    engine: Engine,
    symmetry: bool,
    unique_states: usize,
    generated_states: usize,
    /// The states without faults on which P1 was judged; 0 if it was not.
    p1_states: usize,
    depth: usize,
    /// Of the unique states, how many went to disk.
    disk_states: usize,
    seconds: f64,
    peak_memory_bytes: usize,
    ended: Ended,
    /// Why the disk could not be used, if that ended the search.
    #[serde(skip_serializing_if = "Option::is_none")]
    disk_failed: Option<&'a str>,
    exhaustive: bool,
    properties: BTreeMap<&'static str, Property<'a>>,
    exercised: usize,
    exercisable: usize,
    never_exercised: &'a [&'static str],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case", tag = "verdict")]
enum Property<'a> {
    Holds,
    Unknown,
    #[serde(rename = "violated")]
    Unshown,
    Violated(Counterexample<'a>),
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Counterexample<'a> {
    steps: usize,
    faults: usize,
    minimal: bool,
    explanation: &'a Explanation,
    decisions: &'a [gapless_model::check::Decision],
}

/// The results as one JSON document.
pub fn results(reports: &[Report]) -> String {
    let checks = reports.iter().map(check).collect();
    let results = Results { format: "gapless-check", version: 2, checks };
    let text = serde_json::to_string_pretty(&results).unwrap_or_default();
    format!("{text}\n")
}

fn check(report: &Report) -> Check<'_> {
    Check {
        name: &report.task.name,
        design: &report.task.design,
        bounds: &report.task.bounds,
        clocks: report.task.clocks,
        engine: report.task.engine,
        symmetry: report.task.symmetric && report.task.engine == Engine::Own,
        unique_states: report.unique,
        generated_states: report.generated,
        p1_states: report.outlooks,
        depth: report.depth,
        disk_states: report.on_disk,
        seconds: report.elapsed.as_secs_f64(),
        peak_memory_bytes: report.peak_memory,
        ended: report.ended,
        disk_failed: report.disk_failed.as_deref(),
        exhaustive: report.is_exhaustive(),
        properties: report
            .verdicts
            .iter()
            .map(|(invariant, verdict)| (invariant.name(), property(verdict)))
            .collect(),
        exercised: report.reachable_marks - report.missed_marks.len(),
        exercisable: report.reachable_marks,
        never_exercised: &report.missed_marks,
    }
}

fn property(verdict: &Verdict) -> Property<'_> {
    match verdict {
        Verdict::Holds => Property::Holds,
        Verdict::Unknown => Property::Unknown,
        Verdict::Unshown => Property::Unshown,
        Verdict::Violated(trace) => Property::Violated(counterexample(trace)),
    }
}

fn counterexample(trace: &Trace) -> Counterexample<'_> {
    Counterexample {
        steps: trace.actions.len(),
        faults: trace.faults(),
        minimal: trace.minimal,
        explanation: &trace.explanation,
        decisions: &trace.decisions,
    }
}
