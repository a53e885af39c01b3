//! Many partitions for few places, and many workers for few partitions.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::{join, join_all};
use gapless::{Delivery, Event, Handler, HandlerError, Layout, Stream};

use super::meter::{Latency, Meter};
use super::{append_to_keys, count, noting, takes};

/// What it takes so many workers, which begin at the same time, to consume one event from each of 128
/// partitions: how many acquires were refused or in vain, and how long it took until the last event
/// was handled.
fn herd(workers: u64, seed: u64) -> (u64, Duration) {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    fastrand::seed(seed);
    append_to_keys(&meter, &stream, 128, 128);
    let call = Duration::from_millis(10);
    meter.set_latency(Latency { queries: call, others: call });
    let began = meter.time.elapsed();
    let (handler, last) = noting(&meter, Duration::from_millis(20));
    let all: Vec<_> = (0..workers).map(|_| stream.worker("g", handler.clone())).collect();
    let runs = join_all(all.iter().map(|worker| worker.until_caught_up()));
    let (summaries, bill) = meter.run(runs);
    let events: u64 = summaries.into_iter().map(|ended| ended.expect("caught up").events).sum();
    assert_eq!(events, 128);
    // Each event takes an acquire, and a release that moves the checkpoint.
    let in_vain = count(&bill, "UpdateItem consumers") - 2 * 128;
    let last = *last.lock().expect("no panic");
    (in_vain, last - began)
}

/// They came to twelve writes in vain for each event once: every worker tried what the same sweep had
/// shown to all of them, in the same order.
#[test]
fn ten_workers_that_begin_together_hardly_get_into_each_others_way() {
    let (in_vain, alone) = herd(1, 0);
    assert_eq!(in_vain, 0);
    // How they get into each other's way is drawn.
    let crowds: Vec<_> = (0..8).map(|seed| herd(10, seed)).collect();
    let in_vain: u64 = crowds.iter().map(|(in_vain, _)| in_vain).sum();
    assert!(in_vain <= 8 * 128, "{crowds:?}");
    assert!(crowds.iter().all(|(_, together)| *together <= alone * 3 / 2), "{alone:?} {crowds:?}");
}

/// A handler that notes when it was last at work for each key.
fn noting_keys(
    meter: &Meter,
    long: Duration,
) -> (impl Handler + use<>, Arc<Mutex<BTreeMap<String, Duration>>>) {
    let (time, noted) = (meter.time.clone(), Arc::new(Mutex::new(BTreeMap::new())));
    let seen = Arc::clone(&noted);
    let handler = move |delivery: Delivery| {
        for recorded in delivery.events() {
            seen.lock().expect("no panic").insert(recorded.event.key, time.elapsed());
        }
        let handled = time.wait(long);
        async move {
            handled.await;
            Ok::<(), HandlerError>(())
        }
    };
    (handler, noted)
}

/// Appends to each of so many keys again and again.
async fn keep_busy(meter: &Meter, stream: &Stream, keys: u64, rounds: u64) {
    for _ in 0..rounds {
        for key in 0..keys {
            stream.append(Event::new(format!("hot{key}"), "x")).await.expect("appended");
        }
        meter.time.wait(Duration::from_millis(50)).await;
    }
}

/// Four keys have always something new, and there are four places. The others come to their turn within
/// a quota, a turn and a sweep.
#[test]
fn partitions_that_always_have_work_leave_room_for_others() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    let (handler, noted) = noting_keys(&meter, Duration::from_millis(100));
    let worker = stream.worker("g", handler).concurrency(4).quota(Duration::from_secs(2));
    let stop = worker.stopper();
    let appends = async {
        let cold = async {
            meter.time.wait(Duration::from_secs(10)).await;
            let began = meter.time.elapsed();
            for key in 0..8 {
                let event = Event::new(format!("cold{key}"), "x");
                stream.append(event).await.expect("appended");
            }
            began
        };
        let (began, ()) = join(cold, keep_busy(&meter, &stream, 4, 600)).await;
        stop.request();
        began
    };
    let (summary, began) = meter.time.run(join(worker.run(), appends));
    assert!(summary.expect("it stops").yields >= 4);
    let noted = noted.lock().expect("no panic");
    let waited = |key: u64| noted.get(&format!("cold{key}")).map(|at| *at - began);
    for key in 0..8 {
        let waited = waited(key).expect("it came to its turn");
        assert!(waited <= Duration::from_secs(3), "{key}: {waited:?}");
    }
}

/// Without others that wait, a turn is not interrupted.
#[test]
fn a_turn_goes_on_while_nobody_waits() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    let (handler, _) = noting_keys(&meter, Duration::from_millis(100));
    let worker = stream.worker("g", handler).concurrency(4).quota(Duration::ZERO);
    let stop = worker.stopper();
    let appends = async {
        keep_busy(&meter, &stream, 4, 600).await;
        stop.request();
    };
    let (summary, ()) = meter.time.run(join(worker.run(), appends));
    assert_eq!(summary.expect("it stops").turns, 4);
}

/// A turn that makes room comes to its turn again without a notice or a sweep.
#[test]
fn a_turn_that_made_room_goes_on_behind_the_others() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    append_to_keys(&meter, &stream, 450, 3);
    let worker = stream.worker("g", takes(&meter, Duration::from_secs(1)));
    let worker = worker.concurrency(1).quota(Duration::ZERO).sweep_every(Duration::from_secs(3600));
    let summary = meter.time.run(worker.until_caught_up()).expect("caught up");
    // Two pages each: after the first it is the next one's turn.
    assert_eq!((summary.events, summary.turns, summary.yields), (450, 6, 3));
}

/// A sweep shows eight partitions, and a worker begins with four of them. Their handlers do not end, and
/// no notice comes: the next sweeps show that the four are its own, and that there are places left.
#[test]
fn a_partition_does_not_wait_for_others_while_there_are_places() {
    let meter = Meter::new();
    let [writer, stream] = [(); 2].map(|()| meter.stream(|config| config.layout(Layout::EachKey)));
    append_to_keys(&meter, &writer, 8, 8);
    let (handler, noted) = noting_keys(&meter, Duration::from_secs(3600));
    let worker = stream.worker("g", handler);
    let _ = meter.run_for(Duration::from_secs(2), worker.run());
    assert_eq!(noted.lock().expect("no panic").len(), 8);
}

/// Nothing was known to be behind its only delivery: it would only have to come back.
#[test]
fn a_turn_that_is_about_to_end_makes_no_room() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    append_to_keys(&meter, &stream, 2, 2);
    let (handler, _) = noting(&meter, Duration::from_millis(100));
    let worker = stream.worker("g", handler).concurrency(1).quota(Duration::ZERO);
    let summary = meter.run(worker.until_caught_up()).0.expect("caught up");
    assert_eq!((summary.events, summary.turns, summary.yields), (2, 2, 0));
}
