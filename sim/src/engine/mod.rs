//! The engines that store: the stream's tables in maps, a whole DynamoDB (dynoxide), or both
//! side by side, to see that they answer alike.

mod expression;
mod light;

use std::sync::{Arc, Mutex};

use dynoxide::Database;
use dynoxide::storage_backend::Clock;
use gapless::embedded::Engine as Dynoxide;
use serde_json::Value;

use crate::moment::{BEGINNING, lock, now};
use light::Light;

/// The engine that stores.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EngineKind {
    /// The stream's tables in maps: the part of DynamoDB that a run needs.
    #[default]
    Light,
    /// dynoxide, a whole DynamoDB over SQLite.
    Dynoxide,
    /// Both. Different answers are a violation.
    Both,
}

impl EngineKind {
    const ALL: [EngineKind; 3] = [EngineKind::Light, EngineKind::Dynoxide, EngineKind::Both];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            EngineKind::Light => "light",
            EngineKind::Dynoxide => "dynoxide",
            EngineKind::Both => "both",
        }
    }
}

impl std::str::FromStr for EngineKind {
    type Err = String;

    fn from_str(text: &str) -> Result<EngineKind, String> {
        let found = EngineKind::ALL.into_iter().find(|known| known.name() == text);
        found.ok_or_else(|| "the engines are light, dynoxide and both".to_owned())
    }
}

/// An engine in memory.
pub(crate) enum StorageEngine {
    Light(Box<Mutex<Light>>),
    Dynoxide(Dynoxide),
    Both(Box<Mutex<Light>>, Dynoxide),
}

/// The engine's clock shows true time; nothing in the protocol reads it.
struct TrueClock;

impl Clock for TrueClock {
    fn now_unix_secs(&self) -> u64 {
        BEGINNING.as_secs() + now().0 / 1000
    }

    fn now_unix_secs_f64(&self) -> f64 {
        BEGINNING.as_secs_f64() + now().0 as f64 / 1000.0
    }
}

fn dynoxide() -> Dynoxide {
    let database = Database::memory_with_clock(Arc::new(TrueClock));
    Dynoxide::with_database(database.expect("an in-memory database opens"))
}

impl StorageEngine {
    pub(crate) fn new(kind: EngineKind) -> StorageEngine {
        match kind {
            EngineKind::Light => StorageEngine::Light(Box::default()),
            EngineKind::Dynoxide => StorageEngine::Dynoxide(dynoxide()),
            EngineKind::Both => StorageEngine::Both(Box::default(), dynoxide()),
        }
    }

    /// Calls an operation of DynamoDB's API, and returns the status and the answer.
    ///
    /// # Errors
    /// How the answers of two engines differ.
    pub(crate) fn call(&self, operation: &str, call: &Value) -> Result<(u16, Value), String> {
        match self {
            StorageEngine::Light(light) => Ok(call_light(light, operation, call)),
            StorageEngine::Dynoxide(dynoxide) => Ok(call_dynoxide(dynoxide, operation, call)),
            StorageEngine::Both(light, dynoxide) => {
                let (first, second) =
                    (call_light(light, operation, call), call_dynoxide(dynoxide, operation, call));
                if alike(operation, &first, &second) {
                    return Ok(first);
                }
                Err(format!(
                    "{operation} {call}: the light engine answers {first:?}, and dynoxide {second:?}"
                ))
            }
        }
    }
}

fn call_light(light: &Mutex<Light>, operation: &str, call: &Value) -> (u16, Value) {
    lock(light).call(operation, call)
}

fn call_dynoxide(dynoxide: &Dynoxide, operation: &str, call: &Value) -> (u16, Value) {
    let body = serde_json::to_vec(call).unwrap_or_default();
    let (status, answer) = dynoxide.call(operation, &body);
    (status, serde_json::from_slice(&answer).unwrap_or_default())
}

/// The name of the error that an answer is, without its namespace.
pub(crate) fn error_kind(answer: &Value) -> Option<&str> {
    answer["__type"].as_str()?.rsplit('#').next()
}

