//! What it costs to read without a group, and to look.

use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use gapless::{Audit, Epoch, Group, Layout, Owner, Seq, Target};
use gapless_model::Time as _;
use gapless_model::store::Request;

use super::meter::Meter;
use super::{ONE_PARTITION, append, append_to_keys, event, leave_gap, takes, with_events};

const K1: fn() -> Target = || Target::Key("k1".into());

/// Without a partition of its own, a key is as dear to read as all.
#[test]
fn everything_and_a_key_page_by_page() {
    let (meter, stream) = with_events(250);
    let (events, bill) = meter.run(stream.read(Target::Everything).collect());
    assert_eq!(events.expect("read").len(), 250);
    let bill_of_one = ["1 BatchGetItem 1 partitions", "1 Query events"];
    assert_eq!(bill, bill_of_one);
    let (events, bill) = meter.run(stream.read(K1()).collect());
    assert_eq!(events.expect("read").len(), 0);
    assert_eq!(bill, bill_of_one);
}

#[test]
fn a_key_with_a_partition_of_its_own() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    append_to_keys(&meter, &stream, 12, 4);
    let (events, bill) = meter.run(stream.read(K1()).collect());
    assert_eq!(events.expect("read").len(), 3);
    assert_eq!(bill, ["1 Query events"]);
    let (events, bill) = meter.run(stream.read(Target::Everything).collect());
    assert_eq!(events.expect("read").len(), 12);
    assert_eq!(bill, ["4 Query events", "1 Query partitions, eventual"]);
}

#[test]
fn a_follower_of_two_partitions_looks_once_an_interval() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::Fixed { bits: 1 }));
    append(&meter, &stream, 4);
    let reader = stream.read(Target::Everything).follow(Duration::from_secs(1));
    let events = pin!(reader.events().for_each(async |event| drop(event.expect("read"))));
    // Each look asks whether the partitions were split or merged.
    let bill = meter.run_for(Duration::from_millis(10_500), events);
    let looks = "10 BatchGetItem 2 partitions, eventual";
    assert_eq!(bill, ["1 BatchGetItem 2 partitions", looks, "24 Query events"]);
}

/// It waits only once it has handed over what it has read.
#[test]
fn a_follower_gives_what_it_has_read_at_once() {
    let (meter, stream) = with_events(3);
    let reader = stream.read(Target::Everything).follow(Duration::from_secs(60));
    let began = meter.time.elapsed();
    meter.time.run(async {
        let mut events = pin!(reader.events());
        for _ in 0..3 {
            events.next().await.expect("it goes on").expect("read");
        }
    });
    assert_eq!(meter.time.elapsed(), began);
}

/// What is behind it is not to be had yet, however much it is.
#[test]
fn a_follower_and_a_receipt_ask_for_one_slot_at_a_gap() {
    let (meter, stream) = with_events(2);
    leave_gap(&meter, &stream);
    let mut receipt = None;
    for number in 0..150 {
        receipt = Some(meter.time.run(stream.append(event(number))).expect("appended"));
    }
    let reader = stream.read(Target::Everything).follow(Duration::from_secs(1));
    let events = pin!(reader.events().for_each(async |event| drop(event.expect("read"))));
    let bill = meter.run_for(Duration::from_millis(9_500), events);
    let looks = "9 BatchGetItem 1 partitions, eventual";
    assert_eq!(bill, ["1 BatchGetItem 1 partitions", looks, "11 Query events"]);
    assert_eq!(meter.last_call()["Limit"], 1);
    // The one behind the gap, and again.
    let receipt = receipt.expect("one was appended");
    let settled = pin!(stream.settled(&receipt));
    assert_eq!(meter.run_for(Duration::from_millis(190), settled), ["5 Query events"]);
    assert_eq!(meter.last_call()["Limit"], 1);
    // Once it is settled, they read on as far as a page goes.
    let void = Request::Void { partition: stream.route("k"), slot: Seq(3) };
    meter.time.run(stream.wire().send(&void)).expect("voided");
    let (settled, bill) = meter.run(stream.settled(&receipt));
    settled.expect("settled");
    assert_eq!(bill, ["1 Query events"]);
}

