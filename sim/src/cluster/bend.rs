//! What each mutant does to the traffic between adapter and engine: the requests and the
//! answers that it bends, and nothing else.

use gapless_model::Mutant;
use serde_json::{Value, json};

/// A mutant at work in the traffic.
pub(super) trait Bend {
    /// Whether reads of events miss recent writes, even consistent reads.
    fn makes_reads_stale(self) -> bool;

    /// Whether a write that never arrives is reported as applied.
    fn fakes_success(self) -> bool;

    /// Takes the demand for a consistent answer out of a read, before it is sent.
    fn weaken_read(self, operation: &str, call: &mut Value);

    /// Bends a call before the engine sees it.
    fn bend_request(self, operation: &str, call: &mut Value) -> Bent;

    /// Bends the engine's answer before the adapter sees it.
    fn bend_answer(self, operation: &str, call: &Value, status: &mut u16, answer: &mut Value);
}

impl Bend for Mutant {
    fn makes_reads_stale(self) -> bool {
        self == Mutant::StaleReads
    }

    fn fakes_success(self) -> bool {
        self == Mutant::UnknownAsDone
    }

    fn weaken_read(self, operation: &str, call: &mut Value) {
        let weakened = match (self, operation) {
            (Mutant::EventualItems, "GetItem") => Some(call),
            (Mutant::EventualStandings, "Query" | "Scan") => {
                let consumers =
                    call["TableName"].as_str().is_some_and(|name| name.ends_with("consumers"));
                consumers.then_some(call)
            }
            (Mutant::EventualHeads, "BatchGetItem") => {
                call["RequestItems"].as_object_mut().and_then(|tables| tables.values_mut().next())
            }
            _ => None,
        };
        if let Some(parts) = weakened.and_then(Value::as_object_mut) {
            parts.remove("ConsistentRead");
        }
    }

    fn bend_request(self, operation: &str, call: &mut Value) -> Bent {
        match operation {
            "PutItem" => bend_slot_write(self, call),
            "UpdateItem" => match self {
                Mutant::SealIgnored
                | Mutant::HeadStandsStill
                | Mutant::IncrementTwice
                | Mutant::ExpectationUnguarded
                | Mutant::RecordUnguarded
                | Mutant::RecordForgotten => bend_raise(self, call),
                Mutant::SealUnguarded if has(call, ":sealed") => {
                    forget_seal(call);
                    Bent::Sent
                }
                _ => bend_lease_update(self, call),
            },
            "TransactWriteItems" => bend_transaction(self, call),
            _ => Bent::Sent,
        }
    }

    fn bend_answer(self, operation: &str, call: &Value, status: &mut u16, answer: &mut Value) {
        match (self, operation) {
            (Mutant::StaleRecovery, "GetItem") if call["Key"].get("sequenceNumber").is_some() => {
                *answer = json!({});
            }
            (Mutant::EventHidden | Mutant::VoidsHidden | Mutant::EventsSwapped, "Query") => {
                if let Some(items) = answer["Items"].as_array_mut() {
                    bend_page(self, items);
                }
            }
            (Mutant::RefusalAsDone, "PutItem") if *status == 400 => {
                (*status, *answer) = (200, json!({}));
            }
            (Mutant::TokenReused, "PutItem") if answer.get("Item").is_some() => {
                let token = call["Item"]["token"].clone();
                if answer["Item"].get("token").is_some() && !token.is_null() {
                    answer["Item"]["token"] = token;
                }
            }
            (Mutant::SealsHidden, "BatchGetItem") => {
                let tables = answer["Responses"].as_object_mut().into_iter().flatten();
                let items = tables.filter_map(|(_, items)| items.as_array_mut()).flatten();
                for item in items.filter_map(Value::as_object_mut) {
                    item.remove("children");
                }
            }
            (Mutant::UnprocessedDropped, "BatchGetItem") => {
                if let Some(tables) = answer["Responses"].as_object_mut() {
                    tables.values_mut().for_each(|items| {
                        items.as_array_mut().map(Vec::pop);
                    });
                }
            }
            (Mutant::NumbersSwapped, "UpdateItem") if is_raise(call) => {
                let given = &mut answer["Attributes"]["sequenceNumber"]["N"];
                if let Some(number) = given.as_str().and_then(|text| text.parse::<u64>().ok()) {
                    let swapped = if number % 2 == 1 { number + 1 } else { number - 1 };
                    *given = swapped.to_string().into();
                }
            }
            (Mutant::OwnerPerWorker | Mutant::OwnerShared, "UpdateItem")
                if has(call, ":owner") && answer["Item"].get("owner").is_some() =>
            {
                let own = &call["ExpressionAttributeValues"][":owner"];
                let worker = |name: &Value| {
                    let name = name["S"].as_str().unwrap_or_default();
                    name.rsplit_once('/').map(|(worker, _)| worker.to_owned())
                };
                let same = worker(own).is_some() && worker(own) == worker(&answer["Item"]["owner"]);
                if same || self == Mutant::OwnerShared {
                    answer["Item"]["owner"] = own.clone();
                }
            }
            (Mutant::ForeignVersion, "UpdateItem")
                if answer["Attributes"].get("owner").is_some() =>
            {
                answer["Attributes"]["v"] = json!({ "N": "3" });
            }
            _ => {}
        }
    }
}

