//! Groups whose appends are dropped, or have no answer, and how long they wait for others.

use std::pin::{Pin, pin};
use std::time::Duration;

use futures_util::future::join_all;
use futures_util::poll;
use gapless::{AppendError, GroupError, Grouping, Receipt, Seq, StoreError, Stream, Target};

use super::meter::{Latency, Meter, Wrong};
use super::{ONE_PARTITION, calls, event};

const SECOND: Duration = Duration::from_secs(1);

/// A stream whose calls take a second.
fn slow(meter: &Meter) -> Stream {
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    meter.set_latency(Latency { queries: SECOND, others: SECOND });
    stream
}

fn texts(meter: &Meter, stream: &Stream) -> Vec<String> {
    let all = meter.time.run(stream.read(Target::Everything).collect()).expect("read");
    all.iter().map(|recorded| recorded.event.text().expect("text").to_owned()).collect()
}

/// Goes on with an append for so long, and drops it.
fn drop_after<T>(meter: &Meter, length: Duration, append: Pin<Box<impl Future<Output = T>>>) {
    meter.run_for(length, append);
}

/// Its caller may have appended the event anew by then.
#[test]
fn a_group_that_was_dropped_with_a_number_is_not_written_hours_later() {
    let meter = Meter::new();
    let stream = slow(&meter);
    let appender = stream.appender(Grouping::default());
    drop_after(&meter, SECOND / 2, Box::pin(appender.append(event(1))));
    meter.time.run(meter.time.wait(3600 * SECOND));
    let receipt = meter.time.run(appender.append(event(2))).expect("appended");
    assert_eq!(receipt.position.slot, Seq(2), "the first group had taken a number");
    let worker = stream.worker("g", super::takes(&meter, Duration::ZERO));
    meter.time.run(worker.until_caught_up()).expect("caught up");
    assert_eq!(texts(&meter, &stream), ["2"]);
}

/// Whoever waits for the next group goes on with this one: its number is not wasted.
#[test]
fn a_group_that_was_dropped_is_finished_by_an_append_that_waits_behind_it() {
    let meter = Meter::new();
    let stream = slow(&meter);
    let appender = stream.appender(Grouping::default());
    let mut first = Box::pin(appender.append(event(1)));
    let mut second = Box::pin(appender.append(event(2)));
    meter.run_for(SECOND / 4, &mut first);
    assert!(meter.time.run(async { poll!(&mut second) }).is_pending());
    drop_after(&meter, SECOND, first);
    let receipt = meter.time.run(second).expect("appended");
    assert_eq!(receipt.position.slot, Seq(2));
    assert_eq!(texts(&meter, &stream), ["1", "2"]);
}

/// Three events, whose group has a number and no answer to its write.
fn unsettled(meter: &Meter, stream: &Stream) -> Vec<GroupError> {
    meter.go_wrong("PutItem", Wrong::Internal);
    let appender = stream.appender(Grouping::default());
    let appends = join_all((1..=3).map(|number| appender.append(event(number))));
    let errors = meter.time.run(appends).into_iter().map(|ended| ended.expect_err("no answer"));
    errors.collect()
}

fn settle(meter: &Meter, errors: Vec<GroupError>) -> Vec<Result<Receipt, GroupError>> {
    meter.time.run(join_all(errors.into_iter().map(GroupError::settle)))
}

#[test]
fn a_group_whose_patience_ran_out_is_settled_for_all_of_its_events() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).patience(5 * SECOND));
    let errors = unsettled(&meter, &stream);
    assert!(errors.iter().all(GroupError::is_unsettled));
    assert!(errors.iter().all(|error| std::error::Error::source(error).is_some()), "the answer");
    let (still, _) = meter.run(settle_one(errors[0].clone()));
    assert!(still.expect_err("no answer yet").is_unsettled());
    meter.mend("PutItem");
    let (settled, bill) = meter.run(join_all(errors.into_iter().map(GroupError::settle)));
    let settled = settled.into_iter().map(|settled| settled.expect("settled").position);
    let positions: Vec<_> = settled.map(|position| (position.slot, position.index)).collect();
    assert_eq!(positions, [(Seq(1), 0), (Seq(1), 1), (Seq(1), 2)]);
    assert_eq!(bill, ["1 PutItem events"]);
    assert_eq!(texts(&meter, &stream), ["1", "2", "3"]);
}

async fn settle_one(error: GroupError) -> Result<Receipt, GroupError> {
    error.settle().await
}

/// The store is silent for as long as it was before, and each of a thousand must not wait in turn.
#[test]
fn all_events_of_a_group_are_settled_in_vain_within_one_patience() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).patience(5 * SECOND));
    let errors = unsettled(&meter, &stream);
    let began = meter.time.elapsed();
    let settled = settle(&meter, errors);
    assert!(settled.iter().all(|settled| settled.as_ref().is_err_and(GroupError::is_unsettled)));
    assert!(meter.time.elapsed() - began <= 8 * SECOND);
}

fn is_refused(error: &AppendError) -> bool {
    matches!(error, AppendError::Store(error) if !StoreError::is_transient(error))
}

