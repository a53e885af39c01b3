//! Appending, reading and consuming through the real SDK, against the embedded engine.
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::TryStreamExt as _;
use futures_util::future::join_all;
use gapless::embedded::Engine;
use gapless::{
    AfterFailure, AppendError, Config, Delivery, Event, Grouping, HandlerError, Layout, Number,
    Position, ProducerError, Recorded, Seq, Stream, Target, WorkerError,
};

fn config() -> Config {
    Config::new("test-")
        .lease(Duration::from_millis(600))
        .skew(Duration::from_millis(100))
        .grace(Duration::from_millis(100))
}

async fn stream(layout: Layout) -> Stream {
    let client = Engine::memory().expect("an engine").client();
    Stream::create(client, config().layout(layout)).await.expect("a stream")
}

async fn one_partition() -> Stream {
    stream(Layout::Fixed { bits: 0 }).await
}

fn texts(events: &[Recorded]) -> Vec<&str> {
    events.iter().filter_map(|recorded| recorded.event.text()).collect()
}

/// Remembers what was delivered.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<Recorded>>>);

impl Seen {
    fn handler(&self) -> impl gapless::Handler + use<> {
        let seen = self.clone();
        move |delivery: Delivery| {
            let seen = seen.clone();
            async move {
                seen.0.lock().expect("no panic").extend(delivery.events());
                Ok::<(), HandlerError>(())
            }
        }
    }

    fn all(&self) -> Vec<Recorded> {
        self.0.lock().expect("no panic").clone()
    }
}

#[tokio::test]
async fn what_is_appended_is_read_in_order() {
    let stream = one_partition().await;
    for text in ["a", "b", "c"] {
        stream.append(Event::new("k", text)).await.expect("appended");
    }
    let receipt = stream
        .append_batch(vec![Event::new("k", "d"), Event::new("l", "e")])
        .await
        .expect("appended");
    assert_eq!((receipt.position.slot, receipt.events), (Seq(4), 2));
    stream.settled(&receipt).await.expect("settled");
    let all = stream.read(Target::Everything).collect().await.expect("read");
    assert_eq!(texts(&all), ["a", "b", "c", "d", "e"]);
    let of_key = stream.read(Target::Key("l".into())).collect().await.expect("read");
    assert_eq!(texts(&of_key), ["e"]);
    let from = Position { slot: Seq(4), index: 1 };
    let rest = stream.read(Target::Everything).from(from).collect().await.expect("read");
    assert_eq!(texts(&rest), ["e"]);
}

#[tokio::test]
async fn what_is_read_backwards_is_what_is_read_forward() {
    let stream = stream(Layout::Fixed { bits: 1 }).await;
    for number in 0..310 {
        let key = if number % 3 == 0 { "a" } else { "b" };
        stream.append(Event::new(key, number.to_string())).await.expect("appended");
    }
    let targets = [Target::Key("a".into()), Target::Key("b".into())];
    for target in targets.into_iter().chain([Target::Partition(stream.route("a"))]) {
        let mut forward = stream.read(target.clone()).collect().await.expect("read");
        forward.reverse();
        let back: Vec<_> = stream.read_back(target).try_collect().await.expect("read");
        assert!(back.len() > 100 && back == forward);
        assert!(back.iter().all(|event| event.at.is_some()));
    }
}

#[tokio::test]
async fn bytes_come_back_as_they_were() {
    let stream = one_partition().await;
    for data in [vec![], vec![0, 255, 128], "caf\u{e9}".into()] {
        stream.append(Event::new("k", data.clone())).await.expect("appended");
        let all = stream.read(Target::Everything).collect().await.expect("read");
        assert_eq!(all.last().expect("it is there").event.data, data);
    }
}

