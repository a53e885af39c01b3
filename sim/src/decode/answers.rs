//! Decodes answers to typed replies.

use gapless::{Filled, Live, ProducerName, Slots};
use gapless_model::Seq;
use gapless_model::store::{Reply, Request, Slot};
use serde_json::Value;

use super::items::{children, head, lease, record, slot, slot_key};
use super::requests::RECORD;
use crate::engine::error_kind;

/// The typed reply that an answer to a typed request stands for; none if the answer says
/// nothing about the request's effect.
pub(crate) fn reply(request: &Request<Live>, status: u16, answer: &Value) -> Option<Reply<Live>> {
    match (status, error_kind(answer).unwrap_or_default()) {
        (200, _) => reply_to_success(request, answer),
        (400, "ConditionalCheckFailedException") => reply_to_refusal(request, answer.get("Item")),
        (400, "TransactionCanceledException") => reply_to_cancellation(request, answer),
        _ => None,
    }
}

fn record_attribute(name: &ProducerName) -> String {
    format!("{RECORD}{name}")
}

fn record_attribute_of(request: &Request<Live>) -> Option<String> {
    match request {
        Request::ReadHead { name, .. } => name.as_ref().map(record_attribute),
        other => other.producer().map(record_attribute),
    }
}

fn reply_to_success(request: &Request<Live>, answer: &Value) -> Option<Reply<Live>> {
    let empty = Value::Object(serde_json::Map::new());
    let attributes = answer.get("Attributes").unwrap_or(&empty);
    let item = answer.get("Item");
    Some(match request {
        Request::ReadHead { .. } => {
            Reply::Head(head(item.unwrap_or(&empty), record_attribute_of(request).as_deref())?)
        }
        Request::Raise(_) => Reply::Raised(head(attributes, None)?.head),
        Request::Create { .. } => Reply::Created,
        Request::Seal { .. } | Request::Merge { .. } => Reply::Sealed,
        Request::Claim { name, .. } => Reply::Claimed(record(attributes, &record_attribute(name))?),
        Request::ReadTail { .. } => {
            let first = answer.get("Items")?.as_array()?.first();
            Reply::Tail(match first {
                None => Seq::ZERO,
                Some(item) => slot_key(item)?.1,
            })
        }
        Request::ReadSlot { .. } => Reply::Slot(item.map_or(Some(Slot::Empty), slot)?),
        Request::Write(_) | Request::Void { .. } => Reply::Written,
        Request::RaiseAndWrite { raise, .. } => Reply::Appended(raise.head?.next()),
        Request::ReadEvents { .. } => {
            let items = answer.get("Items")?.as_array()?;
            let filled = items.iter().map(|item| {
                let (_, seq) = slot_key(item)?;
                Some((seq, filled(slot(item)?)?))
            });
            let is_cut = answer.get("LastEvaluatedKey").is_some();
            Reply::Page(Slots::new(filled.collect::<Option<Vec<_>>>()?, is_cut))
        }
        Request::ReadLease { .. } => Reply::Lease(match item {
            None => None,
            Some(item) => Some(lease(item)?),
        }),
        Request::Release { .. } => Reply::Released,
        Request::SetLease { .. }
        | Request::Acquire { .. }
        | Request::Renew { .. }
        | Request::Checkpoint { .. }
        | Request::Wake { .. } => Reply::Leased(lease(attributes)?),
    })
}

fn filled(slot: Slot<Live>) -> Option<Filled> {
    match slot {
        Slot::Empty => None,
        Slot::Void => Some(Filled::Void),
        Slot::Events { token, batch } => Some(Filled::Events { token, batch }),
    }
}

fn reply_to_refusal(request: &Request<Live>, old: Option<&Value>) -> Option<Reply<Live>> {
    let empty = Value::Object(serde_json::Map::new());
    Some(match request {
        Request::Raise(_) => {
            Reply::NotRaised(head(old.unwrap_or(&empty), record_attribute_of(request).as_deref())?)
        }
        // What refuses it is that the partition is there.
        Request::Create { .. } => Reply::Created,
        Request::Seal { .. } => Reply::NotSealed(vec![children(old?)?]),
        Request::Claim { name, .. } => {
            Reply::NotClaimed(record(old.unwrap_or(&empty), &record_attribute(name)))
        }
        Request::Write(_) | Request::Void { .. } => Reply::Taken(slot(old?)?),
        Request::Acquire { .. }
        | Request::Renew { .. }
        | Request::Checkpoint { .. }
        | Request::Release { .. }
        | Request::Wake { .. } => Reply::Refused {
            lease: match old {
                None => None,
                Some(item) => Some(lease(item)?),
            },
            taken: false,
        },
        Request::ReadHead { .. }
        | Request::ReadTail { .. }
        | Request::ReadSlot { .. }
        | Request::Merge { .. }
        | Request::RaiseAndWrite { .. }
        | Request::ReadEvents { .. }
        | Request::ReadLease { .. }
        | Request::SetLease { .. } => return None,
    })
}

/// The reply to a transaction of which conditions failed, with the old items.
fn reply_to_cancellation(request: &Request<Live>, answer: &Value) -> Option<Reply<Live>> {
    let reasons = answer.get("CancellationReasons")?.as_array()?;
    let failed = |reason: &Value| match reason.get("Code").and_then(Value::as_str) {
        None | Some("None") => Some(None),
        Some("ConditionalCheckFailed") => Some(Some(reason.get("Item").cloned())),
        // A conflict says nothing about the conditions.
        Some(_) => None,
    };
    let failed = reasons.iter().map(failed).collect::<Option<Vec<_>>>()?;
    if let Request::Merge { .. } = request {
        let before = |failed: Option<Option<Value>>| match failed {
            None => Some(Vec::new()),
            Some(item) => children(&item?),
        };
        return failed.into_iter().map(before).collect::<Option<_>>().map(Reply::NotSealed);
    }
    let [first, second] = <[_; 2]>::try_from(failed).ok()?;
    match request {
        Request::RaiseAndWrite { .. } => {
            let empty = Value::Object(serde_json::Map::new());
            let record = record_attribute_of(request);
            let head = match first {
                None => None,
                Some(item) => Some(head(&item.unwrap_or(empty), record.as_deref())?),
            };
            let slot = match second {
                None => None,
                Some(item) => Some(slot(&item?)?),
            };
            Some(Reply::NotAppended { head, slot })
        }
        Request::Release { .. } => {
            let lease = match first.flatten() {
                None => None,
                Some(item) => Some(lease(&item)?),
            };
            Some(Reply::Refused { lease, taken: second.is_some() })
        }
        _ => None,
    }
}
