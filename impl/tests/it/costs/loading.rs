//! Histories of a key: what is in them, what they cost, and what is a conflict.

use std::time::Duration;

use futures_util::future::join;
use gapless::{AppendError, Config, Event, History, Layout, Seq, StoreError, Stream};
use gapless_model::design::named;
use gapless_model::store::Reply;

use super::meter::{Latency, Meter, Wrong};
use super::{ONE_PARTITION, calls, leave_gap, take_number, write_late};

const GRACE: Duration = Duration::from_millis(400);

fn stream(meter: &Meter) -> Stream {
    meter.stream(|config: Config| config.layout(ONE_PARTITION).grace(GRACE))
}

fn append(meter: &Meter, stream: &Stream, key: &str, text: &str) {
    meter.time.run(stream.append(Event::new(key, text))).expect("appended");
}

fn load(meter: &Meter, stream: &Stream, key: &str) -> History {
    meter.time.run(stream.load(key)).expect("loaded")
}

fn texts(history: &History) -> Vec<&str> {
    history.events().iter().map(|recorded| recorded.event.text().expect("text")).collect()
}

fn is_conflict<T>(outcome: &Result<T, AppendError>) -> bool {
    matches!(outcome, Err(AppendError::Conflict { .. }))
}

#[test]
fn a_history_costs_a_look_at_its_partition_and_a_query_and_an_append_to_it_what_any_append_costs() {
    let meter = Meter::new();
    let stream = stream(&meter);
    append(&meter, &stream, "a", "1");
    append(&meter, &stream, "b", "other");
    let (loaded, bill) = meter.run(stream.load("a"));
    assert_eq!(bill, ["1 BatchGetItem 1 partitions", "1 Query events"]);
    let mut history = loaded.expect("loaded");
    assert_eq!((texts(&history), history.head()), (vec!["1"], Seq(2)));
    for text in ["2", "3"] {
        let (appended, bill) =
            meter.run(stream.append_to(&mut history, vec![Event::new("a", text)]));
        appended.expect("appended");
        assert_eq!(bill, ["1 PutItem events", "1 UpdateItem partitions"]);
    }
    assert_eq!((texts(&history), history.head()), (vec!["1", "2", "3"], Seq(4)));
    assert_eq!(history, load(&meter, &stream, "a"));
}

#[test]
fn an_event_of_the_key_in_between_is_a_conflict_and_is_in_the_history_then() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let mut history = load(&meter, &stream, "a");
    append(&meter, &stream, "a", "in between");
    let mine = || vec![Event::new("a", "mine")];
    let first = meter.time.run(stream.append_to(&mut history, mine()));
    assert!(is_conflict(&first), "{first:?}");
    assert_eq!(texts(&history), ["in between"]);
    meter.time.run(stream.append_to(&mut history, mine())).expect("decided anew");
    assert_eq!(texts(&history), ["in between", "mine"]);
    assert_eq!(history, load(&meter, &stream, "a"));
}

#[test]
fn events_of_other_keys_in_between_are_read_and_are_no_conflict() {
    let meter = Meter::new();
    let stream = stream(&meter);
    append(&meter, &stream, "a", "1");
    let mut history = load(&meter, &stream, "a");
    for text in ["x", "y"] {
        append(&meter, &stream, "b", text);
    }
    let (appended, bill) = meter.run(stream.append_to(&mut history, vec![Event::new("a", "2")]));
    assert_eq!(appended.expect("no conflict").position.slot, Seq(4));
    assert_eq!(bill, ["1 PutItem events", "1 Query events", "2 UpdateItem partitions"]);
    let asked = |history: &History| (texts(history).len(), history.head());
    assert_eq!(asked(&history), (2, Seq(4)));
}

