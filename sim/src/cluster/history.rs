//! The past states of items, for reads that are eventually consistent.

use std::collections::{BTreeMap, HashMap, VecDeque};

use gapless_model::store::View;
use gapless_model::{PartitionId, Seq};
use serde_json::Value;

use crate::decode;
use crate::plan::Millis;

/// When slots were written, and the past states of partitions' items.
#[derive(Debug, Default)]
pub(super) struct History {
    slots: BTreeMap<(PartitionId, Seq), Millis>,
    /// The images of each partition's item, and when it took them on.
    partitions: HashMap<String, VecDeque<(Millis, Value)>>,
}

impl History {
    /// The number of images that are kept of an item.
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

    /// The view of a read of the slots after `after` that misses what was written since
    /// `since`; with `one`, it misses a single slot.
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

    /// A partition's item as it was then; none if it did not exist yet.
    fn partition_at(&self, id: &str, then: Millis) -> Option<&Value> {
        let images = self.partitions.get(id)?;
        images.iter().rev().find(|(at, _)| *at < then).map(|(_, item)| item)
    }

    /// Whether there are images of an item.
    fn knows(&self, id: &str) -> bool {
        self.partitions.contains_key(id)
    }

    /// Replaces partitions' items by what they were then, and removes those that did not exist
    /// yet.
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

    /// Whether a partition's item existed then, as far as its images tell.
    pub(super) fn was_there(&self, item: &Value, then: Millis) -> bool {
        let Some(id) = decode::text(item, "partitionId") else { return true };
        !self.knows(id) || self.partition_at(id, then).is_some()
    }
}

/// Whether a view includes a slot.
pub(super) fn shows(view: View, slot: Seq) -> bool {
    match view {
        View::Latest => true,
        View::Before(first) => slot < first,
        View::Without(missing) => slot != missing,
    }
}
