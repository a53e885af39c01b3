//! D1, D2 and D3: nothing is delivered that was not appended; positions come in order,
//! and again only after a crash or a lost lease; nothing is skipped.

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
    /// The last slot that was delivery to a handler under the current epoch.
    begun: Seq,
    /// The last slot of a delivery that was finished, by anybody.
    finished: Seq,
    /// Under which epoch the last delivery was.
    epoch: Epoch,
    /// The checkpoint as the engine holds it.
    checkpoint: Seq,
    /// Whether a turn began since the last delivery: its worker may have lost the lease
    /// by its own clock, and found later that it still had it.
    turned: bool,
    /// The epoch that was given back properly, and what was finished then.
    released: Option<(Epoch, Seq)>,
}

impl Track {
    /// D2: a slot comes again only under a new epoch or in a new turn, and not where its
    /// epoch was given back after it.
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

    /// D2: everything between what was delivered and this delivery holds no event.
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

/// The deliveries of a run.
#[derive(Debug, Default)]
pub(crate) struct Deliveries {
    tracks: BTreeMap<LeaseKey, Track>,
    /// The events that each group has finished.
    delivered: HashMap<Group, BTreeSet<String>>,
}

impl Deliveries {
    pub(crate) fn has_delivered(&self, group: &Group, event: &str) -> bool {
        self.delivered.get(group).is_some_and(|seen| seen.contains(event))
    }

    /// A worker takes a turn.
    pub(crate) fn note_turn(&mut self, group: &Group, partition: &PartitionId) {
        let track = self.tracks.entry((group.clone(), partition.clone())).or_default();
        track.turned = true;
    }

    /// A handler got a delivery.
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
            // Whether an old owner may still be active is L2's to say.
            return Ok(());
        }
        track.judge_redelivery(&whose, delivery, first)?;
        track.judge_skipped(&whose, partition, first, slots)?;
        track.begun = track.begun.max(*upto);
        Ok(())
    }

    /// A handler finished a delivery.
    pub(crate) fn note_finish(&mut self, delivery: &ObservedDelivery) {
        let seen = self.delivered.entry(delivery.group.clone()).or_default();
        seen.extend(delivery.events.iter().map(|(_, event)| event.clone()));
        let key = (delivery.group.clone(), delivery.partition.clone());
        let track = self.tracks.entry(key).or_default();
        track.finished = track.finished.max(delivery.upto);
    }

    /// A lease changed: everything at or below its checkpoint must have been delivered.
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

    /// A slot was written: no checkpoint may be at or behind it already.
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
