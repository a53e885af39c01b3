//! S1 and S2: a slot never changes once it is not empty, and an event is in at most one slot.

use std::collections::{BTreeMap, HashMap};

use gapless_model::{Invariant, PartitionId, Seq};
use serde_json::Value;

use super::evidence::SlotKey;
use super::judgement::{Judgement, broken};

/// The contents of the slots in the table.
#[derive(Debug, Default)]
pub(crate) struct SlotContents {
    items: HashMap<SlotKey, Value>,
    positions: HashMap<String, SlotKey>,
    tails: BTreeMap<PartitionId, Seq>,
}

/// The names of the events in a slot's item.
fn event_names(item: &Value) -> Vec<String> {
    let parts = item.get("events").and_then(|list| list.get("L")).and_then(Value::as_array);
    let data = parts.into_iter().flatten().skip(1).step_by(2);
    data.filter_map(|data| data.get("S").and_then(Value::as_str).map(str::to_owned)).collect()
}

impl SlotContents {
    /// Judges a slot's item after a write that may have changed it, by S1 and by S2.
    pub(crate) fn judge_write(&mut self, key: &SlotKey, item: &Value) -> [Judgement; 2] {
        let (partition, slot) = key;
        let before = self.items.insert(key.clone(), item.clone());
        let changed = match before {
            // Even a write that changes nothing but the time of writing breaks S1.
            Some(before) if before == *item => return [Ok(()), Ok(())],
            Some(before) => broken(
                Invariant::S1,
                format!("slot {slot} of {partition} held {before} and holds {item}"),
            ),
            None => Ok(()),
        };
        let mut twice = Ok(());
        for name in event_names(item) {
            let place = self.positions.insert(name.clone(), key.clone());
            if let Some((other, first)) = place.filter(|place| place != key) {
                twice = broken(
                    Invariant::S2,
                    format!(
                        "{name} stands in slot {first} of {other} and in slot {slot} of {partition}"
                    ),
                );
            }
        }
        let tail = self.tails.entry(partition.clone()).or_default();
        *tail = (*tail).max(*slot);
        [changed, twice]
    }

    /// The slot that holds an event.
    pub(crate) fn position_of(&self, event: &str) -> Option<SlotKey> {
        self.positions.get(event).cloned()
    }

    /// The names of the events in a slot; none if it is empty or void.
    pub(crate) fn events_in(&self, key: &SlotKey) -> Vec<String> {
        self.items.get(key).map(event_names).unwrap_or_default()
    }

    /// Whether a slot is no longer empty.
    pub(crate) fn is_settled(&self, key: &SlotKey) -> bool {
        self.items.contains_key(key)
    }

    /// The last settled slot of each partition.
    pub(crate) fn tails(&self) -> &BTreeMap<PartitionId, Seq> {
        &self.tails
    }
}
