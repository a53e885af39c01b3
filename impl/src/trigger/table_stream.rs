//! Hints from the Events table's own stream: a reader of DynamoDB Streams.
//!
//! No more than two processes should read one shard of a table's stream, so this
//! is for a worker or two, not for hundreds. Where nobody reads it, or where it
//! lags, sweeps find the work all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::operation::get_records::{GetRecordsError, GetRecordsOutput};
use aws_sdk_dynamodbstreams::types::{AttributeValue, ShardIteratorType};
use futures_util::lock::Mutex;
use gapless_model::PartitionId;

use super::hints::{Hints, Trigger};
use crate::stream::Stream;
use crate::vocabulary::{Backoff, Clock, SetupError};
use crate::wire::names;

/// Reads which partitions were written from the Events table's stream.
pub struct TableStream {
    client: Client,
    table: String,
    clock: Clock,
    interval: Duration,
    shards: Mutex<Shards>,
}

impl fmt::Debug for TableStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableStream").field("table", &self.table).finish_non_exhaustive()
    }
}

/// Where the reader stands. A wait for hints can be dropped at any time, so what is read
/// is noted here before anything else is waited for.
#[derive(Debug, Default)]
struct Shards {
    stream: Option<String>,
    iterators: BTreeMap<String, String>,
    /// Shards that are read to their end.
    ended: BTreeSet<String>,
    /// Shards whose iterator expired: what they held meanwhile is for the sweeps.
    expired: BTreeSet<String>,
    started: bool,
    /// Heard, and not handed out yet.
    heard: BTreeSet<PartitionId>,
}

impl Shards {
    fn hear(&mut self, shard: String, answer: GetRecordsOutput) {
        for record in answer.records() {
            let keys = record.dynamodb().and_then(|change| change.keys());
            let id = keys.and_then(|keys| keys.get(names::PARTITION));
            if let Some(AttributeValue::S(id)) = id
                && let Ok(id) = id.parse()
            {
                self.heard.insert(id);
            }
        }
        match answer.next_shard_iterator {
            Some(next) => drop(self.iterators.insert(shard, next)),
            None => {
                self.iterators.remove(&shard);
                self.ended.insert(shard);
            }
        }
    }

    /// An iterator lives for a quarter of an hour; any other failure leaves it good.
    fn fail(&mut self, shard: String, error: &GetRecordsError) {
        if error.is_expired_iterator_exception() || error.is_trimmed_data_access_exception() {
            self.iterators.remove(&shard);
            self.expired.insert(shard);
        }
    }
}

impl TableStream {
    /// A reader of the stream's Events table, from now on.
    ///
    /// # Errors
    /// [`SetupError`] if the stream's client cannot sleep.
    pub fn new(client: Client, stream: &Stream) -> Result<TableStream, SetupError> {
        Ok(TableStream {
            client,
            table: stream.wire().tables().events.clone(),
            clock: Clock::of(stream.wire().client())?,
            interval: Duration::from_millis(250),
            shards: Mutex::default(),
        })
    }

    /// One look at every shard; an error only if nothing was heard.
    async fn look(&self) -> Result<BTreeSet<PartitionId>, aws_sdk_dynamodbstreams::Error> {
        let mut shards = self.shards.lock().await;
        let mut failed = self.find_shards(&mut shards).await.err();
        for (shard, iterator) in shards.iterators.clone() {
            match self.client.get_records().shard_iterator(iterator).send().await {
                Ok(answer) => shards.hear(shard, answer),
                Err(error) => {
                    if let Some(error) = error.as_service_error() {
                        shards.fail(shard, error);
                    }
                    failed = Some(error.into());
                }
            }
        }
        match (std::mem::take(&mut shards.heard), failed) {
            (heard, Some(error)) if heard.is_empty() => Err(error),
            (heard, _) => Ok(heard),
        }
    }

    async fn find_shards(&self, shards: &mut Shards) -> Result<(), aws_sdk_dynamodbstreams::Error> {
        let arn = match &shards.stream {
            Some(arn) => arn.clone(),
            None => {
                let listed = self.client.list_streams().table_name(&self.table).send().await?;
                let found = listed.streams().iter().find_map(|stream| stream.stream_arn());
                let Some(arn) = found else { return Ok(()) };
                shards.stream = Some(arn.to_owned());
                arn.to_owned()
            }
        };
        for id in &self.described(&arn).await? {
            if shards.iterators.contains_key(id) || shards.ended.contains(id) {
                continue;
            }
            // What was there before is for the first sweep; a shard that comes later is read whole.
            let kind = match shards.started && !shards.expired.contains(id) {
                false => ShardIteratorType::Latest,
                true => ShardIteratorType::TrimHorizon,
            };
            let call = self.client.get_shard_iterator().stream_arn(&arn).shard_id(id);
            let answer = call.shard_iterator_type(kind).send().await?;
            if let Some(iterator) = answer.shard_iterator {
                shards.iterators.insert(id.clone(), iterator);
                shards.expired.remove(id);
            }
        }
        shards.started = true;
        Ok(())
    }

    /// The ids of all shards, a page after the other.
    async fn described(&self, arn: &str) -> Result<Vec<String>, aws_sdk_dynamodbstreams::Error> {
        let (mut known, mut from) = (Vec::new(), None);
        loop {
            let call = self.client.describe_stream().stream_arn(arn);
            let answer = call.set_exclusive_start_shard_id(from).send().await?;
            let Some(description) = answer.stream_description else { return Ok(known) };
            let ids = description.shards.into_iter().flatten().filter_map(|shard| shard.shard_id);
            known.extend(ids);
            from = description.last_evaluated_shard_id;
            if from.is_none() {
                return Ok(known);
            }
        }
    }
}

impl Trigger for TableStream {
    fn next(&self) -> Hints<'_> {
        Box::pin(async {
            let mut backoff = Backoff::new(self.interval);
            loop {
                match self.look().await {
                    Ok(heard) if heard.is_empty() => self.clock.sleep(self.interval).await,
                    Ok(heard) => return heard.into_iter().collect(),
                    Err(error) => {
                        tracing::debug!(%error, "the table's stream cannot be read; sweeps go on");
                        self.clock.sleep(backoff.next()).await;
                    }
                }
            }
        })
    }
}
