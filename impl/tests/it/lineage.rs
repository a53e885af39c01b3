//! Partitions that split and merge while producers append and workers consume.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gapless::embedded::Engine;
use gapless::trigger::{Hint, Hints, Trigger};
use gapless::{
    Config, Delivery, Event, Handler, HandlerError, Layout, PartitionId, Stream, TurnOutcome,
    Worker,
};

/// A stream of one partition, opened by so many processes, each of which knows of no seal but what it
/// finds out.
pub(crate) async fn processes<const N: usize>() -> [Stream; N] {
    let client = Engine::memory().expect("an engine").client();
    let config = || {
        Config::new("lineage-")
            .layout(Layout::Fixed { bits: 0 })
            .lease(Duration::from_millis(600))
            .skew(Duration::from_millis(100))
            .grace(Duration::from_millis(100))
    };
    Stream::create(client.clone(), config()).await.expect("a stream");
    let mut processes = Vec::new();
    for _ in 0..N {
        processes.push(Stream::open(client.clone(), config()).await.expect("it is there"));
    }
    processes.try_into().expect("as many as asked for")
}

async fn stream() -> Stream {
    let [stream] = processes().await;
    stream
}

pub(crate) fn id(id: &str) -> PartitionId {
    id.parse().expect("an id")
}

/// What a group was given, by key.
#[derive(Clone, Default)]
pub(crate) struct Seen(Arc<Mutex<BTreeMap<String, Vec<String>>>>);

impl Seen {
    /// A worker whose handler notes what it is given.
    pub(crate) fn worker(&self, stream: &Stream, group: &str) -> Worker<impl Handler + use<>> {
        let seen = self.clone();
        let handler = move |delivery: Delivery| {
            let seen = seen.clone();
            async move {
                let mut seen = seen.0.lock().expect("no panic");
                for recorded in delivery.events() {
                    let text = recorded.event.text().unwrap_or_default().to_owned();
                    seen.entry(recorded.event.key.clone()).or_default().push(text);
                }
                Ok::<(), HandlerError>(())
            }
        };
        stream.worker(group, handler)
    }

    pub(crate) async fn catch_up(&self, stream: &Stream, group: &str) {
        self.worker(stream, group).until_caught_up().await.expect("caught up");
    }

    pub(crate) fn of(&self, key: &str) -> Vec<String> {
        self.0.lock().expect("no panic").get(key).cloned().unwrap_or_default()
    }

    /// How many events there were.
    pub(crate) fn count(&self) -> usize {
        self.0.lock().expect("no panic").values().map(Vec::len).sum()
    }
}

async fn append(stream: &Stream, keys: &[&str], text: &str) {
    for key in keys {
        stream.append(Event::new(*key, text)).await.expect("appended");
    }
}

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

#[tokio::test]
async fn each_key_keeps_its_order_through_a_split_and_a_merge() {
    let stream = stream().await;
    let seen = Seen::default();
    append(&stream, &KEYS, "1").await;
    assert_eq!(stream.split(&id("p")).await.expect("split"), [id("p0"), id("p1")]);
    append(&stream, &KEYS, "2").await;
    seen.catch_up(&stream, "began before the merge").await;
    stream.merge(&[id("p0"), id("p1")]).await.expect("merged");
    append(&stream, &KEYS, "3").await;
    seen.catch_up(&stream, "began before the merge").await;
    let late = Seen::default();
    late.catch_up(&stream, "began after it").await;
    for key in KEYS {
        assert_eq!(seen.of(key), ["1", "2", "3"], "{key}");
        assert_eq!(late.of(key), ["1", "2", "3"], "{key}");
    }
}

#[tokio::test]
async fn a_producer_with_a_stale_route_follows_every_seal_and_knows_the_way_from_then_on() {
    let [operator, producer] = processes().await;
    append(&producer, &KEYS, "1").await;
    operator.split(&id("p")).await.expect("split");
    operator.split(&id("p0")).await.expect("split");
    operator.merge(&[id("p00"), id("p01")]).await.expect("merged");
    for key in KEYS {
        assert_eq!(producer.route(key), id("p"), "it has not heard of it");
    }
    append(&producer, &KEYS, "2").await;
    for key in KEYS {
        let receipt = producer.append(Event::new(key, "3")).await.expect("appended");
        assert!([id("p0~"), id("p1")].contains(&receipt.partition), "{}", receipt.partition);
        assert_eq!(receipt.partition, producer.route(key));
    }
    assert_eq!(producer.route("a"), operator.route("a"));
}

