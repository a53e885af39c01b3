//! The part of a named producer's input that goes to one partition.

use std::collections::VecDeque;

use gapless_model::append::{Answer, Identity, Session};
use gapless_model::store::Record;
use gapless_model::{Number, PartitionId};

use super::producer_error::ProducerError;
use super::single::{AppendError, PendingAppend, Receipt};
use crate::stream::Stream;
use crate::vocabulary::{Event, EventBatch, ProducerName, Token};
use crate::wire::{MOST_ITEM, item_size, overhead};

/// The most bytes of events in a slot.
const MOST_BYTES: usize = 256 * 1024;

/// What is common to the feeds of a producer.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) stream: Stream,
    pub(super) name: ProducerName,
    /// The most events in a slot.
    pub(super) most: usize,
}

/// One partition's feed. It exists once the partition was claimed, or was found to be sealed.
#[derive(Debug)]
pub(super) struct PartitionFeed {
    partition: PartitionId,
    standing: Standing,
    /// Whether the producer has a record there.
    has_record: bool,
    /// The record as an earlier run left it, until that run's last batch is settled.
    unsettled: Option<Record>,
    /// The last events up to that record's number, in order, in case their batch was never written.
    replayed: VecDeque<(Number, Event)>,
    /// Events to append, in order. Those of a sealed partition have yet to move on.
    waiting: VecDeque<(Number, Event)>,
    /// The bytes of the events to append.
    bytes: usize,
    /// The append under way. A flush that was dropped goes on with it. One that was fenced stays.
    writing: Option<Writing>,
    /// Receipts that no caller has yet.
    receipts: Vec<Receipt>,
    /// How many events of an earlier run's last batch are known to be in the log.
    settled: u64,
}

/// Whether the producer may append to a partition.
#[derive(Debug)]
enum Standing {
    /// This run has claimed it, and appends on condition of this record.
    Open(Record),
    /// It takes no more events; these partitions took its place.
    Sealed(Vec<PartitionId>),
}

/// An append under way.
#[derive(Debug)]
struct Writing {
    append: PendingAppend,
    /// The numbers of its events.
    numbers: Vec<Number>,
}

/// Where an event goes that came to a feed.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Nowhere: it belongs to this partition.
    Stays,
    /// To the partition that takes its hash in the place of this one, which is sealed.
    Child(PartitionId),
}

impl PartitionFeed {
    /// The feed of a partition that this run has claimed.
    pub(super) fn open(partition: PartitionId, record: Record) -> PartitionFeed {
        PartitionFeed::new(partition, Standing::Open(record), Some(record))
    }

    /// The feed of a partition that was sealed before this run came there.
    pub(super) fn sealed(
        partition: PartitionId,
        record: Option<Record>,
        children: &[PartitionId],
    ) -> PartitionFeed {
        PartitionFeed::new(partition, Standing::Sealed(children.to_vec()), record)
    }

    fn new(partition: PartitionId, standing: Standing, record: Option<Record>) -> PartitionFeed {
        PartitionFeed {
            partition,
            standing,
            has_record: record.is_some(),
            unsettled: record.filter(|record| record.number > Number(0)),
            replayed: VecDeque::new(),
            waiting: VecDeque::new(),
            bytes: 0,
            writing: None,
            receipts: Vec::new(),
            settled: 0,
        }
    }

    /// Returns whether the producer has a record in the partition.
    pub(super) fn has_record(&self) -> bool {
        self.has_record
    }

    /// Returns the record of an earlier run whose last batch is not settled yet.
    pub(super) fn unsettled(&self) -> Option<Record> {
        self.unsettled
    }

    /// Returns how many events of an earlier run's last batch are known to be in the log.
    pub(super) fn settled(&self) -> u64 {
        self.settled
    }

    /// Returns how many events are not known to be in the log, but for those that an earlier run took a
    /// slot for.
    pub(super) fn waiting(&self) -> usize {
        let writing = self.writing.as_ref().map_or(0, |writing| writing.numbers.len());
        self.waiting.len() + writing
    }

