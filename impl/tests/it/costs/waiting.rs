//! How long things wait, to the millisecond.

use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join;
use futures_util::poll;
use gapless::{
    Config, Delivery, Group, Grouping, HandlerError, Layout, Seq, SetupError, StoreError, Stream,
    Target, WorkerError,
};

use super::meter::{Latency, Meter, Wrong};
use super::{
    ONE_PARTITION, append, append_to_keys, calls, event, leave_gap, noting, takes, with_events,
};

/// An append, a read and a worker go on for as long as patience lasts, and not much longer.
#[test]
fn patience_is_as_long_as_was_set() {
    let meter = Meter::new();
    for patience in [5, 50].map(Duration::from_secs) {
        let stream = meter.stream(|config| config.patience(patience));
        meter.set_wrong(Some(Wrong::Internal));
        let mut began = meter.time.elapsed();
        let mut is_in_time = || {
            let waited = meter.time.elapsed() - began;
            began = meter.time.elapsed();
            // The longest wait between two attempts is two seconds.
            assert!(
                waited >= patience && waited <= patience + Duration::from_secs(2),
                "{waited:?}"
            );
        };
        meter.time.run(stream.append(event(1))).expect_err("no answer");
        is_in_time();
        meter.time.run(stream.read(Target::Everything).collect()).expect_err("no answer");
        is_in_time();
        let worker = stream.worker("g", takes(&meter, Duration::ZERO));
        let began = meter.time.elapsed();
        meter.time.run(worker.run()).expect_err("no answer");
        // The first sweep that fails after more than that. The first pause was shorter than the others.
        let longer = meter.time.elapsed() - began - patience;
        assert!(longer > Duration::ZERO && longer <= Duration::from_millis(500), "{longer:?}");
        meter.set_wrong(None);
    }
}

/// A store without an answer is asked ever less often: every two seconds in the end.
#[test]
fn who_has_no_answer_asks_ever_less_often() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.patience(Duration::from_secs(60)));
    meter.set_wrong(Some(Wrong::Internal));
    let (_, bill) = meter.run(stream.append(event(1)));
    assert!((35..80).contains(&calls(&bill)));
    let (_, bill) = meter.run(stream.read(Target::Key("k".into())).collect());
    assert!((35..80).contains(&calls(&bill)));
    let (_, bill) = meter.run(stream.appender(Grouping::default()).append(event(1)));
    assert!((35..80).contains(&calls(&bill)));
}

/// An answer is waited for as long as was set, and then the outcome counts as unknown.
#[test]
fn an_attempt_is_as_long_as_was_set() {
    let meter = Meter::new();
    for attempt in [700, 3_000].map(Duration::from_millis) {
        let patience = Duration::from_millis(1);
        let stream = meter.stream(|config| config.attempt(attempt).patience(patience));
        let never = Duration::from_secs(10_000);
        meter.set_latency(Latency { queries: never, others: never });
        let began = meter.time.elapsed();
        meter.time.run(stream.append(event(1))).expect_err("no answer");
        assert_eq!(meter.time.elapsed() - began, attempt);
        meter.set_latency(Latency::default());
    }
}

/// DynamoDB leaves a batch undone where it would throttle a single read.
#[test]
fn a_batch_that_is_left_undone_is_asked_for_ever_less_often() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config);
    append(&meter, &stream, 1);
    meter.overload(10);
    let began = meter.time.elapsed();
    let heads = meter.time.run(stream.heads(&[stream.route("k")])).expect("read");
    assert_eq!(heads.values().collect::<Vec<_>>(), [&Seq(1)]);
    // 20 ms, twice as long and so on, up to 2 s, each shortened by up to a half.
    let waited = (meter.time.elapsed() - began).as_millis();
    assert!((4_270..=8_540).contains(&waited), "{waited}");
}

#[test]
fn the_first_of_a_group_waits_for_others() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config);
    for linger in [0, 40].map(Duration::from_millis) {
        let appender = stream.appender(Grouping::default().linger(linger));
        let began = meter.time.elapsed();
        meter.time.run(appender.append(event(1))).expect("appended");
        assert_eq!(meter.time.elapsed() - began, linger);
    }
}

