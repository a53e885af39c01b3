//! The Events table's stream, as DynamoDB Streams shows it: the writes of a partition in
//! order and late, in shards that end and have successors, read by iterators that expire.

use std::sync::Mutex;
use std::time::Duration;

use gapless::TableNames;
use gapless_model::{PartitionId, Seq};
use serde_json::{Value, json};

use super::shared::Cluster;
use crate::moment::{lock, now};
use crate::plan::{Dice, Millis};

/// After how many writes all shards end and are succeeded by others.
const GENERATION: usize = 30;
/// How many shards are open at a time.
const ABREAST: usize = 2;
/// The maximum number of records in one answer.
const PAGE: usize = 10;

/// The stream of the Events table.
pub(super) struct EventsStream {
    table: String,
    written: Mutex<Vec<SlotWrite>>,
}

/// The write of a slot.
struct SlotWrite {
    partition: PartitionId,
    slot: Seq,
    at: Millis,
}

/// A position in the stream: a shard, the next record in it, and when the iterator expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct ShardIterator {
    shard: StreamShard,
    next: usize,
    expires: Millis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct StreamShard {
    generation: usize,
    lane: usize,
}

impl EventsStream {
    pub(super) fn new(names: &TableNames) -> EventsStream {
        EventsStream { table: names.events.clone(), written: Mutex::default() }
    }

    pub(super) fn record(&self, partition: &PartitionId, slot: Seq, at: Millis) {
        lock(&self.written).push(SlotWrite { partition: partition.clone(), slot, at });
    }

    /// The partitions of all writes from number `from` on, for a reader that reads all shards as
    /// one.
    pub(super) fn partitions_from(&self, from: usize) -> Vec<PartitionId> {
        let written = lock(&self.written);
        let fresh = written.get(from..).unwrap_or_default();
        fresh.iter().map(|written| written.partition.clone()).collect()
    }

    /// Answers a call to DynamoDB Streams; returns nothing for other calls.
    pub(super) fn answer(
        &self,
        cluster: &Cluster,
        operation: &str,
        call: &Value,
    ) -> Option<(u16, Value)> {
        match operation {
            "ListStreams" => Some((200, self.list(call))),
            "DescribeStream" => Some((200, self.describe(call))),
            "GetShardIterator" => Some(self.iterator(cluster, call)),
            "GetRecords" => Some(self.records(cluster, call)),
            _ => None,
        }
    }

    fn arn(&self) -> String {
        format!("arn:aws:dynamodb:sim:0:table/{}/stream/1", self.table)
    }

    fn list(&self, call: &Value) -> Value {
        let mine = call["TableName"].as_str().is_none_or(|table| table == self.table);
        let stream =
            json!({ "StreamArn": self.arn(), "TableName": self.table, "StreamLabel": "1" });
        json!({ "Streams": if mine { vec![stream] } else { Vec::new() } })
    }

    fn describe(&self, call: &Value) -> Value {
        let last = lock(&self.written).len() / GENERATION;
        let all = (0..=last)
            .flat_map(|generation| (0..ABREAST).map(move |lane| StreamShard { generation, lane }));
        let shards: Vec<Value> = all
            .map(|shard| {
                let mut shown = json!({ "ShardId": shard.id() });
                if let Some(generation) = shard.generation.checked_sub(1) {
                    shown["ParentShardId"] = StreamShard { generation, ..shard }.id().into();
                }
                shown
            })
            .collect();
        json!({ "StreamDescription": {
            "StreamArn": call["StreamArn"],
            "StreamStatus": "ENABLED",
            "Shards": shards,
        } })
    }