/// Before, an append with an expected position was in conflict until somebody else appended.
#[test]
fn a_number_whose_writer_died_is_voided_after_the_grace_and_is_no_conflict() {
    let meter = Meter::new();
    let stream = stream(&meter);
    append(&meter, &stream, "a", "1");
    let mut history = load(&meter, &stream, "a");
    for _ in 0..3 {
        leave_gap(&meter, &stream);
    }
    let began = meter.time.elapsed();
    let appended = meter.time.run(stream.append_to(&mut history, vec![Event::new("a", "2")]));
    assert_eq!(appended.expect("no conflict").position.slot, Seq(5));
    let waited = meter.time.elapsed() - began;
    assert!((GRACE..2 * GRACE).contains(&waited), "gaps age together: {waited:?}");
    let late = meter.time.run(write_late(&stream, Seq(2), Event::new("a", "late")));
    assert!(
        matches!(late, Reply::Taken(_)),
        "it was not in the history that was decided on: {late:?}"
    );
    assert_eq!(history, load(&meter, &stream, "a"));
}

/// Its event was not in the history, and is before what was decided.
#[test]
fn a_slow_writer_that_comes_within_the_grace_is_a_conflict() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let mut history = load(&meter, &stream, "a");
    leave_gap(&meter, &stream);
    let late = async {
        meter.time.wait(GRACE / 2).await;
        write_late(&stream, Seq(1), Event::new("a", "slow")).await
    };
    let append = stream.append_to(&mut history, vec![Event::new("a", "mine")]);
    let (appended, late) = meter.time.run(join(append, late));
    assert!(matches!(late, Reply::Written), "{late:?}");
    assert!(is_conflict(&appended), "{appended:?}");
    assert_eq!(texts(&history), ["slow"]);
}

#[test]
fn what_was_acknowledged_behind_a_gap_is_loaded() {
    let meter = Meter::new();
    let stream = stream(&meter);
    leave_gap(&meter, &stream);
    append(&meter, &stream, "a", "1");
    leave_gap(&meter, &stream);
    leave_gap(&meter, &stream);
    append(&meter, &stream, "a", "2");
    let began = meter.time.elapsed();
    let (history, bill) = meter.run(stream.load("a"));
    assert_eq!(texts(&history.expect("loaded")), ["1", "2"]);
    let waited = meter.time.elapsed() - began;
    assert!((GRACE..2 * GRACE).contains(&waited), "gaps age together: {waited:?}");
    assert!(calls(&bill) <= 20, "{bill:?}");
}

/// The second gap was not there when the first one began to age, and has a grace of its own.
#[test]
fn a_gap_that_comes_later_has_a_grace_of_its_own() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let mut history = load(&meter, &stream, "a");
    leave_gap(&meter, &stream);
    let later = async {
        meter.time.wait(GRACE * 9 / 10).await;
        take_number(&stream).await;
        meter.time.wait(GRACE * 9 / 10).await;
        write_late(&stream, Seq(2), Event::new("a", "in time")).await
    };
    let append = stream.append_to(&mut history, vec![Event::new("a", "mine")]);
    let (appended, late) = meter.time.run(join(append, later));
    assert!(matches!(late, Reply::Written), "{late:?}");
    assert!(is_conflict(&appended), "{appended:?}");
    assert_eq!(texts(&history), ["in time"]);
}

/// The look that found the event failed at what is behind it. The caller must decide again.
#[test]
fn an_event_that_came_in_between_is_told_although_more_cannot_be_read() {
    for forbidden in [true, false] {
        let meter = Meter::new();
        let stream = stream(&meter);
        let mut history = load(&meter, &stream, "a");
        append(&meter, &stream, "a", "in between");
        leave_gap(&meter, &stream);
        let append = stream.append_to(&mut history, vec![Event::new("a", "mine")]);
        if forbidden {
            meter.go_wrong("PutItem", Wrong::Forbidden);
        }
        let (outcome, bill) = meter.run(append);
        assert!(is_conflict(&outcome), "{outcome:?}");
        assert_eq!(texts(&history), ["in between"]);
        assert_eq!(bill, ["1 Query events", "1 UpdateItem partitions"], "nothing is waited for");
    }
}

