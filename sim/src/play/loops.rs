//! Loops without an end, planted into a run: each is a violation that ends the run, and none eats the
//! machine.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::future::join_all;
use gapless_model::design::Design;
use madsim::time::sleep;

use super::report::RunReport;
use super::run::{in_cluster, watched};
use super::watch::Watch;
use crate::cluster::{self, Cluster};
use crate::engine::EngineKind;
use crate::judge::Breach;
use crate::plan::Profile;

type Looping = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What becomes of a run in which the operator does this beside everybody else.
fn ran(
    goes_on: impl Fn() -> bool,
    looping: impl FnOnce(Arc<Cluster>) -> Looping + Send + 'static,
) -> Option<RunReport> {
    let plan = Profile::Calm.plan(1, Design::RECOMMENDED);
    let owned = plan.clone();
    // Half a second of real time without a step is enough here.
    watched(&plan, Watch::new(5), goes_on, move |seen| {
        in_cluster(&owned, EngineKind::default(), |mut stage| async move {
            let cluster = Arc::clone(stage.cluster());
            let _ = seen.set(Arc::clone(&cluster));
            assert!(stage.set_up().await, "the stream is created");
            let ended = stage.as_operator(looping(cluster)).await;
            assert!(ended.is_err(), "the loop ended by itself");
            stage.report()
        })
    })
}

/// The run breaks its pace, by what the operator does, and says these facts.
#[track_caller]
fn assert_reported(report: Option<RunReport>, facts: &[&str]) {
    let report = report.expect("it is not cut off");
    let violation = report.violation.expect("it is a violation");
    assert_eq!(violation.breach, Breach::Pace);
    let sentence = &violation.explanation.sentence;
    for fact in facts {
        assert!(sentence.contains(fact), "{sentence}");
    }
    assert!(report.log.contains("pace is broken: "), "its last steps are in the log");
    assert!(report.log.contains("CreateTable"), "and those before them");
}

#[test]
fn a_future_that_wakes_itself_is_reported() {
    let busy = |_| -> Looping {
        Box::pin(poll_fn(|context| {
            context.waker().wake_by_ref();
            Poll::Pending
        }))
    };
    assert_reported(
        ran(|| true, busy),
        &["Operator does not come to rest: within 0.001 s", "it was polled 49"],
    );
}

#[test]
fn calls_without_a_wait_between_them_are_reported() {
    let calls = |cluster: Arc<Cluster>| -> Looping {
        Box::pin(async move {
            loop {
                join_all((0..8).map(|_| cluster::create(&cluster))).await;
            }
        })
    };
    assert_reported(
        ran(|| true, calls),
        &["Operator does not come to rest: within 1 s", "sent 401 calls"],
    );
}

#[test]
fn a_loop_around_the_clock_is_reported() {
    let clock = |cluster: Arc<Cluster>| -> Looping {
        Box::pin(async move {
            let client = cluster::client(&cluster, cluster.plan.operator()).await;
            let clock = client.config().time_source().expect("it has one");
            let began = clock.now();
            while clock.now() == began {}
        })
    };
    assert_reported(
        ran(|| true, clock),
        &["Operator does not come to rest: within 0.001 s", "and sent 0 calls"],
    );
}

#[test]
fn a_loop_that_nobody_sees_is_given_up() {
    let silent = |cluster: Arc<Cluster>| -> Looping {
        // Otherwise it would go on behind the tests that follow.
        Box::pin(async move { while !cluster.pace.is_cut_off() {} })
    };
    let report = ran(|| true, silent);
    assert!(report.as_ref().is_some_and(|report| report.given_up));
    assert_reported(report, &["Operator has computed for 0 s of real time without waiting"]);
}

#[test]
fn a_log_that_grows_without_an_end_is_reported() {
    let talks = |cluster: Arc<Cluster>| -> Looping {
        Box::pin(async move {
            while cluster.recorder().violation.is_none() {
                let said = "says the same again and again".repeat(20);
                cluster.recorder().note(crate::moment::now(), "operator", said, None);
                sleep(Duration::from_millis(1)).await;
            }
            cluster.pace.cut_off();
            sleep(Duration::from_millis(1)).await;
        })
    };
    assert_reported(ran(|| true, talks), &["The log grew beyond 4 MB"]);
}

#[test]
fn a_run_without_an_end_is_cut_off_when_the_time_is_up() {
    let waits = |_| -> Looping {
        Box::pin(async {
            loop {
                sleep(Duration::from_secs(1)).await;
            }
        })
    };
    assert!(ran(|| false, waits).is_none());
}
