//! Reading, loading and expecting across partitions that were split and merged.

mod random;

use std::collections::BTreeMap;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::{join, join3};
use gapless::embedded::Engine;
use gapless::{
    AppendError, Config, Event, EventBatch, History, Layout, PartitionId, Reader, Receipt,
    Recorded, Seq, StoreError, Stream, Target, Token,
};
use gapless_model::store::{Raise, Reply, Request, Write};

const GRACE: Duration = Duration::from_millis(100);

fn config() -> Config {
    Config::new("lineage-")
        .layout(Layout::Fixed { bits: 0 })
        .lease(Duration::from_millis(600))
        .skew(Duration::from_millis(100))
        .patience(Duration::from_secs(2))
        .grace(GRACE)
}

/// A stream, and the same one in another process: its routes are its own.
async fn two_processes() -> [Stream; 2] {
    let engine = Engine::memory().expect("an engine");
    let here = Stream::create(engine.client(), config()).await.expect("a stream");
    [here, Stream::open(engine.client(), config()).await.expect("it exists")]
}

async fn stream() -> Stream {
    let [here, _] = two_processes().await;
    here
}

fn id(id: &str) -> PartitionId {
    id.parse().expect("an id")
}

/// Keys of whose hashes two begin with each pair of digits.
fn keys() -> Vec<String> {
    let of = |place: &'static str| {
        let is_there = move |key: &String| Layout::Fixed { bits: 2 }.route(key) == id(place);
        (0..).map(|number| format!("k{number}")).filter(is_there).take(2)
    };
    ["p00", "p01", "p10", "p11"].into_iter().flat_map(of).collect()
}

/// A key of a partition with two digits.
fn key_of(place: &str) -> String {
    let is_there = |key: &String| Layout::Fixed { bits: 2 }.route(key) == id(place);
    keys().into_iter().find(is_there).expect("there is one for each")
}

async fn append_to_all(stream: &Stream, text: &str) {
    for key in keys() {
        stream.append(Event::new(key, text)).await.expect("appended");
    }
}

/// Split twice and merged once, with an event of each key before and after each.
async fn divide(stream: &Stream) {
    append_to_all(stream, "1").await;
    stream.split(&id("p")).await.expect("split");
    append_to_all(stream, "2").await;
    stream.split(&id("p1")).await.expect("split");
    append_to_all(stream, "3").await;
    stream.merge(&[id("p10"), id("p11")]).await.expect("merged");
    append_to_all(stream, "4").await;
}

fn by_key<'a>(events: impl IntoIterator<Item = &'a Recorded>) -> BTreeMap<String, Vec<String>> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for recorded in events {
        let text = recorded.event.text().expect("text").to_owned();
        texts.entry(recorded.event.key.clone()).or_default().push(text);
    }
    texts
}

fn each_has(keys: &[String], texts: &[&str]) -> BTreeMap<String, Vec<String>> {
    let texts: Vec<String> = texts.iter().map(|&text| text.to_owned()).collect();
    keys.iter().map(|key| (key.clone(), texts.clone())).collect()
}

async fn read(reader: Reader) -> Vec<Recorded> {
    reader.collect().await.expect("read")
}

fn texts(history: &History) -> Vec<&str> {
    history.events().iter().map(|recorded| recorded.event.text().expect("text")).collect()
}

/// Takes a number for which no event is written.
async fn take_number(stream: &Stream, partition: &str) {
    let raise = Raise { partition: id(partition), head: None, token: None, record: None };
    stream.wire().send(&Request::Raise(raise)).await.expect("a number");
}

async fn write_late(stream: &Stream, partition: &str, slot: u64, event: Event) {
    let write = Write {
        partition: id(partition),
        slot: Seq(slot),
        token: Token::from("late".to_owned()),
        batch: EventBatch::from(event),
        if_absent: true,
    };
    let written = stream.wire().send(&Request::Write(write)).await.expect("an answer");
    assert_eq!(written, Reply::Written);
}

