//! Named producers: they append each event of their input once, even when they are killed
//! and rerun.

use std::collections::{BTreeMap, VecDeque};

use futures_util::stream::{StreamExt, iter};
use gapless_model::append::{Answer, Claim, Identity, Session};
use gapless_model::design::Producer as ProducerAxis;
use gapless_model::store::Record;
use gapless_model::{Number, PartitionId};

use super::single::{AppendError, PendingAppend, Receipt};
use crate::stream::Stream;
use crate::vocabulary::{Event, EventBatch, ProducerName, StoreError, Token};
use crate::wire::{MOST_ITEM, check_event, check_partition, check_producer, item_size, overhead};

/// A producer that keeps its name across restarts, and numbers its input.
///
/// It is fed its whole input in order, each event with its own number (a line, an offset),
/// and after a restart from the beginning again: it skips what is in the log. In each
/// partition it keeps a record beside the head, which it writes with the raise of the head,
/// so an append costs no more than an anonymous one. The record stays in the partition's
/// item, some fifty bytes and the name, for which every append to the partition pays; so their number
/// is limited ([`Config::most_producers`](crate::Config::most_producers)).
///
/// One run appends at a time: a later run of the same name fences the earlier one out,
/// partition by partition.
///
/// Dropping a producer loses the events that wait. A rerun from the same input appends them.
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
    /// The producer's record, once claimed.
    record: Option<Record>,
    /// The record as an earlier run left it, until that run's last batch is settled.
    unsettled: Option<Record>,
    /// The last events up to that record's number, in case their batch was never written.
    replayed: VecDeque<(Number, Event)>,
    /// Events to append.
    waiting: Vec<(Number, Event)>,
    /// The bytes of the events to append.
    bytes: usize,
    /// The append under way. A flush that was dropped goes on with it. One that was fenced stays.
    writing: Option<PendingAppend>,
    /// Receipts that no caller has yet.
    receipts: Vec<Receipt>,
    /// How many events of an earlier run's last batch are known to be in the log.
    settled: u64,
}

/// Why a named producer cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProducerError {
    /// An append failed, or the claim of a partition. If the error is transient, call the
    /// same method again: the producer goes on with the same append.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// The stream's design has no named producers. Append without a name, or choose another
    /// design.
    #[error(
        "the stream's design has no named producers: it keeps no record beside the head, so a \
         rerun would append everything again"
    )]
    Anonymous,
    /// The input is not in order. The event was not taken.
    #[error("event {number} comes after event {last}: a producer's numbers only grow, from 1")]
    Order {
        /// The event's number.
        number: Number,
        /// The number of the event before.
        last: Number,
    },
    /// The input is not the one that earlier runs of this name had. Nothing more is
    /// appended there; choose another name, or the same input.
    #[error(
        "an earlier run appended up to event {number} of its input to {partition}, and this input \
         has no such event there: it is another input, or `{name}` is another producer's name"
    )]
    OtherInput {
        /// The producer's name.
        name: ProducerName,
        /// The last event that an earlier run took a slot for.
        number: Number,
        /// The partition.
        partition: PartitionId,
    },
}

impl From<StoreError> for ProducerError {
    fn from(error: StoreError) -> ProducerError {
        ProducerError::Append(error.into())
    }
}

impl Stream {
    /// Creates a producer with a name.
    ///
    /// Nothing is sent yet. The first event for each partition claims the partition: one
    /// read unit and one write unit.
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
    /// The most bytes of events in a slot.
    const BYTES: usize = 256 * 1024;
    /// The most partitions that are written at once.
    const AT_ONCE: usize = 16;

    /// Sets the most events in a slot. Default: 100. Zero counts as one.
    ///
    /// A slot holds at most 256 KB of events; a single event may be larger.
    #[must_use]
    pub fn batches_of(mut self, most: usize) -> Producer {
        self.most = most.max(1);
        self
    }

