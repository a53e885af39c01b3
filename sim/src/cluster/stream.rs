//! The Events table's stream, as DynamoDB Streams shows it: the writes of a partition in
//! order and late, in shards that end and have successors, read by iterators that expire. Old records
//! are trimmed, and the list of shards comes in pages.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gapless::TableNames;
use gapless_model::{PartitionId, Seq};
use serde_json::{Value, json};

use super::attempt::Attempt;
use super::shared::Cluster;
use super::subscribers::Subscribers;
use crate::moment::{lock, now};
use crate::plan::{Dice, Millis};

/// How many shards are open at a time.
const ABREAST: usize = 2;

/// The label of the stream at work.
const ENABLED: u8 = 1;

/// The label of one that was disabled before. What it has can be read for a day; here that is one
/// shard, with nothing in it.
const DISABLED: u8 = 0;

/// The shard of the disabled stream, and its only iterator.
const CLOSED: &str = "shardId-closed";

/// The stream of the Events table.
pub(super) struct EventsStream {
    table: String,
    shape: Shape,
    written: Mutex<Vec<SlotWrite>>,
    /// How many of the writes are trimmed.
    trimmed: AtomicUsize,
    subscribers: Subscribers,
}

/// How long shards and answers are, drawn for each seed.
#[derive(Clone, Copy)]
struct Shape {
    /// After how many writes all shards end and are succeeded by others.
    generation: usize,
    /// The maximum number of records in one answer.
    page: usize,
    /// The maximum number of shards in one answer. DynamoDB has 100.
    shards: usize,
    /// How often a second its shards can be asked for: up to ten times, and what others of the
    /// account leave of that.
    descriptions: usize,
    /// How many processes can read a shard at the same time: [two][readers], and what others of the
    /// account leave of that.
    ///
    /// [readers]: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
    readers: usize,
}

impl Shape {
    fn drawn(seed: u64) -> Shape {
        let mut dice = Dice::at(seed, &[43]);
        // Shards last for hours, and a run for seconds: some end in it, and some do not.
        let generation = *dice.pick(&[12, 30, 30, 60, 500]);
        let page = *dice.pick(&[3, 10, 10, 100]);
        let (shards, descriptions) = (*dice.pick(&[1, 3, 3]), dice.between(3, 10) as usize);
        let readers = *dice.pick(&[1, 2]);
        Shape { generation, page, shards, descriptions, readers }
    }
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
    /// The number of writes of a generation.
    length: usize,
}

impl EventsStream {
    pub(super) fn new(names: &TableNames, seed: u64) -> EventsStream {
        EventsStream {
            table: names.events.clone(),
            shape: Shape::drawn(seed),
            written: Mutex::default(),
            trimmed: AtomicUsize::new(0),
            subscribers: Subscribers::default(),
        }
    }

