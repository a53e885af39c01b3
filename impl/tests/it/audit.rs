//! Everything that an audit looks for is planted in the tables, past the protocol, and found.
use std::time::Duration;

use gapless::embedded::Engine;
use gapless::{
    Config, Delivery, Epoch, Event, EventBatch, Finding, Group, HandlerError, Layout, Owner,
    PartitionId, Seq, Stream, Timestamp, Token,
};
use gapless_model::store::{Extend, Raise, Request, Write};

/// A stream in two partitions: one event, and a group that has finished it.
async fn stream() -> (Stream, PartitionId) {
    let client = Engine::memory().expect("an engine").client();
    let config = Config::new("t-").layout(Layout::Fixed { bits: 1 });
    let stream = Stream::create(client, config).await.expect("a stream");
    stream.append(Event::new("k", "1")).await.expect("appended");
    let worker = stream.worker("g", async |_: Delivery| Ok::<(), HandlerError>(()));
    worker.until_caught_up().await.expect("caught up");
    assert_eq!(stream.audit(|_| ()).await.expect("audited").findings, []);
    let partition = stream.route("k");
    (stream, partition)
}

async fn plant(stream: &Stream, request: Request<gapless::Live>) {
    stream.wire().send(&request).await.expect("the engine does as it is told");
}

async fn findings(stream: &Stream) -> Vec<Finding> {
    stream.audit(|_| ()).await.expect("audited").findings
}

fn write(partition: &PartitionId, slot: u64, token: &str, key: &str) -> Request<gapless::Live> {
    Request::Write(Write {
        partition: partition.clone(),
        slot: Seq(slot),
        token: Token::from(token),
        batch: EventBatch::from(Event::new(key, "x")),
        if_absent: false,
    })
}

/// The group's checkpoint, moved without a fence.
fn checkpoint(stream: &Stream, partition: &PartitionId, to: u64) -> Request<gapless::Live> {
    Request::Checkpoint {
        group: Group::from("g"),
        partition: partition.clone(),
        to: Seq(to),
        fence: None,
        forward: false,
        extend: Extend { until: stream.now(), beat: false },
    }
}

fn lease(partition: &PartitionId, epoch: u64, until: u64) -> Request<gapless::Live> {
    Request::SetLease {
        group: Group::from("planted"),
        partition: partition.clone(),
        owner: Owner::from("planted"),
        epoch: Epoch(epoch),
        until: Timestamp::from_millis(until),
    }
}

#[tokio::test]
async fn an_empty_slot_below_a_checkpoint() {
    let (stream, partition) = stream().await;
    for _ in 0..2 {
        let raise = Raise { partition: partition.clone(), head: None, token: None, record: None };
        plant(&stream, Request::Raise(raise)).await;
    }
    plant(&stream, checkpoint(&stream, &partition, 3)).await;
    plant(&stream, write(&partition, 3, "late", "k")).await;
    match findings(&stream).await.as_slice() {
        [Finding::EmptyBelowCheckpoint { slot: Seq(2), checkpoint: Seq(3), .. }] => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_empty_slot_behind_the_last_one_that_a_group_has_finished() {
    let (stream, partition) = stream().await;
    let raise = Raise { partition: partition.clone(), head: None, token: None, record: None };
    plant(&stream, Request::Raise(raise)).await;
    plant(&stream, checkpoint(&stream, &partition, 2)).await;
    let found = findings(&stream).await;
    match found.as_slice() {
        [Finding::EmptyBelowCheckpoint { slot: Seq(2), checkpoint: Seq(2), .. }] => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(found[0].slots(), [Seq(2)]);
}

#[tokio::test]
async fn a_checkpoint_above_the_head() {
    let (stream, partition) = stream().await;
    plant(&stream, checkpoint(&stream, &partition, 9)).await;
    let found = findings(&stream).await;
    let above = |finding: &Finding| {
        matches!(finding, Finding::CheckpointAboveHead { checkpoint: Seq(9), head: Seq(1), .. })
    };
    assert!(found.iter().any(above), "{found:?}");
}

#[tokio::test]
async fn a_slot_that_was_never_given_out() {
    let (stream, partition) = stream().await;
    plant(&stream, write(&partition, 2, "stray", "k")).await;
    match findings(&stream).await.as_slice() {
        [Finding::HeadBelowSlot { head: Seq(1), slot: Seq(2), .. }] => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_append_in_two_slots() {
    let (stream, partition) = stream().await;
    stream.append(Event::new("k", "2")).await.expect("appended");
    for slot in 1..=2 {
        plant(&stream, write(&partition, slot, "twin", "k")).await;
    }
    let found = findings(&stream).await;
    match found.as_slice() {
        [Finding::Twice { slots: (Seq(1), Seq(2)), .. }] => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(found[0].slots(), [Seq(1), Seq(2)]);
}

#[tokio::test]
async fn an_event_in_a_partition_that_is_not_its_keys() {
    let (stream, partition) = stream().await;
    let elsewhere = (0..).map(|n| format!("k{n}")).find(|key| stream.route(key) != partition);
    let key = elsewhere.expect("some key is in the other half");
    plant(&stream, write(&partition, 1, "moved", &key)).await;
    match findings(&stream).await.as_slice() {
        [Finding::StrayEvent { slot: Seq(1), key: found, .. }] => assert_eq!(*found, key),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lease_on_a_partition_that_is_none() {
    let (stream, _) = stream().await;
    let stray = PartitionId::covering(0, 5);
    plant(&stream, lease(&stray, 1, 0)).await;
    match findings(&stream).await.as_slice() {
        [Finding::StrayPartition { partition }] => assert_eq!(*partition, stray),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_lease_without_an_epoch() {
    let (stream, partition) = stream().await;
    plant(&stream, lease(&partition, 0, 0)).await;
    assert!(matches!(findings(&stream).await.as_slice(), [Finding::LeaseWithoutEpoch { .. }]));
}

#[tokio::test]
async fn a_lease_that_outlasts_every_lease() {
    // Microseconds where milliseconds are expected.
    let (stream, partition) = stream().await;
    let until = stream.now().as_millis() * 1000;
    plant(&stream, lease(&partition, 1, until)).await;
    match findings(&stream).await.as_slice() {
        [Finding::LeaseTooLong { beyond_ms, .. }] => {
            assert!(Duration::from_millis(*beyond_ms) > Duration::from_secs(3600));
        }
        other => panic!("{other:?}"),
    }
}