#[test]
fn a_receipt_is_settled_by_reading_up_to_it() {
    let (meter, stream) = with_events(150);
    let receipt = meter.time.run(stream.append(event(1))).expect("appended");
    let (settled, bill) = meter.run(stream.settled(&receipt));
    settled.expect("settled");
    assert_eq!(bill, ["1 Query events"]);
}

#[test]
fn status_partitions_standings_and_an_audit() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::Fixed { bits: 2 }));
    append_to_keys(&meter, &stream, 12, 12);
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    meter.time.run(worker.until_caught_up()).expect("caught up");
    let (status, bill) = meter.run(stream.status());
    assert_eq!(status.expect("status").len(), 4);
    assert_eq!(bill, ["1 BatchGetItem 4 partitions, eventual", "1 Scan consumers"]);
    let (partitions, bill) = meter.run(stream.partitions());
    assert_eq!(partitions.expect("read").len(), 4);
    assert_eq!(bill, ["1 BatchGetItem 4 partitions, eventual"]);
    let (standings, bill) = meter.run(stream.standings(&Group::from("g")));
    assert_eq!(standings.expect("read").len(), 4);
    assert_eq!(bill, ["1 Query consumers"]);
    let (audit, bill) = meter.run(stream.audit(|_| ()));
    let Audit { partitions, slots, voids, events, open, findings, .. } = audit.expect("audited");
    assert_eq!((partitions, slots, voids, events, open, findings), (4, 12, 0, 12, 0, vec![]));
    assert_eq!(
        bill,
        [
            "1 BatchGetItem 4 partitions, eventual",
            "8 GetItem partitions",
            "4 Query events",
            "1 Scan consumers"
        ]
    );
}

/// A lease of the full length, by a clock that is ahead by all of the skew, is no finding. One that ends
/// a millisecond later is.
#[test]
fn an_audit_finds_a_lease_that_outlasts_every_lease() {
    let meter = Meter::new();
    let [lease, skew] = [10_000, 500].map(Duration::from_millis);
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).lease(lease).skew(skew));
    append(&meter, &stream, 1);
    for (more, findings) in [(0, 0), (1, 1)] {
        let until = stream.now().plus(lease + skew + Duration::from_millis(more));
        let (group, partition) = (Group::from("g"), stream.route("k"));
        let (owner, epoch) = (Owner::from("w#01/1"), Epoch(1));
        let taken = Request::SetLease { group, partition, owner, epoch, until };
        meter.time.run(stream.wire().send(&taken)).expect("set");
        let audit = meter.time.run(stream.audit(|_| ())).expect("audited");
        assert_eq!(audit.findings.len(), findings, "{:?}", audit.findings);
    }
}

/// It takes no scan, however many groups there are.
#[test]
fn the_lag_of_a_group() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    append_to_keys(&meter, &stream, 5, 2);
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    meter.time.run(worker.take_turn(&stream.route("k1"))).expect("caught up");
    meter.time.run(stream.append(gapless::Event::new("k1", "x"))).expect("appended");
    let (lag, bill) = meter.run(stream.lag(&Group::from("g")));
    let lag = lag.expect("read");
    assert_eq!([lag[&stream.route("k0")], lag[&stream.route("k1")]], [3, 1]);
    assert_eq!(
        bill,
        [
            "1 BatchGetItem 2 partitions, eventual",
            "1 Query consumers",
            "1 Query partitions, eventual"
        ]
    );
}

#[test]
fn the_lag_where_there_is_no_counter() {
    let meter = Meter::new();
    let design = gapless_model::design::named("no-counter").expect("it has a name").design;
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).design(design));
    append(&meter, &stream, 3);
    let lag = meter.time.run(stream.lag(&Group::from("g"))).expect("read");
    assert_eq!(lag.into_values().collect::<Vec<_>>(), [3]);
}