    /// Returns how many of the events that were pushed an earlier run had appended. The last batch that it
    /// took a slot for is among them, even if this run wrote it.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped + self.feeds.values().map(|feed| feed.settled).sum::<u64>()
    }

    /// Returns how many events are not known to be in the log: those that wait to be flushed, and
    /// those of appends without a receipt. Events up to the last that an earlier run took a slot for are not
    /// counted: what is not in the log of them is written when the last is pushed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        let writing = |feed: &PartitionFeed| feed.writing.as_ref().map_or(0, PendingAppend::events);
        let in_feed = |feed: &PartitionFeed| feed.waiting.len() + writing(feed) as usize;
        self.feeds.values().map(in_feed).sum()
    }

    /// Takes the next event of the input. If its partition's batch is full, appends that
    /// batch first, and returns its receipts.
    ///
    /// If the future is dropped, the event may or may not be taken: push it again, and ignore
    /// [`ProducerError::Order`] if it was. The next push or flush goes on with an append that was
    /// under way, and returns the receipts.
    ///
    /// # Errors
    /// Returns [`ProducerError`]. After [`ProducerError::Append`] with a transient error, or with
    /// [`StoreError::TooManyProducers`], the event is not taken, unless pushing it again says
    /// [`ProducerError::Order`].
    pub async fn push(
        &mut self,
        number: Number,
        event: Event,
    ) -> Result<Vec<Receipt>, ProducerError> {
        if number <= self.last {
            return Err(ProducerError::Order { number, last: self.last });
        }
        check_producer(&self.name)?;
        check_event(&event)?;
        let partition = self.stream.route(&event.key);
        check_partition(&partition)?;
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
                // The last event that the earlier run took a slot for: now its batch is whole.
                return if number == record.number {
                    self.flush_partition(&partition).await
                } else {
                    Ok(Vec::new())
                };
            }
            Some(_) | None => {}
        }
        let is_full = feed.waiting.len() >= most || feed.bytes + size > Producer::BYTES;
        // What an earlier call or run began there goes first.
        let has_begun = feed.writing.is_some() || feed.unsettled.is_some();
        let flushes = is_full || has_begun;
        let receipts = if flushes { self.flush_partition(&partition).await? } else { Vec::new() };
        let feed = self.claimed_feed(&partition).await?;
        feed.bytes += size;
        feed.waiting.push((number, event));
        self.last = number;
        Ok(receipts)
    }

    /// Appends everything that waits, in up to 16 partitions at once, and returns the receipts.
    ///
    /// Dropping the future loses nothing: the next call goes on with the appends that were under
    /// way, and returns the receipts of those that were done.
    ///
    /// What an earlier run began is finished first, once the input has come as far.
    ///
    /// # Errors
    /// Returns a [`ProducerError`] of the first partition that has one, once all have been tried.
    /// What was not appended still waits. The receipts of other partitions come with the next flush
    /// that succeeds, or by [`Producer::take_receipts`].
    pub async fn flush(&mut self) -> Result<Vec<Receipt>, ProducerError> {
        let (stream, name, most, last) = (&self.stream, &self.name, self.most, self.last);
        // A loop and no chain of closures, whose lifetimes would keep the future from being `Send`.
        let mut flushes = Vec::new();
        for (partition, feed) in &mut self.feeds {
            // Until then the events of the batch may still be pushed.
            if feed.unsettled.is_none_or(|left| left.number <= last) {
                flushes.push(feed.flush(stream, name, partition, most));
            }
        }
        // Each is polled by itself: what befalls one partition stops no other.
        let ended = iter(flushes).buffered(Producer::AT_ONCE).collect::<Vec<_>>().await;
        ended.into_iter().collect::<Result<(), ProducerError>>()?;
        Ok(self.take_receipts())
    }

    /// Takes the receipts that no call has returned, because it failed or its future was dropped.
    pub fn take_receipts(&mut self) -> Vec<Receipt> {
        self.feeds.values_mut().flat_map(|feed| feed.receipts.drain(..)).collect()
    }

    /// Flushes, and checks that the input held everything that earlier runs appended.
    /// Returns the last receipts, and how many events were in the log already.
    ///
    /// Dropping the future is as in [`Producer::flush`], but the producer is gone: rerun it.
    ///
    /// # Errors
    /// Returns [`ProducerError::OtherInput`] if the input ended before the last event that an
    /// earlier run took a slot for, and otherwise the errors of [`Producer::flush`].
    pub async fn finish(mut self) -> Result<(Vec<Receipt>, u64), ProducerError> {
        let receipts = self.flush().await?;
        let unsettled = self.feeds.iter().find_map(|(partition, feed)| {
            feed.unsettled.map(|record| (partition.clone(), record.number))
        });
        match unsettled {
            None => Ok((receipts, self.skipped())),
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
        feed.flush(&self.stream, &self.name, partition, self.most).await?;
        Ok(feed.receipts.drain(..).collect())
    }

    /// The feed of a partition, claimed if it is not yet.
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
            if let Some((_, children)) = claim.sealed() {
                let (partition, children) = (partition.clone(), children.to_vec());
                return Err(AppendError::Sealed { partition, children }.into());
            }
            feed.record = claim.record();
            let epoch = feed.record.map(|record| record.epoch.0);
            tracing::debug!(producer = %self.name, %partition, epoch, "the producer has claimed the partition");
            feed.unsettled = feed.record.filter(|record| record.number > Number(0));
        }
        Ok(feed)
    }
}

impl PartitionFeed {
    /// Settles what an earlier run left, then appends what waits, and keeps the receipts.
    async fn flush(
        &mut self,
        stream: &Stream,
        name: &ProducerName,
        partition: &PartitionId,
        most: usize,
    ) -> Result<(), ProducerError> {
        loop {
            if self.writing.is_none() {
                self.start_next(stream, name, partition, most)?;
            }
            let Some(append) = &mut self.writing else { return Ok(()) };
            let answer = append.advance(&stream.0).await?;
            match answer {
                // Asked again it is told again, and its events count as waiting.
                Answer::Fenced | Answer::Sealed => return Ok(append.receipt(answer).map(drop)?),
                Answer::Appended(_) | Answer::Conflict { .. } => {}
            }
            let Some(append) = self.writing.take() else { return Ok(()) };
            let recovered = self.unsettled.take().is_some();
            if let Identity::Named(session) = append.identity() {
                self.record = Some(session.record);
            }
            let receipt = append.receipt(answer)?;
            if recovered {
                self.settled += u64::from(receipt.events);
            } else {
                self.receipts.push(receipt);
            }
        }
    }

    /// Starts the append of what an earlier run left, or of the next batch that waits.
    fn start_next(
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