/// The first attempt was applied, and nobody heard of it.
#[test]
fn a_refusal_after_an_attempt_without_an_answer_can_be_settled() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let breaks = || {
        meter.go_wrong_once("PutItem", Wrong::Applied);
        meter.go_wrong("PutItem events", Wrong::Forbidden);
    };
    breaks();
    let grouped = stream.appender(Grouping::default());
    let mut error = meter.time.run(grouped.append(event(1))).expect_err("it may not");
    for _ in 0..2 {
        assert!(is_refused(error.reason()) && error.is_unsettled(), "{error}");
        error = meter.time.run(error.settle()).expect_err("it still may not");
    }
    meter.mend("PutItem events");
    let receipt = meter.time.run(error.settle()).expect("it finds its own slot");
    assert_eq!(receipt.position.slot, Seq(1));
    breaks();
    let alone = meter.time.run(stream.append(event(2))).expect_err("it may not");
    meter.mend("PutItem events");
    let AppendError::Unsettled(unsettled) = alone else { panic!("{alone}") };
    meter.time.run(unsettled.settle()).expect("it finds its own slot");
    assert_eq!(texts(&meter, &stream), ["1", "2"]);
}

/// Nothing was sent that could have been applied.
#[test]
fn a_group_that_is_refused_at_once_has_nothing_to_settle() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    meter.go_wrong("PutItem", Wrong::Forbidden);
    let appender = stream.appender(Grouping::default());
    let error = meter.time.run(appender.append(event(1))).expect_err("it may not");
    assert!(is_refused(error.reason()) && !error.is_unsettled(), "{error}");
    let (again, bill) = meter.run(error.settle());
    again.expect_err("it is known");
    assert_eq!(calls(&bill), 0);
}

/// The slot was never tried: only the number had no answer.
#[test]
fn a_group_that_got_no_further_than_its_number_is_over_once_it_is_refused() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).patience(5 * SECOND));
    meter.go_wrong("UpdateItem", Wrong::Internal);
    let appender = stream.appender(Grouping::default());
    let error = meter.time.run(appender.append(event(1))).expect_err("no answer");
    assert!(error.is_unsettled(), "{error}");
    meter.go_wrong("UpdateItem", Wrong::Forbidden);
    let error = meter.time.run(error.settle()).expect_err("it may not");
    assert!(is_refused(error.reason()) && !error.is_unsettled(), "{error}");
}

#[test]
fn a_queue_without_room_has_room_for_one() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let appender = stream.appender(Grouping::default().waiting(0).linger(SECOND));
    let began = meter.time.elapsed();
    for receipt in meter.time.run(join_all((1..=3).map(|number| appender.append(event(number))))) {
        receipt.expect("appended");
    }
    assert_eq!(meter.time.elapsed(), began, "the one fills it");
}

#[test]
fn a_group_that_is_full_does_not_wait_for_others() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let sized = [Grouping::default().events(3), Grouping::default().bytes(3 * 4)];
    for grouping in sized {
        let appender = stream.appender(grouping.linger(SECOND));
        let later = async {
            meter.time.wait(SECOND / 4).await;
            appender.append(event(3)).await
        };
        let began = meter.time.elapsed();
        let two = join_all((1..=2).map(|number| appender.append(event(number))));
        let (two, third) = meter.time.run(futures_util::future::join(pin!(two), later));
        assert!(two.iter().all(Result::is_ok));
        third.expect("appended");
        assert_eq!(meter.time.elapsed() - began, SECOND / 4, "{grouping:?}");
    }
}

#[test]
fn what_is_written_does_not_fill_the_next_group() {
    let meter = Meter::new();
    let stream = slow(&meter);
    let linger = 10 * SECOND;
    let appender = stream.appender(Grouping::default().bytes(3 * 4).linger(linger));
    let fourth = async {
        meter.time.wait(SECOND / 2).await;
        appender.append(event(4)).await
    };
    let began = meter.time.elapsed();
    let three = join_all((1..=3).map(|number| appender.append(event(number))));
    let (three, fourth) = meter.time.run(futures_util::future::join(pin!(three), fourth));
    assert!(three.iter().all(Result::is_ok));
    assert_eq!(fourth.expect("appended").position.slot, Seq(2));
    // A number and a slot for each group; the second one waits for others in between.
    assert_eq!(meter.time.elapsed() - began, 4 * SECOND + linger);
}

#[test]
fn a_slot_has_no_more_bytes_of_events_than_a_group_may_have() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let appender = stream.appender(Grouping::default().bytes(3 * 4));
    let appends = (1..=5).map(|number| appender.append(event(number)));
    let receipts = meter.time.run(join_all(appends)).into_iter();
    let slots: Vec<_> =
        receipts.map(|receipt| receipt.expect("appended").position.slot.0).collect();
    assert_eq!(slots, [1, 1, 1, 2, 2]);
}

/// They get in when a group has left the queue, and not one by one behind one another's linger.
#[test]
fn appends_that_waited_for_room_share_a_slot() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    let grouping = Grouping::default().linger(SECOND).events(3).waiting(4);
    let appender = stream.appender(grouping);
    let began = meter.time.elapsed();
    let receipts = meter.time.run(join_all((0..9).map(|number| appender.append(event(number)))));
    let slots = receipts.into_iter().map(|receipt| receipt.expect("appended").position.slot.0);
    assert_eq!(slots.collect::<Vec<_>>(), [1, 1, 1, 2, 2, 2, 3, 3, 3]);
    assert!(meter.time.elapsed() - began < SECOND, "no group has to wait for company");
}
