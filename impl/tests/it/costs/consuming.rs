//! What it costs to consume.

use std::time::Duration;

use futures_util::future::join;
use gapless::{Layout, Stream};

use super::meter::{Latency, Meter};
use super::{ONE_PARTITION, append, append_to_keys, event, takes, with_events};

/// What it costs until a worker has caught up.
#[track_caller]
fn bill_until_caught_up(meter: &Meter, stream: &Stream, events: u64) -> Vec<String> {
    let worker = stream.worker("g", takes(meter, Duration::from_millis(100)));
    // By default a sweep is due about when three pages are handled, and jitter would decide.
    let worker = worker.sweep_every(Duration::from_secs(60));
    let (summary, bill) = meter.run(worker.until_caught_up());
    assert_eq!(summary.expect("caught up").events, events);
    bill
}

#[test]
fn a_sparse_event() {
    let (meter, stream) = with_events(0);
    for _ in 0..2 {
        append(&meter, &stream, 1);
        assert_eq!(
            bill_until_caught_up(&meter, &stream, 1),
            [
                "2 BatchGetItem 1 partitions",
                "2 Query consumers",
                "1 Query events",
                "1 Query events, eventual",
                "2 UpdateItem consumers"
            ]
        );
    }
    assert_eq!(
        bill_until_caught_up(&meter, &stream, 0),
        ["1 BatchGetItem 1 partitions", "1 Query consumers"]
    );
}

#[test]
fn a_group_that_cannot_be_stored_is_refused_for_nothing() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    for group in [String::new(), "g".repeat(2_049)] {
        let worker = stream.worker(group, takes(&meter, Duration::ZERO));
        let (refused, bill) = meter.run(worker.run());
        refused.expect_err("no item can have that name");
        assert_eq!(bill, [""; 0]);
    }
}

/// Each page is read once, while the one before it is handled.
#[test]
fn pages() {
    let (meter, stream) = with_events(250);
    assert_eq!(
        bill_until_caught_up(&meter, &stream, 250),
        [
            "2 BatchGetItem 1 partitions",
            "2 Query consumers",
            "3 Query events",
            "1 Query events, eventual",
            "4 UpdateItem consumers"
        ]
    );
}

#[test]
fn larger_deliveries() {
    let (meter, stream) = with_events(250);
    let worker = stream.worker("g", takes(&meter, Duration::from_millis(100)));
    let (summary, bill) = meter.run(worker.delivery_limit(1_000).until_caught_up());
    assert_eq!(summary.expect("caught up").events, 250);
    assert_eq!(
        bill,
        [
            "2 BatchGetItem 1 partitions",
            "2 Query consumers",
            "1 Query events",
            "1 Query events, eventual",
            "2 UpdateItem consumers"
        ]
    );
}

#[test]
fn no_slot_at_once_is_one() {
    let (meter, stream) = with_events(2);
    let worker = stream.worker("g", takes(&meter, Duration::ZERO)).delivery_limit(0);
    let (summary, bill) = meter.run(worker.until_caught_up());
    assert_eq!(summary.expect("caught up").events, 2);
    // What is behind the last one is read ahead, and again, as it may have come meanwhile.
    assert!(bill.contains(&"4 Query events".to_owned()), "{bill:?}");
}

#[test]
fn a_minute_without_events_in_16_partitions() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::Fixed { bits: 4 }));
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    assert_eq!(
        meter.run_for(Duration::from_secs(60), worker.run()),
        ["121 BatchGetItem 16 partitions, eventual", "121 Query consumers"]
    );
}

