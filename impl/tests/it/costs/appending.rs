//! What it costs to append.

use std::time::{Duration, UNIX_EPOCH};

use aws_smithy_async::time::TimeSource as _;
use futures_util::future::join_all;
use gapless::{AppendError, Event, Grouping, Layout, Number, Producer, ProducerError, Seq, Stream};
use serde_json::Value;

use super::meter::{Latency, Meter, Wrong};
use super::{ONE_PARTITION, event, with_events};

#[test]
fn a_stream_is_created_and_opened() {
    let meter = Meter::new();
    meter.stream(|config| config);
    assert_eq!(
        meter.bill(),
        [
            "1 CreateTable consumers",
            "1 CreateTable events",
            "1 CreateTable partitions",
            "2 DescribeTable consumers",
            "2 DescribeTable events",
            "2 DescribeTable partitions",
            "1 Query partitions, eventual",
            "2 UpdateItem partitions"
        ]
    );
    meter.stream(|config| config);
    assert_eq!(
        meter.bill(),
        [
            "2 DescribeTable consumers",
            "2 DescribeTable events",
            "2 DescribeTable partitions",
            "1 GetItem partitions",
            "1 Query partitions, eventual",
            "1 UpdateItem partitions"
        ]
    );
    let opening = Stream::open(meter.client(), meter.config());
    let (opened, bill) = meter.run(opening);
    opened.expect("a stream");
    assert_eq!(
        bill,
        [
            "1 DescribeTable consumers",
            "1 DescribeTable events",
            "1 DescribeTable partitions",
            "1 GetItem partitions"
        ]
    );
}

/// What may not be done is not tried again and again.
#[test]
fn a_stream_that_may_not_be_created_is_refused_at_once() {
    for (operation, bill) in [
        ("DescribeTable", vec!["1 DescribeTable partitions"]),
        ("CreateTable", vec!["1 CreateTable partitions", "1 DescribeTable partitions"]),
    ] {
        let meter = Meter::new();
        meter.go_wrong(operation, Wrong::Forbidden);
        let (refused, calls) = meter.run(Stream::create(meter.client(), meter.config()));
        let why = refused.expect_err("it may not").to_string();
        assert!(why.contains("not yours"), "{why}");
        assert_eq!(calls, bill);
    }
}

#[test]
fn an_event_is_a_number_and_a_write() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config);
    for _ in 0..2 {
        let (receipt, bill) = meter.run(stream.append(event(1)));
        receipt.expect("appended");
        assert_eq!(bill, ["1 PutItem events", "1 UpdateItem partitions"]);
    }
    let (receipt, bill) = meter.run(stream.append_batch((0..9).map(event).collect()));
    receipt.expect("appended");
    assert_eq!(bill, ["1 PutItem events", "1 UpdateItem partitions"]);
    let partition = stream.route("k");
    let (receipt, bill) = meter.run(stream.append_expecting(&partition, Seq(3), vec![event(1)]));
    receipt.expect("appended");
    assert_eq!(bill, ["1 PutItem events", "1 UpdateItem partitions"]);
    let (receipt, bill) = meter.run(stream.append_expecting(&partition, Seq(3), vec![event(1)]));
    receipt.expect_err("a conflict");
    assert_eq!(bill, ["1 UpdateItem partitions"]);
}

#[test]
fn a_group_is_a_number_and_a_write() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let linger = Duration::from_millis(5);
    let appender = stream.appender(Grouping::default().linger(linger));
    let appends = join_all((0..50).map(|number| appender.append(event(number))));
    let (receipts, bill) = meter.run(appends);
    assert!(receipts.iter().all(Result::is_ok));
    assert_eq!(bill, ["1 PutItem events", "1 UpdateItem partitions"]);
}

#[test]
fn a_named_producer_claims_once_and_appends_nothing_twice() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let run = || {
        meter.run(async {
            let (mut producer, mut waiting) = (stream.producer("p").batches_of(2), Vec::new());
            for number in 1..=6 {
                producer.push(Number(number), event(number)).await.expect("pushed");
                waiting.push(producer.waiting());
            }
            (producer.finish().await.expect("finished").1, waiting)
        })
    };
    let ((skipped, waiting), bill) = run();
    assert_eq!((skipped, waiting.as_slice()), (0, [1, 2, 1, 2, 1, 2].as_slice()));
    assert_eq!(bill, ["1 GetItem partitions", "3 PutItem events", "4 UpdateItem partitions"]);
    let ((skipped, waiting), bill) = run();
    assert_eq!((skipped, waiting.as_slice()), (6, [0; 6].as_slice()));
    assert_eq!(bill, ["1 GetItem events", "1 GetItem partitions", "1 UpdateItem partitions"]);
}

/// The largest size of an item in bytes.
const MOST_ITEM: usize = 400 * 1024;