/// Its outcome is unknown, and the next append to the history finds it.
#[test]
fn an_append_that_was_dropped_is_found_by_the_next_one() {
    for (calls_before, came) in [(1, false), (2, true)] {
        let meter = Meter::new();
        let stream = stream(&meter);
        let mut history = load(&meter, &stream, "a");
        let second = Duration::from_secs(1);
        meter.set_latency(Latency { queries: Duration::ZERO, others: second });
        let dropped = stream.append_to(&mut history, vec![Event::new("a", "dropped")]);
        // Calls are applied when they are sent, and answered a second later.
        meter.run_for(second * calls_before - second / 2, Box::pin(dropped));
        meter.set_latency(Latency::default());
        let next = meter.time.run(stream.append_to(&mut history, vec![Event::new("a", "next")]));
        assert_eq!(is_conflict(&next), came, "{next:?}");
        let expected: &[&str] = if came { &["dropped"] } else { &["next"] };
        assert_eq!(texts(&history), expected);
    }
}

/// What comes after the end was found is not waited for, or it would never end.
#[test]
fn a_load_ends_although_gaps_go_on_to_come() {
    let meter = Meter::new();
    let stream = stream(&meter);
    leave_gap(&meter, &stream);
    append(&meter, &stream, "a", "1");
    let leaky = async {
        for _ in 0..50 {
            meter.time.wait(GRACE / 2).await;
            take_number(&stream).await;
            stream.append(Event::new("b", "x")).await.expect("appended");
        }
    };
    let began = meter.time.elapsed();
    let ended = async {
        let loaded = stream.load("a").await;
        (loaded, meter.time.elapsed() - began)
    };
    let ((loaded, took), ()) = meter.time.run(join(ended, leaky));
    assert_eq!(texts(&loaded.expect("loaded")), ["1"]);
    assert!(took < 2 * GRACE, "{took:?}");
}

#[test]
fn a_history_has_where_each_event_of_an_append_to_it_is() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let mut history = load(&meter, &stream, "a");
    let batch = ["a", "b", "a"].map(|key| Event::new(key, "x")).to_vec();
    meter.time.run(stream.append_to(&mut history, batch)).expect("appended");
    assert_eq!(history.events().len(), 2);
    assert_eq!(history, load(&meter, &stream, "a"));
}

/// Two who decide on it would not be in conflict.
#[test]
fn a_batch_without_an_event_of_the_key_is_refused() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let mut history = load(&meter, &stream, "a");
    let (refused, bill) = meter.run(stream.append_to(&mut history, vec![Event::new("b", "x")]));
    assert!(matches!(refused, Err(AppendError::Batch(_))), "{refused:?}");
    assert_eq!(calls(&bill), 0);
}

/// As after the tables were restored.
#[test]
fn a_history_that_is_ahead_of_the_partition_is_refused() {
    let (meter, other) = (Meter::new(), Meter::new());
    let (here, there) = (stream(&meter), stream(&other));
    append(&meter, &here, "a", "1");
    for text in ["1", "2", "3"] {
        append(&other, &there, "a", text);
    }
    let mut ahead = load(&other, &there, "a");
    let refused = meter.time.run(here.load_after("a", ahead.partition(), ahead.head()));
    let Err(StoreError::Refused { why, .. }) = refused else { panic!("{refused:?}") };
    assert!(why.contains("slot 3") && why.contains("empty: load it from the beginning"), "{why}");
    let began = meter.time.elapsed();
    let outcome = meter.time.run(here.append_to(&mut ahead, vec![Event::new("a", "4")]));
    assert!(is_conflict(&outcome), "{outcome:?}");
    assert_eq!(meter.time.elapsed(), began);
}

