//! Items that cannot be read: each concerns its own partition, and no other.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use gapless::{Event, Group, Layout, StoreError, Stream, WorkerError};
use gapless_model::store::{Raise, Request};
use serde_json::{Value, json};

use super::meter::{self, Meter};
use super::{Handled, counting};

const SECOND: Duration = Duration::from_secs(1);

/// A stream with a partition for each of three keys, and an event in each.
fn stream(meter: &Meter) -> Stream {
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    for key in ["a", "b", "c"] {
        meter.time.run(stream.append(Event::new(key, "x"))).expect("appended");
    }
    stream
}

fn text(value: &str) -> Value {
    json!({ "S": value })
}

/// The keys of which something was handled.
fn keys(handled: &Handled) -> Vec<String> {
    handled.lock().expect("no panic").keys().cloned().collect()
}

/// The item of the group in the partition of `b`.
fn break_standing(meter: &Meter, stream: &Stream) {
    let partition = stream.route("b").to_string();
    let (group, partition, epoch) = (text("g"), text(&partition), text("seven"));
    let item = json!({ "consumerId": group, "partitionId": partition, "epoch": epoch });
    meter.put("consumers", &item);
}

#[test]
fn a_groups_item_that_cannot_be_read_keeps_no_other_partition_from_being_consumed() {
    let meter = Meter::new();
    let stream = stream(&meter);
    break_standing(&meter, &stream);
    let (handler, handled) = counting();
    let worker = stream.worker("g", handler);
    meter.run_for(60 * SECOND, worker.run());
    assert_eq!(keys(&handled), ["a", "c"]);
    let why = meter.time.run(worker.until_caught_up()).expect_err("`b` is not consumed");
    assert!(matches!(&why, WorkerError::Store(StoreError::Malformed { .. })), "{why}");
    assert!(why.to_string().contains(&stream.route("b").to_string()), "{why}");
}

/// Its head says what to look for, and no turn reads it.
#[test]
fn a_partition_whose_head_cannot_be_read_is_consumed_all_the_same() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let partition = stream.route("b").to_string();
    let (partition, bucket, head) = (text(&partition), text("0"), text("seven"));
    let item = json!({ "partitionId": partition, "bucket": bucket, "sequenceNumber": head });
    meter.put("partitions", &item);
    let (handler, handled) = counting();
    let worker = stream.worker("g", handler);
    meter.run_for(60 * SECOND, worker.run());
    assert_eq!(keys(&handled), ["a", "b", "c"]);
    let summary = meter.time.run(worker.until_caught_up()).expect("caught up");
    assert_eq!(summary.events, 0);
}

/// Whoever reads an id that is newer than they are leaves that partition alone.
#[test]
fn a_partition_whose_id_is_unknown_is_passed_over() {
    for (table, group) in [("partitions", None), ("consumers", Some("g"))] {
        let meter = Meter::new();
        let stream = stream(&meter);
        let mut item = json!({ "partitionId": text("p0~2!") });
        if let Some(group) = group {
            item["consumerId"] = text(group);
        }
        if group.is_none() {
            item["bucket"] = text("0");
        }
        meter.put(table, &item);
        let (handler, handled) = counting();
        let worker = stream.worker("g", handler);
        meter.run_for(60 * SECOND, worker.run());
        assert_eq!(keys(&handled), ["a", "b", "c"], "{table}");
        let why = meter.time.run(worker.until_caught_up()).expect_err("there may be more");
        assert!(why.to_string().contains("p0~2!"), "{why}");
    }
}

/// A raise that it refused would be tried again and again if it counted as open.
#[test]
fn children_that_cannot_be_read_are_an_error_of_their_partition() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let partition = stream.route("b");
    for (children, words) in [
        (text("p0"), "`children` is a string; it should be a list of partitions"),
        (json!({ "L": [] }), "`children` should name at least one partition"),
        (json!({ "L": [text("p0"), { "N": "1" }] }), "`children` should list strings"),
        (json!({ "L": [text("q")] }), "`children`: `q` is not a partition id"),
    ] {
        let id = text(partition.as_str());
        let item = json!({ "partitionId": id, "children": children, "v": { "N": "2" } });
        meter.put("partitions", &item);
        let raise = Raise { partition: partition.clone(), head: None, token: None, record: None };
        let (parents, child) = (vec![stream.route("a"), partition.clone()], stream.route("c"));
        for request in [
            Request::ReadHead { partition: partition.clone(), name: None },
            Request::Raise(raise),
            Request::Seal { partition: partition.clone(), children: vec![child.clone()] },
            Request::Merge { parents, child },
        ] {
            let said = meter.time.run(stream.wire().send(&request)).expect_err("unreadable");
            assert!(matches!(said, StoreError::Malformed { .. }), "{said}");
            let said = said.to_string();
            assert!(said.contains(words) && said.contains(partition.as_str()), "{said}");
        }
    }
    meter.time.run(stream.append(Event::new("a", "y"))).expect("the others go on");
}

/// They are for people, who must see it.
#[test]
fn who_asks_for_standings_heads_and_partitions_is_told_what_cannot_be_read() {
    let meter = Meter::new();
    let stream = stream(&meter);
    break_standing(&meter, &stream);
    let standings = meter.time.run(stream.standings(&Group::from("g")));
    assert!(matches!(standings, Err(StoreError::Malformed { .. })), "{standings:?}");
    meter.put("partitions", &json!({ "partitionId": text("p0~2!"), "bucket": text("0") }));
    let partitions = meter.time.run(stream.partitions());
    assert!(matches!(partitions, Err(StoreError::Malformed { .. })), "{partitions:?}");
    let partition = stream.route("b");
    let (id, head) = (text(partition.as_str()), text("seven"));
    meter.put("partitions", &json!({ "partitionId": id, "sequenceNumber": head }));
    let heads = meter.time.run(stream.heads(&[partition]));
    assert!(matches!(heads, Err(StoreError::Malformed { .. })), "{heads:?}");
}

#[test]
fn leases_are_released_although_one_cannot_be_read() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let worker = stream.worker("g", super::takes(&meter, 600 * SECOND));
    let id = worker.id().expect("an id").clone();
    meter.run_for(SECOND, worker.run());
    break_standing(&meter, &stream);
    let why = meter.time.run(stream.release_leases(&Group::from("g"), &id));
    assert!(matches!(why, Err(StoreError::Malformed { .. })), "{why:?}");
    let (handler, handled) = counting();
    meter.run_for(5 * SECOND, stream.worker("g", handler).run());
    assert_eq!(keys(&handled), ["a", "c"], "before those leases would have ended");
}

/// An item that was removed before the last sweep is nothing to end with.
#[test]
fn who_has_caught_up_says_so_once_the_item_of_another_release_is_gone() {
    let meter = Meter::new();
    let stream = stream(&meter);
    meter.put("partitions", &json!({ "partitionId": text("p0~2!"), "bucket": text("0") }));
    let removes = async {
        meter.time.wait(SECOND).await;
        let delete =
            meter.client().delete_item().table_name(format!("{}partitions", meter::PREFIX));
        let id = AttributeValue::S("p0~2!".to_owned());
        delete.key("partitionId", id).send().await.expect("removed");
    };
    let worker = stream.worker("g", super::takes(&meter, 2 * SECOND));
    let (summary, ()) =
        meter.time.run(futures_util::future::join(worker.until_caught_up(), removes));
    assert_eq!(summary.expect("caught up").events, 3);
}
