//! A counterexample is a decision log: it can be kept, read, and replayed.

use crate::common::{CALM, run, task};
use gapless_model::Invariant;
use gapless_model::check::{ReplayError, Task, Trace, Verdict, replay};
use gapless_model::design::{Design, Gap};

fn trace_of(task: &Task, invariant: Invariant) -> Trace {
    match &run(task).verdicts[&invariant] {
        Verdict::Violated(trace) => (**trace).clone(),
        verdict => panic!("{invariant} should be violated: {verdict:?}"),
    }
}

fn skipped() -> Trace {
    trace_of(&task(Design { gap: Gap::Skip, ..Design::RECOMMENDED }, CALM), Invariant::D3)
}

#[test]
fn no_shorter_part_of_a_counterexample_is_one() {
    let log = skipped().to_ndjson();
    let lines: Vec<&str> = log.lines().collect();
    for length in 1..lines.len() {
        let replayed = replay(&lines[..length].join("\n")).expect("a beginning is a log too");
        assert!(!replayed.violated, "violated after {} steps", length - 1);
    }
}

#[test]
fn the_skipped_event_reads_like_the_story_it_is() {
    let words: Vec<_> = skipped()
        .decisions
        .iter()
        .map(|d| {
            format!("{}: {} -> {}", d.line.who, d.line.did, d.line.answer.as_deref().unwrap_or(""))
        })
        .collect();
    assert_eq!(
        words[words.len() - 4..],
        [
            "producer A: write A1 into slot 1 if empty -> done",
            "worker 1: delivers B1 (slot 2) -> ",
            "worker 1: read events after 2, eventually consistent -> nothing",
            "worker 1: move the checkpoint to 2, releasing the lease, if its epoch is 1 -> released",
        ],
    );
}

#[test]
fn an_empty_log_is_refused() {
    assert!(matches!(replay("\n\n"), Err(ReplayError::Empty)));
}

#[test]
fn a_broken_line_is_named() {
    let log = skipped().to_ndjson().replacen("\"step\":3", "\"step\":", 1);
    assert!(matches!(replay(&log), Err(ReplayError::Line { line: 4, .. })));
}

#[test]
fn another_format_and_another_version_are_refused() {
    let log = skipped().to_ndjson();
    let other = log.replacen("gapless-decisions", "diary", 1);
    assert!(matches!(replay(&other), Err(ReplayError::Format { .. })));
    let newer = log.replacen("\"version\":5", "\"version\":7", 1);
    assert!(matches!(replay(&newer), Err(ReplayError::Version { found: 7 })));
    let production = log.replacen("\"version\":5", "\"version\":6", 1);
    assert!(matches!(replay(&production), Err(ReplayError::Production)));
    // The bounds of version 1 had other names. What is wrong is the version, not one of its fields.
    let older = log.replacen("\"version\":5", "\"version\":1", 1);
    let older = older.replacen("\"slow\"", "\"renewals\"", 1);
    let refused = replay(&older).expect_err("another version");
    assert!(matches!(refused, ReplayError::Version { found: 1 }));
    assert!(refused.to_string().contains("this reads version 5"), "{refused}");
}

#[test]
fn a_design_without_a_choice_on_an_axis_is_refused() {
    let log = skipped().to_ndjson();
    let (before, after) = log.split_once("\"finish\":\"").expect("it has a choice");
    let (_, after) = after.split_once("\",").expect("it ends");
    let refused = replay(&format!("{before}{after}")).expect_err("it may have been another one");
    assert!(refused.to_string().contains("no choice on the axis `finish`"), "{refused}");
}

#[test]
fn a_step_that_cannot_happen_is_named() {
    let log = skipped().to_ndjson();
    let lines: Vec<&str> = log.lines().collect();
    let without_second = [&lines[..2], &lines[3..]].concat().join("\n");
    assert!(matches!(
        replay(&without_second),
        Err(ReplayError::Impossible { .. } | ReplayError::Differs { .. })
    ));
}

#[test]
fn a_log_that_says_something_else_happened_is_refused() {
    let log = skipped().to_ndjson().replacen("given 1", "given 7", 1);
    assert!(matches!(replay(&log), Err(ReplayError::Differs { .. })));
}

#[test]
fn bounds_that_cannot_be_met_are_refused() {
    let log = skipped().to_ndjson().replacen("\"producers\":2", "\"producers\":99", 1);
    assert!(matches!(replay(&log), Err(ReplayError::Bounds(_))));
}

#[test]
fn a_mutant_of_the_traffic_alone_is_refused() {
    let broken = "\"mutant\":\"stale-reads\",\"violates\"";
    let log = skipped().to_ndjson().replacen("\"violates\"", broken, 1);
    assert!(matches!(replay(&log), Err(ReplayError::Mutant("stale-reads"))));
}

#[test]
fn a_header_with_an_unknown_field_is_refused() {
    let older = "\"tamper\":\"unguarded-voids\",\"violates\"";
    let log = skipped().to_ndjson().replacen("\"violates\"", older, 1);
    assert!(matches!(replay(&log), Err(ReplayError::Line { line: 1, .. })));
}
