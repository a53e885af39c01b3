//! Decodes calls to typed requests.

use gapless::{Group, Live, Owner, ProducerName, TableNames, Timestamp, Token};
use gapless_model::store::{Entry, Extend, Free, Guard, Keep, Raise, Record, Request, Write};
use gapless_model::{Epoch, Number, PartitionId, Seq};
use serde_json::Value;

use super::items::{batch, number, partition, partitions, slot_key, text};

/// The prefix of the attribute that holds a producer's record in a partition's item.
pub(super) const RECORD: &str = "producer:";

/// The typed request that a call stands for, if it stands for one.
pub(crate) fn request(tables: &TableNames, operation: &str, call: &Value) -> Option<Request<Live>> {
    let table = call.get("TableName").and_then(Value::as_str);
    match (operation, table) {
        ("GetItem", Some(table)) => read_item(tables, table, call.get("Key")?),
        ("PutItem", Some(table)) if table == tables.events => write_slot(call),
        ("UpdateItem", Some(table)) if table == tables.partitions => update_partition(call),
        ("UpdateItem", Some(table)) if table == tables.consumers => update_lease(call),
        ("Query", Some(table)) if table == tables.events => read_slots(call),
        ("TransactWriteItems", _) => transaction(tables, call),
        _ => None,
    }
}

fn read_item(tables: &TableNames, table: &str, key: &Value) -> Option<Request<Live>> {
    let partition = partition(key)?;
    if table == tables.partitions {
        return Some(Request::ReadHead { partition, name: None });
    }
    if table == tables.events {
        return Some(Request::ReadSlot { partition, slot: Seq(number(key, "sequenceNumber")?) });
    }
    let group = Group::from(text(key, "consumerId")?);
    Some(Request::ReadLease { group, partition })
}

fn write_slot(call: &Value) -> Option<Request<Live>> {
    let item = call.get("Item")?;
    let (partition, slot) = slot_key(item)?;
    if item.get("void").is_some() {
        return Some(Request::Void { partition, slot });
    }
    let if_absent = call.get("ConditionExpression").is_some();
    let token = Token::from(text(item, "token")?);
    Some(Request::Write(Write { partition, slot, token, batch: batch(item)?, if_absent }))
}

fn values(call: &Value) -> &Value {
    call.get("ExpressionAttributeValues").unwrap_or(&Value::Null)
}

fn name_of<'a>(call: &'a Value, placeholder: &str) -> Option<&'a str> {
    call.get("ExpressionAttributeNames")?.get(placeholder)?.as_str()
}

fn record_seen(values: &Value) -> Option<Record> {
    Some(Record {
        epoch: Epoch(number(values, ":epoch")?),
        number: Number(number(values, ":number")?),
        count: number(values, ":count")?,
        slot: Seq(number(values, ":slot")?),
    })
}

fn producer_of(call: &Value) -> Option<ProducerName> {
    name_of(call, "#record")?.strip_prefix(RECORD).map(ProducerName::from)
}

fn update_partition(call: &Value) -> Option<Request<Live>> {
    let partition = partition(call.get("Key")?)?;
    let values = values(call);
    if let Some(children) = values.get(":children") {
        return Some(Request::Seal { partition, children: partitions(children)? });
    }
    if values.get(":record").is_some() {
        return Some(Request::Claim {
            partition,
            name: producer_of(call)?,
            seen: record_seen(values),
        });
    }
    if name_of(call, "#head").is_none() {
        values.get(":open")?;
        return Some(Request::Create { partition });
    }
    let record = match number(values, ":newNumber") {
        None => None,
        Some(last) => Some(Keep {
            name: producer_of(call)?,
            seen: record_seen(values)?,
            number: Number(last),
            count: number(values, ":newCount")?,
        }),
    };
    Some(Request::Raise(Raise {
        partition,
        head: number(values, ":head").map(Seq),
        token: text(values, ":token").map(Token::from),
        record,
    }))
}

fn lease_key(call: &Value) -> Option<(Group, PartitionId)> {
    let key = call.get("Key")?;
    Some((Group::from(text(key, "consumerId")?), partition(key)?))
}