#[tokio::test]
async fn everything_is_read_once_with_each_key_in_its_order() {
    let [here, other] = two_processes().await;
    divide(&here).await;
    for stream in [here, other] {
        let events = read(stream.read(Target::Everything)).await;
        assert_eq!(by_key(&events), each_has(&keys(), &["1", "2", "3", "4"]));
        assert!(events.is_sorted_by_key(|it| (it.partition.clone(), it.position)));
    }
}

#[tokio::test]
async fn a_key_is_read_through_every_partition_that_had_it() {
    let [here, other] = two_processes().await;
    divide(&here).await;
    for key in keys() {
        let events = read(other.read(Target::Key(key.clone()))).await;
        assert_eq!(by_key(&events), each_has(&[key], &["1", "2", "3", "4"]));
    }
}

#[tokio::test]
async fn a_partition_is_read_with_what_came_of_it_and_of_its_keys_alone() {
    let [here, other] = two_processes().await;
    divide(&here).await;
    let in_place = |place: &'static str| -> Vec<String> {
        let place = id(place);
        let bits = place.bits();
        keys().into_iter().filter(|key| Layout::Fixed { bits }.route(key) == place).collect()
    };
    let read_of =
        async |partition: &str| by_key(&read(other.read(Target::Partition(id(partition)))).await);
    assert_eq!(read_of("p1").await, each_has(&in_place("p1"), &["2", "3", "4"]));
    assert_eq!(read_of("p10").await, each_has(&in_place("p10"), &["3", "4"]));
    assert_eq!(read_of("p1~").await, each_has(&in_place("p1"), &["4"]));
}

#[tokio::test]
async fn backwards_what_came_later_comes_first() {
    let [here, other] = two_processes().await;
    divide(&here).await;
    let key = key_of("p10");
    let targets = [
        (Target::Everything, keys(), vec!["4", "3", "2", "1"]),
        (Target::Key(key.clone()), vec![key.clone()], vec!["4", "3", "2", "1"]),
        (
            Target::Partition(id("p10")),
            keys()
                .into_iter()
                .filter(|it| Layout::Fixed { bits: 2 }.route(it) == id("p10"))
                .collect(),
            vec!["4", "3"],
        ),
    ];
    for (target, keys, wanted) in targets {
        let events: Vec<_> =
            other.read_back(target.clone()).map(|it| it.expect("read")).collect().await;
        assert_eq!(by_key(&events), each_has(&keys, &wanted), "{target:?}");
    }
}

#[tokio::test]
async fn a_sealed_partition_without_events_is_passed() {
    let [here, other] = two_processes().await;
    here.split(&id("p")).await.expect("split");
    here.merge(&[id("p0"), id("p1")]).await.expect("merged");
    append_to_all(&here, "1").await;
    assert_eq!(by_key(&read(other.read(Target::Everything)).await), each_has(&keys(), &["1"]));
    let key = key_of("p00");
    assert_eq!(texts(&other.load(key.as_str()).await.expect("loaded")), ["1"]);
}

#[tokio::test]
async fn a_follower_goes_on_in_what_is_split_and_merged_under_it() {
    let [here, other] = two_processes().await;
    let wanted = 4 * keys().len();
    let follower = other.read(Target::Everything).follow(Duration::from_millis(5));
    let follow = follower.events().map(|it| it.expect("read")).take(wanted).collect::<Vec<_>>();
    let key = key_of("p11");
    let of_key = other.read(Target::Key(key.clone())).follow(Duration::from_millis(5));
    let of_key = of_key.events().map(|it| it.expect("read")).take(4).collect::<Vec<_>>();
    let slowly = async {
        append_to_all(&here, "1").await;
        tokio::time::sleep(Duration::from_millis(20)).await;
        here.split(&id("p")).await.expect("split");
        append_to_all(&here, "2").await;
        here.split(&id("p1")).await.expect("split");
        tokio::time::sleep(Duration::from_millis(20)).await;
        append_to_all(&here, "3").await;
        here.merge(&[id("p10"), id("p11")]).await.expect("merged");
        append_to_all(&here, "4").await;
    };
    let all = join3(follow, of_key, slowly);
    let (events, of_key, ()) =
        tokio::time::timeout(Duration::from_secs(20), all).await.expect("all of it comes");
    assert_eq!(by_key(&events), each_has(&keys(), &["1", "2", "3", "4"]));
    assert_eq!(by_key(&of_key), each_has(&[key], &["1", "2", "3", "4"]));
}