/// Each design finds out in its own way that something came in between.
#[test]
fn histories_are_appended_to_in_every_design_that_can() {
    for name in ["recommended", "transaction", "no-counter", "compare-and-set"] {
        let known = named(name).expect(name);
        let meter = Meter::new();
        let stream = meter.stream(|config| config.layout(ONE_PARTITION).design(known.design));
        let mut history = load(&meter, &stream, "a");
        append(&meter, &stream, "b", "other");
        let append_to = |history: &mut History, text: &str| {
            meter.time.run(stream.append_to(history, vec![Event::new("a", text)]))
        };
        append_to(&mut history, "1").expect(name);
        append(&meter, &stream, "a", "2");
        let conflict = append_to(&mut history, "3");
        assert!(is_conflict(&conflict), "{name}: {conflict:?}");
        append_to(&mut history, "3").expect(name);
        assert_eq!(texts(&history), ["1", "2", "3"], "{name}");
        assert_eq!(history, load(&meter, &stream, "a"), "{name}");
    }
}

#[test]
fn a_history_goes_on_from_a_snapshot() {
    let meter = Meter::new();
    let stream = stream(&meter);
    for text in ["1", "2"] {
        append(&meter, &stream, "a", text);
    }
    let mut kept = load(&meter, &stream, "a");
    assert_eq!(kept.take_events().len(), 2);
    append(&meter, &stream, "a", "3");
    let loaded =
        meter.time.run(stream.load_after("a", kept.partition(), kept.head())).expect("loaded");
    assert_eq!(texts(&loaded), ["3"]);
    meter.time.run(stream.refresh(&mut kept)).expect("refreshed");
    assert_eq!(kept, loaded);
}

#[test]
fn an_event_of_another_partition_is_refused_before_anything_is_sent() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    let mut history = load(&meter, &stream, "a");
    let (refused, bill) = meter.run(stream.append_to(&mut history, vec![Event::new("b", "x")]));
    let Err(AppendError::Batch(why)) = refused else { panic!("{refused:?}") };
    assert!(why.contains("`b`") && why.contains("`a`"), "{why}");
    assert_eq!(calls(&bill), 0);
}

/// What became of it is found by refreshing.
#[test]
fn an_append_without_an_answer_leaves_the_history_as_it_was() {
    let meter = Meter::new();
    let stream = stream(&meter);
    let mut history = load(&meter, &stream, "a");
    let before = history.clone();
    meter.go_wrong_in_turn("PutItem", &[Wrong::Applied, Wrong::Forbidden]);
    let error = meter.time.run(stream.append_to(&mut history, vec![Event::new("a", "1")]));
    let Err(AppendError::Unsettled(unsettled)) = error else { panic!("{error:?}") };
    assert_eq!(history, before);
    meter.time.run(unsettled.settle()).expect("settled");
    meter.time.run(stream.refresh(&mut history)).expect("refreshed");
    assert_eq!(texts(&history), ["1"]);
}

/// Other keys come in between each time. The append gives up with its patience.
#[test]
fn an_append_that_others_are_always_before_gives_up() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).patience(Duration::ZERO));
    let mut history = load(&meter, &stream, "a");
    append(&meter, &stream, "b", "x");
    let outcome = meter.time.run(stream.append_to(&mut history, vec![Event::new("a", "1")]));
    assert!(is_conflict(&outcome), "{outcome:?}");
    assert_eq!((texts(&history).len(), history.head()), (0, Seq(1)));
    meter.time.run(stream.append_to(&mut history, vec![Event::new("a", "1")])).expect("alone");
}

#[test]
fn a_writer_that_comes_late_is_seen_within_a_quarter_of_the_grace() {
    for seed in 0..20 {
        let meter = Meter::new();
        let stream = stream(&meter);
        fastrand::seed(seed);
        let mut history = load(&meter, &stream, "a");
        leave_gap(&meter, &stream);
        let late = GRACE * 3 / 4;
        let writes = async {
            meter.time.wait(late).await;
            write_late(&stream, Seq(1), Event::new("b", "late")).await
        };
        let began = meter.time.elapsed();
        let mine = stream.append_to(&mut history, vec![Event::new("a", "mine")]);
        let (mine, _) = meter.time.run(join(mine, writes));
        assert_eq!(mine.expect("no conflict").position.slot, Seq(2));
        let waited = meter.time.elapsed() - began;
        assert!(waited <= late + GRACE / 4, "{waited:?} of {late:?}");
    }
}
