//! Hints from the Events table's own stream, read over DynamoDB Streams.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use aws_sdk_dynamodbstreams::Client;
use futures_util::lock::Mutex;
use gapless_model::Time;

use super::hints::{Hints, Trigger};
use crate::stream::Stream;
use crate::vocabulary::{Backoff, Clock, Hint, SetupError, Timestamp, Waiting};
use crate::wire::{ShardPage, ShardStart, StreamsError, StreamsWire};

/// Reads from the Events table's stream which partitions were written.
///
/// The table has one only if [`Config::table_stream`](crate::Config::table_stream) asked for it.
///
/// No more than two processes should read one shard of a table's stream, so this is for
/// a worker or two, not for hundreds. Where it lags or fails, sweeps find the work.
///
/// It looks at every shard every 250 ms while there is nothing new, with a `GetRecords` request
/// for each open shard. Every ten seconds, and when a shard ends, it asks for the list of shards,
/// with a `DescribeStream` request for each page. That costs no capacity of the table.
pub struct TableStream {
    wire: StreamsWire,
    clock: Clock,
    interval: Duration,
    shards: Mutex<Shards>,
}

impl fmt::Debug for TableStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TableStream").field("table", &self.wire.table()).finish_non_exhaustive()
    }
}

/// The reader's progress. A wait for hints can be dropped at any time, so what is read is
/// kept here before anything else is awaited.
#[derive(Debug, Default)]
struct Shards {
    stream: Option<String>,
    iterators: BTreeMap<String, String>,
    /// Shards that are read to their end.
    ended: BTreeSet<String>,
    /// Shards whose iterator expired once: a new one begins with what is written from then on.
    expired: BTreeSet<String>,
    started: bool,
    /// Whether it was said that the table has no stream.
    warned: bool,
    /// When the list of shards is asked for again.
    next_list: Timestamp,
    /// What was written, and is not handed out yet.
    written: Waiting,
}

impl Shards {
    fn keep(&mut self, shard: String, page: ShardPage) {
        page.written.into_iter().for_each(|hint| self.written.add(hint));
        match page.next {
            Some(next) => drop(self.iterators.insert(shard, next)),
            None => {
                self.iterators.remove(&shard);
                self.ended.insert(shard);
                // Its children are there by now.
                self.next_list = Timestamp::default();
            }
        }
    }

    fn keep_failure(&mut self, shard: String, error: &StreamsError) {
        if error.iterator_is_gone() {
            self.iterators.remove(&shard);
            self.expired.insert(shard);
            self.next_list = Timestamp::default();
        }
    }
}

impl TableStream {
    const LIST_EVERY: Duration = Duration::from_secs(10);

    /// Creates a reader of `stream`'s Events table. It hints at what is written from its
    /// first look on; what was there before is found by the worker's first sweep.
    ///
    /// `client` must reach the same DynamoDB as the stream's own client. Without a stream of the
    /// table there are no hints, and a warning in the log:
    /// [`Stream::has_table_stream`] tells before.
    ///
    /// # Errors
    /// Returns [`SetupError::Client`] if the stream's own client has no way to sleep.
    pub fn new(client: Client, stream: &Stream) -> Result<TableStream, SetupError> {
        Ok(TableStream {
            wire: StreamsWire::new(client, &stream.wire().tables().events),
            clock: Clock::of(stream.wire().client())?,
            interval: Duration::from_millis(250),
            shards: Mutex::default(),
        })
    }

    /// Looks at every shard. An error counts only if nothing is known to be written.
    async fn written(&self) -> Result<Vec<Hint>, StreamsError> {
        let mut shards = self.shards.lock().await;
        let mut failed = self.find_shards(&mut shards).await.err();
        for (shard, iterator) in shards.iterators.clone() {
            match self.wire.read_shard(iterator).await {
                Ok(page) => shards.keep(shard, page),
                Err(error) => {
                    shards.keep_failure(shard, &error);
                    failed = Some(error);
                }
            }
        }
        match (shards.written.take(), failed) {
            (written, Some(error)) if written.is_empty() => Err(error),
            (written, _) => Ok(written),
        }
    }

    async fn find_shards(&self, shards: &mut Shards) -> Result<(), StreamsError> {
        let now = self.clock.now();
        let next = now.plus(TableStream::LIST_EVERY);
        // A clock that is set back must not put it off for long.
        if now < shards.next_list && shards.next_list <= next {
            return Ok(());
        }
        let arn = match &shards.stream {
            Some(arn) => arn.clone(),
            None => {
                let Some(arn) = self.find_stream().await? else {
                    shards.next_list = next;
                    self.warn(shards);
                    return Ok(());
                };
                shards.stream = Some(arn.clone());
                arn
            }
        };
        let listed = self.wire.shards(&arn).await?;
        // What is no longer listed is gone for good.
        shards.ended.retain(|id| listed.contains(id));
        shards.expired.retain(|id| listed.contains(id));
        for id in &listed {
            if shards.iterators.contains_key(id) || shards.ended.contains(id) {
                continue;
            }
            // The sweeps find what was there before, and what came while an iterator was expired.
            // A shard that comes later is read from its beginning.
            let start = match shards.started && !shards.expired.contains(id) {
                false => ShardStart::Now,
                true => ShardStart::Oldest,
            };
            if let Some(iterator) = self.wire.iterator(&arn, id, start).await? {
                shards.iterators.insert(id.clone(), iterator);
            }
        }
        if shards.iterators.is_empty() {
            // It may have been disabled, and another one taken its place.
            shards.stream = None;
        }
        (shards.started, shards.next_list) = (true, next);
        Ok(())
    }

    /// Says that there is nothing to read, once.
    fn warn(&self, shards: &mut Shards) {
        if !std::mem::replace(&mut shards.warned, true) {
            let table = self.wire.table();
            tracing::warn!(table, "the table has no stream: `Config::table_stream` gives it one");
        }
    }

    /// The table's stream, unless it has none.
    async fn find_stream(&self) -> Result<Option<String>, StreamsError> {
        for arn in self.wire.stream_arns().await? {
            if self.wire.is_enabled(&arn).await? {
                return Ok(Some(arn));
            }
        }
        Ok(None)
    }
}

impl Trigger for TableStream {
    fn next(&self) -> Hints<'_> {
        Box::pin(async {
            let mut backoff = Backoff::new(self.interval);
            loop {
                match self.written().await {
                    Ok(written) if written.is_empty() => self.clock.sleep(self.interval).await,
                    Ok(written) => return written,
                    Err(error) => {
                        tracing::debug!(%error, "the table's stream cannot be read; sweeps go on");
                        self.clock.sleep(backoff.next()).await;
                    }
                }
            }
        })
    }
}
