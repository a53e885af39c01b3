//! Named producers: they append nothing twice, also when they are killed and rerun from their input.

use std::collections::{BTreeMap, VecDeque};

use futures_util::future::try_join_all;
use gapless_model::append::{Claim, Identity, Session};
use gapless_model::design::Producer as ProducerAxis;
use gapless_model::store::Record;
use gapless_model::{Number, PartitionId};

use super::single::{AppendError, PendingAppend, Receipt};
use crate::stream::Stream;
use crate::vocabulary::{Event, EventBatch, ProducerName, StoreError, Token};
use crate::wire::{MOST_ITEM, check_event, item_size, overhead};

/// A producer that numbers its input and is known across its restarts.
///
/// It is fed its whole input in order, each event with its own number (a line, an
/// offset), again after a restart, and skips what is in the log. In each partition
/// it keeps a record with the head that it raises anyway, so it costs no extra write.
///
/// One run at a time: a later run of the same name fences this one out.
#[derive(Debug)]
pub struct Producer {
    stream: Stream,
    name: ProducerName,
    most: usize,
    feeds: BTreeMap<PartitionId, PartitionFeed>,
    last: Number,
    skipped: u64,
}

/// The part of a producer's input that goes to one partition.
#[derive(Debug, Default)]
struct PartitionFeed {
    /// Its record, once claimed.
    record: Option<Record>,
    /// The record as an earlier run left it, until that run's last batch is settled.
    unsettled: Option<Record>,
    /// The last events before that record's number, in case its batch was never written.
    replayed: VecDeque<(Number, Event)>,
    /// Events to append.
    waiting: Vec<(Number, Event)>,
    /// Bytes that wait.
    bytes: usize,
    /// The append under way. It is kept here, so that a flush that was dropped goes on.
    writing: Option<PendingAppend>,
}

/// Why a named producer cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum ProducerError {
    /// An append failed.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The stream's design has none.
    #[error(
        "the stream's design knows no named producers: without a record beside the head, a rerun would append anew"
    )]
    Anonymous,
    /// Its input is not in order.
    #[error("event {number} comes after event {last}: a producer's numbers only grow, from 1")]
    Order {
        /// The event.
        number: Number,
        /// The one before.
        last: Number,
    },
    /// Its input is not the one that earlier runs had.
    #[error(
        "an earlier run appended up to event {number} of its input to {partition}, and this input \
         has no such event there: it is another input, or `{name}` is another producer's name"
    )]
    OtherInput {
        /// The producer.
        name: ProducerName,
        /// The last event that an earlier run took a slot for.
        number: Number,
        /// Where.
        partition: PartitionId,
    },
}

impl From<StoreError> for ProducerError {
    fn from(error: StoreError) -> ProducerError {
        ProducerError::Append(error.into())
    }
}

impl Stream {
    /// A producer of that name. It claims a partition when it first appends there.
    #[must_use]
    pub fn producer(&self, name: impl Into<ProducerName>) -> Producer {
        Producer {
            stream: self.clone(),
            name: name.into(),
            most: 100,
            feeds: BTreeMap::new(),
            last: Number(0),
            skipped: 0,
        }
    }
}

impl Producer {
    /// How many bytes of events go into a slot at the most.
    const BYTES: usize = 256 * 1024;

    /// How many events go into a slot at the most; a hundred unless told otherwise.
    #[must_use]
    pub fn batches_of(mut self, most: usize) -> Producer {
        self.most = most.max(1);
        self
    }

