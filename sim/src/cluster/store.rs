//! The store behind its node: applies calls to the engine one after another, shows each to
//! the judges, and makes reads stale and batches incomplete, which no engine does by itself.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Mutex;

use gapless::{Group, Live, TableNames};
use gapless_model::log::Line;
use gapless_model::store::{Reply, Request, reply_words};
use gapless_model::{PartitionId, Seq};
use serde_json::{Value, json};

use super::ambush::moment_of;
use super::attempt::{Attempt, HttpReply, call_kind, describe_request, names, table_name};
use super::bend::{Bend as _, Bent};
use super::history::{History, written};
use super::recorder::Entry;
use super::replica::{self, Lag, Replica};
use super::shared::Cluster;
use super::stream::EventsStream;
use crate::cell::Cell;
use crate::decode::{self, Source};
use crate::engine::{EngineKind, StorageEngine};
use crate::judge::{AppliedCall, Breach, Finding};
use crate::moment::{lock, now};
use crate::plan::{CallKind, Dice, Fault, Millis, PREFIX, StorePart};

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
    pub(crate) fn new(kind: EngineKind, seed: u64) -> Store {
        let names = TableNames::prefixed(PREFIX);
        Store {
            engine: StorageEngine::new(kind),
            stream: EventsStream::new(&names, seed),
            names,
            history: Mutex::default(),
        }
    }

    /// Whether a call reads or writes a part of the store.
    pub(super) fn is_about(&self, call: &Attempt, part: StorePart) -> bool {
        let table = match part {
            StorePart::Partitions => &self.names.partitions,
            StorePart::Events => &self.names.events,
            StorePart::Consumers => &self.names.consumers,
            StorePart::Stream => return EventsStream::serves(&call.operation),
        };
        call_kind(&call.operation, None) != CallKind::Other && names(&call.call, table)
    }

    /// Applies a call, and shows it to the judges.
    pub(super) fn execute(&self, cluster: &Cluster, call: &Attempt, dice: &mut Dice) -> HttpReply {
        let operation = call.operation.as_str();
        let (json, read) = (&call.call, call.read);
        let request = decode::request(&self.names, operation, json);
        let lag = lag_of(cluster, call, request.as_ref());
        let mutant = cluster.plan.mutant;

        let mut sent = if lag.is_some() { replica::asked(json) } else { Cow::Borrowed(json) };
        if let (Some(most), Some(Request::ReadEvents { .. })) = (cluster.plan.page, &request) {
            let limit = json.get("Limit").and_then(Value::as_u64).unwrap_or(u64::MAX);
            Cow::to_mut(&mut sent)["Limit"] = limit.min(most.get().into()).into();
        }
        let bent = mutant
            .map_or(Bent::Sent, |mutant| mutant.bend_request(operation, Cow::to_mut(&mut sent)));
        let (mut status, mut answer) = self
            .stream
            .answer(cluster, call)
            .unwrap_or_else(|| self.call_engine_bent(cluster, operation, &sent, bent));
        self.record_versions(operation, &sent);
        let missed = self.degrade(cluster, call, lag, &mut answer);
        if call.fault == Some(Fault::Unprocessed) && operation == "BatchGetItem" {
            self.leave_undone(&mut answer, dice);
        }
        self.count(cluster, call, request.as_ref(), status == 200);

        if let Some(request) = &request {
            let touched = self.touched(request);
            self.record_write(request, status);
            let reply = decode::reply(request, status, &answer);
            let applied = AppliedCall {
                at: now(),
                node: call.node,
                attempt: call.number,
                request,
                heard: is_heard(call),
                missed: &missed,
                token: json["ClientRequestToken"].as_str(),
                producers: &cluster.producers,
                reply: reply.as_ref(),
                status,
                answer: &answer,
                slot: touched.slot.as_ref().map(|(key, item)| (key, item)),
                lease: touched.lease.as_ref().map(|(key, item)| (key, item)),
            };
            self.log(cluster, call, describe_request(request), reply.as_ref());
            let cell = Cell::applied(request, struck(call), reply.as_ref());
            cluster.recorder().cells.insert(cell);
            let judgement = cluster.recorder().judge.judge_call(&applied);
            cluster.record_judgement(judgement);
            if let (Request::Renew { .. }, Some(Reply::Refused { .. })) = (request, &reply) {
                cluster.recorder().mark("a renewal is refused");
            }
            let moment =
                reply.as_ref().and_then(|reply| moment_of(&cluster.plan.design, request, reply));
            if let Some(moment) = moment {
                cluster.ambushes.note(now(), call.node, moment);
            }
        } else {
            let did = format!("{operation} {}", table_name(json));
            self.log_unmodelled(cluster, call, did, status);
        }
        if let Some(read) = read {
            let judgement =
                cluster.recorder().judge.judge_read(now(), call.node, read, request.as_ref());
            cluster.record_judgement(judgement);
        }
        if let Some(mutant) = mutant {
            mutant.bend_answer(operation, json, &mut status, &mut answer);
        }
        HttpReply { status, body: serde_json::to_vec(&answer).unwrap_or_default() }
    }

    /// Counts a call that the engine answered.
    fn count(
        &self,
        cluster: &Cluster,
        call: &Attempt,
        request: Option<&Request<Live>>,
        done: bool,
    ) {
        let mut recorder = cluster.recorder();
        recorder.requests += 1;
        let kind = call_kind(&call.operation, call.read);
        recorder.judge.costs.note_call(call.node, kind, request, done);
        // A copy was sent before there was nothing to do.
        if !call.copy {
            let did = || call.describe(request).0;
            let writes = kind == CallKind::Write;
            recorder.judge.idleness.note_call(now(), call.node, writes, did);
        }
    }

    /// Changes the answer to an eventually consistent read into that of a replica or an index that
    /// is behind, and returns the slots that it misses.
    fn degrade(
        &self,
        cluster: &Cluster,
        call: &Attempt,
        lag: Option<Lag>,
        answer: &mut Value,
    ) -> BTreeSet<Seq> {
        let (Some(read), Some(lag)) = (call.read, lag) else { return BTreeSet::new() };
        let slots = |answer: &Value| -> BTreeSet<Seq> {
            let items = answer["Items"].as_array().into_iter().flatten();
            items.filter_map(|item| Some(decode::slot_key(item)?.1)).collect()
        };
        let (all, latest) = (slots(answer), answer.clone());
        let path = [15, u64::from(call.node.0), u64::from(call.number), u64::from(call.copy)];
        let replica = Replica {
            history: &lock(&self.history),
            source: read.source,
            lag,
            now: now(),
            dice: Dice::at(cluster.plan.seed, &path),
        };
        replica.answer(&call.operation, &call.call, answer);
        if *answer != latest {
            cluster.recorder().mark("a read shows what has changed since");
        }
        &all - &slots(answer)
    }

    /// Records what a call made of the items that it may have written.
    fn record_versions(&self, operation: &str, sent: &Value) {
        for (source, key) in written(&self.names, operation, sent) {
            let table = match source {
                Source::Partitions | Source::Index => &self.names.partitions,
                Source::Events => &self.names.events,
                Source::Consumers => &self.names.consumers,
            };
            let item = self.read_item(table, key.clone());
            lock(&self.history).record(source, &key, item, now());
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

    /// The items that a write may have changed, as they are now.
    fn touched(&self, request: &Request<Live>) -> TouchedItems {
        let history = lock(&self.history);
        let id = request.partition();
        let slot = request.slot().and_then(|slot| {
            let key = json!({
                "partitionId": { "S": id.as_str() },
                "sequenceNumber": { "N": slot.to_string() },
            });
            let item = history.latest(Source::Events, &key)?;
            Some(((id.clone(), slot), item.clone()))
        });
        let lease = request.group().and_then(|group| {
            let key = json!({
                "consumerId": { "S": group.as_str() },
                "partitionId": { "S": id.as_str() },
            });
            let item = history.latest(Source::Consumers, &key)?;
            Some(((group.clone(), id.clone()), item.clone()))
        });
        TouchedItems { slot, lease }
    }

    /// Records what was written, for the table's stream.
    fn record_write(&self, request: &Request<Live>, status: u16) {
        if status == 200
            && let Some(slot) = request.slot()
        {
            self.stream.record(request.partition(), slot, now());
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
        let fault = struck(call);
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

/// The fault that struck what arrived: the original of a duplicate arrives as it should.
fn struck(call: &Attempt) -> Option<&'static str> {
    match (call.copy, call.fault) {
        (true, Some(Fault::Late { .. })) => Some("late"),
        (true, _) => Some("duplicate"),
        (false, Some(Fault::Duplicate { .. })) => None,
        (false, fault) => fault.map(Fault::name),
    }
}

/// How far the answer to a read is behind the table, if it is.
fn lag_of(cluster: &Cluster, call: &Attempt, request: Option<&Request<Live>>) -> Option<Lag> {
    let staggered = cluster.plan.mutant.is_some_and(|mutant| mutant.makes_reads_stale());
    match (call.fault, request) {
        (Some(Fault::Stale { by, one }), _) if !call.read?.consistent => {
            Some(Lag { by, each: one })
        }
        (_, Some(Request::ReadEvents { .. })) if staggered => {
            Some(Lag { by: Millis(500), each: false })
        }
        _ => None,
    }
}

/// Whether the sender of a call gets its reply.
fn is_heard(call: &Attempt) -> bool {
    let unheard = matches!(
        call.fault,
        Some(
            Fault::LoseReply
                | Fault::CutReply
                | Fault::BreakConnection
                | Fault::InternalAfter
                | Fault::Late { .. }
        )
    );
    !unheard && !call.copy
}