fn bend_slot_write(mutant: Mutant, call: &mut Value) -> Bent {
    match mutant {
        Mutant::BlindWrites if !is_void(call) => loosen_all(call),
        Mutant::BlindVoids if is_void(call) => loosen_all(call),
        _ => {}
    }
    Bent::Sent
}

fn bend_raise(mutant: Mutant, call: &mut Value) -> Bent {
    match mutant {
        Mutant::SealIgnored if is_raise(call) => forget_seal(call),
        Mutant::HeadStandsStill if is_raise(call) => {
            call["ExpressionAttributeValues"][":one"] = json!({"N": "0"});
        }
        Mutant::IncrementTwice if is_raise(call) => return Bent::Twice,
        Mutant::ExpectationUnguarded if is_raise(call) && has(call, ":head") => loosen_all(call),
        Mutant::RecordUnguarded if has(call, ":newNumber") => loosen_all(call),
        Mutant::RecordForgotten if has(call, ":newNumber") => {
            let seen = call["ExpressionAttributeValues"][":number"].clone();
            call["ExpressionAttributeValues"][":newNumber"] = seen;
        }
        _ => {}
    }
    Bent::Sent
}

fn bend_lease_update(mutant: Mutant, call: &mut Value) -> Bent {
    match mutant {
        Mutant::BegunUnguarded if has(call, ":owner") => begin_anyway(call),
        Mutant::HoldKeepsBegun if has(call, ":unbegun") && !has(call, ":seen") => {
            let update = call["UpdateExpression"].as_str().unwrap_or_default();
            let kept = update.replace("#v = :unbegun", "#v = if_not_exists(#v, :unbegun)");
            call["UpdateExpression"] = kept.into();
        }
        Mutant::ResetUnseen if has(call, ":seen") => {
            let condition = call["ConditionExpression"].as_str().unwrap_or_default();
            let any = "(#epoch = :seen OR attribute_exists(#epoch))";
            call["ConditionExpression"] = condition.replace("#epoch = :seen", any).into();
        }
        Mutant::ResetUnseen if has(call, ":owner") => begin_after_all(call),
        Mutant::LeaseTakenAnyway if has(call, ":owner") => loosen_all(call),
        Mutant::LeaseTakenEarly if has(call, ":now") => add(call, ":now", 1_000_000),
        Mutant::EpochStandsStill if has(call, ":owner") => {
            call["ExpressionAttributeValues"][":one"] = json!({"N": "0"});
        }
        Mutant::AcquireForgotten if has(call, ":owner") => return Bent::Pretend,
        Mutant::CheckpointUnfenced if is_checkpoint(call) => loosen(call, "#epoch = :epoch"),
        Mutant::CheckpointBackwards if has(call, ":to") => loosen(call, "#checkpoint < :to"),
        Mutant::CheckpointAhead if has(call, ":to") => add(call, ":to", 1),
        Mutant::CheckpointForgotten if is_checkpoint(call) => return Bent::Pretend,
        Mutant::CheckpointForgotten if is_release(call) => keep_checkpoint(call),
        Mutant::ReleaseUnfenced if is_release(call) => loosen(call, "#epoch = :epoch"),
        Mutant::ReleaseForgotten if is_release(call) => return Bent::Pretend,
        // That a renewal never shortens a lease keeps most late ones out as well, so
        // both protections go; with that one in place the checks would see next to nothing.
        Mutant::RenewalUnfenced if is_renewal(call) => {
            loosen(call, "#epoch = :epoch");
            loosen(call, "#expiry <= :until");
        }
        Mutant::RenewalRevives if is_renewal(call) => {
            loosen(call, "#active = :true");
            loosen(call, "#expiry <= :until");
            set(call, "#active = :true");
        }
        Mutant::RenewalShortens if is_renewal(call) => loosen(call, "#expiry <= :until"),
        Mutant::ExpiryInSeconds if has(call, ":until") => {
            divide(call, ":until", 1000);
            // Otherwise the store itself refuses to shorten it.
            loosen(call, "#expiry <= :until");
        }
        _ => {}
    }
    Bent::Sent
}

