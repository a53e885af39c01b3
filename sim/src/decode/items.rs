//! Decodes the items of the tables.

use gapless::{Event, EventBatch, Live, Owner, Timestamp, Token};
use gapless_model::store::{Head, Lease, Raiser, Record, Slot};
use gapless_model::{Epoch, Number, PartitionId, Seq};
use serde_json::Value;

/// A string attribute.
pub(crate) fn text<'a>(item: &'a Value, name: &str) -> Option<&'a str> {
    item.get(name)?.get("S")?.as_str()
}

/// A number attribute.
pub(crate) fn number(item: &Value, name: &str) -> Option<u64> {
    item.get(name)?.get("N")?.as_str()?.parse().ok()
}

pub(super) fn flag(item: &Value, name: &str) -> Option<bool> {
    item.get(name)?.get("BOOL")?.as_bool()
}

/// The partition that an item or a key names.
pub(super) fn partition(item: &Value) -> Option<PartitionId> {
    text(item, "partitionId")?.parse().ok()
}

/// A slot's key.
pub(crate) fn slot_key(item: &Value) -> Option<(PartitionId, Seq)> {
    Some((partition(item)?, Seq(number(item, "sequenceNumber")?)))
}

/// The events of a slot's item.
pub(super) fn batch(item: &Value) -> Option<EventBatch> {
    let mut parts = item.get("events")?.get("L")?.as_array()?.iter().peekable();
    let mut events = Vec::new();
    while let Some(key) = parts.next() {
        // All events of the simulation are text.
        let mut event = Event::new(key.get("S")?.as_str()?, parts.next()?.get("S")?.as_str()?);
        if let Some(headers) = parts.peek().and_then(|part| part.get("M")?.as_object()) {
            for (name, value) in headers {
                event = event.with_header(name, value.get("S")?.as_str()?);
            }
            parts.next();
        }
        events.push(event);
    }
    EventBatch::new(events)
}

/// The contents of a slot's item.
pub(super) fn slot(item: &Value) -> Option<Slot<Live>> {
    if item.get("void").is_some() {
        return Some(Slot::Void);
    }
    Some(Slot::Events { token: Token::from(text(item, "token")?), batch: batch(item)? })
}

/// A lease's item.
pub(crate) fn lease(item: &Value) -> Option<Lease<Live>> {
    Some(Lease {
        checkpoint: Seq(number(item, "sequenceNumber")?),
        active: flag(item, "active")?,
        owner: Owner::from(text(item, "owner")?),
        epoch: Epoch(number(item, "epoch")?),
        until: Timestamp::from_millis(number(item, "expiry")?),
        beat: number(item, "beat")?,
        wake: number(item, "wake")?,
        begun: number(item, "v")? == 1,
    })
}

pub(super) fn record(item: &Value, attribute: &str) -> Option<Record> {
    let map = item.get(attribute)?.get("M")?;
    Some(Record {
        epoch: Epoch(number(map, "epoch")?),
        number: Number(number(map, "number")?),
        count: number(map, "count")?,
        slot: Seq(number(map, "slot")?),
    })
}

/// A partition's item, with the record under `attribute`.
pub(super) fn head(item: &Value, attribute: Option<&str>) -> Option<Head<Live>> {
    let raiser = match text(item, "raiserToken") {
        None => None,
        Some(token) => {
            Some(Raiser { token: Token::from(token), slot: Seq(number(item, "raiserSlot")?) })
        }
    };
    let head = Seq(number(item, "sequenceNumber").unwrap_or(0));
    let record = attribute.and_then(|name| record(item, name));
    Some(Head { head, raiser, record, children: children(item)? })
}

/// What takes the place of a partition, by its item; nothing if it is open.
pub(super) fn children(item: &Value) -> Option<Vec<PartitionId>> {
    item.get("children").map_or(Some(Vec::new()), partitions)
}

/// A list of partitions.
pub(super) fn partitions(list: &Value) -> Option<Vec<PartitionId>> {
    list.get("L")?.as_array()?.iter().map(|id| id.get("S")?.as_str()?.parse().ok()).collect()
}
