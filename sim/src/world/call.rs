//! A call on its way from a process to the store, and what comes back.

use gapless::{Live, TableNames};
use gapless_model::store::request_words;
use madsim::net::rpc::Request;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decode;
use crate::plan::{Fault, Nature};

/// One attempt at one call, on its way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Call {
    pub(super) process: u16,
    pub(super) attempt: u32,
    pub(super) operation: String,
    pub(super) body: Vec<u8>,
    pub(super) fault: Option<Fault>,
    /// Whether the network made it out of another.
    pub(super) copy: bool,
}

/// What comes back.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Request for Call {
    type Response = Answer;
    const ID: u64 = 0x6761_7031;
}

impl Call {
    /// A call in words, and whether it only looks.
    pub(super) fn words(&self, tables: &TableNames) -> (String, bool) {
        let json: Value = serde_json::from_slice(&self.body).unwrap_or_default();
        match decode::request(tables, &self.operation, &json) {
            Some(request) => (said(&request), false),
            None => (format!("{} {}", self.operation, table(&json)), true),
        }
    }
}

impl Answer {
    /// An error as DynamoDB words it.
    pub(super) fn error(status: u16, kind: &str, message: &str) -> Answer {
        let space = "com.amazonaws.dynamodb.v20120810";
        let body = serde_json::json!({ "__type": format!("{space}#{kind}"), "message": message });
        Answer { status, body: body.to_string().into_bytes() }
    }

    pub(super) fn conflict(operation: &str) -> Answer {
        if operation != "TransactWriteItems" {
            let message = "Transaction is ongoing for the item";
            return Answer::error(400, "TransactionConflictException", message);
        }
        let message =
            "Transaction cancelled, please refer cancellation reasons for specific reasons";
        let body = serde_json::json!({
            "__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException",
            "message": message,
            "CancellationReasons": [
                { "Code": "TransactionConflict", "Message": "Transaction is ongoing for the item" },
                { "Code": "None" },
            ],
        });
        Answer { status: 400, body: body.to_string().into_bytes() }
    }
}

/// What kind of call it is.
pub(super) fn nature(operation: &str, body: &[u8]) -> Nature {
    let consistent = || says(body, "\"ConsistentRead\":true");
    match operation {
        "PutItem" | "UpdateItem" | "TransactWriteItems" => Nature::Write,
        "BatchGetItem" if consistent() => Nature::Batch,
        "BatchGetItem" => Nature::EventualBatch,
        "GetItem" | "Query" | "Scan" if consistent() => Nature::Read,
        "GetItem" | "Query" | "Scan" => Nature::EventualRead,
        _ => Nature::Other,
    }
}

/// Whether a call's body has this text in it.
pub(super) fn says(body: &[u8], text: &str) -> bool {
    body.windows(text.len()).any(|window| window == text.as_bytes())
}

pub(super) fn said(request: &gapless_model::store::Request<Live>) -> String {
    let id = request.partition();
    match request.group() {
        Some(group) => format!("{group}/{id}: {}", request_words(request)),
        None => format!("{id}: {}", request_words(request)),
    }
}

pub(super) fn table(call: &Value) -> &str {
    let named = call["TableName"].as_str();
    let batch = || call["RequestItems"].as_object().and_then(|tables| tables.keys().next());
    named.or_else(|| batch().map(String::as_str)).unwrap_or_default()
}