fn bend_transaction(mutant: Mutant, call: &mut Value) -> Bent {
    if let Some(update) = release_update(call) {
        match mutant {
            Mutant::ReleaseUnfenced => loosen(update, "#epoch = :epoch"),
            Mutant::ReleaseForgotten => {
                update["ExpressionAttributeValues"][":false"] = json!({"BOOL": true});
                keep_checkpoint(update);
            }
            Mutant::CheckpointForgotten => keep_checkpoint(update),
            // One that moves no checkpoint has no such value, and the engine takes none too many.
            Mutant::CheckpointAhead if has(update, ":to") => add(update, ":to", 1),
            _ => {}
        }
    }
    if mutant == Mutant::SealUnguarded {
        let items = call["TransactItems"].as_array_mut().into_iter().flatten();
        items.map(|item| &mut item["Update"]).filter(|it| has(it, ":sealed")).for_each(forget_seal);
    }
    if mutant == Mutant::TransactionHalved {
        let items = call["TransactItems"].as_array_mut();
        if let Some(items) = items.filter(|items| items.len() == 2) {
            items.truncate(1);
            return Bent::Half;
        }
    }
    Bent::Sent
}

fn bend_page(mutant: Mutant, items: &mut Vec<Value>) {
    let holds_events = |item: &Value| item.get("events").is_some();
    match mutant {
        Mutant::EventHidden => {
            if let Some(place) = items.iter().position(holds_events)
                && place + 1 < items.len()
            {
                items.remove(place);
            }
        }
        Mutant::VoidsHidden => items.retain(|item| item.get("void").is_none()),
        Mutant::EventsSwapped => {
            let full: Vec<usize> =
                (0..items.len()).filter(|place| holds_events(&items[*place])).collect();
            if let [first, second, ..] = full[..] {
                let events = items[first]["events"].take();
                items[first]["events"] = items[second]["events"].take();
                items[second]["events"] = events;
            }
        }
        _ => {}
    }
}

/// What becomes of a bent call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bent {
    /// It is sent, as it is now.
    Sent,
    /// It is sent twice.
    Twice,
    /// It is not sent, and answered as if it had been.
    Pretend,
    /// It was a transaction of two and is one of one.
    Half,
}

fn has(call: &Value, placeholder: &str) -> bool {
    call["ExpressionAttributeValues"].get(placeholder).is_some()
}

fn is_void(call: &Value) -> bool {
    call["Item"].get("void").is_some()
}

fn is_renewal(call: &Value) -> bool {
    has(call, ":until") && !has(call, ":owner") && !has(call, ":to")
}

