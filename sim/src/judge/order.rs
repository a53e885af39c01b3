//! S3: if one append was acknowledged before another began, its position is lower.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gapless_model::{Invariant, PartitionId, Seq};

use super::chronicle::Chronicle;
use super::judgement::{Finding, Judgement, broken};
use super::slots::SlotContents;
use super::words::{partition_name, seconds};
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
}

impl Order {
    /// Notes that an append of this event begins.
    pub(crate) fn note_start(&mut self, event: &str) {
        if !self.floors.contains_key(event) {
            self.floors.insert(event.to_owned(), self.acknowledged.clone());
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

    /// The events that were acknowledged.
    pub(crate) fn acknowledged_events(&self) -> &BTreeSet<String> {
        &self.events
    }
}
