//! A partition that fails is left alone, and the others go on.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join;
use gapless::{
    AfterFailure, Delivery, Event, Group, Handler, HandlerError, Layout, RunEnd, Stream,
    WorkerError,
};

use super::meter::Meter;

/// How often each key was delivered.
type Delivered = Arc<Mutex<BTreeMap<String, u32>>>;

/// A handler that fails at the key `poison` until it has failed so often.
fn poisoned(failures: u32) -> (impl Handler + use<>, Delivered) {
    let delivered = Delivered::default();
    let seen = Arc::clone(&delivered);
    let handler = move |delivery: Delivery| {
        let mut seen = seen.lock().expect("no panic");
        let mut failed = false;
        for recorded in delivery.events() {
            let times = seen.entry(recorded.event.key.clone()).or_default();
            *times += 1;
            failed |= recorded.event.key == "poison" && *times <= failures;
        }
        async move { if failed { Err("bad data".into()) } else { Ok::<(), HandlerError>(()) } }
    };
    (handler, delivered)
}

/// A stream with a partition for each key, and one event for each of these.
fn stream_of(meter: &Meter, keys: &[&str]) -> Stream {
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    for key in keys {
        meter.time.run(stream.append(Event::new(*key, "x"))).expect("appended");
    }
    stream
}

fn failure(meter: &Meter, stream: &Stream) -> Option<String> {
    let standings = meter.time.run(stream.standings(&Group::from("g"))).expect("read");
    standings.get(&stream.route("poison")).and_then(|standing| standing.failure.clone())
}

/// It comes back after the pause, twice that, and so on, and each time tries as often as it may.
#[test]
fn a_worker_comes_back_to_a_partition_that_failed_and_serves_the_others_meanwhile() {
    let meter = Meter::new();
    let stream = stream_of(&meter, &["poison", "a", "b"]);
    let (handler, delivered) = poisoned(5);
    let pause = Duration::from_secs(60);
    let worker = stream.worker("g", handler).attempts(2, Duration::ZERO);
    let worker = worker.after_failure(AfterFailure::ComeBack { pause });
    let stop = worker.stopper();
    let began = meter.time.elapsed();
    let watch = async {
        meter.time.wait(Duration::from_secs(1)).await;
        let served = delivered.lock().expect("no panic").clone();
        let failed = stream.standings(&Group::from("g")).await.expect("read");
        stream.append(Event::new("a", "y")).await.expect("appended");
        while delivered.lock().expect("no panic")["poison"] < 6 {
            meter.time.wait(Duration::from_millis(10)).await;
        }
        let mended = meter.time.elapsed();
        meter.time.wait(Duration::from_secs(1)).await;
        stop.request();
        (served, failed, mended)
    };
    let (summary, (served, failed, mended)) = meter.time.run(join(worker.run(), watch));
    let summary = summary.expect("it stops");
    assert_eq!((summary.events, summary.failures, summary.end), (4, 2, RunEnd::Stopped));
    let count = |key: &str| served.get(key).copied();
    assert_eq!([count("poison"), count("a"), count("b")], [Some(2), Some(1), Some(1)]);
    let why = failed[&stream.route("poison")].failure.clone().expect("it is on its item");
    assert!(why.contains("bad data"), "{why}");
    // Each pause is shortened by up to a half. In the second the lease of the last try ends.
    assert!((pause * 3 / 2..=pause * 3 + Duration::from_secs(11)).contains(&(mended - began)));
    assert_eq!(failure(&meter, &stream), None, "a later checkpoint removes it");
}

#[test]
fn a_worker_may_leave_a_partition_alone_that_failed() {
    let meter = Meter::new();
    let stream = stream_of(&meter, &["poison", "a"]);
    let (handler, delivered) = poisoned(u32::MAX);
    let worker = stream.worker("g", handler).attempts(2, Duration::ZERO);
    let worker = worker.after_failure(AfterFailure::LeaveAlone);
    let stop = worker.stopper();
    let asks = async {
        meter.time.wait(Duration::from_secs(3000)).await;
        stream.append(Event::new("poison", "y")).await.expect("appended");
        meter.time.wait(Duration::from_secs(10)).await;
        stop.request();
    };
    let (summary, ()) = meter.time.run(join(worker.run(), asks));
    assert_eq!(summary.expect("it stops").failures, 1);
    assert_eq!(delivered.lock().expect("no panic")["poison"], 2);
}

#[test]
fn a_worker_may_stop_when_a_partition_fails_and_can_run_again() {
    let meter = Meter::new();
    let stream = stream_of(&meter, &["poison"]);
    let (handler, _) = poisoned(2);
    let worker = stream.worker("g", handler).attempts(2, Duration::ZERO);
    let worker = worker.after_failure(AfterFailure::Stop);
    let why = meter.time.run(worker.run()).expect_err("its handler fails");
    assert!(matches!(why, WorkerError::Handler { attempts: 2, .. }), "{why}");
    assert!(why.to_string().contains("failed 2 times on"), "{why}");
    assert!(!worker.stopper().is_requested());
    let summary = meter.time.run(worker.until_caught_up()).expect("caught up");
    assert_eq!((summary.events, summary.end), (1, RunEnd::CaughtUp));
}

