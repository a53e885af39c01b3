//! Automatic scaling: no curve makes it split and merge the same keys in turn, and under a constant
//! one it comes to rest.

mod examples;
mod world;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::time::Duration;

use gapless_model::PartitionId;
use gapless_model::scale::{Limits, Rate, Thresholds};
use proptest::collection::vec;
use proptest::prelude::*;

use self::world::{How, Keys, SLICES, World};

fn count(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).expect("more than none")
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(60 * minutes)
}

/// Thresholds as they may be chosen.
fn limits() -> impl Strategy<Value = Limits> {
    let rates = (10.0..900.0_f64, 0.0..=0.25_f64);
    let counts = (1..4_usize, 4..60_usize, 1..8_usize);
    let cooldowns = (0..10_u64, 0..40_u64);
    (rates, counts, cooldowns).prop_map(
        |((above, part), (least, most, at_once), (split, merge))| {
            let asked = Thresholds {
                split_above: Rate::per_second(above),
                merge_below: Rate::per_second(above * part),
                most: count(most),
                least: count(least),
                split_cooldown: minutes(split),
                merge_cooldown: minutes(merge),
                behind: Some(minutes(5)),
                at_once: count(at_once),
            };
            Limits::new(asked).expect("they fit together")
        },
    )
}

/// Keys of which few or many are busy, and perhaps single ones that are busier than all others.
fn slices() -> impl Strategy<Value = Vec<[f64; 2]>> {
    let rate =
        prop_oneof![3 => Just(0.0), 3 => 0.0..2.0_f64, 3 => 2.0..40.0_f64, 1 => 40.0..400.0_f64];
    vec([rate.clone(), rate], SLICES)
}

fn single() -> impl Strategy<Value = Vec<(u64, f64)>> {
    vec((any::<u64>(), prop_oneof![0.0..50.0_f64, 50.0..5_000.0_f64]), 0..3)
}

fn keys(curves: [impl Strategy<Value = Vec<f64>>; 2]) -> impl Strategy<Value = Keys> {
    (slices(), single(), curves).prop_map(|(slices, single, curves)| Keys {
        slices,
        single,
        curves,
    })
}

/// What there is of each curve, if both are constant.
fn constant_keys() -> impl Strategy<Value = Keys> {
    keys([Just(vec![1.0]), Just(vec![1.0])])
}

/// A factor for each minute that swings by less than four.
fn small_swing() -> impl Strategy<Value = Vec<f64>> {
    let slow = (0.0..0.2_f64, 0.0..6.3_f64).prop_map(|(speed, begin)| {
        (0..400).map(|minute| 2.45 + 1.44 * (speed * f64::from(minute) + begin).sin()).collect()
    });
    prop_oneof![slow, vec(1.01..3.9_f64, 400)]
}

/// Anything: from nothing to a hundred times as much, from one minute to the next.
fn any_curve() -> impl Strategy<Value = Vec<f64>> {
    let factor = prop_oneof![Just(0.0), 0.0..0.1_f64, 0.1..1.0_f64, 1.0..10.0_f64, 10.0..100.0_f64];
    // Each lasts for a while, or curves would all look the same to an average.
    vec((factor, 1..40_usize), 40).prop_map(|spells| {
        spells.into_iter().flat_map(|(factor, long)| vec![factor; long]).collect()
    })
}

