//! A stream that is scaled by what it is written, in virtual time.

use std::num::NonZeroUsize;
use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use gapless::scale::{Choice, Decision, Following, Hold, Rate, Thresholds};
use gapless::{
    Carried, Config, Event, Layout, Look, ScaleError, Scaler, SeekTo, Stop, Stream, Worker,
};
use gapless_model::design::named;

use super::meter::{Meter, PREFIX, Wrong};
use super::{ONE_PARTITION, counting};

const MINUTE: Duration = Duration::from_secs(60);

/// Thresholds that a test can exceed.
fn thresholds() -> Thresholds {
    let rate = Rate::per_second;
    Thresholds { split_above: rate(2.0), merge_below: rate(0.5), ..Thresholds::default() }
}

fn one_partition() -> (Meter, Stream) {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    (meter, stream)
}

/// Appends so many events a second, of so many keys, for so long.
fn load(meter: &Meter, stream: &Stream, a_second: u64, keys: u64, minutes: u64) {
    for number in 0..a_second * minutes * 60 {
        meter
            .time
            .run(stream.append(Event::new(format!("k{}", number % keys), "x")))
            .expect("appended");
        meter.time.run(meter.time.wait(Duration::from_secs(1) / a_second as u32));
    }
}

fn look(meter: &Meter, scaler: &mut Scaler) -> Look {
    meter.time.run(scaler.look()).expect("it looks")
}

/// Looks, and does what was decided. Returns the words of each decision.
fn act(meter: &Meter, scaler: &mut Scaler) -> Vec<String> {
    let look = look(meter, scaler);
    for (decision, carried) in meter.time.run(scaler.carry_out(&look)) {
        assert!(matches!(carried, Carried::Done), "{decision}: {carried:?}");
    }
    words(&look.decisions)
}

fn words(decisions: &[Decision]) -> Vec<String> {
    let word = |it: &Decision| format!("{} {}: {it}", it.choice.name(), it.partition);
    decisions.iter().map(word).collect()
}

fn open(meter: &Meter, stream: &Stream) -> Vec<String> {
    let lineage = meter.time.run(stream.lineage()).expect("read");
    lineage.leaves().map(ToString::to_string).collect()
}

fn wait(meter: &Meter, minutes: u32) {
    meter.time.run(meter.time.wait(minutes * MINUTE));
}

#[test]
fn a_partition_is_split_while_it_is_busy_and_its_halves_are_merged_when_they_are_idle() {
    let (meter, stream) = one_partition();
    let mut scaler = stream.scaler(thresholds()).expect("a scaler");
    load(&meter, &stream, 4, 20, 3);
    let split = act(&meter, &mut scaler);
    assert_eq!(
        split,
        ["split p: 4.0 units/s over 2 min are more than 3.2: p0 and p1 take its place"]
    );
    load(&meter, &stream, 4, 20, 1);
    // Another process knows as much.
    let mut scaler = stream.scaler(thresholds()).expect("a scaler");
    let young = act(&meter, &mut scaler);
    assert_eq!(young.len(), 2);
    assert_eq!(young[0], "keep p0: 60 s old, and averages over 10 min are needed");
    wait(&meter, 12);
    let held = act(&meter, &mut scaler);
    assert!(held[0].ends_with("but it came of a split 13 min ago: cooldown 20 min"), "{held:?}");
    wait(&meter, 8);
    let merged = act(&meter, &mut scaler);
    assert_eq!(merged[0], "merge p0: with p1 into p~: 0 units/s together, and 0.50 are allowed");
    assert_eq!(open(&meter, &stream), ["p~"]);
    let whole = act(&meter, &mut scaler);
    assert_eq!(whole, ["keep p~: 0 s old, and averages over 10 min are needed"]);
    wait(&meter, 10);
    assert_eq!(act(&meter, &mut scaler), ["keep p~: quiet, and there is none to merge it with"]);
}

#[test]
fn a_scaler_runs_until_it_is_to_stop() {
    let (meter, stream) = one_partition();
    load(&meter, &stream, 4, 20, 3);
    let mut scaler = stream.scaler(thresholds()).expect("a scaler");
    let stop = Stop::new();
    let working = async {
        meter.time.wait(30 * MINUTE).await;
        stop.request();
    };
    let (ran, ()) = meter.time.run(futures_util::future::join(scaler.run(&stop), working));
    ran.expect("it stops");
    // Split at once, and merged after the cooldown.
    assert_eq!(open(&meter, &stream), ["p~"]);
}