/// Whether two answers mean the same to the adapter, which reads neither the wording of an
/// error nor the size in a table's description.
fn alike(operation: &str, first: &(u16, Value), second: &(u16, Value)) -> bool {
    if first.0 != second.0 {
        return false;
    }
    if first.0 != 200 {
        let reasons = |answer: &Value| {
            let all = answer["CancellationReasons"].as_array().cloned().unwrap_or_default();
            all.iter()
                .map(|reason| (reason["Code"].clone(), reason["Item"].clone()))
                .collect::<Vec<_>>()
        };
        return error_kind(&first.1) == error_kind(&second.1)
            && first.1["Item"] == second.1["Item"]
            && reasons(&first.1) == reasons(&second.1);
    }
    match operation {
        "CreateTable" | "DescribeTable" => true,
        "BatchGetItem" => {
            // DynamoDB doesn't promise an order.
            let sorted = |answer: &Value| {
                let tables = answer["Responses"].as_object().cloned().unwrap_or_default();
                let mut items: Vec<String> = tables
                    .values()
                    .flat_map(|items| items.as_array().cloned().unwrap_or_default())
                    .map(|item| item.to_string())
                    .collect();
                items.sort();
                items
            };
            sorted(&first.1) == sorted(&second.1)
        }
        _ => ["Item", "Items", "Attributes", "Count", "LastEvaluatedKey"]
            .iter()
            .all(|part| first.1[part] == second.1[part]),
    }
}

#[cfg(test)]
mod tests {
    use madsim::runtime::Runtime;
    use serde_json::{Value, json};

    use super::{EngineKind, StorageEngine, alike, call_light, error_kind};

    fn put(value: &str) -> Value {
        json!({ "TableName": "table", "Item": { "id": { "S": "a" }, "is": { "S": value } } })
    }

    fn table() -> Value {
        json!({
            "TableName": "table",
            "AttributeDefinitions": [{ "AttributeName": "id", "AttributeType": "S" }],
            "KeySchema": [{ "AttributeName": "id", "KeyType": "HASH" }],
            "BillingMode": "PAY_PER_REQUEST",
        })
    }

    #[test]
    fn a_write_that_only_one_of_two_engines_has_shows_in_the_next_read() {
        Runtime::new().block_on(async {
            let engine = StorageEngine::new(EngineKind::Both);
            engine.call("CreateTable", &table()).expect("both create it");
            engine.call("PutItem", &put("one")).expect("both write it");
            let read = json!({ "TableName": "table", "Key": { "id": { "S": "a" } } });
            engine.call("GetItem", &read).expect("both read the same");
            let StorageEngine::Both(light, _) = &engine else { panic!("there are two engines") };
            call_light(light, "PutItem", &put("another"));
            let differ = engine.call("GetItem", &read).expect_err("they differ");
            assert!(differ.contains("GetItem"), "{differ}");
        });
    }

    /// A process that gave two transactions one token would hear that the second one was refused.
    #[test]
    fn a_transaction_under_the_token_of_another_one_is_refused_by_both() {
        Runtime::new().block_on(async {
            let engine = StorageEngine::new(EngineKind::Both);
            engine.call("CreateTable", &table()).expect("both create it");
            let transaction = |value: &str| json!({ "ClientRequestToken": "t", "TransactItems": [{ "Put": put(value) }] });
            let send = |value| {
                let (status, answer) =
                    engine.call("TransactWriteItems", &transaction(value)).expect("they agree");
                (status, error_kind(&answer).map(str::to_owned))
            };
            assert_eq!(send("one"), (200, None));
            assert_eq!(send("one"), (200, None), "it is the same once more");
            let mismatch = Some("IdempotentParameterMismatchException".to_owned());
            assert_eq!(send("another"), (400, mismatch));
        });
    }

    #[test]
    fn answers_differ_by_status_by_error_and_by_what_they_show() {
        let told = |kind: &str, message: &str| (400, json!({ "__type": kind, "message": message }));
        let done = (200, json!({ "Attributes": { "n": { "N": "1" } } }));
        assert!(alike("PutItem", &told("a#Refused", "one"), &told("b#Refused", "other")));
        assert!(!alike("PutItem", &told("a#Refused", "one"), &told("a#Busy", "one")));
        assert!(!alike("UpdateItem", &done, &told("a#Refused", "one")));
        assert!(!alike(
            "UpdateItem",
            &done,
            &(200, json!({ "Attributes": { "n": { "N": "2" } } }))
        ));
    }
}
