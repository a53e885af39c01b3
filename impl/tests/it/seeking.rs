//! Checkpoints moved by hand, and groups that begin at the end.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::StreamExt as _;
use futures_util::lock::Mutex;
use gapless::embedded::Engine;
use gapless::{
    Config, Delivery, Event, EventBatch, Group, HandlerError, Layout, PartitionId, SeekError,
    SeekTo, Seq, Stream, Target, Timestamp, Token,
};
use gapless_model::store::{Reply, Request, Slot, Write};

use crate::costs::take_number;

async fn stream(layout: Layout) -> Stream {
    let config = Config::new("seek-").layout(layout).lease(Duration::from_millis(600));
    let client = Engine::memory().expect("an engine").client();
    Stream::create(client, config).await.expect("a stream")
}

/// A stream of one partition with four events, `0` to `3`.
async fn four_events() -> (Stream, PartitionId, Group) {
    let stream = stream(Layout::Fixed { bits: 0 }).await;
    for number in 0..4 {
        stream.append(Event::new("k", number.to_string())).await.expect("appended");
    }
    let partition = stream.route("k");
    (stream, partition, Group::from("g"))
}

/// What the group is given until it has caught up.
async fn consumed(stream: &Stream) -> String {
    let seen = Arc::new(Mutex::new(String::new()));
    let all = Arc::clone(&seen);
    let worker = stream.worker("g", move |delivery: Delivery| {
        let seen = Arc::clone(&seen);
        async move {
            let mut seen = seen.lock().await;
            delivery.events().for_each(|event| *seen += event.event.text().expect("text"));
            Ok::<(), HandlerError>(())
        }
    });
    worker.until_caught_up().await.expect("caught up");
    let all = all.lock().await;
    all.clone()
}

#[tokio::test]
async fn a_checkpoint_moved_back_has_events_delivered_again() {
    let (stream, partition, group) = four_events().await;
    assert_eq!(consumed(&stream).await, "0123");
    let sought = stream.seek(&group, &partition, SeekTo::Behind(Seq(2))).await.expect("moved");
    assert_eq!((sought.from, sought.to), (Seq(4), Seq(2)));
    assert_eq!(consumed(&stream).await, "23");
    stream.seek(&group, &partition, SeekTo::Start).await.expect("moved");
    assert_eq!(consumed(&stream).await, "0123");
}