/// A look is compared with one that is as old as a pace is watched, however many come in between.
#[test]
fn looks_that_come_often_see_a_growing_lag() {
    let (meter, stream) = one_partition();
    let mut scaler = stream.scaler(Thresholds::default()).expect("a scaler");
    let slow = super::takes(&meter, Duration::from_secs(4));
    let worker = stream.worker("slow", slow).delivery_limit(1);
    let stop = worker.stopper();
    let mut said = Vec::new();
    let looks = async {
        for number in 0..12 * 60 {
            let event = Event::new(format!("k{}", number % 20), "x");
            stream.append(event).await.expect("appended");
            meter.time.wait(Duration::from_secs(1)).await;
            if number % 60 == 59 {
                let look = scaler.look().await.expect("it looks");
                said.push(look.decisions[0].choice.name());
            }
        }
        stop.request();
    };
    let (worked, ()) = meter.time.run(futures_util::future::join(worker.run(), looks));
    worked.expect("it works");
    assert_eq!((said[0], said[11]), ("keep", "split"), "{said:?}");
}

/// What the store refuses for good is no reason to go on, and one that is refused is none to send others.
#[test]
fn a_scaler_ends_where_the_store_refuses() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(Layout::Fixed { bits: 1 }));
    load(&meter, &stream, 10, 40, 3);
    let mut scaler = stream.scaler(thresholds()).expect("a scaler");
    let look = look(&meter, &mut scaler);
    assert!(look.decisions.iter().all(|it| it.choice.name() == "split"), "{:?}", look.decisions);
    meter.go_wrong("UpdateItem", Wrong::Forbidden);
    let (carried, bill) = meter.run(scaler.carry_out(&look));
    assert!(matches!(&carried[..], [(_, Carried::Failed(_))]), "{carried:?}");
    assert_eq!(bill, ["1 UpdateItem partitions"]);
    let ran = meter.time.run(scaler.run(&Stop::new()));
    assert!(matches!(ran, Err(ScaleError::Store(_))), "{ran:?}");
    assert_eq!(open(&meter, &stream), ["p0", "p1"]);
}

#[test]
fn two_scalers_at_once_do_the_same() {
    let (meter, stream) = one_partition();
    load(&meter, &stream, 4, 20, 3);
    let other = meter.time.run(Stream::open(meter.client(), Config::new(PREFIX))).expect("open");
    let mut scalers = [&stream, &other].map(|it| it.scaler(thresholds()).expect("a scaler"));
    let looks = scalers.each_mut().map(|scaler| look(&meter, scaler));
    for (scaler, look) in scalers.iter().zip(&looks) {
        let carried = meter.time.run(scaler.carry_out(look));
        assert!(matches!(carried[..], [(_, Carried::Done)]), "{carried:?}");
    }
    assert_eq!(open(&meter, &stream), ["p0", "p1"]);
    // One that decided before is overtaken by what was done since.
    meter
        .time
        .run(stream.merge(&["p0", "p1"].map(|id| id.parse().expect("an id"))))
        .expect("merged");
    let split = meter.time.run(other.split(&"p0".parse().expect("an id")));
    assert!(split.is_err());
}

#[test]
fn a_single_busy_key_is_not_split_from_itself() {
    let (meter, stream) = one_partition();
    load(&meter, &stream, 4, 1, 3);
    let mut scaler = stream.scaler(thresholds()).expect("a scaler");
    let held = act(&meter, &mut scaler);
    assert!(
        held[0].ends_with("few keys bear it: 100 % would stay together, however it is split"),
        "{held:?}"
    );
    assert_eq!(open(&meter, &stream), ["p"]);
}

