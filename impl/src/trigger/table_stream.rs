//! Hints from the Events table's own stream: a reader of DynamoDB Streams.
//!
//! No more than two processes should read one shard of a table's stream, so this
//! is for a worker or two, not for hundreds. Where nobody reads it, or where it
//! lags, sweeps find the work all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{AttributeValue, ShardIteratorType};
use futures_util::lock::Mutex;
use gapless_model::PartitionId;

use super::{Hints, Trigger};
use crate::clock::{Backoff, Clock};
use crate::error::SetupError;
use crate::stream::Stream;
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

/// Where the reader stands in each shard.
#[derive(Debug, Default)]
struct Shards {
    stream: Option<String>,
    iterators: BTreeMap<String, String>,
    /// Shards that are read to their end.
    ended: BTreeSet<String>,
    started: bool,
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

    /// One look at every shard.
    async fn look(&self) -> Result<BTreeSet<PartitionId>, aws_sdk_dynamodbstreams::Error> {
        let mut shards = self.shards.lock().await;
        self.find_shards(&mut shards).await?;
        let mut heard = BTreeSet::new();
        for (shard, iterator) in std::mem::take(&mut shards.iterators) {
            let answer = match self.client.get_records().shard_iterator(iterator).send().await {
                Ok(answer) => answer,
                // An iterator lives for a quarter of an hour: look for the shard anew.
                Err(error) => {
                    shards.started = false;
                    return Err(error.into());
                }
            };
            for record in answer.records() {
                let keys = record.dynamodb().and_then(|change| change.keys());
                let id = keys.and_then(|keys| keys.get(names::PARTITION));
                if let Some(AttributeValue::S(id)) = id
                    && let Ok(id) = id.parse()
                {
                    heard.insert(id);
                }
            }
            match answer.next_shard_iterator {
                Some(next) => drop(shards.iterators.insert(shard, next)),
                None => drop(shards.ended.insert(shard)),
            }
        }
        Ok(heard)
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
        let described = self.client.describe_stream().stream_arn(&arn).send().await?;
        let description = described.stream_description();
        let known = description.map(|description| description.shards()).unwrap_or_default();
        for id in known.iter().filter_map(|shard| shard.shard_id()) {
            if shards.iterators.contains_key(id) || shards.ended.contains(id) {
                continue;
            }
            // What was there before is for the first sweep; a shard that comes later is read whole.
            let kind = match shards.started {
                false => ShardIteratorType::Latest,
                true => ShardIteratorType::TrimHorizon,
            };
            let call = self.client.get_shard_iterator().stream_arn(&arn).shard_id(id);
            let answer = call.shard_iterator_type(kind).send().await?;
            if let Some(iterator) = answer.shard_iterator {
                shards.iterators.insert(id.to_owned(), iterator);
            }
        }
        shards.started = true;
        Ok(())
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
