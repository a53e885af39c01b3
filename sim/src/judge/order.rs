//! S3: if one append was acknowledged before another began, its position is lower: in each partition,
//! and across splits and merges for each key.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gapless_model::{Invariant, PartitionId, Seq};

use super::chronicle::Chronicle;
use super::evidence::SlotKey;
use super::judgement::{Finding, Judgement, broken};
use super::slots::SlotContents;
use super::words::{partition_name, seconds, slot_name};
use crate::plan::Millis;

/// The order of appends, as their producers see it.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// The highest acknowledged slot of each partition.
    acknowledged: BTreeMap<PartitionId, Seq>,
    /// What `acknowledged` was when the append of an event began. For a named producer that is
    /// its first run: what a rerun finishes may have a lower position than what was acknowledged
    /// between the runs.
    floors: HashMap<String, BTreeMap<PartitionId, Seq>>,
    events: BTreeSet<String>,
    /// The highest place of each key that was acknowledged: partitions sort as they come.
    keys: BTreeMap<String, SlotKey>,
    /// What `keys` was when the append of an event began.
    key_floors: HashMap<String, BTreeMap<String, SlotKey>>,
}

impl Order {
    /// Notes that an append of this event begins.
    pub(crate) fn note_start(&mut self, event: &str) {
        if !self.floors.contains_key(event) {
            self.floors.insert(event.to_owned(), self.acknowledged.clone());
            self.key_floors.insert(event.to_owned(), self.keys.clone());
        }
    }

    /// Judges an acknowledgement.
    pub(crate) fn judge_acknowledgement(
        &mut self,
        at: Millis,
        event: &str,
        (partition, slot): (&PartitionId, Seq),
        slots: &SlotContents,
        chronicle: &Chronicle,
    ) -> Judgement {
        if !self.events.insert(event.to_owned()) {
            return Ok(());
        }
        self.judge_key(at, event, &(partition.clone(), slot), slots, chronicle)?;
        let floor = self.floors.get(event).and_then(|floors| floors.get(partition)).copied();
        let highest = self.acknowledged.entry(partition.clone()).or_default();
        *highest = (*highest).max(slot);
        let Some(floor) = floor.filter(|floor| slot <= *floor) else { return Ok(()) };
        let earlier = slots.events_in(&(partition.clone(), floor)).into_iter().next();
        let known = earlier.as_ref().and_then(|earlier| chronicle.acknowledged(earlier));
        let other = earlier.map_or_else(String::new, |earlier| format!("event {earlier} in "));
        let known = known.map_or(String::new(), |(at, _)| format!(" at {}", seconds(at)));
        let began = chronicle.begun(event);
        let began = began.map_or(String::new(), |at| format!(" at {}", seconds(at)));
        let sentence = format!(
            "event {event} was acknowledged in slot {slot} of {} at {}, below {other}slot {floor}, \
             although the append of {event} began only{began}, after that slot had been \
             acknowledged{known}.",
            partition_name(partition),
            seconds(at),
        );
        broken(Invariant::S3, Finding::new(sentence).at(partition, slot).at(partition, floor))
    }

    /// Judges that an event comes behind what was acknowledged of its key before its append began, also
    /// where that is in a partition whose place was taken since.
    fn judge_key(
        &mut self,
        at: Millis,
        event: &str,
        place: &SlotKey,
        slots: &SlotContents,
        chronicle: &Chronicle,
    ) -> Judgement {
        let Some(key) = slots.key_of(event) else { return Ok(()) };
        let floor = self.key_floors.get(event).and_then(|floors| floors.get(&key)).cloned();
        let highest = self.keys.entry(key.clone()).or_insert_with(|| place.clone());
        if *highest < *place {
            *highest = place.clone();
        }
        let Some(floor) = floor.filter(|floor| floor.0 != place.0 && *place < *floor) else {
            return Ok(());
        };
        let began = chronicle.begun(event);
        let began = began.map_or(String::new(), |at| format!(" at {}", seconds(at)));
        let sentence = format!(
            "event {event} of key {key} was acknowledged in {} at {}, and the append of it began \
             only{began}, after an event of that key had been acknowledged in {}, which comes behind it.",
            slot_name(&place.0, place.1),
            seconds(at),
            slot_name(&floor.0, floor.1),
        );
        let finding = Finding::new(sentence).at(&place.0, place.1).at(&floor.0, floor.1);
        broken(Invariant::S3, finding)
    }

    /// The events that were acknowledged.
    pub(crate) fn acknowledged_events(&self) -> &BTreeSet<String> {
        &self.events
    }
}