#[tokio::test]
async fn a_batch_whose_keys_went_to_different_partitions_is_refused_and_nothing_of_it_appended() {
    let [operator, producer] = processes().await;
    operator.split(&id("p")).await.expect("split");
    let batch = KEYS.map(|key| Event::new(key, "x")).to_vec();
    let refused = producer.append_batch(batch).await.expect_err("two partitions");
    assert!(refused.to_string().contains("different partitions"), "{refused}");
    let audit = producer.audit(|_| ()).await.expect("audited");
    assert_eq!((audit.events, audit.findings), (0, Vec::new()));
}

#[tokio::test]
async fn empty_partitions_that_were_split_and_merged_are_no_hole() {
    let stream = stream().await;
    append(&stream, &KEYS, "1").await;
    stream.split(&id("p")).await.expect("split");
    stream.merge(&[id("p0"), id("p1")]).await.expect("merged");
    append(&stream, &KEYS, "2").await;
    let seen = Seen::default();
    seen.catch_up(&stream, "g").await;
    for key in KEYS {
        assert_eq!(seen.of(key), ["1", "2"], "{key}");
    }
}

#[tokio::test]
async fn groups_go_on_in_the_children_and_keep_the_order_of_each_key() {
    let stream = stream().await;
    let appender = stream.appender(gapless::Grouping::default().events(7));
    let append = |index: usize| {
        let appender = appender.clone();
        async move {
            let event = Event::new(KEYS[index % KEYS.len()], index.to_string());
            appender.append(event).await.expect("appended")
        }
    };
    let splits = async {
        stream.append(Event::new("a", "first")).await.expect("appended");
        stream.split(&id("p")).await.expect("split");
        stream.split(&id("p1")).await.expect("split");
        stream.merge(&[id("p10"), id("p11")]).await.expect("merged");
    };
    let all = futures_util::future::join_all((0..200).map(append));
    futures_util::future::join(all, splits).await;
    let seen = Seen::default();
    seen.catch_up(&stream, "g").await;
    for (index, key) in KEYS.iter().enumerate() {
        let texts = seen.of(key).into_iter().filter(|text| text != "first");
        let wanted = (0..200).filter(|number| number % KEYS.len() == index);
        assert_eq!(texts.collect::<Vec<_>>(), wanted.map(|n| n.to_string()).collect::<Vec<_>>());
    }
}

/// Hints that come at once, and then none.
#[derive(Debug)]
struct Hinted(Mutex<Vec<PartitionId>>);

impl Trigger for Hinted {
    fn next(&self) -> Hints<'_> {
        let hints = std::mem::take(&mut *self.0.lock().expect("no panic"));
        Box::pin(async {
            if hints.is_empty() {
                std::future::pending::<()>().await;
            }
            hints.into_iter().map(Hint::of).collect()
        })
    }
}

/// Hints come of the children first, to a worker that has never heard of the splits, and sweeps do not help.
#[tokio::test]
async fn a_hint_of_a_child_leads_to_what_comes_before_it() {
    let [operator, consumer] = processes().await;
    append(&operator, &KEYS, "1").await;
    operator.split(&id("p")).await.expect("split");
    operator.merge(&[id("p0"), id("p1")]).await.expect("merged");
    append(&operator, &KEYS, "2").await;
    let seen = Seen::default();
    let hints = Arc::new(Hinted(Mutex::new(vec![id("p~")])));
    let worker = seen.worker(&consumer, "g").trigger(hints).sweep_every(Duration::from_secs(600));
    let stop = worker.stopper();
    let all = async {
        while seen.count() < 2 * KEYS.len() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.request();
    };
    let both = futures_util::future::join(worker.run(), all);
    let (ended, ()) = tokio::time::timeout(Duration::from_secs(20), both).await.expect("in time");
    ended.expect("stopped");
    for key in KEYS {
        assert_eq!(seen.of(key), ["1", "2"], "{key}");
    }
}

/// A function that is invoked for a partition alone: there is no message about an empty one.
#[tokio::test]
async fn a_turn_on_a_child_takes_one_on_each_partition_before_it() {
    let [operator, consumer] = processes().await;
    append(&operator, &KEYS, "1").await;
    operator.split(&id("p")).await.expect("split");
    operator.merge(&[id("p0"), id("p1")]).await.expect("merged");
    append(&operator, &KEYS, "2").await;
    let seen = Seen::default();
    let report = seen.worker(&consumer, "g").take_turn(&id("p~")).await.expect("a turn");
    assert_eq!((report.outcome, report.events), (TurnOutcome::CaughtUp, 12));
    for key in KEYS {
        assert_eq!(seen.of(key), ["1", "2"], "{key}");
    }
}

