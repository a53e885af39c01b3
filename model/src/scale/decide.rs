//! From what was measured to decisions.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decision::{Cause, Choice, Decision, Hold, NoNeed, Wish};
use super::limits::{APART, Limits};
use super::rates::{Rate, Window};
use super::readings::{Following, Measured, Readings, Share};
use crate::ids::PartitionId;

/// So much of a partition that stays together when it is split means that a split is of no use.
const TOGETHER: f64 = 0.9;

/// Decides what becomes of each open partition: one decision each, in the order of their ids.
///
/// No two decisions are about the same keys, so they can be carried out in any order, or in part.
/// At most [`at_once`](super::Thresholds::at_once) of them are splits and merges, the most urgent
/// first.
#[must_use]
pub fn decide(limits: &Limits, readings: &Readings) -> Vec<Decision> {
    let mut choices: BTreeMap<&PartitionId, Choice> = BTreeMap::new();
    let mut splits = Vec::new();
    for (partition, measured) in &readings.open {
        let Some(cause) = split_cause(limits, measured) else { continue };
        match split_hold(limits, partition, measured) {
            Some(hold) => drop(choices.insert(partition, held(cause, hold))),
            None => splits.push((partition, cause)),
        }
    }
    let mut left = limits.thresholds().at_once.get();
    left -= choose_splits(limits, readings, splits, &mut choices);
    let mut merges = Vec::new();
    for (partition, measured) in &readings.open {
        if choices.contains_key(partition) {
            continue;
        }
        match quiet(limits, readings, partition, measured) {
            Quiet::Pair(pair) => merges.extend((pair.with > partition).then_some(pair)),
            Quiet::Not(choice) => drop(choices.insert(partition, choice)),
        }
    }
    choose_merges(limits, readings, merges, left, &mut choices);
    let decision = |(partition, choice): (&PartitionId, Choice)| {
        let partition = partition.clone();
        Decision { partition, choice }
    };
    choices.into_iter().map(decision).collect()
}

/// What asks for a split of a partition, if anything does.
fn split_cause(limits: &Limits, measured: &Measured) -> Option<Cause> {
    let busy = Window::ALL.into_iter().find_map(|window| {
        let rate = measured.averages.over(window)?.weight();
        let above = limits.split_above(window);
        (rate > above).then_some(Cause::Busy { window, rate, above })
    });
    busy.or_else(|| {
        // Only where the group is: what it has not begun cannot be divided among its workers, and
        // each split behind a place where it catches up would only make the way longer (scenario
        // 15).
        measured.followers.iter().find_map(|follower| match follower.following {
            Following::Begun { lag, behind, pace: Some(pace) }
                if limits.thresholds().behind.is_some_and(|most| behind > most)
                    && pace.is_too_slow(lag) =>
            {
                Some(Cause::Behind { group: follower.group.clone(), behind, lag })
            }
            Following::Begun { .. } | Following::NotBegun => None,
        })
    })
}

/// What forbids a split of a partition, if anything does, whatever becomes of the others.
fn split_hold(limits: &Limits, partition: &PartitionId, measured: &Measured) -> Option<Hold> {
    if partition.halves().is_none() {
        return Some(Hold::Finest);
    }
    if let Some(hold) = young(partition, measured, limits.thresholds().split_cooldown) {
        return Some(hold);
    }
    match measured.together {
        None => Some(Hold::Unsampled),
        Some(share) if share >= Share::of(TOGETHER, 1.0) => Some(Hold::Together(share)),
        Some(_) => None,
    }
}

/// Whether a partition is younger than a cooldown.
fn young(partition: &PartitionId, measured: &Measured, cooldown: Duration) -> Option<Hold> {
    let age = measured.age.filter(|age| *age < cooldown)?;
    Some(Hold::Cooldown { partition: partition.clone(), age, cooldown })
}

fn held(cause: Cause, hold: Hold) -> Choice {
    Choice::Held { wish: Wish::Split(cause), hold }
}

/// How urgent a split is: by how much there is. A lag comes behind what is busy.
fn urgency(cause: &Cause) -> f64 {
    match cause {
        Cause::Busy { rate, .. } => rate.units(),
        Cause::Behind { .. } => 0.0,
    }
}

/// Splits the most urgent, as many as may be; the others are held. Returns how many there are.
fn choose_splits<'a>(
    limits: &Limits,
    readings: &Readings,
    mut splits: Vec<(&'a PartitionId, Cause)>,
    choices: &mut BTreeMap<&'a PartitionId, Choice>,
) -> usize {
    let thresholds = limits.thresholds();
    // Stable, so that two processes that see the same choose the same.
    splits.sort_by(|(_, a), (_, b)| urgency(b).total_cmp(&urgency(a)));
    let room = thresholds.most.get().saturating_sub(readings.open.len());
    let mut chosen = 0;
    for (partition, cause) in splits {
        let choice = match partition.halves() {
            Some(_) if chosen >= room => held(cause, Hold::Most(thresholds.most)),
            Some(_) if chosen >= thresholds.at_once.get() => {
                held(cause, Hold::AtOnce(thresholds.at_once))
            }
            Some(halves) => {
                chosen += 1;
                Choice::Split { cause, halves }
            }
            None => held(cause, Hold::Finest),
        };
        choices.insert(partition, choice);
    }
    chosen
}

