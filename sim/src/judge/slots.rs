//! S1 and S2: a slot never changes once it is not empty, and an event is in at most one slot.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use gapless::Position;
use gapless_model::{Invariant, PartitionId, Seq};
use serde_json::Value;
#[cfg(test)]
use serde_json::json;

use super::chronicle::Chronicle;
use super::evidence::{AppliedCall, SlotKey};
use super::judgement::{Finding, Judgement, broken};
use super::words::{events, partition_name, seconds, slot_name};

/// The items of the slots in the table.
#[derive(Debug, Default)]
pub(crate) struct SlotContents {
    items: HashMap<SlotKey, Value>,
    positions: HashMap<String, SlotKey>,
    tails: BTreeMap<PartitionId, Seq>,
}

/// The strings of a slot's events: a key and a name for each.
fn event_parts(item: &Value) -> impl Iterator<Item = Option<&str>> {
    let parts = item.get("events").and_then(|list| list.get("L")).and_then(Value::as_array);
    // Headers are no event of their own.
    let parts = parts.into_iter().flatten().filter(|part| part.get("M").is_none());
    parts.map(|part| part.get("S").and_then(Value::as_str))
}

/// The names of the events in a slot's item.
fn event_names(item: &Value) -> Vec<String> {
    event_parts(item).skip(1).step_by(2).flatten().map(str::to_owned).collect()
}

/// What a slot's item holds, as in "event p1.1.1".
fn contents(item: &Value) -> String {
    if item.get("void").is_some() { "a void".to_owned() } else { events(&event_names(item)) }
}

/// The attributes in which two items differ, a line each.
fn differences(slot: Seq, before: &Value, after: &Value) -> Vec<String> {
    let names = |item: &Value| -> BTreeSet<String> {
        item.as_object().into_iter().flat_map(|map| map.keys().cloned()).collect()
    };
    let value = |item: &Value, name: &str| match (name, item.get(name)) {
        (_, None) => "absent".to_owned(),
        ("events", Some(_)) => events(&event_names(item)),
        (_, Some(value)) => {
            let plain = value.as_object().and_then(|map| map.values().next());
            let plain = plain.unwrap_or(value);
            plain.as_str().map_or_else(|| plain.to_string(), str::to_owned)
        }
    };
    let all: BTreeSet<_> = names(before).union(&names(after)).cloned().collect();
    let changed = all.into_iter().filter(|name| before.get(name) != after.get(name));
    let line = |name: String| {
        format!("slot {slot}, `{name}`: {}, was {}", value(after, &name), value(before, &name))
    };
    changed.map(line).collect()
}

