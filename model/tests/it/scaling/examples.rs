//! Single decisions, and how they are explained.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::time::Duration;

use gapless_model::scale::{
    Averages, Choice, Follower, Following, Limits, Measured, Pace, Rate, Readings, Share,
    Thresholds, Traffic, decide,
};

const MINUTE: Duration = Duration::from_secs(60);

/// A partition that the stream began with and that is written so much all the time, by many keys.
fn steady(units: f64) -> Measured {
    let traffic = Traffic { writes: Rate::per_second(units), reads: Rate::ZERO };
    Measured {
        averages: Averages::of(|_| Some(traffic)),
        together: Some(Share::of(1.0, 16.0)),
        age: None,
        followers: Vec::new(),
    }
}

fn readings<const N: usize>(open: [(&str, Measured); N]) -> Readings {
    let open = open.map(|(id, measured)| (id.parse().expect("an id"), measured));
    Readings { open: open.into(), when_split: BTreeMap::new() }
}

/// The choice for each partition, and why.
fn said(limits: &Limits, readings: &Readings) -> Vec<String> {
    let decisions = decide(limits, readings).into_iter();
    decisions.map(|it| format!("{} {}: {it}", it.partition, it.choice.name())).collect()
}

fn usual(readings: &Readings) -> Vec<String> {
    said(&Limits::default(), readings)
}

#[test]
fn each_decision_says_why() {
    let young = |units, minutes| Measured { age: Some(minutes * MINUTE), ..steady(units) };
    let alone = Measured { together: Some(Share::of(19.0, 20.0)), ..steady(700.0) };
    let unseen = Measured { together: None, ..steady(700.0) };
    let all = readings([
        ("p000", steady(30.0)),
        ("p001", steady(40.0)),
        ("p010", steady(30.0)),
        ("p011", steady(90.0)),
        ("p0~1", alone),
        ("p100", steady(820.0)),
        ("p101", young(640.0, 4)),
        ("p110", young(10.0, 15)),
        ("p111", Measured { age: Some(9 * MINUTE), ..Measured::default() }),
        ("p1~0", unseen),
        ("p1~1", steady(200.0)),
    ]);
    assert_eq!(
        usual(&all),
        [
            "p000 merge: with p001 into p00~: 70 units/s together, and 100 are allowed",
            "p001 merge: with p000 into p00~: 70 units/s together, and 100 are allowed",
            "p010 keep: quiet, but not with p011: 120 units/s together are above 100",
            "p011 keep: quiet, but not with p010: 120 units/s together are above 100",
            "p0~1 held: to be split, as 700 units/s over 5 min are more than 625; but few keys bear it: \
             95 % would stay together, however it is split",
            "p100 split: 820 units/s over 2 min are more than 800: p1000 and p1001 take its place",
            "p101 held: to be split, as 640 units/s over 5 min are more than 625; but it came of a split \
             4 min ago: cooldown 5 min",
            "p110 keep: quiet, but how much p111 has is not known yet",
            "p111 keep: 9 min old, and averages over 10 min are needed",
            "p1~0 held: to be split, as 700 units/s over 5 min are more than 625; but too few of its \
             events were seen to tell what it divides",
            "p1~1 keep: 200 units/s: too much for a merge (100), not enough for a split",
        ]
    );
}

#[test]
fn a_cap_and_a_floor_hold_what_would_exceed_them_and_the_most_urgent_comes_first() {
    let all = readings([
        ("p00", steady(600.0)),
        ("p01", steady(900.0)),
        ("p10", steady(1.0)),
        ("p11", steady(2.0)),
    ]);
    let count = |count| NonZeroUsize::new(count).expect("more than none");
    let asked = Thresholds { most: count(5), least: count(4), ..Thresholds::default() };
    let held = said(&Limits::new(asked).expect("they fit"), &all);
    assert!(held[0].ends_with("but at most 5 partitions are to be open"), "{held:?}");
    assert!(held[1].starts_with("p01 split"), "{held:?}");
    assert!(held[2].ends_with("but at least 4 partitions are to stay open"), "{held:?}");
    let asked = Thresholds { at_once: count(1), ..Thresholds::default() };
    let held = said(&Limits::new(asked).expect("they fit"), &all);
    assert!(held[0].ends_with("but 1 at once are the most: others come first"), "{held:?}");
    assert!(held[3].ends_with("but 1 at once are the most: others come first"), "{held:?}");
}

#[test]
fn reads_count_a_third() {
    let reads = |units| Traffic { writes: Rate::per_second(1.0), reads: Rate::per_second(units) };
    let read = |units| Measured { averages: Averages::of(|_| Some(reads(units))), ..steady(0.0) };
    let all = readings([("p0", read(2_700.0)), ("p1", read(1_200.0))]);
    let said = usual(&all);
    assert!(said[0].starts_with("p0 split: 900 units/s over 2 min"), "{said:?}");
    assert!(said[1].starts_with("p1 keep: 400 units/s"), "{said:?}");
}

fn behind(following: Following) -> Measured {
    let follower = Follower { group: "g".to_owned(), following };
    Measured { followers: vec![follower], ..steady(50.0) }
}