    /// How many events were in the log already.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped
    }

    /// How many events wait to be flushed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.feeds.values().map(|feed| feed.waiting.len()).sum()
    }

    /// Takes the next event of the input, and appends what waits where a batch is full.
    ///
    /// Dropping the future loses nothing that [`Producer::flush`] would not make good.
    ///
    /// # Errors
    /// [`ProducerError`]
    pub async fn push(
        &mut self,
        number: Number,
        event: Event,
    ) -> Result<Vec<Receipt>, ProducerError> {
        if number <= self.last {
            return Err(ProducerError::Order { number, last: self.last });
        }
        check_event(&event)?;
        let partition = self.stream.route(&event.key);
        let most = self.most;
        let feed = self.claimed_feed(&partition).await?;
        let size = item_size(&event);
        match feed.unsettled {
            Some(record) if number <= record.number => {
                feed.replayed.push_back((number, event));
                let earlier = (feed.replayed.len() as u64).saturating_sub(record.count);
                feed.replayed.drain(..earlier as usize);
                self.skipped += earlier;
                self.last = number;
                // The last that the earlier run took a slot for: now its batch is whole.
                return if number == record.number {
                    self.flush_partition(&partition).await
                } else {
                    Ok(Vec::new())
                };
            }
            Some(_) | None => {}
        }
        let full = feed.waiting.len() >= most || feed.bytes + size > Producer::BYTES;
        let receipts = if full { self.flush_partition(&partition).await? } else { Vec::new() };
        let feed = self.claimed_feed(&partition).await?;
        feed.bytes += size;
        feed.waiting.push((number, event));
        self.last = number;
        Ok(receipts)
    }

    /// Appends everything that waits, in all partitions at once.
    ///
    /// # Errors
    /// [`ProducerError`]; what was not appended still waits.
    pub async fn flush(&mut self) -> Result<Vec<Receipt>, ProducerError> {
        let (stream, name, most) = (&self.stream, &self.name, self.most);
        let feeds = self.feeds.iter_mut();
        let settled = feeds.filter(|(_, feed)| feed.unsettled.is_none());
        let flushes = settled.map(|(partition, feed)| feed.flush(stream, name, partition, most));
        let done = try_join_all(flushes).await?;
        self.skipped += done.iter().map(|(_, skipped)| skipped).sum::<u64>();
        Ok(done.into_iter().flat_map(|(receipts, _)| receipts).collect())
    }

    /// Flushes, and checks that the input held everything that earlier runs appended.
    ///
    /// # Errors
    /// [`ProducerError`]
    pub async fn finish(mut self) -> Result<(Vec<Receipt>, u64), ProducerError> {
        let receipts = self.flush().await?;
        let unsettled = self.feeds.iter().find_map(|(partition, feed)| {
            feed.unsettled.map(|record| (partition.clone(), record.number))
        });
        match unsettled {
            None => Ok((receipts, self.skipped)),
            Some((partition, number)) => {
                Err(ProducerError::OtherInput { name: self.name, number, partition })
            }
        }
    }

    async fn flush_partition(
        &mut self,
        partition: &PartitionId,
    ) -> Result<Vec<Receipt>, ProducerError> {
        let Some(feed) = self.feeds.get_mut(partition) else { return Ok(Vec::new()) };
        let (receipts, skipped) =
            feed.flush(&self.stream, &self.name, partition, self.most).await?;
        self.skipped += skipped;
        Ok(receipts)
    }

    /// The standing in a partition, claimed if it is not yet.
    async fn claimed_feed(
        &mut self,
        partition: &PartitionId,
    ) -> Result<&mut PartitionFeed, ProducerError> {
        match self.stream.0.rules.design.producer {
            ProducerAxis::Named => {}
            ProducerAxis::Anonymous => return Err(ProducerError::Anonymous),
        }
        let feed = self.feeds.entry(partition.clone()).or_default();
        if feed.record.is_none() {
            let mut claim = Claim::new(partition.clone(), self.name.clone());
            while let Some(request) = claim.wants() {
                claim.tell(self.stream.0.send_until_answered(self.name.as_str(), &request).await?);
            }
            feed.record = claim.record();
            feed.unsettled = feed.record.filter(|record| record.number > Number(0));
        }
        Ok(feed)
    }
}

impl PartitionFeed {
    /// Settles what an earlier run left, then appends what waits. Tells how many
    /// events were in the log already.
    async fn flush(
        &mut self,
        stream: &Stream,
        name: &ProducerName,
        partition: &PartitionId,
        most: usize,
    ) -> Result<(Vec<Receipt>, u64), ProducerError> {
        let (mut receipts, mut skipped) = (Vec::new(), 0);
        loop {
            if self.writing.is_none() {
                self.begin(stream, name, partition, most)?;
            }
            let Some(append) = &mut self.writing else { break };
            let answer = append.advance(&stream.0).await?;
            let Some(append) = self.writing.take() else { break };
            let recovered = self.unsettled.take().is_some();
            if let Identity::Named(session) = append.identity() {
                self.record = Some(session.record);
            }
            let receipt = append.receipt(answer)?;
            if recovered { skipped += u64::from(receipt.events) } else { receipts.push(receipt) }
        }
        Ok((receipts, skipped))
    }

    fn begin(
        &mut self,
        stream: &Stream,
        name: &ProducerName,
        partition: &PartitionId,
        most: usize,
    ) -> Result<(), ProducerError> {
        let Some(record) = self.record else { return Ok(()) };
        if let Some(left) = self.unsettled {
            let last = self.replayed.back().map(|(number, _)| *number);
            if last != Some(left.number) || self.replayed.len() as u64 != left.count {
                let (name, partition) = (name.clone(), partition.clone());
                return Err(ProducerError::OtherInput { name, number: left.number, partition });
            }
            let events = self.replayed.drain(..).map(|(_, event)| event).collect();
            let Some(batch) = EventBatch::new(events) else { return Ok(()) };
            let token = Token::of(name, left.number);
            let session = Session { name: name.clone(), record, number: left.number };
            self.writing = Some(PendingAppend::resume(partition.clone(), token, batch, session));
            return Ok(());
        }
        let room = MOST_ITEM - overhead(partition.as_str(), name.as_str()) - 32;
        let (mut take, mut bytes) = (0, 0);
        for (_, event) in &self.waiting {
            bytes += item_size(event);
            if take == most || (take > 0 && bytes > room.min(Producer::BYTES)) {
                break;
            }
            take += 1;
        }
        let Some((number, _)) = take.checked_sub(1).and_then(|last| self.waiting.get(last)) else {
            return Ok(());
        };
        let number = *number;
        let events: Vec<Event> = self.waiting.drain(..take).map(|(_, event)| event).collect();
        self.bytes = self.waiting.iter().map(|(_, event)| item_size(event)).sum();
        let Some(batch) = EventBatch::new(events) else { return Ok(()) };
        let token = Token::of(name, number);
        let identity = Identity::Named(Session { name: name.clone(), record, number });
        let partition = partition.clone();
        self.writing = Some(PendingAppend::new(stream, partition, token, batch, identity, None));
        Ok(())
    }
}
