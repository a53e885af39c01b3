//! A call on its way from a node to the store, and the reply on its way back.

use gapless::{Live, TableNames};
use gapless_model::store::{Request, request_words};
use madsim::net::rpc;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::decode::{self, Read};
use crate::plan::{CallKind, Fault, Node};

/// One attempt at one call.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Attempt {
    pub(super) node: Node,
    /// Which of the node's attempts, counted from 0 across restarts.
    pub(super) number: u32,
    pub(super) operation: String,
    /// What it sends.
    pub(super) call: Value,
    /// The read that it is, if it is one.
    pub(super) read: Option<Read>,
    pub(super) fault: Option<Fault>,
    /// How often the node had been locked out when it signed the call.
    pub(super) signed: u32,
    /// Whether it is a copy that the network made.
    pub(super) copy: bool,
}

/// The reply to an attempt.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct HttpReply {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl rpc::Request for Attempt {
    type Response = HttpReply;
    const ID: u64 = 0x6761_7031;
}

impl Attempt {
    /// The request of a machine that the call is; nothing if it is none.
    pub(super) fn request(&self, tables: &TableNames) -> Option<Request<Live>> {
        decode::request(tables, &self.operation, &self.call)
    }

    /// The call in words, and whether it is outside of any machine.
    pub(super) fn describe(&self, request: Option<&Request<Live>>) -> (String, bool) {
        match request {
            Some(request) => (describe_request(request), false),
            None => (format!("{} {}", self.operation, table_name(&self.call)), true),
        }
    }
}

impl HttpReply {
    /// An error in DynamoDB's words.
    pub(super) fn error(status: u16, kind: &str, message: &str) -> HttpReply {
        let space = "com.amazonaws.dynamodb.v20120810";
        let body = serde_json::json!({ "__type": format!("{space}#{kind}"), "message": message });
        HttpReply { status, body: body.to_string().into_bytes() }
    }
}

/// The kind of a call.
pub(super) fn call_kind(operation: &str, read: Option<Read>) -> CallKind {
    match (operation, read.is_some_and(|read| read.consistent)) {
        ("PutItem" | "UpdateItem" | "TransactWriteItems", _) => CallKind::Write,
        ("BatchGetItem", true) => CallKind::Batch,
        ("BatchGetItem", false) => CallKind::EventualBatch,
        ("GetItem" | "Query" | "Scan", true) => CallKind::Read,
        ("GetItem" | "Query" | "Scan", false) => CallKind::EventualRead,
        _ => CallKind::Other,
    }
}

/// Whether a call names something, anywhere in it.
pub(super) fn names(call: &Value, what: &str) -> bool {
    match call {
        Value::String(text) => text == what,
        Value::Array(parts) => parts.iter().any(|part| names(part, what)),
        Value::Object(parts) => parts.iter().any(|(key, part)| key == what || names(part, what)),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

pub(super) fn describe_request(request: &Request<Live>) -> String {
    let id = request.partition();
    match request.group() {
        Some(group) => format!("{group}/{id}: {}", request_words(request)),
        None => format!("{id}: {}", request_words(request)),
    }
}

pub(super) fn table_name(call: &Value) -> &str {
    let named = call["TableName"].as_str();
    let batch = || call["RequestItems"].as_object().and_then(|tables| tables.keys().next());
    named.or_else(|| batch().map(String::as_str)).unwrap_or_default()
}