/// Two halves that are quiet together.
struct Pair<'a> {
    partition: &'a PartitionId,
    with: &'a PartitionId,
    into: PartitionId,
    together: Rate,
    hold: Option<Hold>,
}

/// A partition that nothing asks to split.
enum Quiet<'a> {
    /// It could be merged with its other half.
    Pair(Pair<'a>),
    /// It could not.
    Not(Choice),
}

/// Looks whether a partition could be merged with its other half.
fn quiet<'a>(
    limits: &Limits,
    readings: &'a Readings,
    partition: &'a PartitionId,
    measured: &Measured,
) -> Quiet<'a> {
    let most = limits.thresholds().merge_below;
    let keep = |keep| Quiet::Not(Choice::Keep(keep));
    let Some(rate) = measured.averages.highest() else {
        return keep(NoNeed::Unmeasured { age: measured.age });
    };
    if rate > most {
        return keep(NoNeed::Between { rate, merge_below: most });
    }
    let Some(into) = partition.merges_into() else { return keep(NoNeed::Whole) };
    let is_other = |other: &&PartitionId| {
        other.merges_into().as_ref() == Some(&into) && !other.overlaps(partition)
    };
    let Some(with) = readings.open.keys().find(is_other) else { return keep(NoNeed::OtherDivided) };
    let other = &readings.open[with];
    let other_busy = |together| keep(NoNeed::OtherBusy { other: with.clone(), together, most });
    let Some(together) = measured.averages.with(&other.averages).highest() else {
        return other_busy(None);
    };
    if together > most || split_cause(limits, other).is_some() {
        return other_busy(Some(together));
    }
    let both = [(partition, measured), (with, other)];
    let hold = merge_hold(limits, readings, both, &into, together);
    Quiet::Pair(Pair { partition, with, into, together, hold })
}

/// What forbids the merge of two halves, if anything does, whatever becomes of the others.
fn merge_hold(
    limits: &Limits,
    readings: &Readings,
    both: [(&PartitionId, &Measured); 2],
    into: &PartitionId,
    together: Rate,
) -> Option<Hold> {
    // Each merge leaves a mark in the id, so the id says how often it was done before.
    let marks = into.as_str().matches('~').count().saturating_sub(1);
    let cooldown = limits.merge_cooldown(u32::try_from(marks).unwrap_or(u32::MAX));
    let youngest =
        both.into_iter().min_by_key(|(_, measured)| measured.age.unwrap_or(Duration::MAX));
    if let Some(hold) =
        youngest.and_then(|(partition, measured)| young(partition, measured, cooldown))
    {
        return Some(hold);
    }
    let divided = into.family().and_then(|family| {
        let rate = *readings.when_split.get(&family)?;
        (together * APART > rate).then_some(Hold::DividedAt { partition: family, rate })
    });
    divided.or_else(|| both.into_iter().find_map(|(id, measured)| lagging(limits, id, measured)))
}

/// A group that is behind in a partition.
fn lagging(limits: &Limits, partition: &PartitionId, measured: &Measured) -> Option<Hold> {
    let most = limits.thresholds().behind?;
    measured.followers.iter().find_map(|follower| match follower.following {
        Following::Begun { behind, .. } if behind > most => Some(Hold::Lagging {
            group: follower.group.clone(),
            partition: partition.clone(),
            behind,
        }),
        Following::Begun { .. } | Following::NotBegun => None,
    })
}

/// Merges the quietest pairs, as many as may be; the others are held.
fn choose_merges<'a>(
    limits: &Limits,
    readings: &Readings,
    mut merges: Vec<Pair<'a>>,
    left: usize,
    choices: &mut BTreeMap<&'a PartitionId, Choice>,
) {
    let thresholds = limits.thresholds();
    merges.sort_by(|a, b| a.together.units().total_cmp(&b.together.units()));
    let room = readings.open.len().saturating_sub(thresholds.least.get());
    let mut chosen = 0;
    for Pair { partition, with, into, together, hold } in merges {
        let hold = hold
            .or_else(|| (chosen >= room).then_some(Hold::Least(thresholds.least)))
            .or_else(|| (chosen >= left).then_some(Hold::AtOnce(thresholds.at_once)));
        chosen += usize::from(hold.is_none());
        for (one, other) in [(partition, with), (with, partition)] {
            let with = other.clone();
            let choice = match &hold {
                Some(hold) => {
                    Choice::Held { wish: Wish::Merge { with, together }, hold: hold.clone() }
                }
                None => {
                    let most = thresholds.merge_below;
                    Choice::Merge { with, into: into.clone(), together, most }
                }
            };
            choices.insert(one, choice);
        }
    }
}
