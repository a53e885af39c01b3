//! The state at the moment of a violation, a line for each slot, group and process concerned.

use std::collections::{BTreeMap, BTreeSet};

use gapless::{Group, Live};
use gapless_model::explanation::{Explanation, capital, listed};
use gapless_model::store::{Lease, reply_words};
use gapless_model::{PartitionId, Seq};

use super::all::Judge;
use super::chronicle::Fate;
use super::judgement::Finding;
use super::words::{partition_name, request, seconds, simulated};
use crate::plan::{Millis, Node};

/// How many slots are shown before and behind those that a violation is about.
const AROUND: u64 = 2;

/// The explanation of what a judge found, with the state at that moment.
pub(crate) fn explain(judge: &Judge, at: Millis, finding: Finding) -> Explanation {
    let mut end = finding.details;
    let mut places: BTreeMap<PartitionId, BTreeSet<Seq>> = BTreeMap::new();
    for (partition, slot) in finding.places {
        places.entry(partition).or_default().extend(slot);
    }
    if places.is_empty()
        && let Some(deed) = judge.chronicle.latest()
    {
        places.insert(deed.request.partition().clone(), deed.request.slot().into_iter().collect());
    }
    for (partition, slots) in &places {
        end.extend(tables(judge, at, partition, slots, places.len() > 1));
    }
    end.extend(judge.chronicle.processes().map(|(node, _)| process(judge, at, node)));
    // Requests and replies call a turn by its name.
    let named = |text: String| judge.leases.with_names(text, &judge.chronicle);
    Explanation {
        sentence: named(capital(&finding.sentence)),
        end: end.into_iter().map(named).collect(),
        why: finding.why.map(named),
    }
}

/// What the tables hold of a partition.
fn tables(
    judge: &Judge,
    at: Millis,
    partition: &PartitionId,
    slots: &BTreeSet<Seq>,
    several: bool,
) -> Vec<String> {
    let of = if several { format!(" of {}", partition_name(partition)) } else { String::new() };
    let mut lines = Vec::new();
    if let Some(head) = judge.chronicle.head(partition) {
        lines.push(format!("head of {}: {head}", partition_name(partition)));
    }
    let tail = judge.slots.tails().get(partition).copied().unwrap_or_default();
    let tail = slots.iter().copied().fold(tail, Seq::max);
    let near = |slot: Seq| {
        let far = |one: &Seq| one.0.abs_diff(slot.0) > AROUND;
        if slots.is_empty() { tail.0 - slot.0 < 4 } else { !slots.iter().all(far) }
    };
    let mut omitted: Option<(Seq, Seq)> = None;
    for slot in (1..=tail.0).map(Seq) {
        // A few slots are shown in full.
        if tail.0 <= 6 || near(slot) {
            lines.extend(omitted.take().map(|omitted| not_shown(omitted, &of)));
            lines.push(slot_line(judge, partition, slot, &of));
        } else {
            omitted = Some((omitted.map_or(slot, |(first, _)| first), slot));
        }
    }
    lines.extend(omitted.map(|omitted| not_shown(omitted, &of)));
    for group in judge.chronicle.groups() {
        let lease = judge.leases.current(&(group.clone(), partition.clone()));
        lines.push(format!("{group}{}: {}", on(&of), lease_words(judge, at, lease)));
    }
    lines
}

/// " on p01" for " of p01".
fn on(of: &str) -> String {
    of.replacen(" of ", " on ", 1)
}

fn not_shown((first, last): (Seq, Seq), of: &str) -> String {
    if first == last {
        format!("slot {first}{of}: not shown")
    } else {
        format!("slots {first} to {last}{of}: not shown")
    }
}

fn slot_line(judge: &Judge, partition: &PartitionId, slot: Seq, of: &str) -> String {
    let key = (partition.clone(), slot);
    let names = judge.slots.events_in(&key);
    let contents = judge.slots.words(&key);
    if names.is_empty() {
        return format!("slot {slot}{of}: {contents}");
    }
    let known = |name: &&String| judge.chronicle.acknowledged(name).is_some();
    let acknowledged = match names.iter().filter(known).count() {
        0 => "not acknowledged",
        count if count == names.len() => "acknowledged",
        _ => "acknowledged in part",
    };
    let has = |group: &&Group| names.iter().all(|name| judge.deliveries.has_delivered(group, name));
    let groups: Vec<_> =
        judge.chronicle.groups().into_iter().filter(has).map(ToString::to_string).collect();
    let delivered = match groups.as_slice() {
        [] => "not delivered".to_owned(),
        groups => format!("delivered to {}", listed(groups)),
    };
    format!("slot {slot}{of}: {contents}, {acknowledged}, {delivered}")
}

fn lease_words(judge: &Judge, at: Millis, lease: Option<&Lease<Live>>) -> String {
    let Some(lease) = lease else { return "no checkpoint and no lease yet".to_owned() };
    let owner = judge.leases.owner_name(&lease.owner, &judge.chronicle);
    let (checkpoint, epoch) = (lease.checkpoint, lease.epoch);
    let until = simulated(lease.until);
    let held = if !lease.active {
        format!("lease free, last held by {owner} (epoch {epoch})")
    } else if until == Millis(0) {
        // A clock that is far behind shows a time before the beginning.
        format!("lease of {owner} (epoch {epoch}) ended before the run began, by its clock")
    } else if until <= at {
        format!("lease of {owner} (epoch {epoch}) has ended, at {} by its clock", seconds(until))
    } else {
        format!("lease held by {owner} (epoch {epoch}) until {} by its clock", seconds(until))
    };
    let begun = if lease.begun { "" } else { ", not begun" };
    format!("checkpoint {checkpoint}, {held}{begun}")
}

/// What is known of a process.
fn process(judge: &Judge, at: Millis, node: Node) -> String {
    let chronicle = &judge.chronicle;
    let faults = chronicle.healed().is_none();
    let state = match chronicle.fate(node) {
        Some(Fate::Crashed(since)) if faults => {
            return format!("{}: down, it crashed at {}", chronicle.name(node), seconds(since));
        }
        Some(Fate::Crashed(since) | Fate::Restarted(since)) => {
            format!("restarted at {}", seconds(since))
        }
        Some(Fate::Ended(since)) => {
            format!("without memory of before {}, when it was ended at its limit", seconds(since))
        }
        Some(Fate::Paused { since, until }) if faults && at < until => {
            format!("standing still since {}", seconds(since))
        }
        Some(Fate::Cut { since, until }) if faults && at < until => {
            format!("alive, its link is cut since {}", seconds(since))
        }
        Some(Fate::Paused { .. } | Fate::Cut { .. }) | None => "alive".to_owned(),
    };
    let mut parts = vec![state];
    if chronicle.has_appended_everything(node) {
        parts.push("finished, all its appends are answered".to_owned());
    }
    for ((group, partition), active) in judge.activity.of(node) {
        parts.push(format!(
            "delivering {} of {} to {group} under epoch {} since {}",
            active.what,
            partition_name(partition),
            active.epoch,
            seconds(active.since)
        ));
    }
    if let Some(deed) = chronicle.last(|deed| deed.node == node) {
        let reply = deed.reply.as_ref().map_or("an error".to_owned(), reply_words::<Live>);
        let unheard = if deed.heard { "" } else { " (unheard)" };
        parts.push(format!(
            "last asked to {} at {} -> {reply}{unheard}",
            request(&deed.request),
            seconds(deed.at)
        ));
    }
    format!("{}: {}", chronicle.name(node), parts.join("; "))
}