/// What is written in units of a kilobyte, and read by groups.
#[test]
fn averages_are_of_units_over_each_window() {
    let (meter, stream) = one_partition();
    for _ in 0..120 {
        let event = Event::new("k", "x".repeat(2_500));
        meter.time.run(stream.append(event)).expect("appended");
        meter.time.run(meter.time.wait(Duration::from_secs(1)));
    }
    let groups = ["a", "b"].map(|group| group.into());
    let mut scaler = stream.scaler(Thresholds::default()).expect("a scaler").groups(groups);
    let averages = |look: Look| {
        let (_, measured) = look.readings.open.into_iter().next().expect("one partition");
        [measured.averages.two, measured.averages.five, measured.averages.ten]
            .map(|it| it.map(|it| (it.writes.units(), it.reads.units())).expect("it is old"))
    };
    let near = |[two, five, ten]: [(f64, f64); 3], writes: [f64; 3]| {
        for ((found, reads), wanted) in [two, five, ten].into_iter().zip(writes) {
            assert!((found - wanted).abs() <= 0.02 * wanted, "{found}, not {wanted}");
            // Two groups, each 2.6 of 4 KB for each of which three units are written.
            assert!((reads - found / 3.0 * 2.0 * 2.6 / 4.0).abs() <= 0.05 * found, "{reads}");
        }
    };
    near(averages(look(&meter, &mut scaler)), [3.0, 1.2, 0.6]);
    wait(&meter, 3);
    near(averages(look(&meter, &mut scaler)), [0.0, 1.2, 0.6]);
    wait(&meter, 8);
    near(averages(look(&meter, &mut scaler)), [0.0, 0.0, 0.0]);
}

#[test]
fn an_idle_partition_costs_a_page_and_a_busy_one_some_thirty_queries() {
    let (meter, stream) = one_partition();
    load(&meter, &stream, 20, 20, 11);
    let mut scaler = stream.scaler(Thresholds::default()).expect("a scaler").groups([]);
    meter.bill();
    look(&meter, &mut scaler);
    let busy = meter.bill();
    let queries = super::count(&busy, " Query events, eventual");
    assert!((10..=35).contains(&queries), "{busy:?}");
    wait(&meter, 11);
    look(&meter, &mut scaler);
    assert_eq!(super::calls(&meter.bill()), 2, "a head, and a page");
}

/// A group whose handler is too slow for one partition, though few units are written.
#[test]
fn a_growing_lag_splits_where_the_group_is_and_only_if_it_is_at_work() {
    let (meter, stream) = one_partition();
    let mut scaler = stream.scaler(Thresholds::default()).expect("a scaler");
    let slow = |seconds: u64| -> Worker<_> {
        stream.worker("slow", super::takes(&meter, Duration::from_secs(seconds))).delivery_limit(1)
    };
    let working = |worker: &Worker<_>, minutes: u32| {
        let stop = worker.stopper();
        let append = async {
            for number in 0..minutes * 60 {
                stream
                    .append(Event::new(format!("k{}", number % 20), "x"))
                    .await
                    .expect("appended");
                meter.time.wait(Duration::from_secs(1)).await;
            }
            stop.request();
        };
        let (worked, ()) = meter.time.run(futures_util::future::join(worker.run(), append));
        worked.expect("it works");
    };
    working(&slow(4), 8);
    let first = look(&meter, &mut scaler);
    assert_eq!(words(&first.decisions).len(), 1);
    assert!(matches!(first.decisions[0].choice, Choice::Keep(_)), "{:?}", words(&first.decisions));
    // Nothing of the group happens, and its lag grows by what comes.
    load(&meter, &stream, 1, 20, 3);
    let still = look(&meter, &mut scaler);
    assert!(matches!(still.decisions[0].choice, Choice::Keep(_)), "{:?}", words(&still.decisions));
    working(&slow(4), 3);
    let split = act(&meter, &mut scaler);
    assert!(split[0].starts_with("split p: slow is at work and"), "{split:?}");
    // It has not begun the halves: whatever its lag there, they are left alone.
    load(&meter, &stream, 1, 20, 11);
    let kept = act(&meter, &mut scaler);
    assert!(kept.iter().all(|it| !it.starts_with("split")), "{kept:?}");
}

/// A seek takes it back with the parent.
#[test]
fn a_partition_that_a_group_is_to_begin_again_counts_as_not_begun() {
    let (meter, stream) = one_partition();
    load(&meter, &stream, 1, 20, 1);
    meter.time.run(stream.split(&"p".parse().expect("an id"))).expect("split");
    load(&meter, &stream, 1, 20, 1);
    let worker = stream.worker("g", counting().0);
    meter.time.run(worker.until_caught_up()).expect("it catches up");
    for groups in [None, Some("g")] {
        let scaler = stream.scaler(thresholds()).expect("a scaler");
        let mut scaler = match groups {
            Some(group) => scaler.groups([group.into()]),
            None => scaler,
        };
        let mut begun = || {
            let look = look(&meter, &mut scaler);
            let followers = look.readings.open.into_values().flat_map(|it| it.followers);
            followers.map(|it| it.following != Following::NotBegun).collect::<Vec<_>>()
        };
        assert_eq!(begun(), [true; 2]);
        let (group, partition) = ("g".into(), "p".parse().expect("an id"));
        meter.time.run(stream.seek(&group, &partition, SeekTo::Start)).expect("moved");
        assert_eq!(begun(), [false; 2]);
        meter.time.run(worker.until_caught_up()).expect("it catches up");
    }
}

