//! Requests to DynamoDB Streams: which partitions were written, according to the Events
//! table's stream.
//!
//! DynamoDB Streams is an API of its own with an SDK of its own, so it has its own client
//! beside the `Wire`.

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::error::{DisplayErrorContext, SdkError};
use aws_sdk_dynamodbstreams::operation::get_records::GetRecordsError;
use aws_sdk_dynamodbstreams::types::{AttributeValue, Record, ShardIteratorType, StreamStatus};
use gapless_model::Seq;

use super::names;
use crate::vocabulary::Hint;

/// Sends requests to DynamoDB Streams, about one table's stream.
#[derive(Clone, Debug)]
pub(crate) struct StreamsWire {
    client: Client,
    table: String,
}

/// Where in a shard a reader begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ShardStart {
    /// At its end: with what is written from now on.
    Now,
    /// At its oldest record that is still kept.
    Oldest,
}

/// What one read of a shard returns.
#[derive(Debug)]
pub(crate) struct ShardPage {
    /// The slots that were written, one for each record.
    pub(crate) written: Vec<Hint>,
    /// The iterator for the next read; none at the shard's end.
    pub(crate) next: Option<String>,
}

/// A request to DynamoDB Streams failed.
#[derive(Debug, thiserror::Error)]
#[error("{why}")]
pub(crate) struct StreamsError {
    why: String,
    iterator_is_gone: bool,
}

impl StreamsError {
    /// Whether the iterator can no longer be used: it lives for 15 minutes, and its records
    /// for 24 hours. Other failures leave it usable.
    pub(crate) fn iterator_is_gone(&self) -> bool {
        self.iterator_is_gone
    }
}

fn failed<
    E: std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
>(
    error: SdkError<E, R>,
) -> StreamsError {
    StreamsError { why: DisplayErrorContext(&error).to_string(), iterator_is_gone: false }
}

impl StreamsWire {
    pub(crate) fn new(client: Client, table: &str) -> StreamsWire {
        StreamsWire { client, table: table.to_owned() }
    }

    /// The name of the table whose stream is read.
    pub(crate) fn table(&self) -> &str {
        &self.table
    }

    /// Returns the ARNs of the table's streams. One that was disabled is listed for a day, beside the
    /// one that took its place.
    pub(crate) async fn stream_arns(&self) -> Result<Vec<String>, StreamsError> {
        let listed = self.client.list_streams().table_name(&self.table).send().await;
        let listed = listed.map_err(failed)?.streams.unwrap_or_default();
        Ok(listed.into_iter().filter_map(|stream| stream.stream_arn).collect())
    }

    /// Whether what is written now gets into a stream.
    pub(crate) async fn is_enabled(&self, arn: &str) -> Result<bool, StreamsError> {
        let answer = self.client.describe_stream().stream_arn(arn).limit(1).send().await;
        let status = answer.map_err(failed)?.stream_description.and_then(|it| it.stream_status);
        Ok(!matches!(status, Some(StreamStatus::Disabled | StreamStatus::Disabling)))
    }

    /// Returns the ids of all shards, page by page.
    pub(crate) async fn shards(&self, arn: &str) -> Result<Vec<String>, StreamsError> {
        let (mut known, mut from) = (Vec::new(), None);
        loop {
            let call = self.client.describe_stream().stream_arn(arn);
            let answer = call.set_exclusive_start_shard_id(from).send().await.map_err(failed)?;
            let Some(description) = answer.stream_description else { return Ok(known) };
            let ids = description.shards.into_iter().flatten().filter_map(|shard| shard.shard_id);
            known.extend(ids);
            from = description.last_evaluated_shard_id;
            if from.is_none() {
                return Ok(known);
            }
        }
    }

    /// Returns an iterator over a shard.
    pub(crate) async fn iterator(
        &self,
        arn: &str,
        shard: &str,
        start: ShardStart,
    ) -> Result<Option<String>, StreamsError> {
        let kind = match start {
            ShardStart::Now => ShardIteratorType::Latest,
            ShardStart::Oldest => ShardIteratorType::TrimHorizon,
        };
        let call = self.client.get_shard_iterator().stream_arn(arn).shard_id(shard);
        let answer = call.shard_iterator_type(kind).send().await.map_err(failed)?;
        Ok(answer.shard_iterator)
    }

    /// Reads the next records of a shard.
    pub(crate) async fn read_shard(&self, iterator: String) -> Result<ShardPage, StreamsError> {
        let read = self.client.get_records().shard_iterator(iterator).send().await;
        let answer = read.map_err(|error| {
            let iterator_is_gone = error.as_service_error().is_some_and(is_gone);
            StreamsError { iterator_is_gone, ..failed(error) }
        })?;
        let written = answer.records().iter().filter_map(written_slot).collect();
        Ok(ShardPage { written, next: answer.next_shard_iterator })
    }
}

fn is_gone(error: &GetRecordsError) -> bool {
    error.is_expired_iterator_exception() || error.is_trimmed_data_access_exception()
}

/// The slot that a record is about; its partition alone, if the number cannot be read.
fn written_slot(record: &Record) -> Option<Hint> {
    let keys = record.dynamodb()?.keys()?;
    let partition = match keys.get(names::PARTITION)? {
        AttributeValue::S(id) => id.parse().ok()?,
        _ => return None,
    };
    let slot = match keys.get(names::SEQ) {
        Some(AttributeValue::N(number)) => number.parse().ok().map(Seq),
        _ => None,
    };
    Some(match slot {
        Some(slot) => Hint::of_slot(partition, slot),
        None => Hint::of(partition),
    })
}