#[tokio::test]
async fn a_parent_with_an_empty_slot_keeps_its_children_back() {
    let [here, other] = two_processes().await;
    let key = key_of("p00");
    let event = |text: &str| Event::new(key.as_str(), text);
    here.append(event("1")).await.expect("appended");
    take_number(&here, "p").await;
    here.split(&id("p")).await.expect("split");
    here.append(event("3")).await.expect("appended");
    for target in [Target::Everything, Target::Key(key.clone()), Target::Partition(id("p"))] {
        let events = read(other.read(target)).await;
        assert_eq!(by_key(&events), each_has(std::slice::from_ref(&key), &["1"]));
    }
    let mut follow = pin!(other.read(Target::Everything).follow(Duration::from_millis(5)).events());
    assert_eq!(follow.next().await.expect("one").expect("read").event, event("1"));
    let soon = tokio::time::timeout(Duration::from_millis(50), follow.next()).await;
    assert!(soon.is_err(), "{soon:?}");
    write_late(&here, "p", 2, event("2")).await;
    for text in ["2", "3"] {
        assert_eq!(follow.next().await.expect("one").expect("read").event, event(text));
    }
    let events = read(other.read(Target::Everything)).await;
    assert_eq!(by_key(&events), each_has(&[key], &["1", "2", "3"]));
}

#[tokio::test]
async fn a_reader_goes_on_behind_an_event_without_what_came_before_its_partition() {
    let stream = stream().await;
    divide(&stream).await;
    let key = key_of("p10");
    let all = read(stream.read(Target::Key(key.clone()))).await;
    for (index, event) in all.iter().enumerate() {
        let rest = read(stream.read(Target::Key(key.clone())).behind([event])).await;
        assert_eq!(rest, all[index + 1..]);
    }
    // Of everything, all but its own and what came before it are read again.
    let rest = by_key(&read(stream.read(Target::Everything).behind([&all[1]])).await);
    assert_eq!(rest[&key], ["3", "4"]);
    assert_eq!(rest[&key_of("p00")], ["2", "3", "4"]);
}

#[tokio::test]
async fn a_reader_of_everything_goes_on_behind_the_last_event_of_each_partition() {
    let stream = stream().await;
    divide(&stream).await;
    let all = read(stream.read(Target::Everything)).await;
    for cut in 1..all.len() {
        let given = &all[..cut];
        // The last of each partition counts, whatever else is named.
        let rest = read(stream.read(Target::Everything).behind(given)).await;
        assert_eq!(rest, all[cut..], "{cut}");
    }
}

#[tokio::test]
async fn a_position_to_begin_at_is_one_of_the_first_partition() {
    let stream = stream().await;
    divide(&stream).await;
    let key = key_of("p00");
    let first = read(stream.read(Target::Key(key.clone()))).await[0].position;
    let next = gapless::Position { slot: first.slot.next(), index: 0 };
    let events = read(stream.read(Target::Key(key.clone())).from(next)).await;
    assert_eq!(by_key(&events), each_has(&[key], &["2", "3", "4"]));
}

