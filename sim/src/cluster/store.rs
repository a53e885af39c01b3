//! The store behind its node: applies calls to the engine one after another, shows each to
//! the judges, and makes reads stale and batches incomplete, which no engine does by itself.

use std::sync::Mutex;

use gapless::{Group, Live, TableNames};
use gapless_model::log::Line;
use gapless_model::store::{Reply, Request, View, reply_words};
use gapless_model::{PartitionId, Seq};
use serde_json::{Value, json};

use super::attempt::{Attempt, HttpReply, contains, describe_request, table_name};
use super::bend::{Bend as _, Bent};
use super::history::{History, shows};
use super::recorder::Entry;
use super::shared::Cluster;
use super::stream::EventsStream;
use crate::decode;
use crate::engine::{EngineKind, StorageEngine};
use crate::judge::{AppliedCall, Breach, Finding};
use crate::moment::{lock, now};
use crate::plan::{Dice, Fault, Millis, PREFIX};

/// The engine, the past states of its items, and its stream.
pub(crate) struct Store {
    engine: StorageEngine,
    pub(super) names: TableNames,
    history: Mutex<History>,
    pub(super) stream: EventsStream,
}

/// The items that a request may have changed.
struct TouchedItems {
    slot: Option<((PartitionId, Seq), Value)>,
    lease: Option<((Group, PartitionId), Value)>,
}

impl Store {
    pub(crate) fn new(kind: EngineKind) -> Store {
        let names = TableNames::prefixed(PREFIX);
        Store {
            engine: StorageEngine::new(kind),
            stream: EventsStream::new(&names),
            names,
            history: Mutex::default(),
        }
    }

    /// Applies a call, and shows it to the judges.
    pub(super) fn execute(&self, cluster: &Cluster, call: &Attempt, dice: &mut Dice) -> HttpReply {
        let operation = call.operation.as_str();
        let json: Value = serde_json::from_slice(&call.body).unwrap_or_default();
        let request = decode::request(&self.names, operation, &json);
        let view = self.view_of(cluster, call, request.as_ref());
        let mutant = cluster.plan.mutant;

        let (mut status, mut answer) = match mutant {
            None => self.call_engine(cluster, operation, &json),
            Some(mutant) => {
                let mut sent = json.clone();
                let bent = mutant.bend_request(operation, &mut sent);
                self.call_engine_bent(cluster, operation, &sent, bent)
            }
        };
        self.degrade(call, view, &mut answer, dice);
        cluster.recorder().requests += 1;

        if let Some(request) = &request {
            let touched = self.read_touched(request);
            self.record_write(request, status, &answer);
            let reply = decode::reply(request, status, &answer);
            let applied = AppliedCall {
                at: now(),
                node: call.node,
                request,
                heard: is_heard(call),
                view,
                token: json["ClientRequestToken"].as_str(),
                producers: &cluster.producers,
                reply: reply.as_ref(),
                status,
                answer: &answer,
                slot: touched.slot.as_ref().map(|(key, item)| (key, item)),
                lease: touched.lease.as_ref().map(|(key, item)| (key, item)),
            };
            self.log(cluster, call, describe_request(request), reply.as_ref());
            let judgement = cluster.recorder().judge.judge_call(&applied);
            cluster.record_judgement(judgement);
        } else {
            let did = format!("{operation} {}", table_name(&json));
            self.log_unmodelled(cluster, call, did, status);
            if operation == "UpdateItem" && table_name(&json) == self.names.partitions {
                self.record_partition(&json["Key"]);
            }
        }
        if let Some(mutant) = mutant {
            mutant.bend_answer(operation, &json, &mut status, &mut answer);
        }
        HttpReply { status, body: serde_json::to_vec(&answer).unwrap_or_default() }
    }

    /// Which writes a read can see.
    fn view_of(&self, cluster: &Cluster, call: &Attempt, request: Option<&Request<Live>>) -> View {
        let Some(Request::ReadEvents { partition, after, consistent }) = request else {
            return View::Latest;
        };
        let staggered = cluster.plan.mutant.is_some_and(|mutant| mutant.makes_reads_stale());
        let (by, one) = match call.fault {
            Some(Fault::Stale { by, one }) if !consistent => (by, one),
            _ if staggered => (Millis(500), false),
            _ => return View::Latest,
        };
        let since = now().minus(by);
        lock(&self.history).view_since(partition, *after, since, one)
    }

    /// Changes an answer into that of a replica or index that is behind, or leaves a batch
    /// incomplete.
    fn degrade(&self, call: &Attempt, view: View, answer: &mut Value, dice: &mut Dice) {
        if view != View::Latest
            && let Some(items) = answer["Items"].as_array_mut()
        {
            items.retain(|item| decode::slot_key(item).is_none_or(|(_, slot)| shows(view, slot)));
        }
        match (call.operation.as_str(), call.fault) {
            ("BatchGetItem", Some(Fault::Stale { by, .. })) => {
                let then = now().minus(by);
                if let Some(items) = answer["Responses"][&self.names.partitions].as_array_mut() {
                    lock(&self.history).backdate(items, then);
                }
            }
            ("Query", Some(Fault::Stale { by, .. })) if contains(&call.body, "\"IndexName\"") => {
                let then = now().minus(by);
                if let Some(items) = answer["Items"].as_array_mut() {
                    // An index that lags doesn't show the newest partitions.
                    let history = lock(&self.history);
                    items.retain(|item| history.was_there(item, then));
                }
            }
            ("BatchGetItem", Some(Fault::Unprocessed)) => {
                self.leave_undone(answer, dice);
            }
            _ => {}
        }
    }