/// It is given up when patience ends, and found when a worker has voided the gap.
#[test]
fn a_receipt_waits_for_the_gap_before_it() {
    let meter = Meter::new();
    let patience = Duration::from_secs(5);
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).patience(patience));
    leave_gap(&meter, &stream);
    let receipt = meter.time.run(stream.append(event(1))).expect("appended");
    let began = meter.time.elapsed();
    let why = meter.time.run(stream.settled(&receipt)).expect_err("the gap stays");
    assert!(matches!(why, StoreError::Unknown { .. }), "{why}");
    assert_eq!(meter.time.elapsed() - began, patience);
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    let both = join(stream.settled(&receipt), worker.until_caught_up());
    let (settled, done) = meter.time.run(both);
    settled.expect("settled");
    assert_eq!(done.expect("caught up").events, 1);
}

/// Four pages are handled, and but for the first none is waited for. The other eleven calls come one
/// after another: two look for work, two take it, three move the checkpoint, one looks behind the last
/// page, one releases, and two look again.
#[test]
fn a_page_is_read_while_the_one_before_it_is_handled() {
    let (meter, stream) = with_events(350);
    let worker = stream.worker("g", takes(&meter, Duration::from_secs(1)));
    let worker = worker.sweep_every(Duration::from_secs(3600));
    let fast = Duration::from_millis(100);
    meter.set_latency(Latency { queries: fast, others: fast });
    let began = meter.time.elapsed();
    meter.time.run(worker.until_caught_up()).expect("caught up");
    assert_eq!(meter.time.elapsed() - began, Duration::from_millis(5_100));
}

/// The page is slower than the handler and the checkpoint, and is there when it has been read.
#[test]
fn a_page_that_is_still_being_read_is_waited_for() {
    let (meter, stream) = with_events(150);
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    let worker = worker.sweep_every(Duration::from_secs(3600));
    let [queries, others] = [900, 100].map(Duration::from_millis);
    meter.set_latency(Latency { queries, others });
    let began = meter.time.elapsed();
    meter.time.run(worker.until_caught_up()).expect("caught up");
    assert_eq!(meter.time.elapsed() - began, 5 * queries + 4 * others);
}

#[test]
fn as_many_partitions_are_handled_at_once_as_may() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    for (concurrency, seconds) in [(1, 4), (3, 2), (9, 1)] {
        append_to_keys(&meter, &stream, 4, 4);
        let worker = stream.worker("g", takes(&meter, Duration::from_secs(1)));
        let worker = worker.concurrency(concurrency).sweep_every(Duration::from_secs(3600));
        let began = meter.time.elapsed();
        let summary = meter.time.run(worker.until_caught_up()).expect("caught up");
        assert_eq!(summary.turns, 4, "{concurrency}");
        assert_eq!(meter.time.elapsed() - began, Duration::from_secs(seconds), "{concurrency}");
    }
}

/// A worker that was dropped leaves its lease. Another comes back when that has ended, and not with
/// the next sweep.
#[test]
fn a_lease_that_was_left_is_taken_over_when_it_has_ended() {
    let meter = Meter::new();
    let (lease, skew) = (Duration::from_secs(10), Duration::from_secs(2));
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).lease(lease).skew(skew));
    append(&meter, &stream, 1);
    let worker = stream.worker("g", takes(&meter, Duration::MAX / 4));
    let began = meter.time.elapsed();
    meter.run_for(Duration::from_secs(1), worker.run());
    let (handler, taken) = noting(&meter, Duration::ZERO);
    let other = stream.worker("g", handler);
    let other = other.sweep_every(Duration::from_secs(3600));
    meter.time.run(other.until_caught_up()).expect("caught up");
    assert_eq!(*taken.lock().expect("no panic") - began, lease + skew);
    // It looks at once whether anything is left.
    assert_eq!(meter.time.elapsed() - began, lease + skew);
}

/// A store that does not answer for less than patience lasts ends neither a turn nor its worker.
#[test]
fn a_turn_outlasts_a_store_that_is_silent_for_a_while() {
    let (meter, stream) = with_events(1);
    let worker = stream.worker("g", takes(&meter, Duration::from_secs(2)));
    let falls_silent = async {
        meter.time.wait(Duration::from_secs(1)).await;
        meter.set_wrong(Some(Wrong::Internal));
        meter.time.wait(Duration::from_secs(5)).await;
        meter.set_wrong(None);
    };
    let (summary, ()) = meter.time.run(join(worker.until_caught_up(), falls_silent));
    assert_eq!(summary.expect("caught up").events, 1);
}

