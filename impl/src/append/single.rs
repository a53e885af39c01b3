//! Appending one batch, from taking a number to its receipt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gapless_model::append::{Answer, Append, Identity, Session, Want};
use gapless_model::store::{Reply, Request, partition_words};
use gapless_model::{PartitionId, Seq};

use crate::observe::{Machine, Told};
use crate::stream::{Shared, Stream};
use crate::vocabulary::{Backoff, Event, EventBatch, Live, Position, StoreError, Token};
use crate::wire::{check_batch, check_event, check_partition};

/// The proof that events are in the log for good, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Receipt {
    /// The partition.
    pub partition: PartitionId,
    /// The position of the first event. The others follow in the same slot.
    pub position: Position,
    /// How many events there are.
    pub events: u32,
}

impl Receipt {
    /// Restores a receipt from its parts, which another process stored or sent.
    #[must_use]
    pub fn new(partition: PartitionId, position: Position, events: u32) -> Receipt {
        Receipt { partition, position, events }
    }

    /// The receipt of one of the events.
    pub(super) fn of_one(&self, index: u32) -> Receipt {
        let position = Position { index, ..self.position };
        Receipt { position, events: 1, ..self.clone() }
    }
}

/// Why an append has no receipt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AppendError {
    /// The head was not where the caller expected it. Nothing was appended, and nothing
    /// will be: read the events in between, and decide again.
    #[error("expected the head of {partition} at {expected} and found it at {found}")]
    Conflict {
        /// The partition where it was found: the caller's, or one that took its place.
        partition: PartitionId,
        /// The head that the caller expected.
        expected: Seq,
        /// The head that was found.
        found: Seq,
    },
    /// A later run of the same named producer has claimed the partition, and settles what
    /// this run began there. Stop this run.
    #[error("a later run of the same producer has claimed {partition}: stop this run")]
    Fenced {
        /// The partition.
        partition: PartitionId,
    },
    /// The partition was split or merged, and takes no more events. Nothing of this append is in the log,
    /// nor will be: append the events again, and they go to the partitions that took its place. Only
    /// [`GroupError::settle`](crate::GroupError::settle) says so: everything else goes on there by itself.
    #[error(
        "{partition} was split or merged into {} before the events were appended: append them again",
        partition_words::<Live>(.children)
    )]
    Sealed {
        /// The partition.
        partition: PartitionId,
        /// The partitions that took its place.
        children: Vec<PartitionId>,
    },
    /// The store did not answer for as long as patience lasted, or refused an attempt after one that it
    /// had not answered. The events may be in the log, or get there. [`Unsettled::settle`] finishes
    /// the append without appending anything twice; a new append of the same events can append them
    /// twice.
    #[error("the append's outcome is unknown, and it can still be settled: {}", .0.why)]
    Unsettled(Box<Unsettled>),
    /// The store refused a request for good. Not even sent was a batch that is too large, one
    /// whose key makes too long an id of a partition, or one that has no token for want of random
    /// bytes. Whatever the reason, nothing was appended.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The batch is empty, or its events belong to different partitions, be it since a split. Nothing was
    /// appended.
    #[error("{0}")]
    Batch(String),
}

/// An append whose outcome is unknown, ready to be settled.
///
/// Dropping it leaves the outcome as it is: the events are in the log at most once.
#[derive(Debug)]
pub struct Unsettled {
    stream: Stream,
    append: PendingAppend,
    why: StoreError,
}

impl Unsettled {
    /// Returns why the outcome is unknown: the last error of the store.
    #[must_use]
    pub fn why(&self) -> &StoreError {
        &self.why
    }

    /// Goes on with the append. It recognises what it wrote before. If its partition was split or merged
    /// meanwhile, and the events are not there, it goes on in the partition that took its place.
    ///
    /// Dropping the future leaves the outcome unknown.
    ///
    /// # Errors
    /// Returns the errors of [`Stream::append`], and [`AppendError::Unsettled`] if patience
    /// runs out again, or the store refuses again.
    pub async fn settle(self) -> Result<Receipt, AppendError> {
        let Unsettled { stream, append, .. } = self;
        let (token, batch, expected) =
            (append.token.clone(), append.batch().clone(), append.expected);
        match (append.into_receipt(&stream).await, expected) {
            // S2: they are in no slot of that partition, nor will be.
            (Err(AppendError::Sealed { partition, children }), expected) => {
                stream.0.routes.learn(&partition, &children);
                match expected {
                    None => stream.append_routed(token, batch).await,
                    Some(head) => stream.append_behind(partition, head, token, batch).await,
                }
            }
            (ended, _) => ended,
        }
    }
}

