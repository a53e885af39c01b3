//! How a turn leaves a partition behind, and what comes just then.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::FutureExt;
use futures_util::future::{join, pending};
use gapless::trigger::{Hint, Hints, Trigger};
use gapless::{
    AfterFailure, Delivery, Group, HandlerError, PartitionId, Seq, StoreError, Stream, WorkerError,
};

use super::meter::{self, Latency, Meter, Wrong};
use super::{ONE_PARTITION, event, takes, with_events};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn an_event_that_comes_while_the_handler_works_is_of_the_same_turn() {
    let meter = Meter::new();
    let [writer, stream] = [(); 2].map(|()| meter.stream(|config| config.layout(ONE_PARTITION)));
    meter.time.run(writer.append(event(1))).expect("appended");
    // No notice tells of the second event, and no sweep.
    let worker = stream.worker("g", takes(&meter, SECOND)).sweep_every(3600 * SECOND);
    let appends = async {
        meter.time.wait(SECOND / 2).await;
        writer.append(event(2)).await.expect("appended");
    };
    let (summary, ()) = meter.time.run(join(worker.until_caught_up(), appends));
    let summary = summary.expect("caught up");
    assert_eq!((summary.events, summary.turns), (2, 1));
}

/// The checkpoint of the stream's one partition, and whether its lease is held.
fn standing(meter: &Meter, stream: &Stream) -> (Seq, bool) {
    let standings = meter.time.run(stream.standings(&Group::from("g"))).expect("read");
    let lease = &standings[&stream.route("k")].lease;
    (lease.checkpoint, lease.active)
}

/// What it costs to read on instead is a checkpoint and a page.
#[test]
fn a_look_that_fails_delivers_nothing_again() {
    let (meter, stream) = with_events(1);
    meter.go_wrong("Query events, eventual", Wrong::Internal);
    let worker = stream.worker("g", takes(&meter, SECOND / 10));
    let (summary, bill) = meter.run(worker.until_caught_up());
    let summary = summary.expect("caught up");
    assert_eq!((summary.events, summary.turns), (1, 1));
    assert_eq!(
        bill,
        [
            "2 BatchGetItem 1 partitions",
            "2 Query consumers",
            "2 Query events",
            "1 Query events, eventual",
            "3 UpdateItem consumers"
        ]
    );
}

/// A slot that no release of this crate wrote, behind one that is finished by then.
#[test]
fn a_slot_that_cannot_be_read_keeps_no_other_from_being_finished() {
    let (meter, stream) = with_events(1);
    let worker = stream.worker("g", takes(&meter, SECOND)).after_failure(AfterFailure::Stop);
    let writes = async {
        meter.time.wait(SECOND / 2).await;
        let put = meter.client().put_item().table_name(format!("{}events", meter::PREFIX));
        let put = put.item("partitionId", AttributeValue::S(stream.route("k").to_string()));
        put.item("sequenceNumber", AttributeValue::N("2".to_owned())).send().await.expect("put");
    };
    let (ended, ()) = meter.time.run(join(worker.until_caught_up(), writes));
    let why = ended.expect_err("slot 2 has no events");
    assert!(matches!(why, WorkerError::Store(StoreError::Malformed { .. })), "{why}");
    assert_eq!(standing(&meter, &stream).0, Seq(1));
}

#[test]
fn a_look_that_takes_too_long_gives_way_to_the_checkpoint() {
    let (meter, stream) = with_events(1);
    let slow = meter.clone();
    let handler = move |_: Delivery| {
        slow.set_latency(Latency { queries: 60 * SECOND, others: Duration::ZERO });
        async { Ok::<(), HandlerError>(()) }
    };
    let worker = stream.worker("g", handler);
    let bill = meter.run_for(5 * SECOND, worker.run());
    assert!(bill.contains(&"1 Query events, eventual".to_owned()), "{bill:?}");
    meter.set_latency(Latency::default());
    assert_eq!(standing(&meter, &stream), (Seq(1), true));
}

#[test]
fn a_worker_that_stops_finishes_its_delivery_and_leaves_with_one_write() {
    let (meter, stream) = with_events(1);
    let worker = stream.worker("g", takes(&meter, SECOND));
    let stop = worker.stopper();
    let stops = async {
        meter.time.wait(SECOND / 2).await;
        stop.request();
    };
    let ((summary, ()), bill) = meter.run(join(worker.run(), stops));
    assert_eq!(summary.expect("it stops").events, 1);
    let of_turn = bill.iter().filter(|kind| kind.contains("events") || kind.contains("Update"));
    assert_eq!(of_turn.collect::<Vec<_>>(), ["1 Query events", "2 UpdateItem consumers"]);
    assert_eq!(standing(&meter, &stream), (Seq(1), false));
}

