//! D1, D2 and D3: nothing is delivered that was not appended; positions are delivered in
//! order, and again only after a crash, a failed handler or a lost lease; nothing is skipped.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gapless::{Group, Live};
use gapless_model::store::Lease;
use gapless_model::{Epoch, Invariant, PartitionId, Seq};

use super::evidence::{LeaseKey, ObservedDelivery, SlotKey};
use super::judgement::{Judgement, broken};
use super::slots::SlotContents;

/// What one group has seen of one partition.
#[derive(Debug, Default)]
struct Track {
    /// The last slot that a handler was given under the current epoch.
    begun: Seq,
    /// The last slot that any handler has finished.
    finished: Seq,
    /// The epoch of the last delivery.
    epoch: Epoch,
    /// The checkpoint in the table.
    checkpoint: Seq,
    /// Whether a turn has begun since the last delivery: its worker may have given up the lease
    /// by its own clock and found later that it still held it.
    turned: bool,
    /// The epoch of the last release, and its checkpoint.
    released: Option<(Epoch, Seq)>,
}

impl Track {
    /// D2: a slot is delivered again only under a new epoch or in a new turn, and not after a
    /// release that had finished it.
    fn judge_redelivery(
        &mut self,
        whose: &str,
        delivery: &ObservedDelivery,
        first: Seq,
    ) -> Judgement {
        let ObservedDelivery { epoch, attempt, .. } = delivery;
        if *epoch > self.epoch || std::mem::take(&mut self.turned) {
            if let Some((released, finished)) = self.released
                && released == self.epoch
                && first <= finished
            {
                return broken(
                    Invariant::D2,
                    format!(
                        "{whose}: slot {first} comes again, though epoch {released} was given back after {finished}"
                    ),
                );
            }
            (self.epoch, self.begun) = (*epoch, self.checkpoint);
        } else if *attempt == 1 && first <= self.begun {
            return broken(
                Invariant::D2,
                format!(
                    "{whose}: slot {first} comes after {} under the same epoch {epoch}",
                    self.begun
                ),
            );
        }
        Ok(())
    }

    /// D2: no slot between the last delivery and this one holds an event.
    fn judge_skipped(
        &self,
        whose: &str,
        partition: &PartitionId,
        first: Seq,
        slots: &SlotContents,
    ) -> Judgement {
        let mut between = self.begun.next();
        while between < first {
            let skipped = slots.events_in(&(partition.clone(), between));
            if let Some(event) = skipped.first() {
                return broken(
                    Invariant::D2,
                    format!(
                        "{whose}: {event} in slot {between} is stepped over, slot {first} comes first"
                    ),
                );
            }
            between = between.next();
        }
        Ok(())
    }
}

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

    /// Notes that a worker begins a turn.
    pub(crate) fn note_turn(&mut self, group: &Group, partition: &PartitionId) {
        let track = self.tracks.entry((group.clone(), partition.clone())).or_default();
        track.turned = true;
    }

    /// Judges a delivery that a handler begins.
    pub(crate) fn judge_start(
        &mut self,
        delivery: &ObservedDelivery,
        slots: &SlotContents,
    ) -> Judgement {
        let ObservedDelivery { group, partition, epoch, upto, events, .. } = delivery;
        let whose = format!("{group} on {partition}");
        for (slot, event) in events {
            let place = slots.position_of(event);
            if place.as_ref() != Some(&(partition.clone(), *slot)) {
                return broken(
                    Invariant::D1,
                    format!(
                        "{whose}: {event} was delivered from slot {slot}; it stands in {place:?}"
                    ),
                );
            }
        }
        let Some(first) = events.first().map(|(slot, _)| *slot) else { return Ok(()) };
        let track = self.tracks.entry((group.clone(), partition.clone())).or_default();
        if *epoch < track.epoch {
            // Whether an old owner may still be active is for L2 to judge.
            return Ok(());
        }
        track.judge_redelivery(&whose, delivery, first)?;
        track.judge_skipped(&whose, partition, first, slots)?;
        track.begun = track.begun.max(*upto);
        Ok(())
    }

    /// Notes that a handler has finished a delivery.
    pub(crate) fn note_finish(&mut self, delivery: &ObservedDelivery) {
        let seen = self.delivered.entry(delivery.group.clone()).or_default();
        seen.extend(delivery.events.iter().map(|(_, event)| event.clone()));
        let key = (delivery.group.clone(), delivery.partition.clone());
        let track = self.tracks.entry(key).or_default();
        track.finished = track.finished.max(delivery.upto);
    }

    /// Judges a change of a lease. D3: everything at or below its checkpoint was delivered.
    pub(crate) fn judge_lease(
        &mut self,
        key: &LeaseKey,
        before: Option<&Lease<Live>>,
        lease: &Lease<Live>,
        slots: &SlotContents,
    ) -> Judgement {
        let (group, partition) = key;
        let from = before.map_or(Seq::ZERO, |before| before.checkpoint);
        let mut slot = from.next();
        while slot <= lease.checkpoint {
            let place = (partition.clone(), slot);
            if !slots.is_settled(&place) {
                return broken(
                    Invariant::D3,
                    format!(
                        "{group} on {partition}: slot {slot} is empty, and the checkpoint is {}",
                        lease.checkpoint
                    ),
                );
            }
            let missed =
                slots.events_in(&place).into_iter().find(|event| !self.has_delivered(group, event));
            if let Some(event) = missed {
                return broken(
                    Invariant::D3,
                    format!(
                        "{group} on {partition}: {event} in slot {slot} was never delivered, and the checkpoint is {}",
                        lease.checkpoint
                    ),
                );
            }
            slot = slot.next();
        }
        let track = self.tracks.entry(key.clone()).or_default();
        track.checkpoint = lease.checkpoint;
        if before.is_some_and(|before| before.active && before.epoch == lease.epoch)
            && !lease.active
        {
            track.released = Some((lease.epoch, lease.checkpoint));
        }
        Ok(())
    }

    /// Judges the write of a slot. D3: no checkpoint has reached it already.
    pub(crate) fn judge_slot(&self, key: &SlotKey, events: Vec<String>) -> Judgement {
        let (partition, slot) = key;
        for ((group, _), track) in self.tracks.iter().filter(|((_, id), _)| id == partition) {
            let missed = events.iter().find(|event| !self.has_delivered(group, event));
            if track.checkpoint >= *slot
                && let Some(event) = missed
            {
                return broken(
                    Invariant::D3,
                    format!(
                        "{group} on {partition}: {event} comes into slot {slot}, and the checkpoint is {}",
                        track.checkpoint
                    ),
                );
            }
        }
        Ok(())
    }
}
