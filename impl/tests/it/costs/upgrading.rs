//! A stream that releases of different ages use: what an older one makes of a newer one's items.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use gapless::{AppendError, Event, Layout, Number, ProducerError, Seq, StoreError, Stream};
use gapless_model::store::{Reply, Request};
use serde_json::{Value, json};

use super::meter::{self, Meter};
use super::{ONE_PARTITION, counting};

const SECOND: Duration = Duration::from_secs(1);

/// Sets an attribute of an item, as a newer release could.
fn set(meter: &Meter, table: &str, key: &[(&str, AttributeValue)], name: &str, to: AttributeValue) {
    let update = meter.client().update_item().table_name(format!("{}{table}", meter::PREFIX));
    let update = update
        .set_key(Some(
            key.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect(),
        ))
        .update_expression("SET #name = :to")
        .expression_attribute_names("#name", name)
        .expression_attribute_values(":to", to);
    meter.time.run(update.send()).expect("updated");
}

fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// A stream with a partition for each of two keys, and two events in each.
fn stream(meter: &Meter) -> Stream {
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    for key in ["a", "b", "a", "b"] {
        meter.time.run(stream.append(Event::new(key, "x"))).expect("appended");
    }
    stream
}

/// The first version of a partition's item that this release does not know.
const NEWER_PARTITION: u64 = 3;

/// The same of a slot.
const NEWER_SLOT: u64 = 2;

/// From now on the partition's item of the key `b` is of a newer version.
fn renew_partition(meter: &Meter, stream: &Stream) {
    let key = [("partitionId", text(stream.route("b").as_str()))];
    set(meter, "partitions", &key, "v", number(NEWER_PARTITION));
}

fn says_newer(error: &StoreError, version: u64) -> bool {
    let version = format!("version {version} of the format");
    matches!(error, StoreError::Malformed { .. }) && error.to_string().contains(&version)
}

fn handled(meter: &Meter, stream: &Stream) -> BTreeMap<String, u32> {
    let (handler, handled) = counting();
    meter.run_for(60 * SECOND, stream.worker("g", handler).run());
    handled.lock().expect("no panic").clone()
}

#[test]
fn no_number_is_taken_in_a_partition_that_a_newer_release_has_changed() {
    let meter = Meter::new();
    let stream = stream(&meter);
    renew_partition(&meter, &stream);
    let (partition, event) = (stream.route("b"), || Event::new("b", "y"));
    let refused = meter.time.run(stream.append(event()));
    let Err(AppendError::Store(error)) = refused else { panic!("{refused:?}") };
    assert!(says_newer(&error, NEWER_PARTITION), "{error}");
    let expecting = stream.append_expecting(&partition, Seq(2), vec![event()]);
    let refused = meter.time.run(expecting);
    let Err(AppendError::Store(error)) = refused else { panic!("{refused:?}") };
    assert!(says_newer(&error, NEWER_PARTITION), "{error}");
    let claimed = meter.time.run(stream.producer("p").push(Number(1), event()));
    let Err(ProducerError::Append(AppendError::Store(error))) = claimed else {
        panic!("{claimed:?}")
    };
    assert!(says_newer(&error, NEWER_PARTITION), "{error}");
    let records = meter.time.run(stream.producers());
    assert!(says_newer(&records.expect_err("it is newer"), NEWER_PARTITION));
    // Where it became newer after the claim had read it, and where it is split or merged.
    let (partition, name) = (stream.route("b"), "p".into());
    let (parents, child) = (vec![stream.route("a"), stream.route("b")], stream.route("c"));
    for request in [
        Request::Claim { partition, name, seen: None },
        Request::Seal { partition: stream.route("b"), children: vec![child.clone()] },
        Request::Merge { parents, child },
    ] {
        let refused = meter.time.run(stream.wire().send(&request));
        assert!(says_newer(&refused.expect_err("it is newer"), NEWER_PARTITION), "{request:?}");
    }
    let heads = meter.time.run(stream.heads(&[stream.route("b")]));
    assert!(says_newer(&heads.expect_err("it is newer"), NEWER_PARTITION));

    let key = [("partitionId", text(stream.route("b").as_str()))];
    set(&meter, "partitions", &key, "v", number(1));
    let heads = meter.time.run(stream.heads(&[stream.route("b")])).expect("read");
    assert_eq!(heads.into_values().collect::<Vec<_>>(), [Seq(2)]);
    meter.time.run(stream.append(Event::new("a", "y"))).expect("the others go on");
}