/// The sweeps go on, and the lease would be long enough: it is the turn that gives up.
#[test]
fn a_turn_gives_up_when_patience_ends() {
    let meter = Meter::new();
    let [lease, patience, handling] = [60, 5, 2].map(Duration::from_secs);
    let stream =
        meter.stream(|config| config.layout(ONE_PARTITION).lease(lease).patience(patience));
    append(&meter, &stream, 1);
    let worker = stream.worker("g", takes(&meter, handling));
    let fails = async {
        meter.time.wait(handling / 2).await;
        meter.go_wrong("UpdateItem", Wrong::Internal);
    };
    let began = meter.time.elapsed();
    let (ended, ()) = meter.time.run(join(worker.run(), fails));
    assert!(matches!(ended, Err(WorkerError::Store(why)) if why.is_transient()));
    let given_up = meter.time.elapsed() - began - handling;
    assert!((patience..=patience + Duration::from_secs(2)).contains(&given_up), "{given_up:?}");
}

/// What fails once at each of its deliveries fails for good at none.
#[test]
fn attempts_are_counted_for_each_delivery() {
    let (meter, stream) = with_events(350);
    let attempts = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&attempts);
    let worker = stream.worker("g", move |delivery: Delivery| {
        seen.lock().expect("no panic").push(delivery.attempt());
        let failed = delivery.attempt() == 1;
        async move { if failed { Err("at first".into()) } else { Ok::<(), HandlerError>(()) } }
    });
    let rest = Duration::from_millis(800);
    let worker = worker.attempts(2, rest);
    let began = meter.time.elapsed();
    let summary = meter.time.run(worker.until_caught_up()).expect("caught up");
    // It rests for a half at least, once for each delivery.
    assert!((2 * rest..=4 * rest).contains(&(meter.time.elapsed() - began)));
    assert_eq!(summary.events, 350);
    assert_eq!(*attempts.lock().expect("no panic"), [1, 2, 1, 2, 1, 2, 1, 2]);
}

/// Appends that were dropped leave their places in a full queue to others.
#[test]
fn a_queue_that_is_full_of_dropped_appends_is_emptied() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let appender = stream.appender(Grouping::default().waiting(2));
    let dropped = join(appender.append(event(1)), appender.append(event(2)));
    assert!(meter.time.run(async { poll!(pin!(dropped)) }).is_pending());
    let receipt = meter.time.run(appender.append(event(3))).expect("appended");
    assert_eq!(receipt.position.slot, Seq(1));
}

/// Without settings of its own, a worker tries a delivery five times, and rests for 200 ms, twice as
/// long and so on. After that it lets the partition rest for 5 s and the old lease end. Each pause is
/// shortened by up to a half.
#[test]
fn a_worker_has_the_defaults_that_are_documented() {
    let (meter, stream) = with_events(1);
    let began = meter.time.elapsed();
    let failed = Mutex::new(Vec::new());
    let worker = stream.worker("g", async |_: Delivery| {
        failed.lock().expect("no panic").push((meter.time.elapsed() - began).as_millis());
        Err("never".into())
    });
    let _ = meter.run_for(Duration::from_secs(16), worker.run());
    let failed = failed.lock().expect("no panic").clone();
    assert!(failed.len() > 5, "{failed:?}");
    assert!((1_500..=3_000).contains(&failed[4]), "{failed:?}");
    // Its lease was longer than the pause: 10 s, and half a second by which clocks may differ.
    assert_eq!(failed[5], 10_500, "{failed:?}");
}

/// It looks again after 100 ms, and ever less often.
#[test]
fn a_table_that_is_being_created_is_waited_for() {
    let meter = Meter::new();
    meter.stream(|config| config);
    meter.create_slowly(8);
    let began = meter.time.elapsed();
    meter.stream(|config| config);
    let waited = (meter.time.elapsed() - began).as_millis();
    // Three of the eight are looks whether it is there.
    assert!((100 * 31 / 2..=100 * 31).contains(&waited), "{waited}");
}

/// Every call is given up when an attempt is over, and everything when patience is.
#[test]
fn what_is_read_and_opened_is_asked_for_as_long_as_patience_lasts() {
    let meter = Meter::new();
    let [attempt, patience] = [2, 10].map(Duration::from_secs);
    let set = |config: Config| config.attempt(attempt).patience(patience);
    let stream = meter.stream(|config| set(config).layout(Layout::EachKey));
    let never = Duration::from_secs(10_000);
    meter.set_latency(Latency { queries: never, others: never });
    let mut began = meter.time.elapsed();
    let mut is_in_time = |what: &str| {
        let waited = meter.time.elapsed() - began;
        began = meter.time.elapsed();
        let longest = patience + attempt + Duration::from_secs(2);
        assert!((patience..=longest).contains(&waited), "{what}: {waited:?}");
    };
    meter.time.run(stream.heads(&[stream.route("k")])).expect_err("no answer");
    is_in_time("heads");
    meter.time.run(stream.standings(&Group::from("g"))).expect_err("no answer");
    is_in_time("standings");
    meter.time.run(stream.partitions()).expect_err("no answer");
    is_in_time("partitions");
    let config = || set(meter.config()).layout(Layout::EachKey);
    meter.time.run(Stream::open(meter.client(), config())).expect_err("no answer");
    is_in_time("open");
    meter.time.run(Stream::create(meter.client(), config())).expect_err("no answer");
    is_in_time("create");
}

