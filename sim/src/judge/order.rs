//! S3: if one append was acknowledged before another began, its position is lower.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gapless_model::{Invariant, PartitionId, Seq};

use super::judgement::{Judgement, broken};

/// What is known about the order of appends.
#[derive(Debug, Default)]
pub(crate) struct Order {
    /// The highest acknowledged slot of each partition.
    acknowledged: BTreeMap<PartitionId, Seq>,
    /// The same when the append of each event began. For a named producer this is its first
    /// run: what a rerun completes may have a lower position than what was acknowledged
    /// between the runs.
    floors: HashMap<String, BTreeMap<PartitionId, Seq>>,
    events: BTreeSet<String>,
}

impl Order {
    /// Notes that the append of an event begins.
    pub(crate) fn note_start(&mut self, event: &str) {
        if !self.floors.contains_key(event) {
            self.floors.insert(event.to_owned(), self.acknowledged.clone());
        }
    }

    /// Judges the acknowledgement of an event.
    pub(crate) fn judge_acknowledgement(
        &mut self,
        event: &str,
        partition: &PartitionId,
        slot: Seq,
    ) -> Judgement {
        if !self.events.insert(event.to_owned()) {
            return Ok(());
        }
        let floor = self.floors.get(event).and_then(|floors| floors.get(partition)).copied();
        let highest = self.acknowledged.entry(partition.clone()).or_default();
        *highest = (*highest).max(slot);
        match floor {
            Some(floor) if slot <= floor => broken(
                Invariant::S3,
                format!(
                    "{event} stands in slot {slot} of {partition}; slot {floor} was acknowledged before it began"
                ),
            ),
            Some(_) | None => Ok(()),
        }
    }

    /// The acknowledged events.
    pub(crate) fn acknowledged_events(&self) -> &BTreeSet<String> {
        &self.events
    }
}