#[test]
fn a_slot_of_a_newer_release_stops_its_partition_alone_and_nothing_is_skipped() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let partition = stream.route("b");
    let key = [("partitionId", text(partition.as_str())), ("sequenceNumber", number(2))];
    set(&meter, "events", &key, "v", number(NEWER_SLOT));
    let handled = handled(&meter, &stream);
    assert_eq!(handled.get("a"), Some(&2));
    assert_eq!(handled.get("b"), Some(&1), "what is in front of it is delivered");
    let standings = meter.time.run(stream.standings(&"g".into())).expect("read");
    assert_eq!(standings[&partition].lease.checkpoint, Seq(1));
    let read_slot = Request::ReadSlot { partition: partition.clone(), slot: Seq(2) };
    let void = Request::Void { partition: partition.clone(), slot: Seq(2) };
    for request in [read_slot, void, Request::ReadTail { partition }] {
        let answer = meter.time.run(stream.wire().send(&request));
        assert!(says_newer(&answer.expect_err("it is newer"), NEWER_SLOT), "{request:?}");
    }
}

#[test]
fn a_void_of_a_newer_release_may_be_something_else() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let partition = stream.route("b");
    let key = [("partitionId", text(partition.as_str())), ("sequenceNumber", number(2))];
    set(&meter, "events", &key, "void", AttributeValue::Bool(true));
    set(&meter, "events", &key, "v", number(NEWER_SLOT));
    let loaded = meter.time.run(stream.load("b"));
    assert!(says_newer(&loaded.expect_err("it is newer"), NEWER_SLOT));
}

/// A release that knows of no seal changes a partition's item on this condition alone.
#[test]
fn an_older_release_gives_out_no_number_in_a_sealed_partition() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let raise_as_before = |key: &str| {
        let update =
            meter.client().update_item().table_name(format!("{}partitions", meter::PREFIX));
        let update = update
            .key("partitionId", text(stream.route(key).as_str()))
            .update_expression("SET #head = #head + :one")
            .condition_expression("(attribute_not_exists(#v) OR #v = :one)")
            .expression_attribute_names("#head", "sequenceNumber")
            .expression_attribute_names("#v", "v")
            .expression_attribute_values(":one", number(1));
        let refused = meter.time.run(update.send()).err()?.into_service_error();
        Some(refused.is_conditional_check_failed_exception())
    };
    assert_eq!(raise_as_before("b"), None, "it is open");
    let (partition, children) = (stream.route("b"), vec![stream.route("c"), stream.route("d")]);
    let listed = children.iter().map(|id| json!({ "S": id.as_str() })).collect::<Vec<_>>();
    let seal = Request::Seal { partition: partition.clone(), children };
    assert_eq!(meter.time.run(stream.wire().send(&seal)).expect("an answer"), Reply::Sealed);
    assert_eq!(raise_as_before("b"), Some(true), "its condition is not met");
    assert_eq!(raise_as_before("a"), None, "the others go on");
    let items = meter.items("partitions");
    let sealed = items.iter().find(|item| item["partitionId"]["S"] == partition.as_str());
    let format = json!({
        "partitionId": { "S": partition.as_str() }, "sequenceNumber": { "N": "3" },
        "bucket": { "S": "0" }, "status": { "S": "sealed" }, "children": { "L": listed },
        "at": { "N": "1700000000000" }, "v": { "N": "2" },
    });
    assert_eq!(sealed, Some(&format));
}