/// What it leaves is for others, and makes no room for any other partition of its own.
#[test]
fn a_worker_that_stops_has_made_no_room_for_others() {
    let (meter, stream) = with_events(3);
    let worker = stream.worker("g", takes(&meter, SECOND)).delivery_limit(1);
    let stop = worker.stopper();
    let stops = async {
        meter.time.wait(SECOND / 2).await;
        stop.request();
    };
    let (summary, ()) = meter.time.run(join(worker.run(), stops));
    let summary = summary.expect("it stops");
    assert_eq!((summary.events, summary.turns, summary.yields), (1, 1, 0));
}

#[test]
fn a_worker_that_stops_during_its_last_look_leaves_with_one_write() {
    let (meter, stream) = with_events(1);
    let slow = meter.clone();
    let handler = move |_: Delivery| {
        slow.set_latency(Latency { queries: SECOND, others: Duration::ZERO });
        async { Ok::<(), HandlerError>(()) }
    };
    let worker = stream.worker("g", handler).sweep_every(3600 * SECOND);
    let stop = worker.stopper();
    let stops = async {
        meter.time.wait(SECOND / 2).await;
        stream.append(event(2)).await.expect("appended");
        stop.request();
    };
    let ((summary, ()), bill) = meter.run(join(worker.run(), stops));
    assert_eq!(summary.expect("it stops").events, 1);
    assert!(bill.contains(&"1 Query events, eventual".to_owned()), "{bill:?}");
    assert!(bill.contains(&"2 UpdateItem consumers".to_owned()), "{bill:?}");
    meter.set_latency(Latency::default());
    assert_eq!(standing(&meter, &stream), (Seq(1), false));
}

/// Announces a partition at these times, and counts how often that was finished.
#[derive(Debug)]
struct Announcing {
    hints: Mutex<Vec<(Duration, Hint)>>,
    meter: Meter,
    finished: AtomicU64,
}

impl Trigger for Announcing {
    fn next(&self) -> Hints<'_> {
        async {
            let hint = self.hints.lock().expect("no panic").pop();
            let Some((after, hint)) = hint else { return pending().await };
            self.meter.time.wait(after).await;
            vec![hint]
        }
        .boxed()
    }

    fn finish(&self, _: &PartitionId) {
        self.finished.fetch_add(1, Ordering::Relaxed);
    }
}

/// It may be of an event that the turn has not seen.
#[test]
fn a_trigger_that_comes_during_a_turn_is_not_finished_with_it() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    meter.time.run(stream.append(event(1))).expect("appended");
    let hints = [SECOND / 2, Duration::ZERO].map(|after| (after, Hint::of(stream.route("k"))));
    assert_eq!(announced(&meter, &stream, hints), (2, 1), "once, after the turn that looked last");
}

/// A message of a queue that says which slot was written, and comes twice.
#[test]
fn a_trigger_of_a_slot_that_is_finished_is_finished_without_a_turn() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    meter.time.run(stream.append(event(1))).expect("appended");
    let hint = Hint::of_slot(stream.route("k"), Seq(1));
    let hints = [2 * SECOND, Duration::ZERO].map(|after| (after, hint.clone()));
    assert_eq!(announced(&meter, &stream, hints), (1, 2));
}

/// How many turns a worker takes that hears of an event by these hints alone, each so long after the one
/// behind it here, and how often it finishes a trigger.
fn announced(meter: &Meter, stream: &Stream, hints: [(Duration, Hint); 2]) -> (u64, u64) {
    let trigger = Arc::new(Announcing {
        hints: Mutex::new(hints.into()),
        meter: meter.clone(),
        finished: AtomicU64::new(0),
    });
    let worker = stream.worker("g", takes(meter, SECOND)).sweep_every(3600 * SECOND);
    let worker = worker.trigger(trigger.clone());
    let stop = worker.stopper();
    let stops = async {
        meter.time.wait(5 * SECOND).await;
        stop.request();
    };
    let (summary, ()) = meter.time.run(join(worker.run(), stops));
    let summary = summary.expect("it stops");
    assert_eq!(summary.events, 1);
    (summary.turns, trigger.finished.load(Ordering::Relaxed))
}
