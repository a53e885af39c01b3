//! D1 and D3: nothing is delivered that was not appended; nothing is skipped. What is delivered again
//! is judged in `redelivery.rs` (D2).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gapless::{Group, Live, Position};
use gapless_model::explanation::capital;
use gapless_model::store::Lease;
use gapless_model::{Invariant, PartitionId, Seq};

use super::chronicle::Chronicle;
use super::evidence::{AppliedCall, LeaseKey, ObservedDelivery, SlotKey};
use super::judgement::{Finding, Judgement, broken};
use super::missed;
use super::redelivery::{Track, judge_batches};
use super::sight::Sight;
use super::slots::SlotContents;
use super::turns::Turns;
use super::words::{events, partition_name, seconds, slot_name};
use crate::plan::Millis;

/// A write of a lease.
#[derive(Clone, Copy)]
pub(super) struct LeaseChange<'a> {
    pub(super) before: Option<&'a Lease<Live>>,
    pub(super) lease: &'a Lease<Live>,
    /// Whether it is a move of the checkpoint that an operator has asked for.
    pub(super) asked: bool,
}

/// What the groups of a run have seen.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    tracks: BTreeMap<LeaseKey, Track>,
    /// The events that each group's handlers have finished, since a checkpoint was last moved back behind
    /// which they are.
    delivered: HashMap<Group, BTreeSet<String>>,
    /// When an operator last moved each checkpoint back.
    moved_back: BTreeMap<LeaseKey, Millis>,
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
        let track = self.track_of(delivery);
        track.note_finish(delivery);
        // What an older turn still has in hand is to be delivered again all the same.
        let counts =
            delivery.events.iter().filter(|(at, _)| !track.is_taken_back(delivery, at.slot));
        let counts: Vec<String> = counts.map(|(_, event)| event.clone()).collect();
        self.delivered.entry(delivery.group.clone()).or_default().extend(counts);
    }

    /// Notes that a handler has failed at a delivery.
    pub(crate) fn note_failure(&mut self, delivery: &ObservedDelivery) {
        self.track_of(delivery).note_failure(delivery);
    }

    fn track_of(&mut self, delivery: &ObservedDelivery) -> &mut Track {
        let key = (delivery.group.clone(), delivery.partition.clone());
        self.tracks.entry(key).or_default()
    }

    /// The partitions where an operator has moved a group's checkpoint back.
    pub(crate) fn moved_back(&self, group: &Group) -> Vec<PartitionId> {
        let own = self.moved_back.keys().filter(|(whose, _)| whose == group);
        own.map(|(_, partition)| partition.clone()).collect()
    }

    /// Whether an operator has moved a group's checkpoint on a partition back since then.
    pub(super) fn is_moved_back_since(&self, key: &LeaseKey, then: Millis) -> bool {
        self.moved_back.get(key).is_some_and(|at| *at >= then)
    }

    /// Notes that an operator has moved a checkpoint. What is behind its new place is to be delivered again;
    /// what it has passed counts as delivered.
    fn note_move(
        &mut self,
        key: &LeaseKey,
        change: LeaseChange<'_>,
        slots: &SlotContents,
        at: Millis,
    ) {
        let (group, partition) = key;
        let from = change.before.map_or(Seq::ZERO, |before| before.checkpoint);
        let to = change.lease.checkpoint;
        let delivered = self.delivered.entry(group.clone()).or_default();
        for slot in (from.0 + 1..=to.0).map(Seq) {
            delivered.extend(slots.events_in(&(partition.clone(), slot)));
        }
        if to >= from {
            return;
        }
        let tail = slots.tails().get(partition).copied().unwrap_or_default();
        for slot in (to.0 + 1..=tail.0).map(Seq) {
            for event in slots.events_in(&(partition.clone(), slot)) {
                delivered.remove(&event);
            }
        }
        self.moved_back.insert(key.clone(), at);
        self.tracks.entry(key.clone()).or_default().note_move_back(change.lease.epoch, to);
    }

    /// Judges a change of a lease. D3: everything at or below its checkpoint was delivered, unless an
    /// operator has moved it.
    pub(super) fn judge_lease(
        &mut self,
        key: &LeaseKey,
        change: LeaseChange<'_>,
        slots: &SlotContents,
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> Judgement {
        let (group, partition) = key;
        let LeaseChange { before, lease, asked } = change;
        if asked {
            self.note_move(key, change, slots, applied.at);
        }
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

#[cfg(test)]
mod tests {
    use gapless_model::Epoch;

    use super::super::leases::some_lease;
    use super::*;
    use crate::plan::Node;

    fn delivery(slots: std::ops::Range<u64>, epoch: u64) -> ObservedDelivery {
        ObservedDelivery {
            node: Node(0),
            group: Group::from("g"),
            partition: "p".parse().expect("an id"),
            epoch: Epoch(epoch),
            upto: Seq(slots.end - 1),
            attempt: 1,
            events: slots
                .map(|slot| (Position { slot: Seq(slot), index: 0 }, format!("e{slot}")))
                .collect(),
        }
    }

    #[test]
    fn what_a_checkpoint_is_moved_back_behind_is_due_again_and_what_it_passes_is_not() {
        let key: LeaseKey = (Group::from("g"), "p".parse().expect("an id"));
        let mut slots = SlotContents::default();
        (1..6).for_each(|slot| slots.put((key.1.clone(), Seq(slot)), &[&format!("e{slot}")]));
        let mut deliveries = Deliveries::default();
        let due = |deliveries: &Deliveries| -> Vec<u64> {
            (1..6).filter(|slot| !deliveries.has_delivered(&key.0, &format!("e{slot}"))).collect()
        };
        let moved = |deliveries: &mut Deliveries, (from, to): (u64, u64), epoch: u64| {
            let [before, lease] = [from, to].map(|at| some_lease(Seq(at), Epoch(epoch)));
            let change = LeaseChange { before: Some(&before), lease: &lease, asked: true };
            deliveries.note_move(&key, change, &slots, Millis(7));
        };
        deliveries.note_finish(&delivery(1..6, 1));
        assert!(due(&deliveries).is_empty());
        moved(&mut deliveries, (5, 2), 2);
        assert_eq!(due(&deliveries), [3, 4, 5]);
        // A turn of before has it still in hand.
        deliveries.note_finish(&delivery(3..5, 1));
        assert_eq!(due(&deliveries), [3, 4, 5]);
        deliveries.note_finish(&delivery(3..5, 3));
        assert_eq!(due(&deliveries), [5]);
        moved(&mut deliveries, (4, 5), 4);
        assert!(due(&deliveries).is_empty());
        assert!(deliveries.is_moved_back_since(&key, Millis(7)));
        assert!(!deliveries.is_moved_back_since(&key, Millis(8)));
        assert_eq!(deliveries.moved_back(&key.0), std::slice::from_ref(&key.1));
    }
}
