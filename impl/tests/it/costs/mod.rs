//! What each thing costs and how long it waits, to the call and to the millisecond, where no fault
//! strikes.

mod appending;
mod clocks;
mod consuming;
mod crowds;
mod failing;
mod grouping;
#[cfg(feature = "table-stream")]
mod hearing;
mod leaving;
mod loading;
mod malformed;
mod meter;
mod naming;
mod one_turn;
mod pages;
mod reading;
mod restored;
mod retrying;
mod scaling;
mod transcripts;
mod upgrading;
mod virtual_time;
mod waiting;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use gapless::{Delivery, Event, EventBatch, Handler, HandlerError, Layout, Seq, Stream, Token};
use gapless_model::store::{Raise, Reply, Request, Write};

use self::meter::Meter;

const ONE_PARTITION: Layout = Layout::Fixed { bits: 0 };

fn event(number: u64) -> Event {
    Event::new("k", number.to_string())
}

/// Appends so many events, a slot each.
fn append(meter: &Meter, stream: &Stream, slots: u64) {
    for number in 0..slots {
        meter.time.run(stream.append(event(number))).expect("appended");
    }
}

/// Appends so many events, a slot each, to so many keys in turn.
fn append_to_keys(meter: &Meter, stream: &Stream, slots: u64, keys: u64) {
    for number in 0..slots {
        let event = Event::new(format!("k{}", number % keys), "x");
        meter.time.run(stream.append(event)).expect("appended");
    }
}

/// A stream with so many events in its one partition, a slot each.
fn with_events(slots: u64) -> (Meter, Stream) {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    append(&meter, &stream, slots);
    (meter, stream)
}

/// Takes a number that no event is written for.
fn leave_gap(meter: &Meter, stream: &Stream) {
    meter.time.run(take_number(stream));
}

/// The same, beside others.
pub async fn take_number(stream: &Stream) {
    take_number_of(stream, "k").await;
}

/// The same, in the partition of a key.
async fn take_number_of(stream: &Stream, key: &str) {
    let raise = Raise { partition: stream.route(key), head: None, token: None, record: None };
    stream.wire().send(&Request::Raise(raise)).await.expect("a number");
}

/// Writes the event of a number that was taken before.
async fn write_late(stream: &Stream, slot: Seq, event: Event) -> Reply<gapless::Live> {
    let write = Write {
        partition: stream.route(&event.key),
        slot,
        token: Token::from("late".to_owned()),
        batch: EventBatch::new(vec![event]).expect("an event"),
        if_absent: true,
    };
    stream.wire().send(&Request::Write(write)).await.expect("an answer")
}

/// The calls of these kinds on a bill.
fn count(bill: &[String], kind: &str) -> u64 {
    let of_kind = bill.iter().find_map(|line| line.strip_suffix(kind));
    of_kind.map_or(0, |count| count.trim().parse().expect("a count"))
}

/// How many events of each key were handled.
type Handled = Arc<Mutex<BTreeMap<String, u32>>>;

/// A handler that counts the events of each key.
fn counting() -> (impl Handler + use<>, Handled) {
    let handled = Handled::default();
    let counts = Arc::clone(&handled);
    let handler = move |delivery: Delivery| {
        for recorded in delivery.events() {
            *counts.lock().expect("no panic").entry(recorded.event.key.clone()).or_default() += 1;
        }
        async { Ok::<(), HandlerError>(()) }
    };
    (handler, handled)
}

/// A handler that takes this long.
fn takes(meter: &Meter, long: Duration) -> impl Handler + use<> {
    noting(meter, long).0
}

/// A handler that takes this long, and when it or a copy of it was last done.
fn noting(meter: &Meter, long: Duration) -> (impl Handler + Clone + use<>, Arc<Mutex<Duration>>) {
    let (time, noted) = (meter.time.clone(), Arc::new(Mutex::new(Duration::ZERO)));
    let at = Arc::clone(&noted);
    let handler = move |_: Delivery| {
        let (handled, time, at) = (time.wait(long), time.clone(), Arc::clone(&at));
        async move {
            handled.await;
            *at.lock().expect("no panic") = time.elapsed();
            Ok::<(), HandlerError>(())
        }
    };
    (handler, noted)
}

/// How many calls are on a bill.
fn calls(bill: &[String]) -> u64 {
    let counts = bill.iter().map(|line| line.split(' ').next().expect("a count").parse::<u64>());
    counts.map(|count| count.expect("a number")).sum()
}