    /// Takes the receipts that no caller has yet.
    pub(super) fn take_receipts(&mut self) -> Vec<Receipt> {
        std::mem::take(&mut self.receipts)
    }

    /// Whether every event that came here is in the log, or has moved on.
    pub(super) fn is_clear(&self) -> bool {
        self.unsettled.is_none() && self.writing.is_none() && self.waiting.is_empty()
    }

    /// Whether an append is under way.
    pub(super) fn is_writing(&self) -> bool {
        self.writing.is_some()
    }

    /// Whether there is an append to start, once the input has come as far as `reached`.
    pub(super) fn has_next(&self, reached: Number) -> bool {
        match (self.unsettled, &self.standing) {
            // Until then the events of the batch may still be pushed.
            (Some(left), _) => left.number <= reached,
            (None, Standing::Open(_)) => !self.waiting.is_empty(),
            (None, Standing::Sealed(_)) => false,
        }
    }

    /// Whether the batch is to be flushed before one more event of `size` bytes waits.
    pub(super) fn flushes_before(&self, size: usize, most: usize) -> bool {
        let is_full = self.waiting.len() >= most || self.bytes + size > MOST_BYTES;
        // What an earlier call or run began there goes first.
        is_full || self.writing.is_some() || self.unsettled.is_some()
    }

    /// Whether the record of an earlier run covers an event.
    pub(super) fn covers(&self, number: Number) -> bool {
        self.unsettled.is_some_and(|left| number <= left.number)
    }

    /// Says where an event goes that came here.
    pub(super) fn next(&self, number: Number, hash: u64) -> Result<Next, ProducerError> {
        let children = match &self.standing {
            Standing::Open(_) => return Ok(Next::Stays),
            // S2: an earlier run may have appended it here.
            Standing::Sealed(_) if self.covers(number) => return Ok(Next::Stays),
            Standing::Sealed(children) => children,
        };
        // A child sorts behind its parent, so a path ends.
        let takes = |child: &&PartitionId| child.covers(hash) && **child > self.partition;
        match children.iter().find(takes) {
            Some(child) => Ok(Next::Child(child.clone())),
            None => {
                let (partition, children) = (self.partition.clone(), children.clone());
                Err(AppendError::Sealed { partition, children }.into())
            }
        }
    }

    /// Takes an event, and returns how many are now known to have been appended by an earlier run.
    ///
    /// One that moved here from a sealed partition can have a smaller number than some that are here.
    pub(super) fn take(&mut self, number: Number, event: Event) -> u64 {
        let bytes = item_size(&event);
        let events = match self.unsettled {
            Some(left) if number <= left.number => &mut self.replayed,
            Some(_) | None => {
                self.bytes += bytes;
                &mut self.waiting
            }
        };
        let place = events.partition_point(|(before, _)| *before < number);
        events.insert(place, (number, event));
        let count = self.unsettled.map_or(0, |left| left.count);
        let earlier = (self.replayed.len() as u64).saturating_sub(count);
        self.replayed.drain(..earlier as usize);
        earlier
    }

    /// Returns the next event of a sealed partition that has to move on, behind `passed` that cannot yet.
    pub(super) fn leaving(&self, passed: usize) -> Option<(Number, &Event)> {
        match self.standing {
            Standing::Open(_) => None,
            Standing::Sealed(_) => self.waiting.get(passed).map(|(number, event)| (*number, event)),
        }
    }

    /// Takes that event out.
    pub(super) fn leave(&mut self, passed: usize) -> Option<(Number, Event)> {
        let (number, event) = self.waiting.remove(passed)?;
        self.bytes -= item_size(&event);
        Some((number, event))
    }

