//! A store that does not answer at all: a run that could not begin, or could not look at what it left,
//! is no run in which nothing is broken.

use gapless_model::design::Design;

use super::report::RunReport;
use super::run::{in_cluster, on_a_thread_of_its_own, run};
use crate::engine::EngineKind;
use crate::judge::Breach;
use crate::plan::{Happening, Incident, Millis, Profile, Trouble};

#[track_caller]
fn assert_unexplained(report: RunReport, what: &str) {
    let violation = report.violation.expect("it is a violation");
    assert_eq!(violation.breach, Breach::Error);
    let sentence = &violation.explanation.sentence;
    assert!(sentence.contains(what), "{sentence}");
}

#[test]
fn a_stream_that_cannot_be_created_fails_the_run() {
    let mut plan = Profile::Calm.plan(1, Design::RECOMMENDED);
    let mut weights = Trouble::default().weights;
    // Every request is lost.
    weights[0] = 1;
    plan.trouble = Trouble { ppm: 1_000_000, weights, span: plan.lease };
    assert_unexplained(run(&plan), "the stream could not be created in 100 attempts");
}

#[test]
fn a_final_audit_that_cannot_run_fails_the_run() {
    let plan = Profile::Calm.plan(1, Design::RECOMMENDED);
    let ran = on_a_thread_of_its_own("run", move || {
        in_cluster(&plan, EngineKind::default(), |mut stage| async move {
            assert!(stage.set_up().await, "the stream is created");
            stage.run_incidents().await;
            stage.heal();
            let down = Happening::RestartEngine { down: Millis(1_000_000) };
            stage.inject(&Incident { at: Millis(0), happening: down, ambush: None });
            stage.await_progress().await;
            stage.report()
        })
    });
    assert_unexplained(ran.expect("no panic"), "the final audit never came to its end: ");
}