#[test]
fn a_lag_asks_for_a_split_only_where_the_group_is_at_work_and_its_lag_grows() {
    let pace = |finished, lag_before| Some(Pace { finished, lag_before });
    let begun = |minutes, pace| Following::Begun { lag: 1_000, behind: minutes * MINUTE, pace };
    for (following, splits) in [
        (begun(6, pace(100, 800)), true),
        // It is behind by less, or finishes what comes in, or nothing; or none of that is known.
        (begun(5, pace(100, 800)), false),
        (begun(6, pace(100, 1_000)), false),
        (begun(6, pace(95, 995)), false),
        (begun(6, pace(0, 800)), false),
        (begun(6, None), false),
        (Following::NotBegun, false),
    ] {
        let decisions = decide(&Limits::default(), &readings([("p", behind(following))]));
        let is_split = matches!(decisions[0].choice, Choice::Split { .. });
        assert_eq!(is_split, splits, "{following:?}: {}", decisions[0]);
    }
    let off = Thresholds { behind: None, ..Thresholds::default() };
    let off = Limits::new(off).expect("they fit");
    let decisions = decide(&off, &readings([("p", behind(begun(60, pace(100, 800))))]));
    assert!(matches!(decisions[0].choice, Choice::Keep(_)), "{}", decisions[0]);
}

#[test]
fn halves_are_merged_only_if_little_is_left_of_what_they_were_divided_for() {
    let mut all = readings([("p0", steady(10.0)), ("p1", steady(11.0))]);
    assert!(usual(&all)[0].starts_with("p0 merge"));
    all.when_split.insert("p".parse().expect("an id"), Rate::per_second(80.0));
    let held = "but p had 80 when it was split, and a quarter is allowed";
    assert!(usual(&all)[0].ends_with(held), "{:?}", usual(&all));
    all.when_split.insert("p".parse().expect("an id"), Rate::per_second(84.0));
    assert!(usual(&all)[0].starts_with("p0 merge"));
}

/// Each of the two is asked: which of them it is makes no difference.
#[test]
fn halves_are_not_merged_where_one_of_them_is_young_or_a_group_is_behind() {
    let young = Measured { age: Some(MINUTE), ..steady(10.0) };
    let pace = Some(Pace { finished: 0, lag_before: 0 });
    let lags = behind(Following::Begun { lag: 1_000, behind: 6 * MINUTE, pace });
    let slow = Some(Pace { finished: 100, lag_before: 800 });
    let splits = behind(Following::Begun { lag: 1_000, behind: 6 * MINUTE, pace: slow });
    for (other, choice, why) in [
        (young, "held", "ago: cooldown"),
        (lags, "held", "g is"),
        // Two decisions are never about the same keys.
        (splits, "keep", " asks for a split"),
    ] {
        for names in [["p0", "p1"], ["p1", "p0"]] {
            let all = readings([(names[0], steady(10.0)), (names[1], other.clone())]);
            let said = usual(&all).into_iter().find(|it| it.starts_with(names[0]));
            let said = said.expect("each has a decision");
            assert!(said.starts_with(&format!("{} {choice}: ", names[0])), "{said}");
            assert!(said.contains(why), "{said}");
        }
    }
}

#[test]
fn what_is_divided_differently_or_covers_everything_is_not_merged() {
    let all = readings([("p0", steady(1.0)), ("p10", steady(1.0)), ("p11", steady(900.0))]);
    let said = usual(&all);
    assert_eq!(said[0], "p0 keep: quiet, and its other half is not one partition");
    assert_eq!(said[1], "p10 keep: quiet, but not with p11: 901 units/s together are above 100");
    let whole = usual(&readings([("p", steady(1.0))]));
    assert_eq!(whole, ["p keep: quiet, and there is none to merge it with"]);
}

#[test]
fn a_single_hash_is_not_divided() {
    let finest = format!("p{}", "0".repeat(64));
    let said = usual(&readings([(&finest, steady(900.0))]));
    assert!(said[0].ends_with("but it covers a single hash"), "{said:?}");
}

#[test]
fn a_merge_demands_that_all_three_averages_are_low_and_a_split_that_one_is_high() {
    let over = |two: f64, five: f64, ten: f64| {
        let traffic = |units| Traffic { writes: Rate::per_second(units), reads: Rate::ZERO };
        let [two, five, ten] = [two, five, ten].map(|units| Some(traffic(units)));
        Measured { averages: Averages { two, five, ten }, ..steady(0.0) }
    };
    for (measured, choice) in [
        (over(1.0, 1.0, 101.0), "keep"),
        (over(1.0, 101.0, 1.0), "keep"),
        (over(101.0, 1.0, 1.0), "keep"),
        (over(99.0, 99.0, 99.0), "merge"),
        (over(801.0, 1.0, 1.0), "split"),
        (over(1.0, 626.0, 1.0), "split"),
        (over(1.0, 1.0, 501.0), "split"),
        (over(800.0, 625.0, 500.0), "keep"),
    ] {
        let decisions =
            decide(&Limits::default(), &readings([("p0", measured), ("p1", steady(0.0))]));
        assert_eq!(decisions[0].choice.name(), choice, "{}", decisions[0]);
    }
}