fn is_raise(call: &Value) -> bool {
    call["ExpressionAttributeNames"].get("#head").is_some() && !has(call, ":record")
}

fn is_release(call: &Value) -> bool {
    has(call, ":false") && !has(call, ":owner")
}

fn is_checkpoint(call: &Value) -> bool {
    has(call, ":to") && !is_release(call)
}

/// Leaves the checkpoint where it is.
fn keep_checkpoint(update: &mut Value) {
    if let Some(text) = update["UpdateExpression"].as_str() {
        update["UpdateExpression"] =
            text.replace("#checkpoint = :to", "#checkpoint = #checkpoint").into();
    }
    if let Some(values) = update["ExpressionAttributeValues"].as_object_mut() {
        values.remove(":to");
    }
}

fn release_update(call: &mut Value) -> Option<&mut Value> {
    let update = call["TransactItems"].get_mut(0)?.get_mut("Update")?;
    is_release(update).then_some(update)
}

/// Makes a condition true whatever the item holds; its names and values stay in use,
/// or the engine would refuse the call, as it would refuse parentheses too many.
fn loosen_all(call: &mut Value) {
    let Some(condition) = call["ConditionExpression"].as_str() else { return };
    let always = "attribute_exists(partitionId) OR attribute_not_exists(partitionId)";
    call["ConditionExpression"] = format!("{condition} OR {always}").into();
}

/// Makes one comparison in a condition true whatever the item holds.
fn loosen(call: &mut Value, comparison: &str) {
    let Some(condition) = call["ConditionExpression"].as_str() else { return };
    let name = comparison.split(' ').next().unwrap_or_default();
    let always = format!("({comparison} OR attribute_exists({name}))");
    call["ConditionExpression"] = condition.replace(&format!("({comparison})"), &always).into();
}

/// Makes the demand that a partition is open true of a sealed one too.
fn forget_seal(call: &mut Value) {
    const OPEN: &str = "attribute_not_exists(#children)";
    let Some(condition) = call["ConditionExpression"].as_str() else { return };
    let either = format!("{OPEN} OR attribute_exists(#children)");
    call["ConditionExpression"] = if condition == OPEN {
        either.into()
    } else {
        condition.replace(&format!("({OPEN})"), &format!("({either})")).into()
    };
}

/// Lets a lease be taken where there is no item, too.
fn begin_anyway(call: &mut Value) {
    let Some(condition) = call["ConditionExpression"].as_str() else { return };
    if !condition.contains("attribute_not_exists(#v)") {
        call["ConditionExpression"] = format!("attribute_not_exists(#v) OR ({condition})").into();
    }
}

/// Lets a lease that begins a partition be taken where an operator has made the item since.
fn begin_after_all(call: &mut Value) {
    const NONE: &str = "attribute_not_exists(#v) OR (#v = :v AND";
    let Some(condition) = call["ConditionExpression"].as_str() else { return };
    if let Some(free) = condition.strip_prefix(NONE) {
        let any =
            format!("attribute_not_exists(#v) OR ((#v = :v OR attribute_exists(#v)) AND{free}");
        call["ConditionExpression"] = any.into();
    }
}

fn set(call: &mut Value, clause: &str) {
    let Some(update) = call["UpdateExpression"].as_str() else { return };
    call["UpdateExpression"] = update.replacen("SET ", &format!("SET {clause}, "), 1).into();
}

fn change(call: &mut Value, placeholder: &str, change: impl FnOnce(u64) -> u64) {
    let value = &mut call["ExpressionAttributeValues"][placeholder]["N"];
    let Some(number) = value.as_str().and_then(|text| text.parse().ok()) else { return };
    *value = change(number).to_string().into();
}

fn add(call: &mut Value, placeholder: &str, more: u64) {
    change(call, placeholder, |number| number + more);
}

fn divide(call: &mut Value, placeholder: &str, by: u64) {
    change(call, placeholder, |number| number / by);
}
