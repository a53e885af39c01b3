//! What went wrong where partitions come of one another: D4, P2.

use super::super::lineage;
use super::super::small::PartitionNo;
use super::deliveries::delivered;
use super::path::Path;
use super::place::Place;
use crate::explanation::listed;
use crate::invariant::Invariant;

/// D4: a partition was begun before what comes before it was finished.
pub(super) fn begun_too_early(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::D4)?;
    match delivered(path, step) {
        Some(found) => {
            let slot = *found.slots.first()?;
            let before = path.before(step);
            let events = before.events(found.place.at(slot))?;
            let (place, reason) = lineage::ancestors(found.place.partition)
                .into_iter()
                .map(|partition| Place { partition, ..found.place })
                .find_map(|place| Some((place, undrained(path, step, place)?)))?;
            Some(format!(
                "worker {} delivered {events} ({}) to {} at step {step}, although {} comes before it \
                 and {reason}.",
                found.worker,
                path.slot_name(found.place.at(slot)),
                place.group,
                place.partition
            ))
        }
        None => overtaken(path, step),
    }
}

/// Why a partition is not drained for a group.
fn undrained(path: &Path, step: usize, place: Place) -> Option<String> {
    let before = path.before(step);
    let missing = (1..=before.last(place.partition)).find(|slot| {
        before.events(place.at(*slot)).is_some() && !before.is_delivered(place, *slot)
    });
    match missing {
        Some(slot) => {
            let events = before.events(place.at(slot))?;
            Some(format!("its event {events} in slot {slot} was not delivered"))
        }
        None if before.world().log(place.partition).is_sealed() => {
            let checkpoint = before.checkpoint(place);
            let last = (1..=before.last(place.partition))
                .rfind(|slot| before.events(place.at(*slot)).is_some())?;
            let behind = checkpoint < last;
            behind
                .then(|| format!("its checkpoint is at slot {checkpoint}, and not at slot {last}"))
        }
        None => Some("is still open".to_owned()),
    }
}

/// An event was written behind what was delivered of a later partition.
fn overtaken(path: &Path, step: usize) -> Option<String> {
    let after = path.after(step);
    let written = after.positions().find(|position| {
        after.events(*position).is_some() && path.before(step).events(*position).is_none()
    })?;
    let events = after.events(written)?;
    let (place, slot, earlier) = after.places().find_map(|place| {
        let follows = lineage::ancestors(place.partition).contains(&written.partition);
        let slot = (1..=after.last(place.partition)).find(|slot| after.is_delivered(place, *slot));
        let slot = slot.filter(|_| follows)?;
        Some((place, slot, path.delivered(place, slot)?))
    })?;
    Some(format!(
        "{} wrote event {events} into {} at step {step}, but {} comes after {}, and {} was delivered to \
         {} at step {earlier}.",
        path.subject(step),
        path.slot_name(written),
        place.partition,
        written.partition,
        path.slot_name(place.at(slot)),
        place.group
    ))
}

/// P2: no partition takes the events of a key, or several do.
pub(super) fn without_a_leaf(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::P2)?;
    let world = path.after(step).world();
    let leaves = |key| lineage::leaves(&path.rules.design, world, key);
    let key = (0..2).find(|key| leaves(*key).len() != 1)?;
    let which = if key == 0 { "first" } else { "second" };
    let names = |partitions: Vec<PartitionNo>| {
        listed(&partitions.iter().map(ToString::to_string).collect::<Vec<_>>())
    };
    let leaves = leaves(key);
    Some(if leaves.is_empty() {
        format!(
            "from step {step} on no partition takes the events of the {which} key: what covered it is \
             sealed, no operator is at work, and what is to take its place was not created."
        )
    } else {
        format!(
            "from step {step} on {} are both open and cover the {which} key, and no operator is at work.",
            names(leaves)
        )
    })
}