    /// Whether an operation is one of DynamoDB Streams.
    pub(super) fn serves(operation: &str) -> bool {
        matches!(operation, "ListStreams" | "DescribeStream" | "GetShardIterator" | "GetRecords")
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
    pub(super) fn answer(&self, cluster: &Cluster, attempt: &Attempt) -> Option<(u16, Value)> {
        let call = &attempt.call;
        match attempt.operation.as_str() {
            "ListStreams" => Some((200, self.list(cluster, call))),
            "DescribeStream" if !self.may_be_described(cluster) => {
                cluster.recorder().mark("the table's stream is asked for its shards too often");
                Some(error("LimitExceededException", "Too many operations for a given subscriber"))
            }
            "DescribeStream" => Some((200, self.describe(cluster, call))),
            "GetShardIterator" => Some(self.iterator(cluster, call)),
            "GetRecords" => Some(self.records(cluster, attempt)),
            _ => None,
        }
    }

    /// Whether its shards can be asked for once more. A list of shards has more pages here than it
    /// would have in DynamoDB, so without faults nothing is refused.
    fn may_be_described(&self, cluster: &Cluster) -> bool {
        !cluster.injector.is_striking() || self.subscribers.may_describe(self.shape.descriptions)
    }

    fn arn(&self, label: u8) -> String {
        format!("arn:aws:dynamodb:sim:0:table/{}/stream/{label}", self.table)
    }

    /// Lists the stream; in some runs behind one that was disabled, which is listed for a day.
    fn list(&self, cluster: &Cluster, call: &Value) -> Value {
        let mine = call["TableName"].as_str().is_none_or(|table| table == self.table);
        let had_another = Dice::at(cluster.plan.seed, &[28]).percent(30);
        let labels = if had_another { vec![DISABLED, ENABLED] } else { vec![ENABLED] };
        let stream = |label: u8| {
            let arn = self.arn(label);
            json!({ "StreamArn": arn, "TableName": self.table, "StreamLabel": label.to_string() })
        };
        let all: Vec<Value> = labels.into_iter().map(stream).collect();
        json!({ "Streams": if mine { all } else { Vec::new() } })
    }

    /// How many of the writes are trimmed by now. DynamoDB trims after a day. Here it is so soon that
    /// readers meet it now and then, but not before a shard can have shown the record.
    fn trim(&self, cluster: &Cluster) -> usize {
        if cluster.injector.is_striking() {
            let kept = Millis(Dice::at(cluster.plan.seed, &[29]).between(1_000, 3_000));
            let written = lock(&self.written);
            let trimmed = written.iter().take_while(|it| it.at.plus(kept) < now()).count();
            self.trimmed.fetch_max(trimmed, Ordering::Relaxed);
        }
        self.trimmed.load(Ordering::Relaxed)
    }

    fn describe(&self, cluster: &Cluster, call: &Value) -> Value {
        if call["StreamArn"] == self.arn(DISABLED) {
            let range = json!({ "StartingSequenceNumber": "1", "EndingSequenceNumber": "2" });
            let closed = json!({ "ShardId": CLOSED, "SequenceNumberRange": range });
            return json!({ "StreamDescription": {
                "StreamArn": call["StreamArn"],
                "StreamStatus": "DISABLED",
                "Shards": [closed],
            } });
        }
        let Shape { generation: length, shards: shown, .. } = self.shape;
        let newest = lock(&self.written).len() / length;
        let trimmed = self.trim(cluster);
        let all = (0..=newest)
            .flat_map(|generation| {
                (0..ABREAST).map(move |lane| StreamShard { generation, lane, length })
            })
            .filter(|shard| shard.end() > trimmed);
        let from = call["ExclusiveStartShardId"].as_str().unwrap_or_default();
        let most = call["Limit"].as_u64().map_or(shown, |limit| shown.min(limit as usize));
        let mut rest = all.filter(|shard| shard.id().as_str() > from);
        let page: Vec<StreamShard> = rest.by_ref().take(most).collect();
        let last = page.last().map(|shard| shard.id()).filter(|_| rest.next().is_some());
        let shards: Vec<Value> = page
            .iter()
            .map(|shard| {
                let mut shown = json!({ "ShardId": shard.id() });
                if let Some(generation) = shard.generation.checked_sub(1) {
                    shown["ParentShardId"] = StreamShard { generation, ..*shard }.id().into();
                }
                shown
            })
            .collect();
        let mut description = json!({
            "StreamArn": call["StreamArn"],
            "StreamStatus": "ENABLED",
            "Shards": shards,
        });
        if let Some(last) = last {
            cluster.recorder().mark("the list of a stream's shards has another page");
            description["LastEvaluatedShardId"] = last.into();
        }
        json!({ "StreamDescription": description })
    }

    fn iterator(&self, cluster: &Cluster, call: &Value) -> (u16, Value) {
        if call["StreamArn"] == self.arn(DISABLED) && call["ShardId"] == CLOSED {
            return (200, json!({ "ShardIterator": CLOSED }));
        }
        let length = self.shape.generation;
        let Some(shard) = call["ShardId"].as_str().and_then(|id| StreamShard::parse(id, length))
        else {
            return error("ResourceNotFoundException", "Requested resource not found");
        };
        let trimmed = self.trim(cluster);
        if shard.end() <= trimmed {
            return error("ResourceNotFoundException", "Requested resource not found");
        }
        let next = match call["ShardIteratorType"].as_str() {
            Some("LATEST") => lock(&self.written).len().max(shard.start()),
            _ => shard.start().max(trimmed),
        };
        let iterator = ShardIterator { shard, next, expires: expiry(cluster) };
        (200, json!({ "ShardIterator": iterator.encode() }))
    }

    fn records(&self, cluster: &Cluster, attempt: &Attempt) -> (u16, Value) {
        let iterator = attempt.call["ShardIterator"].as_str();
        if iterator == Some(CLOSED) {
            return (200, json!({ "Records": [] }));
        }
        let Shape { generation: length, page, .. } = self.shape;
        let Some(iterator) = iterator.and_then(|name| ShardIterator::parse(name, length)) else {
            return error("ValidationException", "Invalid ShardIterator");
        };
        if now() > iterator.expires {
            cluster.recorder().mark("an iterator of the table's stream expires");
            return error("ExpiredIteratorException", "Iterator expired");
        }
        if iterator.next < self.trim(cluster) {
            cluster.recorder().mark("a record of the table's stream is trimmed before it is read");
            let message =
                "The operation attempted to read past the oldest stream record in a shard";
            return error("TrimmedDataAccessException", message);
        }
        let shard = iterator.shard;
        let may_read = || self.subscribers.may_read(shard.id(), attempt.node, self.shape.readers);
        if cluster.injector.is_striking() && !may_read() {
            cluster.recorder().mark("a shard of the table's stream has too many readers");
            return error("LimitExceededException", "Too many readers of a shard");
        }
        let lag = shard.lag(cluster);
        let written = lock(&self.written);
        let end = shard.end().min(written.len());
        let (mut next, mut records) = (iterator.next, Vec::new());
        while next < end && records.len() < page && written[next].at.0 + lag.0 <= now().0 {
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
        self.generation * self.length
    }

    fn end(self) -> usize {
        self.start() + self.length
    }

    /// How far the shard is behind the table.
    fn lag(self, cluster: &Cluster) -> Millis {
        let path = [11, self.generation as u64, self.lane as u64];
        Millis(Dice::at(cluster.plan.seed, &path).between(20, 800))
    }

    fn id(self) -> String {
        format!("shardId-{:08}-{}", self.generation, self.lane)
    }

    fn parse(id: &str, length: usize) -> Option<StreamShard> {
        let (generation, lane) = id.strip_prefix("shardId-")?.split_once('-')?;
        Some(StreamShard { generation: generation.parse().ok()?, lane: lane.parse().ok()?, length })
    }
}

impl ShardIterator {
    fn encode(self) -> String {
        format!("{}|{}|{}", self.shard.id(), self.next, self.expires.0)
    }

    fn parse(name: &str, length: usize) -> Option<ShardIterator> {
        let [shard, next, expires] = name.split('|').collect::<Vec<_>>().try_into().ok()?;
        let shard = StreamShard::parse(shard, length)?;
        let expires = Millis(expires.parse().ok()?);
        Some(ShardIterator { shard, next: next.parse().ok()?, expires })
    }
}

/// Iterators live for 15 minutes, or for so short a time that they expire now and then.
fn expiry(cluster: &Cluster) -> Millis {
    let span = if cluster.injector.is_striking() {
        Duration::from_secs(1)
    } else {
        Duration::from_secs(900)
    };
    now().plus(span.into())
}

fn error(kind: &str, message: &str) -> (u16, Value) {
    let space = "com.amazonaws.dynamodb.v20120810";
    (400, json!({ "__type": format!("{space}#{kind}"), "message": message }))
}