impl Stream {
    /// Appends an event to the partition of its key.
    ///
    /// In the default design this takes two requests and two write units: one raises the
    /// head, one writes the slot (a write unit for each KB). A partition's first append
    /// costs one more, for the index.
    ///
    /// Dropping the future leaves open whether the event gets into the log; it gets there
    /// at most once. If a number was taken and its slot is not written, consumers void the
    /// slot after the grace period.
    ///
    /// # Errors
    /// Returns [`AppendError::Unsettled`] if the store does not answer for as long as
    /// patience lasts, or refuses after an attempt that it did not answer, and
    /// [`AppendError::Store`] if it refuses a request or the event is too large for an item.
    pub async fn append(&self, event: Event) -> Result<Receipt, AppendError> {
        self.append_batch(vec![event]).await
    }

    /// Appends events of one partition into one slot: all of them or none, in the given
    /// order, with nothing in between.
    ///
    /// The batch takes as many requests as one event, and a write unit for each KB of it.
    /// It must fit into one item of 400 KB. Dropping the future is as in
    /// [`Stream::append`].
    ///
    /// # Errors
    /// Returns [`AppendError::Batch`] if there is no event, or if two belong to different
    /// partitions, and otherwise the errors of [`Stream::append`].
    pub async fn append_batch(&self, events: Vec<Event>) -> Result<Receipt, AppendError> {
        let batch = EventBatch::new(events).ok_or_else(empty_batch)?;
        self.append_routed(Token::fresh().map_err(StoreError::from)?, batch).await
    }

    /// Appends a batch to the partition of its keys, wherever that is by now.
    async fn append_routed(&self, token: Token, batch: EventBatch) -> Result<Receipt, AppendError> {
        loop {
            let partition = self.partition_of(&batch)?;
            check_batch(&partition, token.as_str(), &batch)?;
            let (token, events, identity) = (token.clone(), batch.clone(), Identity::Anonymous);
            let append = PendingAppend::new(self, partition, token, events, identity, None);
            match append.into_receipt(self).await {
                // S2: the seal came before a number was taken, so the events are in no slot, and the
                // same token goes on in a child, which sorts behind it.
                Err(AppendError::Sealed { partition, children }) => {
                    self.0.routes.learn(&partition, &children);
                    if self.partition_of(&batch)? == partition {
                        // Nothing takes its keys' events any more, which an audit reports.
                        return Err(AppendError::Sealed { partition, children });
                    }
                }
                ended => return ended,
            }
        }
    }

    /// The partition that a batch's events have in common.
    fn partition_of(&self, batch: &EventBatch) -> Result<PartitionId, AppendError> {
        let events = batch.events();
        let Some(first) = events.first() else { return Err(empty_batch()) };
        let partition = self.route(&first.key);
        if let Some(other) = events.iter().find(|event| self.route(&event.key) != partition) {
            return Err(AppendError::Batch(format!(
                "the keys `{}` and `{}` belong to different partitions: append their events in \
                 separate batches",
                first.key, other.key
            )));
        }
        check_partition(&partition)?;
        for event in events {
            check_event(event)?;
        }
        Ok(partition)
    }
}

pub(super) fn empty_batch() -> AppendError {
    AppendError::Batch("a batch needs at least one event".to_owned())
}

/// An append under way: its machine, and what its receipt will say.
#[derive(Debug)]
pub(super) struct PendingAppend {
    machine: Append<Live>,
    partition: PartitionId,
    token: Token,
    events: u32,
    expected: Option<Seq>,
    /// Whether an attempt at the slot had no answer, and nothing has been answered since.
    is_doubtful: bool,
}

impl PendingAppend {
    pub(super) fn new(
        stream: &Stream,
        partition: PartitionId,
        token: Token,
        batch: EventBatch,
        identity: Identity<Live>,
        expected: Option<Seq>,
    ) -> PendingAppend {
        let events = count(&batch);
        let rules = &stream.0.rules;
        let machine =
            Append::new(rules, partition.clone(), token.clone(), batch, identity, expected);
        PendingAppend { machine, partition, token, events, expected, is_doubtful: false }
    }

    /// The append that an earlier run of a named producer left unfinished.
    pub(super) fn resume(
        partition: PartitionId,
        token: Token,
        batch: EventBatch,
        session: Session<Live>,
    ) -> PendingAppend {
        let events = count(&batch);
        let machine = Append::resume(partition.clone(), token.clone(), batch, session);
        PendingAppend { machine, partition, token, events, expected: None, is_doubtful: true }
    }

    /// The events.
    pub(super) fn batch(&self) -> &EventBatch {
        self.machine.batch()
    }