#[tokio::test]
async fn a_turn_on_a_child_whose_parent_is_held_is_busy() {
    let [operator, consumer] = processes().await;
    append(&operator, &KEYS, "1").await;
    operator.split(&id("p")).await.expect("split");
    append(&operator, &KEYS, "2").await;
    let (seen, hanging) = (Seen::default(), consumer.clone());
    let hangs = |_: Delivery| async {
        std::future::pending::<()>().await;
        Ok::<(), HandlerError>(())
    };
    let holder = hanging.worker("g", hangs);
    let parent = id("p");
    let holds = std::pin::pin!(holder.take_turn(&parent));
    let turn = std::pin::pin!(async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        seen.worker(&consumer, "g").take_turn(&operator.route("a")).await.expect("a turn")
    });
    let turn = futures_util::future::select(holds, turn).await;
    let futures_util::future::Either::Right((report, _)) = turn else { panic!("it hangs") };
    assert_eq!((report.outcome, report.events, seen.count()), (TurnOutcome::Busy, 0, 0));
}

#[tokio::test]
async fn no_turn_is_taken_on_a_partition_that_nothing_was_split_into() {
    let [stream] = processes().await;
    let refused = Seen::default().worker(&stream, "g").take_turn(&id("p01")).await;
    let said = refused.expect_err("there is none").to_string();
    assert!(said.contains("no partition p01"), "{said}");
    assert!(stream.standings(&"g".into()).await.expect("read").is_empty());
}

/// The writer died: its number is at the end of what is sealed.
#[tokio::test]
async fn a_number_without_an_event_at_the_end_of_a_sealed_partition_keeps_its_children_for_the_grace()
 {
    let [operator, consumer] = processes().await;
    append(&operator, &KEYS, "1").await;
    crate::costs::take_number(&operator).await;
    operator.split(&id("p")).await.expect("split");
    append(&operator, &KEYS, "2").await;
    let seen = Seen::default();
    seen.catch_up(&consumer, "g").await;
    for key in KEYS {
        assert_eq!(seen.of(key), ["1", "2"], "{key}");
    }
    let audit = consumer.audit(|_| ()).await.expect("audited");
    assert_eq!((audit.voids, audit.findings), (1, Vec::new()));
}

#[tokio::test]
async fn a_parent_that_fails_keeps_its_children_back_and_the_worker_ends_with_its_failure() {
    let [stream] = processes().await;
    append(&stream, &KEYS, "1").await;
    stream.split(&id("p")).await.expect("split");
    append(&stream, &KEYS, "2").await;
    let fails = |delivery: Delivery| async move {
        assert_eq!(delivery.partition(), &id("p"), "a child before its parent");
        Err::<(), HandlerError>("not today".into())
    };
    let worker = stream
        .worker("g", fails)
        .attempts(1, Duration::from_millis(1))
        .after_failure(gapless::AfterFailure::LeaveAlone);
    let ended = tokio::time::timeout(Duration::from_secs(20), worker.until_caught_up()).await;
    let failed = ended.expect("it ends").expect_err("what was acknowledged is not delivered");
    assert!(failed.to_string().contains("not today"), "{failed}");
}

/// It had looked at the gap while the partition was open, and left it to its writer.
#[tokio::test]
async fn a_worker_comes_back_to_a_gap_at_the_end_of_what_was_sealed_since() {
    let [operator, consumer] = processes().await;
    let seen = Seen::default();
    let worker = seen.worker(&consumer, "g").sweep_every(Duration::from_millis(50));
    let stop = worker.stopper();
    crate::costs::take_number(&operator).await;
    let all = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        operator.split(&id("p")).await.expect("split");
        append(&operator, &KEYS, "1").await;
        while seen.count() < KEYS.len() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        stop.request();
    };
    let both = futures_util::future::join(worker.run(), all);
    let (ended, ()) = tokio::time::timeout(Duration::from_secs(20), both).await.expect("in time");
    ended.expect("stopped");
}

/// The process has heard of the seal by other ways than the append that waits.
#[tokio::test]
async fn an_event_of_a_group_does_not_overtake_one_that_waits_before_a_seal() {
    let [stream] = processes().await;
    let linger = gapless::Grouping::default().linger(Duration::from_millis(50));
    let appender = stream.appender(linger);
    let append = |text: &'static str| {
        let appender = appender.clone();
        async move { appender.append(Event::new("a", text)).await.expect("appended") }
    };
    let second = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        stream.split(&id("p")).await.expect("split");
        append("2").await
    };
    let (first, second) = futures_util::future::join(append("1"), second).await;
    assert!(first.position < second.position && first.partition == second.partition);
    let seen = Seen::default();
    seen.catch_up(&stream, "g").await;
    assert_eq!(seen.of("a"), ["1", "2"]);
}