fn run(world: &mut World, looks: usize) -> usize {
    (0..looks).map(|_| world.pass()).sum()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_swings_by_less_than_four_is_never_split_and_merged(
        keys in keys([small_swing(), small_swing()]),
        limits in limits(),
        bits in 0..5_u8,
    ) {
        let mut world = World::new(keys, limits, bits);
        run(&mut world, 400);
        let of = |how: How| -> BTreeSet<&PartitionId> {
            world.changes.iter().filter(|it| it.how == how).map(|it| &it.range).collect()
        };
        let both: Vec<_> = of(How::Split).intersection(&of(How::Merge)).copied().collect();
        prop_assert!(both.is_empty(), "{:?}: {:?}", both, world.changes);
    }

    #[test]
    fn a_constant_curve_comes_to_rest_where_nothing_is_too_busy_and_nothing_too_quiet(
        keys in constant_keys(),
        limits in limits(),
        bits in 0..6_u8,
    ) {
        let mut world = World::new(keys, limits, bits);
        run(&mut world, 600);
        prop_assert_eq!(run(&mut world, 600), 0, "{:?}", world.changes);
        let (asked, leaves) = (limits.thresholds(), world.leaves());
        for (id, rate) in &leaves {
            let divides = world.together(id) < 0.9;
            let is_full = leaves.len() >= asked.most.get();
            let most = asked.split_above.units() * (1.0 + 1e-9);
            prop_assert!(*rate <= most || !divides || is_full, "{} has {}", id, rate);
        }
        for (id, rate) in &leaves {
            let (into, is_low) = (id.merges_into(), leaves.len() <= asked.least.get());
            let other = leaves.iter().find(|(it, _)| **it > *id && it.merges_into() == into);
            if let Some((other, other_rate)) = other.filter(|_| into.is_some()) {
                let (both, least) = (rate + *other_rate, asked.merge_below.units() * (1.0 - 1e-9));
                prop_assert!(both >= least || is_low, "{} and {} have {}", id, other, both);
            }
        }
    }

    #[test]
    fn under_any_curve_a_cooldown_lies_between_what_is_done_and_what_undoes_it(
        keys in keys([any_curve(), any_curve()]),
        limits in limits(),
        bits in 0..4_u8,
    ) {
        let mut world = World::new(keys, limits, bits);
        run(&mut world, 1_200);
        let asked = limits.thresholds();
        let mut last: BTreeMap<&PartitionId, (How, i64)> = BTreeMap::new();
        for change in &world.changes {
            let before = last.insert(&change.range, (change.how, change.minute));
            let Some((before, minute)) = before else { continue };
            prop_assert!(before != change.how, "{:?} twice: {:?}", change.how, world.changes);
            let passed = minutes((change.minute - minute) as u64);
            let cooldown = match change.how {
                How::Split => asked.split_cooldown,
                How::Merge => asked.merge_cooldown,
            };
            prop_assert!(passed >= cooldown, "{} after {:?}", change.range, passed);
        }
    }

    #[test]
    fn under_any_curve_there_are_never_more_partitions_than_most_nor_fewer_than_least(
        keys in keys([any_curve(), any_curve()]),
        limits in limits(),
        bits in 0..4_u8,
    ) {
        let mut world = World::new(keys, limits, bits);
        let began = world.leaves().len();
        let (most, least) = (limits.thresholds().most.get(), limits.thresholds().least.get());
        for _ in 0..600 {
            world.pass();
            let open = world.leaves().len();
            prop_assert!(open <= most.max(began) && open >= least.min(began), "{} are open", open);
            let fits = |it: &&PartitionId| world.leaves().keys().filter(|id| id.overlaps(it)).count() == 1;
            prop_assert!(world.leaves().keys().all(fits), "a key has one partition");
        }
    }

    #[test]
    fn under_any_curve_the_times_between_merges_of_the_same_halves_double(
        curve in any_curve(),
        rate in 200.0..900.0_f64,
    ) {
        let slices = vec![[rate / SLICES as f64, 0.0]; SLICES];
        let keys = Keys { slices, single: Vec::new(), curves: [curve.clone(), curve] };
        let asked = Thresholds { most: count(2), ..Thresholds::default() };
        let mut world = World::new(keys, Limits::new(asked).expect("they fit"), 0);
        run(&mut world, 1_200);
        let merges = world.changes.iter().filter(|it| it.how == How::Merge);
        let times: Vec<_> = merges.map(|it| it.minute).collect();
        for (index, pair) in (1_u32..).zip(times.windows(2)) {
            prop_assert!(pair[1] - pair[0] >= 20 << index.min(6), "{:?}", times);
        }
    }

    #[test]
    fn a_key_that_bears_nearly_everything_does_not_make_it_split_on_and_on(
        hash: u64,
        rate in 600.0..5_000.0_f64,
        others in 0.0..200.0_f64,
    ) {
        let slices = vec![[others / SLICES as f64, 0.0]; SLICES];
        let curves = [vec![1.0], vec![1.0]];
        let keys = Keys { slices, single: vec![(hash, rate)], curves };
        let asked = Thresholds { most: count(1_000), ..Thresholds::default() };
        let mut world = World::new(keys, Limits::new(asked).expect("they fit"), 0);
        run(&mut world, 600);
        // The others of its partition are halved by each split, until they are a tenth.
        prop_assert!(world.leaves().len() <= 4, "{:?}", world.leaves());
        prop_assert_eq!(run(&mut world, 600), 0);
    }

    #[test]
    fn a_group_that_is_too_slow_is_given_partitions_until_it_keeps_up_and_they_stay(
        rate in 20.0..90.0_f64,
        times in 0.8..5.0_f64,
    ) {
        let pace = rate / times;
        let slices = vec![[rate / SLICES as f64, 0.0]; SLICES];
        let keys = Keys { slices, single: Vec::new(), curves: [vec![1.0], vec![1.0]] };
        let mut world = World::new(keys, Limits::default(), 0);
        world.pace = Some(pace);
        run(&mut world, 3_000);
        prop_assert_eq!(run(&mut world, 3_000), 0, "{:?}", world.changes);
        let keeps_up = |rate: &f64| pace >= rate * 0.949;
        prop_assert!(world.leaves().values().all(keeps_up), "{:?}", world.leaves());
        prop_assert!(world.changes.iter().all(|it| it.how == How::Split), "{:?}", world.changes);
    }
}
