//! S3: if one append was acknowledged before another began, its position is lower. That goes for each
//! key too: its events are all in one partition.

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
    /// The partition of each key, and the slot that showed it first.
    homes: BTreeMap<String, SlotKey>,
}

impl Order {
    /// Notes that an append of this event begins.
    pub(crate) fn note_start(&mut self, event: &str) {
        if !self.floors.contains_key(event) {
            self.floors.insert(event.to_owned(), self.acknowledged.clone());
        }
    }

    /// Judges what a slot holds after a write: the events of a key are all in one partition, since
    /// nothing orders two of them.
    pub(super) fn judge_keys(&mut self, at: Millis, place: &SlotKey, keys: &[String]) -> Judgement {
        for key in keys {
            let (home, first) = self.homes.entry(key.clone()).or_insert_with(|| place.clone());
            if *home != place.0 {
                let (partition, slot) = place;
                let sentence = format!(
                    "an event of key {key} was written into {} at {}, although the events of that \
                     key are in {}, the first of them in slot {first}: nothing orders the two \
                     partitions.",
                    slot_name(partition, *slot),
                    seconds(at),
                    partition_name(home),
                );
                let finding = Finding::new(sentence).at(home, *first).at(partition, *slot);
                return broken(Invariant::S3, finding);
            }
        }
        Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_events_of_a_key_are_in_one_partition() {
        let place = |id: &str| (id.parse::<PartitionId>().expect("an id"), Seq(1));
        let keys = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let mut order = Order::default();
        let mut judge =
            |id: &str, names: &[&str]| order.judge_keys(Millis(1), &place(id), &keys(names));
        assert_eq!(judge("p0", &["k1", "k2"]), Ok(()));
        assert_eq!(judge("p1", &["k3"]), Ok(()));
        assert_eq!(judge("p0", &["k2"]), Ok(()));
        let (_, finding) = judge("p1", &["k3", "k1"]).expect_err("k1 is at home in p0");
        assert!(finding.sentence.contains("an event of key k1"), "{}", finding.sentence);
    }
}