#[test]
fn halves_are_not_merged_where_a_group_is_behind() {
    let (meter, stream) = one_partition();
    let (handler, _) = counting();
    meter.time.run(stream.split(&"p".parse().expect("an id"))).expect("split");
    load(&meter, &stream, 1, 20, 1);
    let worker = stream.worker("g", handler).delivery_limit(1);
    meter.time.run(worker.until_caught_up()).expect("caught up");
    load(&meter, &stream, 1, 1, 1);
    wait(&meter, 20);
    let mut scaler = stream.scaler(Thresholds::default()).expect("a scaler");
    let held = look(&meter, &mut scaler);
    assert!(
        words(&held.decisions)[0].contains("but g is 21 min behind in p"),
        "{:?}",
        words(&held.decisions)
    );
    let mut scaler = scaler.groups([]);
    // Where no lag matters, nothing is in the way but the rate when it was split, which was none.
    assert!(words(&look(&meter, &mut scaler).decisions)[0].starts_with("merge"));
}

/// What an operator split while it was idle is merged when it is idle, and not when it has a
/// little.
#[test]
fn halves_are_not_merged_with_more_than_a_quarter_of_what_there_was_when_they_were_divided() {
    let (meter, stream) = one_partition();
    load(&meter, &stream, 1, 20, 10);
    meter.time.run(stream.split(&"p".parse().expect("an id"))).expect("split");
    load(&meter, &stream, 1, 20, 21);
    let mut scaler = stream.scaler(Thresholds::default()).expect("a scaler");
    let held = look(&meter, &mut scaler);
    let Choice::Held { hold: Hold::DividedAt { rate, .. }, .. } = &held.decisions[0].choice else {
        panic!("{:?}", words(&held.decisions));
    };
    assert!((0.95..=1.05).contains(&rate.units()), "{rate}");
    wait(&meter, 11);
    assert!(words(&look(&meter, &mut scaler).decisions)[0].starts_with("merge"));
}

/// A seal that a release wrote that did not say when.
#[test]
fn halves_whose_seal_does_not_say_when_count_as_old() {
    let (meter, stream) = one_partition();
    meter.time.run(stream.split(&"p".parse().expect("an id"))).expect("split");
    let call = meter
        .client()
        .update_item()
        .table_name(format!("{PREFIX}partitions"))
        .key("partitionId", AttributeValue::S("p".to_owned()))
        .update_expression("REMOVE #at")
        .expression_attribute_names("#at", "at");
    meter.time.run(call.send()).expect("it is changed");
    let mut scaler = stream.scaler(Thresholds::default()).expect("a scaler");
    assert!(words(&look(&meter, &mut scaler).decisions)[0].starts_with("merge"));
}

#[test]
fn what_cannot_be_scaled_is_refused() {
    let meter = Meter::new();
    let keys = meter.stream(|config| config.layout(Layout::EachKey));
    assert!(matches!(keys.scaler(Thresholds::default()), Err(ScaleError::Rigid)));
    let meter = Meter::new();
    let design = named("no-counter").expect("it has a name").design;
    let uncounted = meter.stream(|config| config.layout(ONE_PARTITION).design(design));
    assert!(matches!(uncounted.scaler(Thresholds::default()), Err(ScaleError::Rigid)));
    let (_, stream) = one_partition();
    let asked = Thresholds { merge_below: Rate::per_second(400.0), ..Thresholds::default() };
    assert!(matches!(stream.scaler(asked), Err(ScaleError::Limits(_))));
    let founded =
        Meter::new().stream(|config| config.layout(Layout::Fixed { bits: 7 })).thresholds();
    assert_eq!((founded.least, founded.most), (count(128), count(128)));
}

fn count(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("more than none")
}
