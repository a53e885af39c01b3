//! D1 and D3: nothing is delivered that was not appended; nothing is skipped. What is delivered again
//! is judged in `redelivery.rs` (D2).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gapless::{Group, Live, Position};
use gapless_model::explanation::capital;
use gapless_model::store::Lease;
use gapless_model::{Invariant, Seq};

use super::chronicle::Chronicle;
use super::evidence::{AppliedCall, LeaseKey, ObservedDelivery, SlotKey};
use super::judgement::{Finding, Judgement, broken};
use super::missed;
use super::redelivery::{Track, judge_batches};
use super::sight::Sight;
use super::slots::SlotContents;
use super::turns::Turns;
use super::words::{events, partition_name, seconds, slot_name};

/// What the groups of a run have seen.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    tracks: BTreeMap<LeaseKey, Track>,
    /// The events that each group's handlers have finished.
    delivered: HashMap<Group, BTreeSet<String>>,
}

impl Deliveries {
    pub(crate) fn has_delivered(&self, group: &Group, event: &str) -> bool {
        self.delivered.get(group).is_some_and(|seen| seen.contains(event))
    }

    /// Judges a delivery that a handler begins.
    pub(super) fn judge_start(
        &mut self,
        delivery: &ObservedDelivery,
        sight: Sight<'_>,
        turns: &mut Turns,
    ) -> Judgement {
        let partition = &delivery.partition;
        for (Position { slot, .. }, event) in &delivery.events {
            let place = sight.slots.position_of(event);
            if place.as_ref() != Some(&(partition.clone(), *slot)) {
                return broken(Invariant::D1, not_appended(delivery, (*slot, event), place, sight));
            }
        }
        judge_batches(delivery, sight)?;
        let Some(first) = delivery.first() else { return Ok(()) };
        // Whether an old owner may still be active is for L2 to judge.
        self.track_of(delivery).judge_start(delivery, first, sight, turns)
    }

    /// Notes that a handler has finished a delivery.
    pub(crate) fn note_finish(&mut self, delivery: &ObservedDelivery) {
        let seen = self.delivered.entry(delivery.group.clone()).or_default();
        seen.extend(delivery.events.iter().map(|(_, event)| event.clone()));
        self.track_of(delivery).note_finish(delivery);
    }

    /// Notes that a handler has failed at a delivery.
    pub(crate) fn note_failure(&mut self, delivery: &ObservedDelivery) {
        self.track_of(delivery).note_failure(delivery);
    }

    fn track_of(&mut self, delivery: &ObservedDelivery) -> &mut Track {
        let key = (delivery.group.clone(), delivery.partition.clone());
        self.tracks.entry(key).or_default()
    }

    /// Judges a change of a lease. D3: everything at or below its checkpoint was delivered.
    pub(crate) fn judge_lease(
        &mut self,
        key: &LeaseKey,
        before: Option<&Lease<Live>>,
        lease: &Lease<Live>,
        slots: &SlotContents,
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> Judgement {
        let (group, partition) = key;
        let from = before.map_or(Seq::ZERO, |before| before.checkpoint);
        let mut slot = from.next();
        while slot <= lease.checkpoint {
            let place = (partition.clone(), slot);
            let mut missed = slots.events_in(&place);
            missed.retain(|event| !self.has_delivered(group, event));
            if !missed.is_empty() || !slots.is_settled(&place) {
                let finding = passed(key, lease.checkpoint, &place, &missed, applied, chronicle);
                return broken(Invariant::D3, finding);
            }
            slot = slot.next();
        }
        let track = self.tracks.entry(key.clone()).or_default();
        track.checkpoint = lease.checkpoint;
        match before {
            Some(before) if before.epoch == lease.epoch => {
                if before.active && !lease.active {
                    track.note_release(applied.node, lease.epoch);
                }
            }
            Some(_) | None => track.note_taking(lease.epoch),
        }
        Ok(())
    }

    /// Judges the write of a slot. D3: no checkpoint has reached it already.
    pub(crate) fn judge_slot(
        &self,
        key: &SlotKey,
        written: &[String],
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> Judgement {
        let (partition, slot) = key;
        for (lease, track) in self.tracks.iter().filter(|((_, id), _)| id == partition) {
            let group = &lease.0;
            let mut missed = written.to_vec();
            missed.retain(|event| !self.has_delivered(group, event));
            if track.checkpoint >= *slot && !missed.is_empty() {
                let moved = chronicle.passing(lease, *slot).map_or(String::new(), |deed| {
                    let (who, at) = (chronicle.name(deed.node), seconds(deed.at));
                    format!(": {who} had moved it past that slot at {at}")
                });
                let sentence = format!(
                    "{} wrote {} into {} at {}, where no worker of {group} will see it, because \
                     the group's checkpoint is slot {}{moved}.",
                    chronicle.name(applied.node),
                    events(&missed),
                    slot_name(partition, *slot),
                    seconds(applied.at),
                    track.checkpoint,
                );
                return broken(Invariant::D3, Finding::new(sentence).at(partition, *slot));
            }
        }
        Ok(())
    }
}

/// D1 in words.
fn not_appended(
    delivery: &ObservedDelivery,
    (slot, event): (Seq, &str),
    place: Option<SlotKey>,
    sight: Sight<'_>,
) -> Finding {
    let partition = &delivery.partition;
    let truth = match &place {
        None => "no producer has appended it".to_owned(),
        Some((other, stands)) if other == partition => format!("it is in slot {stands}"),
        Some((other, stands)) => format!("it is in {}", slot_name(other, *stands)),
    };
    let held = sight.slots.words(&(partition.clone(), slot));
    let sentence = format!(
        "{} was given event {event} as that of {} for {} at {}, but {truth}; slot {slot} holds \
         {held}.",
        sight.chronicle.name(delivery.node),
        slot_name(partition, slot),
        delivery.group,
        seconds(sight.at),
    )
    .replace("holds empty", "is empty");
    let finding = Finding::new(sentence).at(partition, slot);
    place.into_iter().fold(finding, |finding, (other, stands)| finding.at(&other, stands))
}

/// D3 in words: a checkpoint has passed a slot.
fn passed(
    (group, partition): &LeaseKey,
    checkpoint: Seq,
    place: &SlotKey,
    missed: &[String],
    applied: &AppliedCall<'_>,
    chronicle: &Chronicle,
) -> Finding {
    let slot = place.1;
    let who = chronicle.name(applied.node);
    let moved = format!(
        "{} moved {group}'s checkpoint on {} to slot {checkpoint} at {}",
        capital(who),
        partition_name(partition),
        seconds(applied.at)
    );
    let because = missed::because(applied.node, place, chronicle);
    let sentence = if missed.is_empty() {
        format!(
            "{moved}, past slot {slot}, which is still empty, so that an event which is written \
             there later will not be delivered{because}."
        )
    } else {
        let known = missed.iter().find_map(|event| chronicle.acknowledged(event));
        let known =
            known.map_or(String::new(), |(at, _)| format!(" (acknowledged at {})", seconds(at)));
        let events = events(missed);
        format!("{moved}, past {events}{known} in slot {slot}, not delivered to {group}{because}.")
    };
    Finding::new(sentence).at(partition, slot)
}