#[tokio::test]
async fn headers_come_back_with_their_event() {
    let stream = one_partition().await;
    let with = Event::new("k", "0").with_header("trace", "4bf9").with_header("type", "");
    let (without, bytes) = (Event::new("k", "1"), Event::new("k", [0, 159]).with_header("a", "b"));
    let batch = vec![with, without, bytes];
    stream.append_batch(batch.clone()).await.expect("appended");
    let read = stream.read(Target::Everything).collect().await.expect("read");
    assert_eq!(read.into_iter().map(|read| read.event).collect::<Vec<_>>(), batch);
}

#[tokio::test]
async fn headers_that_cannot_be_stored_are_refused() {
    let stream = one_partition().await;
    let (nameless, large) = (("", "x".to_owned()), ("x", "x".repeat(400 * 1024)));
    for ((name, value), said) in
        [(nameless, "the name of a header is empty"), (large, "has room for")]
    {
        let refused = stream.append(Event::new("k", "0").with_header(name, value)).await;
        let refused = refused.expect_err("it cannot be stored").to_string();
        assert!(refused.contains(said), "{refused}");
    }
    assert!(stream.heads(&[stream.route("k")]).await.expect("read").values().all(|it| it.0 == 0));
}

#[tokio::test]
async fn of_two_who_expect_the_same_head_one_succeeds() {
    let stream = one_partition().await;
    let of_k = stream.route("k");
    let first = vec![Event::new("k", "1")];
    stream.append_expecting(&of_k, Seq::ZERO, first).await.expect("first");
    let event = || vec![Event::new("k", "2")];
    let (a, b) = futures_util::join!(
        stream.append_expecting(&of_k, Seq(1), event()),
        stream.append_expecting(&of_k, Seq(1), event()),
    );
    let (won, lost) = if a.is_ok() { (a, b) } else { (b, a) };
    assert_eq!(won.expect("one of them").position.slot, Seq(2));
    match lost {
        Err(AppendError::Conflict { expected: Seq(1), found: Seq(2), .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn an_event_that_is_too_large_is_refused_before_anything_is_written() {
    let stream = one_partition().await;
    let large = Event::new("k", vec![b'x'; 500_000]);
    let error = stream.append(large).await.expect_err("too large");
    assert!(error.to_string().contains("409600"), "{error}");
    let head = stream.status().await.expect("status")[0].head;
    assert_eq!(head, Seq::ZERO, "no number was taken for it");
}

#[tokio::test]
async fn a_batch_is_of_one_partition() {
    let stream = stream(Layout::Fixed { bits: 4 }).await;
    let events = (0..20).map(|key| Event::new(format!("k{key}"), "x")).collect();
    assert!(matches!(stream.append_batch(events).await, Err(AppendError::Batch(_))));
    assert!(matches!(stream.append_batch(vec![]).await, Err(AppendError::Batch(_))));
}

#[tokio::test]
async fn concurrent_appends_share_slots_and_keep_their_order() {
    let stream = one_partition().await;
    let appender = stream.appender(Grouping::default());
    let events = (0..200).map(|n| appender.append(Event::new("k", n.to_string())));
    let receipts = join_all(events).await;
    let positions: Vec<_> =
        receipts.into_iter().map(|receipt| receipt.expect("appended").position).collect();
    assert!(positions.is_sorted(), "they were asked for in this order");
    let slots = positions.last().expect("some").slot;
    assert!(slots <= Seq(3), "200 events stand in {slots} slots");
    let all = stream.read(Target::Everything).collect().await.expect("read");
    assert_eq!(texts(&all), (0..200).map(|n| n.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn those_who_were_just_answered_are_in_the_next_group() {
    let stream = one_partition().await;
    let appender = stream.appender(Grouping::default());
    let one = || async {
        let mut last = Seq::ZERO;
        for _ in 0..20 {
            last = appender.append(Event::new("k", "x")).await.expect("appended").position.slot;
        }
        last
    };
    let last = join_all((0..64).map(|_| one())).await.into_iter().max();
    assert!(last <= Some(Seq(24)), "20 times 64 events stand in {last:?} slots");
}

#[tokio::test]
async fn an_append_that_is_dropped_while_it_writes_for_all_is_finished_by_another() {
    let stream = one_partition().await;
    let appender = stream.appender(Grouping::default().linger(Duration::from_millis(30)));
    let mut leader = Box::pin(appender.append(Event::new("k", "leader")));
    // It leads the group, and lingers for other events.
    assert!(futures_util::poll!(&mut leader).is_pending());
    let follower = appender.append(Event::new("k", "follower"));
    let dropped = async {
        tokio::time::sleep(Duration::from_millis(5)).await;
        drop(leader);
    };
    let (receipt, ()) = futures_util::join!(follower, dropped);
    receipt.expect("appended");
    let all = stream.read(Target::Everything).collect().await.expect("read");
    // The leader's own event was taken back before it was in a group.
    assert_eq!(texts(&all), ["follower"]);
}

#[tokio::test]
async fn a_worker_sees_everything_once_and_in_order() {
    let stream = stream(Layout::Fixed { bits: 2 }).await;
    for n in 0..60 {
        let event = Event::new(format!("k{}", n % 7), n.to_string());
        stream.append(event).await.expect("appended");
    }
    let seen = Seen::default();
    let summary = stream.worker("g", seen.handler()).until_caught_up().await.expect("caught up");
    assert_eq!(summary.events, 60);
    let mut of_key: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for recorded in seen.all() {
        let number = recorded.event.text().expect("text").parse().expect("a number");
        of_key.entry(recorded.event.key).or_default().push(number);
    }
    assert_eq!(of_key.values().map(Vec::len).sum::<usize>(), 60);
    assert!(of_key.values().all(|numbers| numbers.is_sorted()));
    // Another group begins at the beginning; the same one has nothing left.
    let again = stream.worker("g", seen.handler()).until_caught_up().await.expect("caught up");
    assert_eq!(again.events, 0);
    let other = stream.worker("h", seen.handler()).until_caught_up().await.expect("caught up");
    assert_eq!(other.events, 60);
    assert_eq!(stream.audit(|_| ()).await.expect("audited").findings, []);
}

#[tokio::test]
async fn each_key_may_have_its_own_partition() {
    let stream = stream(Layout::EachKey).await;
    for n in 0..6 {
        stream.append(Event::new(format!("k{}", n % 3), n.to_string())).await.expect("appended");
    }
    assert_eq!(stream.partitions().await.expect("listed").len(), 3);
    let seen = Seen::default();
    stream.worker("g", seen.handler()).until_caught_up().await.expect("caught up");
    assert_eq!(seen.all().len(), 6);
    let of_key = stream.read(Target::Key("k1".into())).collect().await.expect("read");
    assert_eq!(texts(&of_key), ["1", "4"]);
}

#[tokio::test]
async fn every_declared_increment_appends_and_consumes() {
    use gapless_model::design::NAMED;
    for named in NAMED.iter().filter(|named| named.breaks.is_empty()) {
        let client = Engine::memory().expect("an engine").client();
        let config = config().design(named.design);
        let stream = Stream::create(client, config).await.expect(named.name);
        for n in 0..3 {
            stream.append(Event::new("k", n.to_string())).await.expect(named.name);
        }
        let seen = Seen::default();
        let worker = stream.worker("g", seen.handler()).sweep_every(Duration::from_millis(20));
        worker.until_caught_up().await.expect(named.name);
        assert_eq!(texts(&seen.all()), ["0", "1", "2"], "{}", named.name);
        assert_eq!(stream.audit(|_| ()).await.expect(named.name).findings, [], "{}", named.name);
    }
}

#[tokio::test]
async fn a_gap_that_a_dead_writer_left_is_voided() {
    let stream = one_partition().await;
    stream.append(Event::new("k", "1")).await.expect("appended");
    // A producer takes a number and dies.
    {
        use gapless_model::store::{Raise, Request};
        let partition = stream.route("k");
        let raise = Raise { partition, head: None, token: None, record: None };
        stream.wire().send(&Request::Raise(raise)).await.expect("raised");
    }
    stream.append(Event::new("k", "3")).await.expect("appended");
    let before = stream.read(Target::Everything).collect().await.expect("read");
    assert_eq!(texts(&before), ["1"], "a reader does not step over an open slot");
    let seen = Seen::default();
    stream.worker("g", seen.handler()).until_caught_up().await.expect("caught up");
    assert_eq!(texts(&seen.all()), ["1", "3"]);
    let audit = stream.audit(|_| ()).await.expect("audited");
    assert_eq!((audit.voids, audit.open, audit.findings.len()), (1, 0, 0));
}

#[tokio::test]
async fn a_handler_that_fails_is_tried_again_and_then_the_reason_stays_on_the_item() {
    let stream = one_partition().await;
    stream.append(Event::new("k", "poison")).await.expect("appended");
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let worker = stream
        .worker("g", move |delivery: Delivery| {
            seen.lock().expect("no panic").push(delivery.attempt());
            async { Err::<(), HandlerError>("no such order".into()) }
        })
        .attempts(3, Duration::from_millis(1))
        .after_failure(AfterFailure::Stop);
    match worker.run().await {
        Err(WorkerError::Handler { attempts: 3, why, .. }) => {
            assert_eq!(why.to_string(), "no such order");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(*attempts.lock().expect("no panic"), [1, 2, 3]);
    let status = stream.status().await.expect("status");
    let standing = &status[0].groups[0];
    assert_eq!(standing.lease.checkpoint, Seq::ZERO);
    assert_eq!(standing.failure.as_deref(), Some("slot 1: no such order"));
    // A worker that can handle it goes on, and the reason is gone.
    let fine = Seen::default();
    stream.worker("g", fine.handler()).until_caught_up().await.expect("caught up");
    assert_eq!(texts(&fine.all()), ["poison"]);
    assert_eq!(stream.status().await.expect("status")[0].groups[0].failure, None);
}

#[tokio::test]
async fn a_slow_handler_keeps_its_lease() {
    let stream = one_partition().await;
    stream.append(Event::new("k", "slow")).await.expect("appended");
    let calls = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&calls);
    let slow = stream.worker("g", move |_: Delivery| {
        *counted.lock().expect("no panic") += 1;
        async {
            // Three times the length of a lease.
            tokio::time::sleep(Duration::from_millis(1800)).await;
            Ok::<(), HandlerError>(())
        }
    });
    let idle = Seen::default();
    let other = stream.worker("g", idle.handler());
    let (a, b) = futures_util::join!(slow.until_caught_up(), async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        other.until_caught_up().await
    });
    assert_eq!((a.expect("done").events, b.expect("done").events), (1, 0));
    assert_eq!(*calls.lock().expect("no panic"), 1);
}

#[tokio::test]
async fn a_worker_that_stops_hands_over_at_once() {
    let stream = one_partition().await;
    for n in 0..3 {
        stream.append(Event::new("k", n.to_string())).await.expect("appended");
    }
    let first = Seen::default();
    let worker = stream.worker("g", first.handler());
    let stop = worker.stopper();
    let ((), summary) = futures_util::join!(
        async {
            tokio::time::sleep(Duration::from_millis(200)).await;
            stop.request();
        },
        worker.run(),
    );
    assert_eq!(summary.expect("stopped").events, 3);
    let status = stream.status().await.expect("status");
    assert!(!status[0].groups[0].lease.active, "the lease is released");
}

#[tokio::test]
async fn a_worker_that_stops_finishes_what_it_has_in_hand() {
    let stream = one_partition().await;
    for n in 0..3 {
        stream.append(Event::new("k", n.to_string())).await.expect("appended");
    }
    let worker = stream.worker("g", async |_: Delivery| {
        tokio::time::sleep(Duration::from_millis(200)).await;
        Ok::<(), HandlerError>(())
    });
    let stop = worker.stopper();
    let asked = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.request();
    };
    let worked = tokio::time::timeout(Duration::from_secs(2), worker.run());
    let (worked, ()) = futures_util::join!(worked, asked);
    assert_eq!(worked.expect("it stops").expect("well").events, 3);
    let lease = &stream.status().await.expect("status")[0].groups[0].lease;
    assert!(!lease.active && lease.checkpoint == Seq(3), "{lease:?}");
}

#[tokio::test]
async fn a_deadline_is_kept() {
    let stream = one_partition().await;
    let idle = Seen::default();
    let worker = stream.worker("g", idle.handler());
    let now = stream.now();
    let then = gapless::Timestamp::from_millis(now.as_millis() + 300);
    worker.deadline(then, Duration::from_millis(100)).run().await.expect("ended");
    assert!(stream.now() < then);
}

mod named_producers {
    use super::*;

    fn input(from: u64, to: u64) -> impl Iterator<Item = (Number, Event)> {
        (from..=to).map(|n| (Number(n), Event::new(format!("k{}", n % 5), n.to_string())))
    }

    async fn feed(stream: &Stream, to: u64, batches: usize) -> Result<u64, ProducerError> {
        let mut producer = stream.producer("loader").batches_of(batches);
        for (number, event) in input(1, to) {
            producer.push(number, event).await?;
        }
        producer.flush().await?;
        let known = producer.skipped();
        producer.finish().await.map(|(_, skipped)| {
            assert_eq!(skipped, known);
            skipped
        })
    }

    #[tokio::test]
    async fn a_rerun_appends_nothing_twice() {
        let stream = stream(Layout::Fixed { bits: 1 }).await;
        assert_eq!(feed(&stream, 30, 4).await.expect("fed"), 0);
        assert_eq!(feed(&stream, 30, 4).await.expect("fed"), 30);
        assert_eq!(feed(&stream, 50, 7).await.expect("fed"), 30);
        let all = stream.read(Target::Everything).collect().await.expect("read");
        assert_eq!(all.len(), 50);
        let partition = stream.read(Target::Key("k1".into())).collect().await.expect("read");
        assert_eq!(texts(&partition), ["1", "6", "11", "16", "21", "26", "31", "36", "41", "46"]);
    }

    #[tokio::test]
    async fn what_a_killed_run_had_a_number_for_is_written_where_it_belongs() {
        let stream = one_partition().await;
        // A run that dies after each possible number of polls.
        for polls in 0..60 {
            let mut run = Box::pin(feed(&stream, 12, 3));
            for _ in 0..polls {
                if futures_util::poll!(&mut run).is_ready() {
                    break;
                }
            }
        }
        feed(&stream, 12, 3).await.expect("fed");
        let seen = Seen::default();
        stream.worker("g", seen.handler()).until_caught_up().await.expect("caught up");
        let numbers: Vec<String> = (1..=12).map(|n: u32| n.to_string()).collect();
        assert_eq!(texts(&seen.all()), numbers);
    }

    #[tokio::test]
    async fn a_later_run_fences_out_the_one_before() {
        let stream = one_partition().await;
        let mut zombie = stream.producer("loader");
        zombie.push(Number(1), Event::new("k", "1")).await.expect("pushed");
        feed(&stream, 2, 1).await.expect("fed");
        match zombie.flush().await {
            Err(ProducerError::Append(AppendError::Fenced { .. })) => {}
            other => panic!("{other:?}"),
        }
        let all = stream.read(Target::Everything).collect().await.expect("read");
        assert_eq!(texts(&all), ["1", "2"]);
    }

    #[tokio::test]
    async fn another_input_is_told_apart() {
        let stream = one_partition().await;
        feed(&stream, 9, 3).await.expect("fed");
        match feed(&stream, 4, 3).await {
            Err(ProducerError::OtherInput { number: Number(9), .. }) => {}
            other => panic!("{other:?}"),
        }
    }
}
