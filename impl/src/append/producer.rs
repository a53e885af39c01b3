//! Named producers: they append each event of their input once, even when they are killed
//! and rerun.

use std::collections::BTreeMap;

use gapless_model::{Number, PartitionId};

use super::feed::{PartitionFeed, Source};
use super::producer_error::ProducerError;
use super::single::Receipt;
use crate::stream::{Layout, Stream};
use crate::vocabulary::{Event, ProducerName};
use crate::wire::{check_event, check_producer, item_size};

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
/// It follows its keys where partitions are split or merged. A run reads its record once in each sealed
/// partition that it comes through, from a key's first one on: what that record covers was appended
/// there.
///
/// Dropping a producer loses the events that wait. A rerun from the same input appends them.
#[derive(Debug)]
pub struct Producer {
    pub(super) source: Source,
    pub(super) feeds: BTreeMap<PartitionId, PartitionFeed>,
    last: Number,
    pub(super) skipped: u64,
}

impl Stream {
    /// Creates a producer with a name.
    ///
    /// Nothing is sent yet. The first event for each partition claims the partition: one
    /// read unit and one write unit. A sealed partition on the way there costs one read unit.
    #[must_use]
    pub fn producer(&self, name: impl Into<ProducerName>) -> Producer {
        let source = Source { stream: self.clone(), name: name.into(), most: 100 };
        Producer { source, feeds: BTreeMap::new(), last: Number(0), skipped: 0 }
    }
}

impl Producer {
    /// Sets the most events in a slot. Default: 100. Zero counts as one.
    ///
    /// A slot holds at most 256 KB of events; a single event may be larger.
    #[must_use]
    pub fn batches_of(mut self, most: usize) -> Producer {
        self.source.most = most.max(1);
        self
    }

    /// Returns how many of the events that were pushed an earlier run had appended. The last batch that it
    /// took a slot for is among them, even if this run wrote it there.
    #[must_use]
    pub fn skipped(&self) -> u64 {
        self.skipped + self.feeds.values().map(PartitionFeed::settled).sum::<u64>()
    }

    /// Returns how many events are not known to be in the log: those that wait to be flushed, and
    /// those of appends without a receipt. Events up to the last that an earlier run took a slot for are not
    /// counted: what is not in the log of them is written when the last is pushed.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.feeds.values().map(PartitionFeed::waiting).sum()
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
    /// [`StoreError::TooManyProducers`](crate::StoreError::TooManyProducers), the event is not taken, unless pushing it again says
    /// [`ProducerError::Order`].
    pub async fn push(
        &mut self,
        number: Number,
        event: Event,
    ) -> Result<Vec<Receipt>, ProducerError> {
        if number <= self.last {
            return Err(ProducerError::Order { number, last: self.last });
        }
        check_producer(&self.source.name)?;
        check_event(&event)?;
        let first = self.source.stream.layout().route(&event.key);
        let (hash, size) = (Layout::hash(&event.key), item_size(&event));
        let mut flushed = None;
        loop {
            let partition = self.claim_path(first.clone(), number, hash).await?;
            let Some(feed) = self.feeds.get_mut(&partition) else { continue };
            // A partition that was sealed meanwhile is another than the one behind it, so this ends.
            let is_flushed = flushed.as_ref() == Some(&partition);
            let is_covered = feed.covers(number);
            if is_covered || is_flushed || !feed.flushes_before(size, self.source.most) {
                let is_last = feed.unsettled().is_some_and(|left| left.number == number);
                self.skipped += feed.take(number, event);
                self.last = number;
                // The last event that the earlier run took a slot for: now its batch is whole.
                if is_last {
                    self.drive(Some(&partition), number).await?;
                    flushed = Some(partition);
                }
                return Ok(flushed.map_or_else(Vec::new, |it| self.receipts_to(&it)));
            }
            // The events before this one have all been pushed.
            let reached = self.last.max(Number(number.0 - 1));
            self.drive(Some(&partition), reached).await?;
            flushed = Some(partition);
        }
    }

    /// Appends everything that waits, in up to 16 partitions at once, and returns the receipts. What waits
    /// for a partition that took the place of others is appended once the input has come as far as an
    /// earlier run had in those.
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
        self.drive(None, self.last).await?;
        Ok(self.take_receipts())
    }

    /// Takes the receipts that no call has returned, because it failed or its future was dropped.
    pub fn take_receipts(&mut self) -> Vec<Receipt> {
        self.feeds.values_mut().flat_map(PartitionFeed::take_receipts).collect()
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
            feed.unsettled().map(|record| (partition.clone(), record.number))
        });
        match unsettled {
            None => Ok((receipts, self.skipped())),
            Some((partition, number)) => {
                Err(ProducerError::OtherInput { name: self.source.name, number, partition })
            }
        }
    }
}