#[tokio::test]
async fn a_receipt_is_settled_once_what_came_before_its_partition_is() {
    let [here, other] = two_processes().await;
    take_number(&here, "p").await;
    here.split(&id("p")).await.expect("split");
    let key = key_of("p11");
    let receipt: Receipt = here.append(Event::new(key.as_str(), "2")).await.expect("appended");
    let unsettled = other.settled(&receipt).await;
    let Err(StoreError::Unknown { why, .. }) = unsettled else { panic!("{unsettled:?}") };
    assert!(why.to_string().contains("slot 1 of p stays empty"), "{why}");
    let late = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        write_late(&here, "p", 1, Event::new(key.as_str(), "1")).await;
    };
    join(other.settled(&receipt), late).await.0.expect("settled");
    assert_eq!(read(other.read(Target::Key(key))).await.len(), 2);
}

#[tokio::test]
async fn a_history_is_loaded_across_seals_and_empty_slots_before_them_are_voided() {
    let [here, other] = two_processes().await;
    divide(&here).await;
    let key = key_of("p11");
    take_number(&here, "p1~").await;
    here.split(&id("p1~")).await.expect("split");
    here.append(Event::new(key.as_str(), "5")).await.expect("appended");
    let history = other.load(key.as_str()).await.expect("loaded");
    assert_eq!(texts(&history), ["1", "2", "3", "4", "5"]);
    assert_eq!((history.partition(), history.head()), (&id("p1~1"), Seq(1)));
    let events = read(here.read(Target::Key(key.clone()))).await;
    assert_eq!(events.len(), 5, "the slot is void");
    let later = here.load_after(key.as_str(), &id("p1"), events[1].position.slot).await;
    assert_eq!(texts(&later.expect("loaded")), ["3", "4", "5"]);
}

#[tokio::test]
async fn a_history_goes_on_from_no_partition_that_is_not_its_keys() {
    let stream = stream().await;
    divide(&stream).await;
    let key = key_of("p00");
    for (partition, head) in [("p1", 1), ("p00", 0), ("p0000~", 0), ("p0", 99)] {
        let refused = stream.load_after(key.as_str(), &id(partition), Seq(head)).await;
        assert!(matches!(refused, Err(StoreError::Refused { .. })), "{partition}: {refused:?}");
    }
    stream.load_after(key.as_str(), &id("p0"), Seq::ZERO).await.expect("it is one");
}

/// Divides the partitions between two decisions.
#[derive(Clone, Copy, Debug)]
enum Between {
    Nothing,
    Split,
    SplitAndMerge,
}

async fn reorganise(stream: &Stream, how: Between) {
    match how {
        Between::Nothing => {}
        Between::Split => drop(stream.split(&id("p")).await.expect("split")),
        Between::SplitAndMerge => {
            stream.split(&id("p")).await.expect("split");
            stream.merge(&[id("p0"), id("p1")]).await.expect("merged");
        }
    }
}

#[tokio::test]
async fn of_two_who_decide_on_the_same_history_one_succeeds_whatever_is_split_in_between() {
    use Between::{Nothing, Split, SplitAndMerge};
    for (first, second) in
        [(Split, Nothing), (Nothing, Split), (SplitAndMerge, Nothing), (Nothing, SplitAndMerge)]
    {
        let [here, other] = two_processes().await;
        let key = key_of("p01");
        here.append(Event::new(key.as_str(), "1")).await.expect("appended");
        let mut mine = here.load(key.as_str()).await.expect("loaded");
        let mut others = other.load(key.as_str()).await.expect("loaded");
        reorganise(&here, first).await;
        let event = |text: &str| vec![Event::new(key.as_str(), text)];
        other.append_to(&mut others, event("2")).await.expect("the first");
        reorganise(&here, second).await;
        let refused = here.append_to(&mut mine, event("mine")).await;
        assert!(
            matches!(refused, Err(AppendError::Conflict { .. })),
            "{first:?} {second:?}: {refused:?}"
        );
        assert_eq!(texts(&mine), ["1", "2"]);
        here.append_to(&mut mine, event("3")).await.expect("decided anew");
        other.refresh(&mut others).await.expect("refreshed");
        for stream in [&here, &other] {
            let loaded = stream.load(key.as_str()).await.expect("loaded");
            assert_eq!(texts(&loaded), ["1", "2", "3"], "{first:?} {second:?}");
            assert_eq!(texts(&mine), texts(&loaded));
            assert_eq!((others.partition(), others.head()), (loaded.partition(), loaded.head()));
        }
    }
}