impl SlotContents {
    /// Judges a slot's item after a write that may have changed it: S1, then S2.
    pub(crate) fn judge_write(
        &mut self,
        key: &SlotKey,
        item: &Value,
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> [Judgement; 2] {
        let (partition, slot) = key;
        let before = self.items.insert(key.clone(), item.clone());
        let changed = match before {
            // The time of a write is for people, but another time means a second write.
            Some(before) if before == *item => return [Ok(()), Ok(())],
            Some(before) => broken(Invariant::S1, changed(key, &before, item, applied, chronicle)),
            None => Ok(()),
        };
        let mut twice = Ok(());
        for name in event_names(item) {
            let place = self.positions.insert(name.clone(), key.clone());
            if let Some(first) = place.filter(|place| place != key) {
                twice = broken(Invariant::S2, in_both(&name, &first, key, applied, chronicle));
            }
        }
        let tail = self.tails.entry(partition.clone()).or_default();
        *tail = (*tail).max(*slot);
        [changed, twice]
    }

    /// Puts events into a slot.
    #[cfg(test)]
    pub(super) fn put(&mut self, key: SlotKey, names: &[&str]) {
        let parts = names.iter().flat_map(|name| [json!({ "S": "k1" }), json!({ "S": name })]);
        let item = json!({ "events": { "L": parts.collect::<Vec<_>>() } });
        self.tails.insert(key.0.clone(), key.1);
        self.positions.extend(names.iter().map(|name| ((*name).to_owned(), key.clone())));
        self.items.insert(key, item);
    }

    /// The partition and the position of an event.
    pub(super) fn place_of(&self, event: &str) -> Option<(PartitionId, Position)> {
        let place = self.position_of(event)?;
        let index = self.events_in(&place).iter().position(|other| other == event)?;
        let index = u32::try_from(index).ok()?;
        let (partition, slot) = place;
        Some((partition, Position { slot, index }))
    }

    /// The slot of an event.
    pub(crate) fn position_of(&self, event: &str) -> Option<SlotKey> {
        self.positions.get(event).cloned()
    }

    /// The events of a slot; nothing while it is empty.
    pub(crate) fn events_in(&self, key: &SlotKey) -> Vec<String> {
        self.items.get(key).map(event_names).unwrap_or_default()
    }

    /// The keys of a slot's events.
    pub(super) fn keys_in(&self, key: &SlotKey) -> Vec<String> {
        let item = self.items.get(key);
        let keys = item.into_iter().flat_map(|item| event_parts(item).step_by(2));
        keys.flatten().map(str::to_owned).collect()
    }

    /// The key of an event.
    pub(super) fn key_of(&self, event: &str) -> Option<String> {
        let place = self.position_of(event)?;
        let mut events = self.events_in(&place).into_iter().zip(self.keys_in(&place));
        events.find(|(name, _)| name == event).map(|(_, key)| key)
    }

    /// What a slot holds, in words.
    pub(super) fn words(&self, key: &SlotKey) -> String {
        self.items.get(key).map_or_else(|| "empty".to_owned(), contents)
    }

    /// Whether a slot is not empty.
    pub(crate) fn is_settled(&self, key: &SlotKey) -> bool {
        self.items.contains_key(key)
    }

    /// The last slot of a partition before which none is empty.
    pub(crate) fn last_settled(&self, partition: &PartitionId) -> Seq {
        let settled = |slot: &u64| self.is_settled(&(partition.clone(), Seq(*slot)));
        Seq((1..).take_while(settled).last().unwrap_or(0))
    }

    /// The last slot of each partition that is not empty.
    pub(crate) fn tails(&self) -> &BTreeMap<PartitionId, Seq> {
        &self.tails
    }
}

/// S1 in words.
fn changed(
    key: &SlotKey,
    before: &Value,
    after: &Value,
    applied: &AppliedCall<'_>,
    chronicle: &Chronicle,
) -> Finding {
    let (partition, slot) = key;
    let who = chronicle.name(applied.node);
    let (old, new) = (event_names(before), event_names(after));
    let mut earlier = chronicle.writes(key);
    // This write itself is the last one.
    if earlier.last().is_some_and(|deed| (deed.at, deed.node) == (applied.at, applied.node)) {
        earlier.pop();
    }
    let since = earlier.last().map_or_else(
        || format!("{} stood", contents(before)),
        |deed| {
            let unheard = if deed.heard { "" } else { " without hearing the reply" };
            let same = deed.node == applied.node;
            let first = if same { "it" } else { chronicle.name(deed.node) };
            let had = format!("{first} had written {} at {}", contents(before), seconds(deed.at));
            format!("{had}{unheard}")
        },
    );
    let acknowledged = old.iter().find_map(|event| chronicle.acknowledged(event));
    let acknowledged = acknowledged
        .map_or(String::new(), |(at, _)| format!(", which was acknowledged at {}", seconds(at)));
    let what = if old == new && !old.is_empty() {
        let how = if before.get("token") == after.get("token") {
            "with another time of writing"
        } else {
            "under another token"
        };
        let them = if old.len() == 1 { "the same event" } else { "the same events" };
        format!("{who} wrote {them} there again, {how}")
    } else {
        format!("{who} put {} there", contents(after))
    };
    let sentence = format!(
        "{} changed at {}: {what}, where {since}{acknowledged}.",
        slot_name(partition, *slot),
        seconds(applied.at),
    );
    let mut finding = Finding::new(sentence).at(partition, *slot);
    finding.details = differences(*slot, before, after);
    finding
}

/// S2 in words.
fn in_both(
    event: &str,
    first: &SlotKey,
    second: &SlotKey,
    applied: &AppliedCall<'_>,
    chronicle: &Chronicle,
) -> Finding {
    let ((one, low), (other, high)) = (first, second);
    let earlier = chronicle.writes(first);
    let wrote = earlier.first().map_or_else(
        || format!("it was in {}", slot_name(one, *low)),
        |deed| {
            let unheard = if deed.heard { "" } else { ", heard no reply" };
            let (who, at) = (chronicle.name(deed.node), seconds(deed.at));
            format!("{who} wrote it into {} at {at}{unheard}", slot_name(one, *low))
        },
    );
    let same = earlier.first().is_some_and(|deed| deed.node == applied.node);
    let again =
        if same { "wrote it again" } else { &format!("{} wrote it", chronicle.name(applied.node)) };
    let place = if one == other {
        format!("slot {high}")
    } else {
        format!("slot {high} of {}", partition_name(other))
    };
    let sentence = format!(
        "event {event} is in two slots: {wrote}, and {again} into {place} at {}.",
        seconds(applied.at)
    );
    Finding::new(sentence).at(one, *low).at(other, *high)
}
