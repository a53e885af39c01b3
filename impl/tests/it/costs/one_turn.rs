//! A turn on one partition that the caller names.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::{join, select};
use gapless::trigger::{Hints, Trigger};
use gapless::{
    Delivery, Event, HandlerError, Layout, PartitionId, Stream, TurnOutcome, TurnReport,
    WorkerError,
};
use gapless_model::Time as _;

use super::meter::{Meter, Wrong};
use super::{counting, takes};

const SECOND: Duration = Duration::from_secs(1);

/// A stream with two events in the partition of each of two keys.
fn stream(meter: &Meter) -> Stream {
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    for key in ["a", "b", "a", "b"] {
        meter.time.run(stream.append(Event::new(key, "x"))).expect("appended");
    }
    stream
}

fn summary(report: &Result<TurnReport, WorkerError>) -> (u64, TurnOutcome) {
    let report = report.as_ref().expect("it ends well");
    (report.events, report.outcome)
}

#[test]
fn it_consumes_that_partition_alone_and_asks_for_nothing_else() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let (handler, handled) = counting();
    let worker = stream.worker("g", handler);
    let (report, bill) = meter.run(worker.take_turn(&stream.route("a")));
    assert_eq!(summary(&report), (2, TurnOutcome::CaughtUp));
    assert_eq!(bill, ["1 Query events", "1 Query events, eventual", "2 UpdateItem consumers"]);
    assert_eq!(handled.lock().expect("no panic").keys().collect::<Vec<_>>(), ["a"]);
    let again = meter.time.run(worker.take_turn(&stream.route("a")));
    assert_eq!(summary(&again), (0, TurnOutcome::CaughtUp));
}

#[test]
fn a_lease_that_is_held_is_not_waited_for() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let holder = stream.worker("g", takes(&meter, 3 * SECOND));
    let partition = stream.route("a");
    let comes = async {
        meter.time.wait(SECOND).await;
        let other = stream.worker("g", takes(&meter, SECOND));
        let began = meter.time.elapsed();
        let report = other.take_turn(&partition).await;
        (report, meter.time.elapsed() - began)
    };
    let (held, (busy, took)) = meter.time.run(join(holder.take_turn(&partition), comes));
    assert_eq!(summary(&held), (2, TurnOutcome::CaughtUp));
    assert_eq!((summary(&busy), took), ((0, TurnOutcome::Busy), Duration::ZERO));
}

#[test]
fn it_gives_the_partition_back_at_the_deadline_and_goes_on_there() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let partition = stream.route("a");
    let worker = || stream.worker("g", takes(&meter, SECOND)).delivery_limit(1);
    let deadline = stream.now().plus(SECOND);
    let first = worker().deadline(deadline, SECOND / 2);
    let report = meter.time.run(first.take_turn(&partition));
    assert_eq!(summary(&report), (1, TurnOutcome::GivenBack));
    let (late, bill) = meter.run(first.take_turn(&partition));
    assert_eq!((summary(&late), bill), ((0, TurnOutcome::GivenBack), Vec::new()));
    let rest = meter.time.run(worker().take_turn(&partition));
    assert_eq!(summary(&rest), (1, TurnOutcome::CaughtUp));
}

#[test]
fn it_ends_when_the_worker_is_asked_to_stop() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let worker = stream.worker("g", takes(&meter, SECOND)).delivery_limit(1);
    let stop = worker.stopper();
    let asks = async {
        meter.time.wait(SECOND / 2).await;
        stop.request();
    };
    let partition = stream.route("a");
    let (report, ()) = meter.time.run(join(worker.take_turn(&partition), asks));
    assert_eq!(summary(&report), (1, TurnOutcome::GivenBack));
    let (stopped, bill) = meter.run(worker.take_turn(&partition));
    assert_eq!((summary(&stopped), bill), ((0, TurnOutcome::GivenBack), Vec::new()));
}

#[test]
fn a_handler_that_fails_and_a_store_that_refuses_are_its_errors() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let fails = async |_: Delivery| Err::<(), HandlerError>("bad data".into());
    let worker = stream.worker("g", fails).attempts(2, SECOND);
    let failed = meter.time.run(worker.take_turn(&stream.route("a")));
    assert!(matches!(failed, Err(WorkerError::Handler { attempts: 2, .. })), "{failed:?}");
    meter.go_wrong("UpdateItem consumers", Wrong::Forbidden);
    let refused = meter.time.run(worker.take_turn(&stream.route("b")));
    assert!(matches!(refused, Err(WorkerError::Store(_))), "{refused:?}");
}

#[test]
fn a_partition_of_another_layout_is_refused_for_nothing() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let worker = stream.worker("g", takes(&meter, SECOND));
    let other = Layout::Fixed { bits: 1 }.route("a");
    let (refused, bill) = meter.run(worker.take_turn(&other));
    assert!(refused.expect_err("there is none").to_string().contains("no partition p"));
    assert_eq!(bill, [""; 0]);
}

/// A future that is dropped leaves its lease to end.
#[test]
fn who_drops_it_leaves_the_lease() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let partition = stream.route("a");
    let worker = stream.worker("g", takes(&meter, 60 * SECOND));
    meter.time.run(select(pin!(worker.take_turn(&partition)), meter.time.wait(SECOND)));
    let other = stream.worker("g", takes(&meter, SECOND));
    let busy = meter.time.run(other.take_turn(&partition));
    assert_eq!(summary(&busy), (0, TurnOutcome::Busy));
    meter.time.run(meter.time.wait(10 * SECOND));
    let taken = meter.time.run(other.take_turn(&partition));
    assert_eq!(summary(&taken), (2, TurnOutcome::CaughtUp));
}

#[test]
fn a_lease_that_is_lost_in_the_middle_is_said() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let worker = stream.worker("g", takes(&meter, 20 * SECOND));
    let releases = async {
        meter.time.wait(SECOND).await;
        let id = worker.id().expect("random bytes");
        stream.release_leases(&"g".into(), id).await.expect("released");
    };
    let partition = stream.route("a");
    let (report, ()) = meter.time.run(join(worker.take_turn(&partition), releases));
    assert_eq!(summary(&report), (0, TurnOutcome::Lost));
}

/// It is told when its message can be deleted, and only then.
#[test]
fn a_trigger_is_finished_once_the_partition_has_caught_up() {
    #[derive(Debug, Default)]
    struct Finished(std::sync::Mutex<Vec<PartitionId>>);
    impl Trigger for Finished {
        fn next(&self) -> Hints<'_> {
            Box::pin(std::future::pending())
        }

        fn finish(&self, partition: &PartitionId) {
            self.0.lock().expect("no panic").push(partition.clone());
        }
    }
    let meter = Meter::new();
    let stream = stream(&meter);
    let finished = std::sync::Arc::new(Finished::default());
    let partition = stream.route("a");
    let worker = || stream.worker("g", takes(&meter, SECOND)).trigger(finished.clone());
    let first = worker().delivery_limit(1).deadline(stream.now().plus(SECOND), SECOND / 2);
    let report = meter.time.run(first.take_turn(&partition));
    assert_eq!(summary(&report), (1, TurnOutcome::GivenBack));
    assert!(finished.0.lock().expect("no panic").is_empty());
    meter.time.run(worker().take_turn(&partition)).expect("caught up");
    assert_eq!(*finished.0.lock().expect("no panic"), [partition]);
}
