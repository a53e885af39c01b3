//! S1 and S2: a slot never changes once it is not empty, and an event is in at most one slot.

use std::collections::{BTreeMap, HashMap};

use gapless_model::{Invariant, PartitionId, Seq};
use serde_json::Value;

use super::{Verdict, broken};

/// What stands in the slots, as the engine holds them.
#[derive(Debug, Default)]
pub(crate) struct Slots {
    items: HashMap<(PartitionId, Seq), Value>,
    places: HashMap<String, (PartitionId, Seq)>,
    tails: BTreeMap<PartitionId, Seq>,
}

/// The names of the events in a slot's item.
fn names(item: &Value) -> Vec<String> {
    let parts = item.get("events").and_then(|list| list.get("L")).and_then(Value::as_array);
    let data = parts.into_iter().flatten().skip(1).step_by(2);
    data.filter_map(|data| data.get("S").and_then(Value::as_str).map(str::to_owned)).collect()
}

impl Slots {
    /// A slot's item after a write that may have changed it.
    pub(crate) fn written(&mut self, key: &(PartitionId, Seq), item: &Value) -> Verdict {
        let (partition, slot) = key;
        if let Some(before) = self.items.get(key) {
            // When a slot was written is for people; a write that changes it alone is one all the same.
            if before == item {
                return Ok(());
            }
            return broken(
                Invariant::S1,
                format!("slot {slot} of {partition} held {before} and holds {item}"),
            );
        }
        for name in names(item) {
            if let Some((other, first)) = self.places.insert(name.clone(), key.clone()) {
                return broken(
                    Invariant::S2,
                    format!(
                        "{name} stands in slot {first} of {other} and in slot {slot} of {partition}"
                    ),
                );
            }
        }
        let tail = self.tails.entry(partition.clone()).or_default();
        *tail = (*tail).max(*slot);
        self.items.insert(key.clone(), item.clone());
        Ok(())
    }

    /// Where an event stands.
    pub(crate) fn place(&self, event: &str) -> Option<(PartitionId, Seq)> {
        self.places.get(event).cloned()
    }

    /// The events of a slot; nothing while it is empty.
    pub(crate) fn events(&self, key: &(PartitionId, Seq)) -> Vec<String> {
        self.items.get(key).map(names).unwrap_or_default()
    }

    /// Whether something stands in a slot.
    pub(crate) fn is_settled(&self, key: &(PartitionId, Seq)) -> bool {
        self.items.contains_key(key)
    }

    /// The last slot of each partition that is not empty.
    pub(crate) fn tails(&self) -> &BTreeMap<PartitionId, Seq> {
        &self.tails
    }
}