/// What an older release need not know of is no other version.
#[test]
fn attributes_that_a_newer_release_adds_are_passed_over() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let partition = text(stream.route("b").as_str());
    let slot = [("partitionId", partition.clone()), ("sequenceNumber", number(2))];
    set(&meter, "events", &slot, "added", text("new"));
    set(&meter, "partitions", &[("partitionId", partition.clone())], "added", text("new"));
    assert_eq!(handled(&meter, &stream).get("b"), Some(&2));
    set(
        &meter,
        "consumers",
        &[("consumerId", text("g")), ("partitionId", partition)],
        "added",
        text("new"),
    );
    meter.time.run(stream.append(Event::new("b", "y"))).expect("appended");
    assert_eq!(handled(&meter, &stream).get("b"), Some(&1));
}

/// What this release wrote first: an item a line, and the table that it is in.
const FIRST_VERSION: &str = include_str!("../../../testdata/format-1.ndjson");

/// Every item of every table, without what differs from run to run.
fn items(meter: &Meter) -> String {
    let mut lines = String::new();
    for table in ["partitions", "events", "consumers"] {
        let mut items = meter.items(table);
        for item in &mut items {
            let number = item["sequenceNumber"]["N"].as_str().unwrap_or_default().to_owned();
            for varying in ["token", "owner", "raiserToken"] {
                // A named producer's token is the same each time.
                if let Some(value) = item.get_mut(varying)
                    && value["S"] != "p/1"
                {
                    *value = json!({ "S": format!("{varying}-{number}") });
                }
            }
        }
        items.sort_by_key(Value::to_string);
        let line = |item: &Value| json!({ "table": table, "item": item }).to_string() + "\n";
        lines.extend(items.iter().map(line));
    }
    lines
}

/// Where this fails, the format has changed: docs/operating.md, "Upgrading", says what that takes. The
/// file of the format before stays, and a test reads it.
#[test]
fn the_first_version_of_the_format_is_what_is_written() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    meter.time.run(async {
        let first = vec![Event::new("k", "x")];
        stream.append_expecting(&stream.route("k"), Seq(0), first).await.expect("appended");
        let mut producer = stream.producer("p");
        producer.push(Number(1), Event::new("k", vec![0xff])).await.expect("it waits");
        producer.flush().await.expect("appended");
    });
    handled(&meter, &stream);
    super::leave_gap(&meter, &stream);
    meter.time.run(stream.append(Event::new("k", "y"))).expect("appended");
    handled(&meter, &stream);
    assert_eq!(items(&meter), FIRST_VERSION);
}

#[test]
fn what_was_written_in_the_first_version_is_read_consumed_and_appended_to() {
    let meter = Meter::new();
    drop(meter.stream(|config| config.layout(ONE_PARTITION)));
    for line in FIRST_VERSION.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        meter.put(line["table"].as_str().expect("a table"), &line["item"]);
    }
    let stream = meter.time.run(Stream::open(meter.client(), meter.config())).expect("opened");
    let history = meter.time.run(stream.load("k")).expect("loaded");
    let events: Vec<_> = history.events().iter().map(|event| event.event.data.clone()).collect();
    assert_eq!(events, [b"x".to_vec(), vec![0xff], b"y".to_vec()]);
    let mut producer = stream.producer("p");
    meter.time.run(async {
        producer.push(Number(1), Event::new("k", vec![0xff])).await.expect("it is there");
        producer.push(Number(2), Event::new("k", "z")).await.expect("it waits");
        producer.flush().await.expect("appended");
    });
    assert_eq!(producer.skipped(), 1);
    assert_eq!(handled(&meter, &stream), [("k".to_owned(), 1)].into(), "the group goes on");
    let audit = meter.time.run(stream.audit(|_| ())).expect("audited");
    assert!(audit.findings.is_empty(), "{:?}", audit.findings);
}