#[tokio::test]
async fn a_worker_of_this_process_is_told_of_a_move_back_long_before_its_next_sweep() {
    let (stream, partition, group) = four_events().await;
    let (given, mut events) = futures_channel::mpsc::unbounded();
    let worker = stream.worker("g", move |delivery: Delivery| {
        given.unbounded_send(delivery.events().count()).expect("the test waits");
        async { Ok::<(), HandlerError>(()) }
    });
    let worker = worker.sweep_every(Duration::from_secs(600));
    let stop = worker.stopper();
    let moves = async {
        let mut given = async |wanted: usize| {
            let mut seen = 0;
            while seen < wanted {
                seen += events.next().await.expect("it works");
            }
        };
        given(4).await;
        // Its turn may not have left yet.
        while let Err(SeekError::Held { .. }) =
            stream.seek(&group, &partition, SeekTo::Behind(Seq(1))).await
        {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        given(3).await;
        stop.request();
    };
    let both = futures_util::future::join(worker.run(), moves);
    let (ran, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("it is told");
    assert_eq!(ran.expect("it works").events, 7);
}

#[tokio::test]
async fn a_checkpoint_moved_forward_has_events_skipped() {
    let (stream, partition, group) = four_events().await;
    stream.seek(&group, &partition, SeekTo::Behind(Seq(3))).await.expect("moved");
    assert_eq!(consumed(&stream).await, "3");
    stream.append(Event::new("k", "4")).await.expect("appended");
    let sought = stream.seek(&group, &partition, SeekTo::End).await.expect("moved");
    assert_eq!((sought.from, sought.to), (Seq(4), Seq(5)));
    assert_eq!(consumed(&stream).await, "");
}

#[tokio::test]
async fn no_checkpoint_is_moved_to_where_nothing_was_appended() {
    let (stream, partition, group) = four_events().await;
    let error = stream.seek(&group, &partition, SeekTo::Behind(Seq(5))).await.expect_err("too far");
    assert!(matches!(error, SeekError::Beyond { last: Seq(4), .. }), "{error}");
    assert!(stream.standings(&group).await.expect("read").is_empty());
    let other = PartitionId::covering(0, 1);
    let error = stream.seek(&group, &other, SeekTo::Start).await.expect_err("no such partition");
    assert!(error.to_string().contains("has no partition p0"), "{error}");
}

#[tokio::test]
async fn no_checkpoint_is_moved_under_a_worker() {
    let (stream, partition, group) = four_events().await;
    let (there, elsewhere) = (stream.clone(), partition.clone());
    let worker = stream.worker("g", move |_: Delivery| {
        let (stream, partition) = (there.clone(), elsewhere.clone());
        async move {
            let error = stream.seek(&Group::from("g"), &partition, SeekTo::Start).await;
            assert!(matches!(error, Err(SeekError::Held { .. })), "{error:?}");
            Ok::<(), HandlerError>(())
        }
    });
    let summary = worker.until_caught_up().await.expect("caught up");
    assert_eq!(summary.events, 4);
    let standings = stream.standings(&group).await.expect("read");
    assert_eq!(standings[&partition].lease.checkpoint, Seq(4));
}

#[tokio::test]
async fn a_time_is_found_between_slots() {
    let stream = stream(Layout::Fixed { bits: 0 }).await;
    let partition = stream.route("k");
    let mut before = Vec::new();
    for number in 0..9 {
        before.push(stream.now());
        stream.append(Event::new("k", number.to_string())).await.expect("appended");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for (slot, time) in (0..).zip(before) {
        let found = stream.find_slot(&partition, SeekTo::Time(time)).await.expect("found");
        assert_eq!(found, Seq(slot));
    }
    for (time, slot) in [(Timestamp::from_millis(0), 0), (stream.now(), 9)] {
        let found = stream.find_slot(&partition, SeekTo::Time(time)).await.expect("found");
        assert_eq!(found, Seq(slot));
    }
}

#[tokio::test]
async fn an_event_that_is_read_says_when_it_was_written() {
    let stream = stream(Layout::Fixed { bits: 0 }).await;
    let earliest = stream.now();
    stream.append(Event::new("k", "0")).await.expect("appended");
    let read = stream.read(Target::Everything).collect().await.expect("read");
    let at = read[0].at.expect("a time");
    assert!(earliest <= at && at <= stream.now(), "{at:?}");
}

#[tokio::test]
async fn nothing_was_written_in_the_future() {
    let (stream, partition, _) = four_events().await;
    let tomorrow = Timestamp::from_millis(stream.now().as_millis() + 86_400_000);
    let error = stream.find_slot(&partition, SeekTo::Time(tomorrow)).await.expect_err("not yet");
    assert!(matches!(error, SeekError::Future { .. }), "{error}");
}

/// A void is written when a worker comes by, which may be long after the events behind it.
#[tokio::test]
async fn a_void_does_not_tell_the_time() {
    let (stream, partition, _) = four_events().await;
    take_number(&stream).await;
    stream.append(Event::new("k", "5")).await.expect("appended");
    tokio::time::sleep(Duration::from_millis(10)).await;
    let later = stream.now();
    let void = Request::Void { partition: partition.clone(), slot: Seq(5) };
    stream.wire().send(&void).await.expect("voided");
    let found = stream.find_slot(&partition, SeekTo::Time(later)).await.expect("found");
    assert_eq!(found, Seq(6));
}

/// Otherwise its event would be acknowledged and never be delivered, and the audit would say so.
#[tokio::test]
async fn a_writer_whose_slot_is_skipped_takes_another() {
    let (stream, partition, group) = four_events().await;
    take_number(&stream).await;
    let number = Seq(5);
    stream.seek(&group, &partition, SeekTo::End).await.expect("moved");
    let late = Request::Write(Write {
        partition: partition.clone(),
        slot: number,
        token: Token::from(String::from("late")),
        batch: EventBatch::from(Event::new("k", "late")),
        if_absent: true,
    });
    let answer = stream.wire().send(&late).await.expect("an answer");
    assert!(matches!(answer, Reply::Taken(Slot::Void)), "{answer:?}");
    stream.append(Event::new("k", "6")).await.expect("appended");
    assert_eq!(consumed(&stream).await, "6");
    assert!(stream.audit(|_| ()).await.expect("read").findings.is_empty());
}

/// A page of large slots ends long before it has a hundred of them.
#[tokio::test]
async fn an_empty_slot_behind_large_ones_is_voided_too() {
    let (stream, partition, group) = four_events().await;
    take_number(&stream).await;
    let number = Seq(5);
    for _ in 0..6 {
        stream.append(Event::new("k", vec![b'x'; 300 * 1024])).await.expect("appended");
    }
    stream.seek(&group, &partition, SeekTo::End).await.expect("moved");
    let read = Request::ReadSlot { partition, slot: number };
    let slot = stream.wire().send(&read).await.expect("read");
    assert!(matches!(slot, Reply::Slot(Slot::Void)), "{slot:?}");
    assert!(stream.audit(|_| ()).await.expect("read").findings.is_empty());
}

/// It is what an operator may want to get past.
#[tokio::test]
async fn a_slot_that_cannot_be_read_can_be_skipped() {
    let (stream, partition, group) = four_events().await;
    take_number(&stream).await;
    let number = Seq(5);
    let put = stream.wire().client().put_item().table_name(&stream.wire().tables().events);
    let put = put
        .item("partitionId", AttributeValue::S(partition.as_str().to_owned()))
        .item("sequenceNumber", AttributeValue::N(number.to_string()))
        .item("events", AttributeValue::S("what a newer release may write".to_owned()));
    put.send().await.expect("put");
    tokio::time::sleep(Duration::from_millis(5)).await;
    let late = stream.now();
    stream.append(Event::new("k", "6")).await.expect("appended");
    let found = stream.find_slot(&partition, SeekTo::Time(late)).await.expect("found");
    assert!(found == number || found == Seq(4), "{found}");
    stream.seek(&group, &partition, SeekTo::Behind(number)).await.expect("moved");
    assert_eq!(consumed(&stream).await, "6");
}

#[tokio::test]
async fn a_new_group_begins_at_the_end_and_an_old_one_stays() {
    let stream = stream(Layout::Fixed { bits: 2 }).await;
    let keys = ["a", "b", "c", "d", "e", "f"];
    for key in keys {
        stream.append(Event::new(key, "x")).await.expect("appended");
    }
    let begun = stream.begin_at(&Group::from("g"), SeekTo::End).await.expect("begun");
    assert_eq!(begun.len(), 4);
    assert_eq!(begun.iter().map(|sought| sought.to.0).sum::<u64>(), 6);
    assert_eq!(consumed(&stream).await, "");
    stream.append(Event::new("a", "y")).await.expect("appended");
    let again = stream.begin_at(&Group::from("g"), SeekTo::End).await.expect("begun before");
    assert!(again.iter().all(|sought| sought.from == sought.to), "{again:?}");
    assert_eq!(consumed(&stream).await, "y");
    assert!(stream.audit(|_| ()).await.expect("read").findings.is_empty());
}

#[tokio::test]
async fn a_new_group_may_begin_at_a_time() {
    let (stream, _, _) = four_events().await;
    tokio::time::sleep(Duration::from_millis(5)).await;
    let from = stream.now();
    stream.append(Event::new("k", "4")).await.expect("appended");
    stream.begin_at(&Group::from("g"), SeekTo::Time(from)).await.expect("begun");
    assert_eq!(consumed(&stream).await, "4");
}
