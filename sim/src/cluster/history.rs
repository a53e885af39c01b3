//! What items looked like before: a read that is not consistent shows them so.

use std::collections::{BTreeMap, HashMap, VecDeque};

use gapless_model::store::View;
use gapless_model::{PartitionId, Seq};
use serde_json::Value;

use crate::decode;
use crate::plan::Millis;

/// When things were written.
#[derive(Debug, Default)]
pub(super) struct History {
    slots: BTreeMap<(PartitionId, Seq), Millis>,
    /// Each partition's item, as it became at those times.
    partitions: HashMap<String, VecDeque<(Millis, Value)>>,
}

impl History {
    /// How many images of an item are kept.
    const KEPT: usize = 64;

    pub(super) fn record_slot(&mut self, key: (PartitionId, Seq), at: Millis) {
        self.slots.entry(key).or_insert(at);
    }

    pub(super) fn record_partition(&mut self, id: &str, item: Value, at: Millis) {
        let images = self.partitions.entry(id.to_owned()).or_default();
        images.push_back((at, item));
        if images.len() > History::KEPT {
            images.pop_front();
        }
    }

    /// What a read of a partition's slots after `after` sees if it misses what was
    /// written since `since`.
    pub(super) fn view_since(
        &self,
        partition: &PartitionId,
        after: Seq,
        since: Millis,
        one: bool,
    ) -> View {
        let from = (partition.clone(), after.next());
        let slots = self.slots.range(from..).take_while(|((id, _), _)| id == partition);
        let mut late = slots.filter(|(_, at)| **at >= since).map(|((_, slot), _)| *slot);
        match late.next() {
            None => View::Latest,
            Some(slot) if one => View::Without(slot),
            Some(slot) => View::Before(slot),
        }
    }

    /// A partition's item as it was then; nothing if it was not there yet.
    fn partition_at(&self, id: &str, then: Millis) -> Option<&Value> {
        let images = self.partitions.get(id)?;
        images.iter().rev().find(|(at, _)| *at < then).map(|(_, item)| item)
    }

    /// Whether an item's images are known at all.
    fn knows(&self, id: &str) -> bool {
        self.partitions.contains_key(id)
    }

    /// Shows partitions as they were then, and leaves out those that were not there yet.
    pub(super) fn backdate(&self, items: &mut Vec<Value>, then: Millis) {
        items.retain_mut(|item| {
            let Some(id) = decode::text(item, "partitionId").map(str::to_owned) else {
                return true;
            };
            if !self.knows(&id) {
                return true;
            }
            match self.partition_at(&id, then) {
                None => false,
                Some(old) => {
                    let head = old.get("sequenceNumber").cloned();
                    match (item.as_object_mut(), head) {
                        (Some(item), Some(head)) => {
                            drop(item.insert("sequenceNumber".to_owned(), head))
                        }
                        (Some(item), None) => drop(item.remove("sequenceNumber")),
                        (None, _) => {}
                    }
                    true
                }
            }
        });
    }

    /// Whether a partition was there already, as far as its images are known.
    pub(super) fn was_there(&self, item: &Value, then: Millis) -> bool {
        let Some(id) = decode::text(item, "partitionId") else { return true };
        !self.knows(id) || self.partition_at(id, then).is_some()
    }
}

/// Whether a view shows a slot.
pub(super) fn shows(view: View, slot: Seq) -> bool {
    match view {
        View::Latest => true,
        View::Before(first) => slot < first,
        View::Without(missing) => slot != missing,
    }
}