    fn iterator(&self, cluster: &Cluster, call: &Value) -> (u16, Value) {
        let Some(shard) = call["ShardId"].as_str().and_then(StreamShard::parse) else {
            return error("ResourceNotFoundException", "Requested resource not found");
        };
        let next = match call["ShardIteratorType"].as_str() {
            Some("LATEST") => lock(&self.written).len().max(shard.start()),
            _ => shard.start(),
        };
        let iterator = ShardIterator { shard, next, expires: expiry(cluster) };
        (200, json!({ "ShardIterator": iterator.encode() }))
    }

    fn records(&self, cluster: &Cluster, call: &Value) -> (u16, Value) {
        let Some(iterator) = call["ShardIterator"].as_str().and_then(ShardIterator::parse) else {
            return error("ValidationException", "Invalid ShardIterator");
        };
        if now() > iterator.expires {
            cluster.recorder().mark("an iterator of the table's stream expires");
            return error("ExpiredIteratorException", "Iterator expired");
        }
        let shard = iterator.shard;
        let lag = shard.lag(cluster);
        let written = lock(&self.written);
        let end = shard.end().min(written.len());
        let (mut next, mut records) = (iterator.next, Vec::new());
        while next < end && records.len() < PAGE && written[next].at.0 + lag.0 <= now().0 {
            if StreamShard::lane(&written[next].partition) == shard.lane {
                records.push(written[next].to_json());
            }
            next += 1;
        }
        let mut answer = json!({ "Records": records });
        if next < shard.end() {
            let next = ShardIterator { next, expires: expiry(cluster), ..iterator };
            answer["NextShardIterator"] = next.encode().into();
        } else {
            cluster.recorder().mark("a shard of the table's stream is read to its end");
        }
        (200, answer)
    }
}

impl SlotWrite {
    fn to_json(&self) -> Value {
        json!({
            "eventID": format!("{}/{}", self.partition, self.slot),
            "eventName": "INSERT",
            "dynamodb": { "Keys": {
                "partitionId": { "S": self.partition.as_str() },
                "sequenceNumber": { "N": self.slot.to_string() },
            } },
        })
    }
}

impl StreamShard {
    /// Which of the open shards a partition's writes go to.
    fn lane(partition: &PartitionId) -> usize {
        partition.as_str().bytes().map(usize::from).sum::<usize>() % ABREAST
    }

    fn start(self) -> usize {
        self.generation * GENERATION
    }

    fn end(self) -> usize {
        self.start() + GENERATION
    }

    /// How far the shard is behind the table.
    fn lag(self, cluster: &Cluster) -> Millis {
        let path = [11, self.generation as u64, self.lane as u64];
        Millis(Dice::at(cluster.plan.seed, &path).between(20, 800))
    }

    fn id(self) -> String {
        format!("shardId-{:08}-{}", self.generation, self.lane)
    }

    fn parse(id: &str) -> Option<StreamShard> {
        let (generation, lane) = id.strip_prefix("shardId-")?.split_once('-')?;
        Some(StreamShard { generation: generation.parse().ok()?, lane: lane.parse().ok()? })
    }
}

impl ShardIterator {
    fn encode(self) -> String {
        format!("{}|{}|{}", self.shard.id(), self.next, self.expires.0)
    }

    fn parse(name: &str) -> Option<ShardIterator> {
        let [shard, next, expires] = name.split('|').collect::<Vec<_>>().try_into().ok()?;
        let expires = Millis(expires.parse().ok()?);
        Some(ShardIterator { shard: StreamShard::parse(shard)?, next: next.parse().ok()?, expires })
    }
}

/// Iterators live for 15 minutes, or for so short a time that they expire now and then.
fn expiry(cluster: &Cluster) -> Millis {
    let troubled = cluster.injector.is_troubled() && !cluster.injector.is_healed();
    let span = if troubled { Duration::from_secs(1) } else { Duration::from_secs(900) };
    now().plus(span.into())
}

fn error(kind: &str, message: &str) -> (u16, Value) {
    let space = "com.amazonaws.dynamodb.v20120810";
    (400, json!({ "__type": format!("{space}#{kind}"), "message": message }))
}