#[tokio::test]
async fn events_of_other_keys_across_a_split_are_no_conflict() {
    let [here, other] = two_processes().await;
    let key = key_of("p01");
    let mut history = other.load(key.as_str()).await.expect("loaded");
    here.append(Event::new(key_of("p00"), "x")).await.expect("appended");
    here.split(&id("p")).await.expect("split");
    here.append(Event::new(key_of("p00"), "x")).await.expect("appended");
    let receipt = other.append_to(&mut history, vec![Event::new(key.as_str(), "1")]).await;
    let receipt = receipt.expect("no conflict");
    assert_eq!((receipt.partition, receipt.position.slot), (id("p0"), Seq(2)));
    assert_eq!(texts(&history), ["1"]);
}

/// Whether the partition's seal is known before it is met.
async fn expecting_across_a_split(knows: bool) {
    let [here, other] = two_processes().await;
    let key = key_of("p10");
    let event = || vec![Event::new(key.as_str(), "x")];
    for _ in 0..2 {
        here.append(Event::new(key.as_str(), "x")).await.expect("appended");
    }
    here.split(&id("p")).await.expect("split");
    let who = if knows { &here } else { &other };
    let conflict = |outcome: Result<Receipt, AppendError>| match outcome {
        Err(AppendError::Conflict { partition, expected, found }) => {
            (partition.to_string(), expected.0, found.0)
        }
        other => panic!("{other:?}"),
    };
    let stale = who.append_expecting(&id("p"), Seq(1), event()).await;
    assert_eq!(conflict(stale), ("p".into(), 1, 2), "an event in between was not read");
    let receipt =
        who.append_expecting(&id("p"), Seq(2), event()).await.expect("nothing is between");
    assert_eq!((receipt.partition, receipt.position.slot), (id("p1"), Seq(1)));
    let again = who.append_expecting(&id("p"), Seq(2), event()).await;
    assert_eq!(conflict(again), ("p1".into(), 0, 1), "an event in the child was not read");
    here.split(&id("p1")).await.expect("split");
    let stale = who.append_expecting(&id("p"), Seq(2), event()).await;
    assert_eq!(conflict(stale), ("p1".into(), 0, 1));
    let receipt =
        who.append_expecting(&id("p1"), Seq(1), event()).await.expect("nothing is between");
    assert_eq!((receipt.partition, receipt.position.slot), (id("p10"), Seq(1)));
}

#[tokio::test]
async fn who_expects_an_old_partitions_end_goes_on_in_its_child_and_nothing_else_does() {
    expecting_across_a_split(true).await;
    expecting_across_a_split(false).await;
}

#[tokio::test]
async fn events_are_expected_in_a_partition_of_all_their_keys() {
    let stream = stream().await;
    let of = |places: &[&str]| -> Vec<Event> {
        places.iter().map(|place| Event::new(key_of(place), "x")).collect()
    };
    stream.split(&id("p")).await.expect("split");
    for (partition, events) in
        [("p1", of(&["p00"])), ("p0", of(&["p00", "p10"])), ("p", of(&["p00", "p10"]))]
    {
        let refused = stream.append_expecting(&id(partition), Seq::ZERO, events).await;
        assert!(matches!(refused, Err(AppendError::Batch(_))), "{partition}: {refused:?}");
    }
    let both = of(&["p00", "p01"]);
    stream.append_expecting(&id("p"), Seq::ZERO, both).await.expect("they are in one child");
}