    fn leave_undone(&self, answer: &mut Value, dice: &mut Dice) {
        let table = &self.names.partitions;
        let Some(items) = answer["Responses"][table].as_array_mut() else { return };
        if items.is_empty() {
            return;
        }
        let done = dice.below(items.len() as u64) as usize;
        let left = items.split_off(done);
        let keys: Vec<Value> =
            left.iter().map(|item| json!({ "partitionId": item["partitionId"] })).collect();
        let wanted = json!({
            "Keys": keys,
            "ProjectionExpression": "#partition, #head",
            "ExpressionAttributeNames": { "#partition": "partitionId", "#head": "sequenceNumber" },
        });
        answer["UnprocessedKeys"] = json!({ table: wanted });
    }

    /// Calls the engine. If two engines answer differently, this is a violation.
    fn call_engine(&self, cluster: &Cluster, operation: &str, call: &Value) -> (u16, Value) {
        if let Some(answer) = self.stream.answer(cluster, operation, call) {
            return answer;
        }
        self.engine.call(operation, call).unwrap_or_else(|differ| {
            cluster.record_judgement(Err((Breach::Refinement, Finding::new(format!("{differ}.")))));
            (500, json!({ "__type": "InternalServerError" }))
        })
    }

    fn call_engine_bent(
        &self,
        cluster: &Cluster,
        operation: &str,
        call: &Value,
        bent: Bent,
    ) -> (u16, Value) {
        match bent {
            Bent::Sent | Bent::Half => self.call_engine(cluster, operation, call),
            Bent::Twice => {
                let _ = self.call_engine(cluster, operation, call);
                self.call_engine(cluster, operation, call)
            }
            Bent::Pretend => {
                // It is applied, answered, and undone.
                let before = self
                    .read_item(call["TableName"].as_str().unwrap_or_default(), call["Key"].clone());
                let answer = self.call_engine(cluster, operation, call);
                let (undo, call) = match before {
                    Some(item) => {
                        ("PutItem", json!({ "TableName": call["TableName"], "Item": item }))
                    }
                    None => (
                        "DeleteItem",
                        json!({ "TableName": call["TableName"], "Key": call["Key"] }),
                    ),
                };
                let _ = self.call_engine(cluster, undo, &call);
                answer
            }
        }
    }

    fn read_item(&self, table: &str, key: Value) -> Option<Value> {
        let call = json!({ "TableName": table, "Key": key, "ConsistentRead": true });
        // If two engines differ, the next call will show it.
        let (_, mut answer) = self.engine.call("GetItem", &call).ok()?;
        answer.get_mut("Item").map(Value::take)
    }

    /// Reads the items that a write may have changed.
    fn read_touched(&self, request: &Request<Live>) -> TouchedItems {
        let mut touched = TouchedItems { slot: None, lease: None };
        if let Some(slot) = request.slot() {
            let id = request.partition();
            let key = json!({ "partitionId": { "S": id.as_str() }, "sequenceNumber": { "N": slot.to_string() } });
            let item = self.read_item(&self.names.events, key);
            touched.slot = item.map(|item| ((id.clone(), slot), item));
        }
        if let Some(group) = request.group() {
            let id = request.partition();
            let key = json!({ "consumerId": { "S": group.as_str() }, "partitionId": { "S": id.as_str() } });
            let item = self.read_item(&self.names.consumers, key);
            touched.lease = item.map(|item| ((group.clone(), id.clone()), item));
        }
        touched
    }

    /// Records what was written, for stale reads and for the stream.
    fn record_write(&self, request: &Request<Live>, status: u16, answer: &Value) {
        if status != 200 {
            return;
        }
        let (id, at) = (request.partition(), now());
        if let Some(slot) = request.slot() {
            lock(&self.history).record_slot((id.clone(), slot), at);
            self.stream.record(id, slot, at);
        }
        match request {
            Request::Raise(_) | Request::Claim { .. } => {
                if let Some(item) = answer.get("Attributes") {
                    lock(&self.history).record_partition(id.as_str(), item.clone(), at);
                }
            }
            Request::RaiseAndWrite { .. } => {
                self.record_partition(&json!({ "partitionId": { "S": id.as_str() } }));
            }
            _ => {}
        }
    }

    fn record_partition(&self, key: &Value) {
        let Some(id) = decode::text(key, "partitionId") else { return };
        if let Some(item) = self.read_item(&self.names.partitions, key.clone()) {
            lock(&self.history).record_partition(id, item, now());
        }
    }

    fn log(&self, cluster: &Cluster, call: &Attempt, did: String, reply: Option<&Reply<Live>>) {
        let answer = reply.map_or("an error".to_owned(), reply_words);
        self.write(cluster, call, did, answer, false);
    }

    fn log_unmodelled(&self, cluster: &Cluster, call: &Attempt, did: String, status: u16) {
        self.write(cluster, call, did, format!("{status}"), true);
    }

    fn write(&self, cluster: &Cluster, call: &Attempt, did: String, answer: String, looks: bool) {
        let fault = call.fault.map(Fault::name);
        let fault = match (call.copy, fault) {
            (true, _) if matches!(call.fault, Some(Fault::Late { .. })) => Some("late"),
            (true, _) => Some("duplicate"),
            // The original of a duplicate arrives as it should.
            (false, Some("duplicate")) => None,
            (false, fault) => fault,
        };
        let line = Line {
            step: 0,
            who: cluster.plan.name(call.node),
            did,
            answer: Some(answer),
            heard: is_heard(call),
            fault: fault.map(str::to_owned),
        };
        cluster.recorder().write(Entry { line, at: now(), looks });
    }
}

/// Whether the sender of a call gets its reply.
fn is_heard(call: &Attempt) -> bool {
    let unheard = matches!(
        call.fault,
        Some(Fault::LoseReply | Fault::CutReply | Fault::InternalAfter | Fault::Late { .. })
    );
    !unheard && !call.copy
}
