//! A clock that is set while something lasts: nothing takes longer for it, and nothing is given up.

use std::sync::Mutex;
use std::time::Duration;

use futures_util::future::{join, join3};
use gapless::{AfterFailure, Delivery, Stream};

use super::meter::{Meter, Wrong};
use super::{ONE_PARTITION, append, event, leave_gap, noting, takes, with_events};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: i64 = 3_600_000;

/// Sets the clock after a second.
async fn set_soon(meter: &Meter, ahead: i64) {
    meter.time.wait(SECOND).await;
    meter.time.set_clock(ahead);
}

/// Nothing answers for five seconds.
async fn mend(meter: &Meter) {
    meter.set_wrong(Some(Wrong::Internal));
    meter.time.wait(5 * SECOND).await;
    meter.set_wrong(None);
}

/// How long after its append, a minute from now, a worker of another process handles an event.
fn found_after(meter: &Meter, ahead: i64) -> Duration {
    let [writer, stream] = [(); 2].map(|()| meter.stream(|config| config.layout(ONE_PARTITION)));
    let (handler, handled) = noting(meter, Duration::ZERO);
    let worker = stream.worker("g", handler).sweep_every(10 * SECOND);
    let began = meter.time.elapsed();
    let appends = async {
        meter.time.wait(60 * SECOND).await;
        writer.append(event(1)).await.expect("appended");
    };
    meter.run_for(120 * SECOND, join3(worker.run(), set_soon(meter, ahead), appends));
    let handled = *handled.lock().expect("no panic");
    handled.checked_sub(began + 60 * SECOND).expect("it is handled, and afterwards")
}

#[test]
fn a_worker_whose_clock_is_set_sweeps_as_before() {
    for ahead in [-HOUR, HOUR] {
        let after = found_after(&Meter::new(), ahead);
        assert!(after <= 10 * SECOND, "{after:?}");
    }
}

#[test]
fn an_append_is_not_given_up_because_the_clock_is_set() {
    for ahead in [-HOUR, HOUR] {
        let (meter, stream) = with_events(0);
        let (_, receipt, _) =
            meter.time.run(join3(mend(&meter), stream.append(event(1)), set_soon(&meter, ahead)));
        receipt.expect("appended");
    }
}

/// Its sweeps fail at first.
#[test]
fn a_worker_does_not_give_up_because_the_clock_is_set() {
    for ahead in [-HOUR, HOUR] {
        let (meter, stream) = with_events(1);
        let worker = stream.worker("g", takes(&meter, Duration::ZERO)).sweep_every(SECOND);
        let runs = join3(mend(&meter), worker.until_caught_up(), set_soon(&meter, ahead));
        let summary = meter.time.run(runs).1.expect("caught up");
        assert_eq!(summary.events, 1);
    }
}

/// The store is silent while the handler works. A clock that is set forward takes the lease's time
/// with it, so the event is delivered again.
#[test]
fn a_turn_does_not_give_up_because_the_clock_is_set() {
    for ahead in [-HOUR, HOUR] {
        let (meter, stream) = with_events(1);
        let worker = stream.worker("g", takes(&meter, SECOND / 2)).sweep_every(SECOND);
        let silence = async {
            meter.time.wait(SECOND / 4).await;
            mend(&meter).await;
        };
        let runs = join3(worker.until_caught_up(), silence, set_soon(&meter, ahead));
        meter.time.run(runs).0.expect("caught up");
    }
}

/// How long the one partition with a gap takes to be read.
fn gap_takes(meter: &Meter, stream: &Stream, ahead: i64) -> Duration {
    let worker = stream.worker("g", takes(meter, Duration::ZERO));
    let began = meter.time.elapsed();
    let sets = async {
        meter.time.wait(SECOND / 2).await;
        meter.time.set_clock(ahead);
    };
    let (summary, ()) = meter.time.run(join(worker.until_caught_up(), sets));
    assert_eq!(summary.expect("caught up").events, 2);
    meter.time.elapsed() - began
}

/// The grace of a second begins anew, and where the clock is set forward the lease as well. A step
/// within the skew is waited for.
#[test]
fn a_gap_does_not_last_as_long_as_the_clock_was_set_back() {
    for (ahead, longest) in [(-HOUR, 3 * SECOND), (-400, 2 * SECOND), (HOUR, 3 * SECOND)] {
        let (meter, stream) = with_events(1);
        leave_gap(&meter, &stream);
        append(&meter, &stream, 1);
        let took = gap_takes(&meter, &stream, ahead);
        assert!(took <= longest, "{ahead}: {took:?}");
    }
}

/// A lease is another thing: where it ends, the clocks must agree.
#[test]
fn a_partition_that_failed_is_left_alone_for_its_pause_although_the_clock_is_set_forward() {
    let (meter, stream) = with_events(1);
    let began = meter.time.elapsed();
    let tried = Mutex::new(Vec::new());
    let worker = stream.worker("g", async |_: Delivery| {
        let mut tried = tried.lock().expect("no panic");
        tried.push(meter.time.elapsed() - began);
        if tried.len() > 1 { Ok(()) } else { Err("at first".into()) }
    });
    let worker = worker.attempts(1, Duration::ZERO);
    let worker = worker.after_failure(AfterFailure::ComeBack { pause: 60 * SECOND });
    meter.run_for(120 * SECOND, join(worker.run(), set_soon(&meter, HOUR)));
    let tried = tried.lock().expect("no panic");
    assert!((30 * SECOND..=60 * SECOND).contains(&tried[1]), "{tried:?}");
}

#[test]
fn a_table_that_is_being_created_is_not_given_up_because_the_clock_is_set() {
    let meter = Meter::new();
    meter.create_slowly(8);
    let creates = Stream::create(meter.client(), meter.config());
    let (created, ()) = meter.time.run(join(creates, set_soon(&meter, HOUR)));
    created.expect("a stream");
}

#[test]
fn a_receipt_is_waited_for_as_long_as_patience_lasts_however_the_clock_is_set() {
    for ahead in [-HOUR, HOUR] {
        let meter = Meter::new();
        let patience = 5 * SECOND;
        let stream = meter.stream(|config| config.layout(ONE_PARTITION).patience(patience));
        leave_gap(&meter, &stream);
        let receipt = meter.time.run(stream.append(event(1))).expect("appended");
        let began = meter.time.elapsed();
        let (waited, ()) = meter.time.run(join(stream.settled(&receipt), set_soon(&meter, ahead)));
        waited.expect_err("the gap stays");
        assert!((patience..patience + SECOND / 2).contains(&(meter.time.elapsed() - began)));
    }
}

/// An observer watches a lease that another left, and its clock is set back meanwhile.
#[test]
fn a_lease_is_not_watched_for_as_long_as_the_clock_was_set_back() {
    let meter = Meter::new();
    let observer = gapless_model::design::named("observer").expect("there is one").design;
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).design(observer));
    append(&meter, &stream, 1);
    let dies = stream.worker("g", takes(&meter, 600 * SECOND));
    meter.run_for(SECOND, dies.run());
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    let began = meter.time.elapsed();
    let sets = async {
        // The old lease is over by then, and watched for a second time.
        meter.time.wait(15 * SECOND).await;
        meter.time.set_clock(-HOUR);
    };
    let summary = meter.time.run(join(worker.until_caught_up(), sets)).0.expect("caught up");
    assert_eq!(summary.events, 1);
    assert!(meter.time.elapsed() - began <= 60 * SECOND, "{:?}", meter.time.elapsed() - began);
}