/// "Caught up" would be a lie.
#[test]
fn who_has_caught_up_with_everything_but_a_partition_that_failed_says_so() {
    let meter = Meter::new();
    let stream = stream_of(&meter, &["poison", "a", "b"]);
    let (handler, delivered) = poisoned(u32::MAX);
    let worker = stream.worker("g", handler).attempts(1, Duration::ZERO);
    let began = meter.time.elapsed();
    let why = meter.time.run(worker.until_caught_up()).expect_err("one of them failed");
    assert!(
        matches!(&why, WorkerError::Handler { partition, .. } if *partition == stream.route("poison"))
    );
    assert!(why.to_string().contains("failed once on"), "{why}");
    assert!(meter.time.elapsed() - began < Duration::from_secs(2), "it does not come back");
    let delivered = delivered.lock().expect("no panic").clone();
    assert_eq!(delivered.values().collect::<Vec<_>>(), [&1, &1, &1]);
}

#[test]
fn a_worker_that_was_asked_to_stop_says_so_when_it_runs_again() {
    let meter = Meter::new();
    let stream = stream_of(&meter, &["a"]);
    let (handler, _) = poisoned(0);
    let worker = stream.worker("g", handler);
    worker.stopper().request();
    for _ in 0..2 {
        let summary = meter.time.run(worker.run()).expect("it stops");
        assert_eq!((summary.turns, summary.end), (0, RunEnd::Stopped));
    }
}

/// Every sweep reads what is stored, and an item has an end.
#[test]
fn what_a_handler_says_is_kept_up_to_a_kilobyte() {
    let meter = Meter::new();
    let stream = stream_of(&meter, &["poison"]);
    let worker = stream.worker("g", async |_: Delivery| Err("ä".repeat(500_000).into()));
    let worker = worker.attempts(1, Duration::ZERO);
    meter.time.run(worker.until_caught_up()).expect_err("its handler fails");
    let why = failure(&meter, &stream).expect("it is on its item");
    assert!(why.starts_with("slot 1: ä") && (1_020..=1_024).contains(&why.len()), "{}", why.len());
}

/// A handler that fails at each event once, and notes when it was given one.
fn hesitant(meter: &Meter) -> (impl Handler + use<>, Arc<Mutex<Vec<Duration>>>) {
    let given = Arc::<Mutex<Vec<Duration>>>::default();
    let (noted, time) = (Arc::clone(&given), meter.time.clone());
    let handler = move |_: Delivery| {
        let mut noted = noted.lock().expect("no panic");
        noted.push(time.elapsed());
        let fails = noted.len() % 2 == 1;
        async move { if fails { Err("not yet".into()) } else { Ok::<(), HandlerError>(()) } }
    };
    (handler, given)
}

#[test]
fn a_partition_that_was_mended_begins_with_the_first_pause_when_it_fails_again() {
    let pause = Duration::from_secs(60);
    for seed in 0..8 {
        let meter = Meter::new();
        let stream = stream_of(&meter, &["a"]);
        fastrand::seed(seed);
        let (handler, given) = hesitant(&meter);
        let worker = stream.worker("g", handler).attempts(1, Duration::ZERO);
        // No sweep forgets what failed before.
        let worker = worker.sweep_every(Duration::from_secs(3600));
        let worker = worker.after_failure(AfterFailure::ComeBack { pause });
        let stop = worker.stopper();
        let appends = async {
            let count = || given.lock().expect("no panic").len();
            for times in [2, 4] {
                while count() < times {
                    meter.time.wait(Duration::from_millis(10)).await;
                }
                stream.append(Event::new("a", "y")).await.expect("appended");
            }
            stop.request();
        };
        let (summary, ()) = meter.time.run(join(worker.run(), appends));
        summary.expect("it stops");
        let given = given.lock().expect("no panic").clone();
        for [failed, mended] in [[given[0], given[1]], [given[2], given[3]]] {
            assert!(mended - failed <= pause + Duration::from_secs(11), "{given:?}");
        }
    }
}

/// It was announced while its turn was under way, which does not make it due.
#[test]
fn what_comes_while_a_handler_fails_does_not_shorten_the_pause() {
    let meter = Meter::new();
    let stream = stream_of(&meter, &["poison"]);
    let delivered = Arc::new(Mutex::new(0));
    let (count, time) = (Arc::clone(&delivered), meter.time.clone());
    let handler = move |_: Delivery| {
        *count.lock().expect("no panic") += 1;
        let pause = time.wait(Duration::from_secs(1));
        async move {
            pause.await;
            Err::<(), HandlerError>("bad data".into())
        }
    };
    let worker = stream.worker("g", handler).attempts(1, Duration::ZERO);
    let pause = Duration::from_secs(600);
    let worker = worker.after_failure(AfterFailure::ComeBack { pause });
    let appends = async {
        meter.time.wait(Duration::from_millis(500)).await;
        stream.append(Event::new("poison", "y")).await.expect("appended");
        std::future::pending::<()>().await;
    };
    let bill = meter.run_for(Duration::from_secs(60), join(worker.run(), appends));
    assert_eq!(*delivered.lock().expect("no panic"), 1);
    // A lease that is taken, and the reason why the handler failed.
    assert_eq!(super::count(&bill, "UpdateItem consumers"), 2, "{bill:?}");
}