/// A store that is silent for a moment when a process starts does not keep it from starting.
#[test]
fn a_stream_is_opened_when_the_store_answers_again() {
    let meter = Meter::new();
    meter.stream(|config| config);
    meter.set_wrong(Some(Wrong::Internal));
    let mends = async {
        meter.time.wait(Duration::from_secs(5)).await;
        meter.set_wrong(None);
    };
    let opens = Stream::open(meter.client(), meter.config());
    let (opened, ()) = meter.time.run(join(opens, mends));
    opened.expect("opened");
}

#[test]
fn a_table_that_never_becomes_active_is_given_up() {
    let meter = Meter::new();
    meter.create_slowly(u64::MAX);
    let began = meter.time.elapsed();
    let why = meter.time.run(Stream::create(meter.client(), meter.config()));
    let why = why.expect_err("it never is");
    assert!(matches!(why, SetupError::NotActive { .. }), "{why}");
    let waited = (meter.time.elapsed() - began).as_secs();
    assert!((300..=302).contains(&waited), "{waited}");
}

/// Whatever a caller asks for, nothing overflows.
#[test]
fn the_longest_times_that_can_be_asked_for_are_no_trouble() {
    let meter = Meter::new();
    let set = |config: Config| {
        let longest = Duration::MAX / 8;
        config.attempt(longest).patience(longest).layout(ONE_PARTITION)
    };
    let stream = meter.stream(set);
    append(&meter, &stream, 1);
    let failed = Mutex::new(false);
    let worker = stream.worker("g", async |_: Delivery| {
        let had_failed = std::mem::replace(&mut *failed.lock().expect("no panic"), true);
        if had_failed { Ok(()) } else { Err("at first".into()) }
    });
    let worker = worker.attempts(u32::MAX, Duration::ZERO).sweep_every(Duration::MAX / 8);
    let summary = meter.time.run(worker.until_caught_up()).expect("caught up");
    assert_eq!(summary.events, 1);
}

/// It would be refused again.
#[test]
fn a_sweep_that_is_refused_for_good_ends_the_run_at_once() {
    let (meter, stream) = super::with_events(1);
    meter.go_wrong("Query consumers", Wrong::Forbidden);
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    let began = meter.time.elapsed();
    let refused = meter.time.run(worker.run()).expect_err("it may not");
    assert!(matches!(&refused, WorkerError::Store(error) if !error.is_transient()), "{refused}");
    assert_eq!(meter.time.elapsed(), began);
}

/// The store was well in between.
#[test]
fn patience_with_failing_sweeps_begins_anew_once_a_sweep_has_ended_well() {
    let meter = Meter::new();
    let stream =
        meter.stream(|config| config.layout(ONE_PARTITION).patience(Duration::from_secs(5)));
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    let worker = worker.sweep_every(Duration::from_secs(1));
    let stop = worker.stopper();
    let fails_twice = async {
        for _ in 0..2 {
            meter.go_wrong_in_turn("Query consumers", &[Wrong::Internal; 2]);
            meter.time.wait(Duration::from_secs(20)).await;
        }
        stop.request();
    };
    let (ended, ()) = meter.time.run(join(worker.run(), fails_twice));
    ended.expect("it stops when it is asked to");
}

/// However rare its sweeps are.
#[test]
fn a_sweep_that_failed_is_repeated_before_long() {
    let (meter, stream) = with_events(1);
    let (handler, handled) = noting(&meter, Duration::ZERO);
    let worker = stream.worker("g", handler).sweep_every(Duration::from_secs(600));
    meter.go_wrong_in_turn("Query consumers", &[Wrong::Internal, Wrong::Throttled]);
    let began = meter.time.elapsed();
    meter.run_for(Duration::from_secs(60), worker.run());
    let after = handled.lock().expect("no panic").checked_sub(began).expect("it is handled");
    assert!(after <= Duration::from_secs(1), "{after:?}");
}