/// The bytes of an attribute as DynamoDB counts them: those of its name come on top.
fn size(attribute: &Value) -> usize {
    let (kind, value) = attribute.as_object().expect("an attribute").iter().next().expect("a kind");
    match (kind.as_str(), value) {
        ("S", Value::String(text)) => text.len(),
        // The most that a number takes.
        ("N", Value::String(_)) => 21,
        ("B", Value::String(base64)) => base64.trim_end_matches('=').len() * 3 / 4,
        ("L", Value::Array(list)) => {
            3 + list.iter().map(|element| 1 + size(element)).sum::<usize>()
        }
        other => panic!("an attribute that no slot has: {other:?}"),
    }
}

/// The slot of two events with so many bytes of data, as it is put, or the error.
fn two_events(meter: &Meter, stream: &Stream, bytes: usize) -> Result<usize, AppendError> {
    let half = bytes / 2;
    let events = [half, bytes - half].map(|bytes| Event::new("k", vec![b'x'; bytes]));
    meter.time.run(stream.append_batch(events.to_vec()))?;
    let call = meter.last_call();
    let item = call["Item"].as_object().expect("an item");
    let now = meter.time.now().duration_since(UNIX_EPOCH).expect("after 1970").as_millis();
    assert_eq!(call["Item"]["at"]["N"], now.to_string(), "when it was written");
    Ok(item.iter().map(|(name, attribute)| name.len() + size(attribute)).sum())
}

#[test]
fn a_slot_takes_what_an_item_can_hold() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let beside = two_events(&meter, &stream, 3_000).expect("appended") - 3_000;
    let most = MOST_ITEM - beside;
    assert_eq!(two_events(&meter, &stream, most).expect("appended"), MOST_ITEM);
    let why = two_events(&meter, &stream, most + 1).expect_err("too large").to_string();
    assert!(why.contains("409601") && why.contains("409600"), "{why}");
}

/// A later run has claimed one of two partitions. The other is none of its business.
#[test]
fn a_flush_that_fails_in_one_partition_loses_no_receipt_of_another() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    let mut producer = stream.producer("shop");
    let push = |producer: &mut Producer, number, key: &str| {
        let pushed = meter.time.run(producer.push(Number(number), Event::new(key, "x")));
        assert_eq!(pushed.expect("taken"), []);
    };
    push(&mut producer, 1, "a");
    push(&mut producer, 2, "b");
    assert_eq!(meter.time.run(producer.flush()).expect("appended").len(), 2);
    let mut later = stream.producer("shop");
    assert_eq!(meter.time.run(later.push(Number(1), Event::new("a", "x"))).expect("taken"), []);
    push(&mut producer, 3, "a");
    push(&mut producer, 4, "b");
    for calls in [3, 0] {
        let (flushed, bill) = meter.run(producer.flush());
        let why = flushed.expect_err("a later run has claimed it");
        let of = stream.route("a");
        assert!(
            matches!(&why, ProducerError::Append(AppendError::Fenced { partition }) if *partition == of),
            "{why}"
        );
        assert_eq!(producer.waiting(), 1);
        // Once it knows, it does not ask again.
        assert_eq!(super::calls(&bill), calls, "{bill:?}");
    }
    let receipts = producer.take_receipts();
    assert_eq!(receipts.len(), 1);
    assert_eq!((&receipts[0].partition, receipts[0].position.slot), (&stream.route("b"), Seq(2)));
    assert_eq!(producer.take_receipts(), []);
}

/// Two calls for each partition, one after another, and sixteen partitions at once.
#[test]
fn a_flush_writes_to_sixteen_partitions_at_once() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    let mut producer = stream.producer("shop");
    for number in 1..=40 {
        let event = Event::new(number.to_string(), "x");
        meter.time.run(producer.push(Number(number), event)).expect("taken");
    }
    let call = Duration::from_millis(100);
    meter.set_latency(Latency { queries: call, others: call });
    let began = meter.time.elapsed();
    assert_eq!(meter.time.run(producer.flush()).expect("appended").len(), 40);
    assert_eq!(meter.time.elapsed() - began, 3 * 2 * call);
}

/// Its receipts come with the next one.
#[test]
fn a_flush_that_is_dropped_loses_no_receipt() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let mut producer = stream.producer("shop").batches_of(1);
    for number in 1..=3 {
        meter.time.run(producer.push(Number(number), event(number))).expect("taken");
    }
    let call = Duration::from_millis(100);
    meter.set_latency(Latency { queries: call, others: call });
    // The first two batches went with the pushes. This one is in the middle.
    let _ = meter.run_for(3 * call / 2, producer.flush());
    assert_eq!(producer.waiting(), 1);
    let receipts = meter.time.run(producer.flush()).expect("appended");
    assert_eq!(receipts.len(), 1);
    assert_eq!(receipts[0].position.slot, Seq(3));
}

/// A number without an event is waited for by everybody.
#[test]
fn a_batch_that_is_too_large_takes_no_number() {
    let (meter, stream) = with_events(0);
    let large = || Event::new("k", "x".repeat(200_000));
    let batch = vec![large(), large(), large()];
    let (refused, bill) = meter.run(stream.append_batch(batch));
    let refused = refused.expect_err("it is more than an item can hold");
    assert!(refused.to_string().contains("the slot of 3 events"), "{refused}");
    assert_eq!(bill, [""; 0]);
}