    /// Settles what an earlier run left, then appends what waits, and keeps the receipts; unless it
    /// `may_start` an append, only the one under way is ended. If the partition turns out to be sealed, the
    /// events wait to move on.
    pub(super) async fn flush(
        &mut self,
        source: &Source,
        may_start: bool,
    ) -> Result<(), ProducerError> {
        loop {
            if self.writing.is_none() && may_start {
                self.writing = self.next_append(source)?;
            }
            let Some(Writing { append, .. }) = &mut self.writing else { return Ok(()) };
            let answer = append.advance(&source.stream.0).await?;
            // Nothing can be dropped from here to the next turn of the loop.
            if answer == Answer::Fenced {
                // Asked again it is told again, and its events count as waiting.
                return Ok(append.receipt(answer).map(drop)?);
            }
            let Some(Writing { append, numbers }) = self.writing.take() else { return Ok(()) };
            let recovered = self.unsettled.take().is_some();
            if answer == Answer::Sealed {
                self.seal(source, &append, numbers);
                return Ok(());
            }
            if let (Identity::Named(session), Standing::Open(record)) =
                (append.identity(), &mut self.standing)
            {
                *record = session.record;
            }
            let receipt = append.receipt(answer)?;
            if recovered {
                self.settled += u64::from(receipt.events);
            } else {
                self.receipts.push(receipt);
            }
        }
    }

    /// Notes that the partition takes no more events. Those of the append that met the seal wait again, in
    /// front of those behind it, and move on with them.
    fn seal(&mut self, source: &Source, append: &PendingAppend, numbers: Vec<Number>) {
        let children = append.children();
        source.stream.0.routes.learn(&self.partition, children);
        self.standing = Standing::Sealed(children.to_vec());
        let events = numbers.into_iter().zip(append.batch().events().iter().cloned());
        for (index, (number, event)) in events.enumerate() {
            self.bytes += item_size(&event);
            self.waiting.insert(index, (number, event));
        }
        let (partition, events) = (&self.partition, self.waiting.len());
        tracing::debug!(%partition, events, "the partition is sealed, and the producer's events move on");
    }

    /// The append of what an earlier run left, or of the next batch that waits.
    fn next_append(&mut self, source: &Source) -> Result<Option<Writing>, ProducerError> {
        match (self.unsettled, &self.standing) {
            (Some(left), _) => self.resumed(source, left),
            (None, Standing::Open(record)) => Ok(self.next_batch(source, *record)),
            (None, Standing::Sealed(_)) => Ok(None),
        }
    }

    fn resumed(&mut self, source: &Source, left: Record) -> Result<Option<Writing>, ProducerError> {
        let name = source.name.clone();
        let last = self.replayed.back().map(|(number, _)| *number);
        if last != Some(left.number) || self.replayed.len() as u64 != left.count {
            let (number, partition) = (left.number, self.partition.clone());
            return Err(ProducerError::OtherInput { name, number, partition });
        }
        let (numbers, events) = self.replayed.drain(..).unzip();
        let Some(batch) = EventBatch::new(events) else { return Ok(None) };
        let token = Token::of(&name, left.number);
        let session = Session { name, record: left, number: left.number };
        let append = PendingAppend::resume(self.partition.clone(), token, batch, session);
        Ok(Some(Writing { append, numbers }))
    }

    fn next_batch(&mut self, source: &Source, record: Record) -> Option<Writing> {
        let (name, partition) = (source.name.clone(), self.partition.clone());
        let room = MOST_ITEM - overhead(partition.as_str(), name.as_str()) - 32;
        let (mut take, mut bytes) = (0, 0);
        for (_, event) in &self.waiting {
            let size = item_size(event);
            if take == source.most || (take > 0 && bytes + size > room.min(MOST_BYTES)) {
                break;
            }
            bytes += size;
            take += 1;
        }
        let (numbers, events): (Vec<Number>, Vec<Event>) = self.waiting.drain(..take).unzip();
        self.bytes -= bytes;
        let number = *numbers.last()?;
        let batch = EventBatch::new(events)?;
        let token = Token::of(&name, number);
        let identity = Identity::Named(Session { name, record, number });
        let append = PendingAppend::new(&source.stream, partition, token, batch, identity, None);
        Some(Writing { append, numbers })
    }
}