fn update_lease(call: &Value) -> Option<Request<Live>> {
    let (group, partition) = lease_key(call)?;
    let values = values(call);
    let fence = number(values, ":epoch").map(Epoch);
    let until = number(values, ":until").map(Timestamp::from_millis);
    let counts = values.get(":one").is_some();
    let condition = call.get("ConditionExpression").and_then(Value::as_str).unwrap_or_default();
    if values.get(":why").is_some() {
        return None;
    }
    if let Some(owner) = text(values, ":owner") {
        let (owner, until) = (Owner::from(owner), until?);
        if let Some(epoch) = fence {
            return Some(Request::SetLease { group, partition, owner, epoch, until });
        }
        let free = match (number(values, ":now"), number(values, ":seenEpoch")) {
            (Some(now), _) => Free::EndedBy(Timestamp::from_millis(now)),
            (None, Some(epoch)) => {
                Free::Unchanged { epoch: Epoch(epoch), beat: number(values, ":seenBeat")? }
            }
            (None, None) => Free::Inactive,
        };
        let entry = match (number(values, ":seen"), values.get(":unbegun")) {
            (Some(seen), _) => Entry::Begin { seen: Epoch(seen) },
            (None, Some(_)) => Entry::Hold,
            (None, None) if condition.contains("attribute_not_exists") => Entry::default(),
            (None, None) => Entry::Begun,
        };
        return Some(Request::Acquire { group, partition, owner, until, free, entry });
    }
    let extend = until.map(|until| Extend { until, beat: counts });
    let to = number(values, ":to").map(Seq);
    if values.get(":false").is_some() {
        let guard = number(values, ":wake").map_or(Guard::None, Guard::Unwoken);
        return Some(Request::Release { group, partition, to, fence, guard });
    }
    if let Some(to) = to {
        let forward = condition.contains("#checkpoint < :to");
        let extend = extend?;
        return Some(Request::Checkpoint { group, partition, to, fence, forward, extend });
    }
    if let Some(extend) = extend {
        return Some(Request::Renew { group, partition, fence, extend });
    }
    counts.then_some(Request::Wake { group, partition })
}

fn read_slots(call: &Value) -> Option<Request<Live>> {
    let values = values(call);
    let partition = text(values, ":partition")?.parse().ok()?;
    match number(values, ":after") {
        Some(after) => Some(Request::ReadEvents {
            partition,
            after: Seq(after),
            consistent: call.get("ConsistentRead").and_then(Value::as_bool).unwrap_or(false),
        }),
        // What an operator looks at before it moves a checkpoint forward is no request of a machine.
        None if number(values, ":last").is_some() => None,
        None => Some(Request::ReadTail { partition }),
    }
}

fn transaction(tables: &TableNames, call: &Value) -> Option<Request<Live>> {
    let items = call.get("TransactItems")?.as_array()?;
    if let Some(merge) = merge(tables, items) {
        return Some(merge);
    }
    let [first, second] = items.as_slice() else { return None };
    let update = first.get("Update")?;
    if update.get("TableName")?.as_str()? == tables.partitions {
        let Request::Raise(raise) = update_partition(update)? else { return None };
        let Request::Write(write) = write_slot(second.get("Put")?)? else { return None };
        return Some(Request::RaiseAndWrite { raise, write });
    }
    let (group, partition) = lease_key(update)?;
    let values = values(update);
    let (to, fence) = (number(values, ":to").map(Seq), number(values, ":epoch").map(Epoch));
    let (_, slot) = slot_key(second.get("ConditionCheck")?.get("Key")?)?;
    Some(Request::Release { group, partition, to, fence, guard: Guard::Empty(slot) })
}

/// The merge that a transaction is, if each of its parts seals a partition for the same other one.
fn merge(tables: &TableNames, items: &[Value]) -> Option<Request<Live>> {
    let seal = |item: &Value| {
        let update = item.get("Update")?;
        if update.get("TableName")?.as_str()? != tables.partitions {
            return None;
        }
        let Request::Seal { partition, children } = update_partition(update)? else { return None };
        Some((partition, children))
    };
    let seals = items.iter().map(seal).collect::<Option<Vec<_>>>()?;
    let [child] = seals.first()?.1.as_slice() else { return None };
    let child = child.clone();
    let is_same = seals.iter().all(|(_, children)| children.as_slice() == [child.clone()]);
    let parents = seals.into_iter().map(|(parent, _)| parent).collect();
    is_same.then_some(Request::Merge { parents, child })
}