/// There are more of them than one batch asks for.
#[test]
fn a_minute_without_events_in_130_partitions_of_a_key_each() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    append_to_keys(&meter, &stream, 130, 130);
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    let (summary, bill) = meter.run(worker.until_caught_up());
    assert_eq!(summary.expect("caught up").events, 130);
    assert_eq!(
        bill,
        [
            "2 BatchGetItem 100 partitions",
            "2 BatchGetItem 30 partitions",
            "2 Query consumers",
            "130 Query events",
            "130 Query events, eventual",
            "2 Query partitions, eventual",
            "260 UpdateItem consumers"
        ]
    );
    assert_eq!(
        meter.run_for(Duration::from_secs(60), worker.run()),
        [
            "121 BatchGetItem 100 partitions, eventual",
            "121 BatchGetItem 30 partitions, eventual",
            "121 Query consumers",
            "121 Query partitions, eventual"
        ]
    );
}

#[test]
fn a_handler_that_takes_a_minute() {
    let (meter, stream) = with_events(1);
    let worker = stream.worker("g", takes(&meter, Duration::from_secs(60)));
    let (summary, bill) = meter.run(worker.until_caught_up());
    assert_eq!(summary.expect("caught up").events, 1);
    assert_eq!(
        bill,
        [
            "122 BatchGetItem 1 partitions",
            "122 Query consumers",
            "1 Query events",
            "1 Query events, eventual",
            "20 UpdateItem consumers"
        ]
    );
}

/// Its own lease looks like another's to a sweep, and is no reason to come back: there are sweeps that
/// see it end before they would look again.
#[test]
fn a_handler_that_takes_longer_than_a_sweep_is_apart() {
    let (meter, stream) = with_events(1);
    let worker = stream.worker("g", takes(&meter, Duration::from_secs(60)));
    let worker = worker.sweep_every(Duration::from_secs(15));
    let (summary, bill) = meter.run(worker.until_caught_up());
    assert_eq!(summary.expect("caught up").turns, 1);
    assert!(bill.contains(&"20 UpdateItem consumers".to_owned()), "{bill:?}");
}

/// The sweep sees the number at 1.4 s and nobody's lease at 1.5 s, the notice begins a turn at 1.55 s,
/// and the sweep ends at 1.8 s.
#[test]
fn a_sweep_that_is_overtaken_by_a_notice_costs_no_turn() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let [others, queries, interval, before] = [100, 300, 1_000, 1_350].map(Duration::from_millis);
    meter.set_latency(Latency { queries, others });
    let worker = stream.worker("g", takes(&meter, Duration::from_secs(5))).sweep_every(interval);
    let stop = worker.stopper();
    let appends = async {
        meter.time.wait(before).await;
        stream.append(event(1)).await.expect("appended");
        meter.time.wait(Duration::from_secs(20)).await;
        stop.request();
    };
    let (summary, ()) = meter.time.run(join(worker.run(), appends));
    let summary = summary.expect("it stops");
    assert_eq!((summary.events, summary.turns), (1, 1));
}

/// The only partition with work is another's for ten seconds.
#[test]
fn a_worker_waits_for_another() {
    let (meter, stream) = with_events(1);
    let busy = stream.worker("g", takes(&meter, Duration::from_secs(60)));
    let other = stream.worker("g", takes(&meter, Duration::ZERO));
    let waits = async {
        meter.time.wait(Duration::from_secs(1)).await;
        let _ = meter.bill();
        other.run().await
    };
    assert_eq!(
        meter.run_for(Duration::from_secs(10), join(busy.run(), waits)),
        ["37 BatchGetItem 1 partitions, eventual", "37 Query consumers", "3 UpdateItem consumers"]
    );
}

/// Others follow the same sweep, and leave something.
#[test]
fn who_found_nothing_where_a_sweep_had_shown_work_sweeps_again_within_two_seconds() {
    for seed in 0..10 {
        let meter = Meter::new();
        let stream = meter.stream(|config| config.layout(ONE_PARTITION).grace(Duration::ZERO));
        fastrand::seed(seed);
        super::leave_gap(&meter, &stream);
        let worker = stream.worker("g", super::takes(&meter, Duration::ZERO));
        let worker = worker.sweep_every(Duration::from_secs(3600));
        let bill = meter.run_for(Duration::from_millis(2_010), worker.run());
        assert_eq!(super::count(&bill, "Query consumers"), 2, "{bill:?}");
    }
}