    /// What took the partition's place, after [`Answer::Sealed`].
    pub(super) fn children(&self) -> &[PartitionId] {
        self.machine.children()
    }

    /// Who appends; for a named producer, with its record after this append.
    pub(super) fn identity(&self) -> &Identity<Live> {
        self.machine.identity()
    }

    /// Drives the append to its receipt.
    pub(super) async fn into_receipt(mut self, stream: &Stream) -> Result<Receipt, AppendError> {
        match self.advance(&stream.0).await {
            Ok(answer) => self.receipt(answer),
            Err(why) if self.is_open(&why) => {
                let stream = stream.clone();
                Err(AppendError::Unsettled(Box::new(Unsettled { stream, append: self, why })))
            }
            Err(refused) => Err(refused.into()),
        }
    }

    /// Drives the append as far as the store answers. After a failure, or when the future
    /// was dropped, the append goes on from where it was.
    #[tracing::instrument(
        name = "append",
        level = "debug",
        skip_all,
        fields(partition = %self.partition, token = %self.token)
    )]
    pub(super) async fn advance(&mut self, shared: &Shared) -> Result<Answer, StoreError> {
        // A race for the head is lost to another producer. Coming back at once would meet all
        // the others again.
        let mut backoff = Backoff::new(Duration::from_millis(1));
        let mut raised_before = false;
        shared.show_start(self.observed());
        loop {
            if let Some(answer) = self.machine.answer(&shared.rules) {
                if self.machine.wants(&shared.rules) == Want::Trigger {
                    self.notify(shared);
                }
                return Ok(answer);
            }
            match self.machine.wants(&shared.rules) {
                Want::Store(request) => {
                    let raises = request.slot().is_none() && request.writes();
                    if raises && std::mem::replace(&mut raised_before, true) {
                        shared.clock.sleep(backoff.next()).await;
                    }
                    let reply = self.send(shared, &request).await?;
                    shared.show_told(self.observed(), Told::Answer(&reply));
                    self.machine.tell(&shared.rules, reply);
                }
                Want::Trigger => self.notify(shared),
                Want::Nothing => {}
            }
        }
    }

    /// Sends a request until the store answers it or patience runs out, and notes whether an attempt
    /// at the slot had no answer.
    async fn send(
        &mut self,
        shared: &Shared,
        request: &Request<Live>,
    ) -> Result<Reply<Live>, StoreError> {
        let writes = matches!(request, Request::Write(_) | Request::RaiseAndWrite { .. });
        let is_doubtful = AtomicBool::new(self.is_doubtful);
        // If this is dropped, the attempt that was under way may be applied.
        self.is_doubtful |= writes;
        let attempt = || async {
            let sent = shared.send_once(self.token.as_str(), request, shared.attempt).await;
            // An item that refused and cannot be read is another's: nothing was written.
            let is_unknown = matches!(sent, Err(StoreError::Unknown { .. }));
            is_doubtful.fetch_or(writes && is_unknown, Ordering::Relaxed);
            sent
        };
        let answered = shared.patiently(attempt).await;
        // S2: a refusal does not tell what an earlier attempt did.
        self.is_doubtful = answered.is_err() && is_doubtful.into_inner();
        answered
    }

    /// Whether the events may be in the log, or get there, although the store last said this.
    pub(super) fn is_open(&self, why: &StoreError) -> bool {
        self.is_doubtful || why.is_transient()
    }

    fn notify(&mut self, shared: &Shared) {
        match self.machine.triggered_slot() {
            Some(slot) => shared.notices.notify_of(&self.partition, slot),
            None => shared.notices.notify(&self.partition),
        }
        shared.show_told(self.observed(), Told::Notified);
        self.machine.notified();
    }

    fn observed(&self) -> Machine<'_> {
        Machine::Append { token: &self.token, machine: &self.machine }
    }

    /// The receipt or the error that the machine's answer means.
    pub(super) fn receipt(&self, answer: Answer) -> Result<Receipt, AppendError> {
        let (partition, events) = (self.partition.clone(), self.events);
        match answer {
            Answer::Appended(slot) => {
                Ok(Receipt { partition, position: Position { slot, index: 0 }, events })
            }
            Answer::Conflict { head } => {
                let expected = self.expected.unwrap_or(head);
                Err(AppendError::Conflict { partition, expected, found: head })
            }
            Answer::Fenced => Err(AppendError::Fenced { partition }),
            Answer::Sealed => {
                let children = self.machine.children().to_vec();
                Err(AppendError::Sealed { partition, children })
            }
        }
    }
}

fn count(batch: &EventBatch) -> u32 {
    u32::try_from(batch.events().len()).unwrap_or(u32::MAX)
}
