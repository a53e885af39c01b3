//! How DynamoDB refuses a call that it does not apply. It has more than one code for most reasons, and
//! for transactions others than for single writes.

use serde_json::{Value, json};

use super::attempt::{Attempt, HttpReply};
use super::injector::EXPIRED;
use crate::plan::Dice;

/// The codes of an answer to a call that was throttled.
const THROTTLED: [&str; 3] =
    ["ThrottlingException", "ProvisionedThroughputExceededException", "RequestLimitExceeded"];

/// Why a transaction was cancelled that was throttled.
const THROTTLED_IN_A_TRANSACTION: [&str; 2] = ["ThrottlingError", "ProvisionedThroughputExceeded"];

/// The dice of the codes for an attempt. They are its own, so that a code changes nothing else.
fn dice(seed: u64, call: &Attempt) -> Dice {
    let path = [27, u64::from(call.node.0), u64::from(call.number), u64::from(call.copy)];
    Dice::at(seed, &path)
}

/// The answer to a call beyond the throughput that there is.
pub(super) fn throttled(seed: u64, call: &Attempt) -> HttpReply {
    let mut dice = dice(seed, call);
    let whole = dice.percent(50);
    if let Some(parts) = parts(call).filter(|_| !whole) {
        let code = *dice.pick(&THROTTLED_IN_A_TRANSACTION);
        return cancelled(code, "Throughput exceeds the current limits", parts, &mut dice);
    }
    let message = "Throughput exceeds the current capacity of your table or index.";
    HttpReply::error(400, dice.pick::<&str>(&THROTTLED), message)
}

/// The answer to a write that meets a transaction in progress; for a transaction, that may be an
/// earlier try of itself.
pub(super) fn conflict(seed: u64, call: &Attempt) -> HttpReply {
    let mut dice = dice(seed, call);
    let Some(parts) = parts(call) else {
        let message = "Transaction is ongoing for the item";
        return HttpReply::error(400, "TransactionConflictException", message);
    };
    if dice.percent(30) {
        let message = "The transaction with the given request token is already in progress.";
        return HttpReply::error(400, "TransactionInProgressException", message);
    }
    cancelled("TransactionConflict", "Transaction is ongoing for the item", parts, &mut dice)
}

/// The answer of a store that fails.
pub(super) fn unavailable(seed: u64, call: &Attempt) -> HttpReply {
    match dice(seed, call).percent(50) {
        true => HttpReply::error(500, "InternalServerError", "Internal server error"),
        false => HttpReply::error(503, "ServiceUnavailable", "The service is unavailable"),
    }
}

/// The answer to a process that is locked out.
pub(super) fn locked_out() -> HttpReply {
    HttpReply::error(400, EXPIRED, "The security token included in the request is expired")
}

/// The number of a transaction's parts.
fn parts(call: &Attempt) -> Option<usize> {
    call.call["TransactItems"].as_array().map(Vec::len)
}

/// A transaction that is cancelled because of one of its parts.
fn cancelled(code: &str, message: &str, parts: usize, dice: &mut Dice) -> HttpReply {
    let because = dice.below(parts as u64) as usize;
    let reason = |index| match index == because {
        true => json!({ "Code": code, "Message": message }),
        false => json!({ "Code": "None" }),
    };
    let reasons: Vec<Value> = (0..parts).map(reason).collect();
    let body = json!({
        "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
        "message": "Transaction cancelled, please refer cancellation reasons for specific reasons",
        "CancellationReasons": reasons,
    });
    HttpReply { status: 400, body: body.to_string().into_bytes() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::engine::error_kind;
    use crate::plan::Node;

    fn attempt(number: u32, operation: &str, call: Value) -> Attempt {
        let operation = operation.to_owned();
        Attempt {
            node: Node(0),
            number,
            operation,
            call,
            read: None,
            fault: None,
            signed: 0,
            copy: false,
        }
    }

    /// The codes of the answers to many attempts, with the codes of the reasons where there are some.
    fn codes(refuse: fn(u64, &Attempt) -> HttpReply, call: &Value) -> BTreeSet<String> {
        let told = |number| {
            let reply = refuse(1, &attempt(number, "UpdateItem", call.clone()));
            let body: Value = serde_json::from_slice(&reply.body).expect("JSON");
            let reasons = body["CancellationReasons"].as_array().into_iter().flatten();
            let mut codes: Vec<_> = error_kind(&body).into_iter().collect();
            codes.extend(reasons.filter_map(|reason| reason["Code"].as_str()));
            codes.join(" ")
        };
        (0..300).map(told).collect()
    }

    #[test]
    fn a_write_is_throttled_under_every_name() {
        assert_eq!(codes(throttled, &json!({})), THROTTLED.map(str::to_owned).into());
    }

    #[test]
    fn a_transaction_is_throttled_as_a_whole_or_in_one_of_its_parts() {
        let transaction = json!({ "TransactItems": [{}, {}] });
        let mut expected = BTreeSet::from(THROTTLED.map(str::to_owned));
        for code in THROTTLED_IN_A_TRANSACTION {
            expected.insert(format!("TransactionCanceledException {code} None"));
            expected.insert(format!("TransactionCanceledException None {code}"));
        }
        assert_eq!(codes(throttled, &transaction), expected);
    }

    #[test]
    fn a_transaction_meets_others_or_an_earlier_try_of_itself() {
        let transaction = json!({ "TransactItems": [{}] });
        let expected =
            ["TransactionCanceledException TransactionConflict", "TransactionInProgressException"];
        assert_eq!(codes(conflict, &transaction), expected.map(str::to_owned).into());
        let single = ["TransactionConflictException".to_owned()];
        assert_eq!(codes(conflict, &json!({})), single.into());
    }
}
