//! Appending one batch, from taking a number to its receipt.

use std::time::Duration;

use gapless_model::append::{Answer, Append, Identity, Session, Want};
use gapless_model::{PartitionId, Seq};

use crate::observe::{Machine, Told};
use crate::stream::{Shared, Stream};
use crate::vocabulary::{Backoff, Event, EventBatch, Live, Position, StoreError, Token};
use crate::wire::check_event;

/// Proof that a batch is in the log, for ever, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The partition.
    pub partition: PartitionId,
    /// Where the first event stands; the others follow in the same slot.
    pub position: Position,
    /// How many events.
    pub events: u32,
}

/// Why an append has no receipt.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The head was no longer where the caller expected it. Nothing was appended,
    /// and nothing will be: read what came in between, and decide again.
    #[error("expected the head of {partition} at {expected} and found it at {found}")]
    Conflict {
        /// The partition.
        partition: PartitionId,
        /// Where the caller expected it.
        expected: Seq,
        /// Where it was.
        found: Seq,
    },
    /// A later run of the same producer has claimed the name.
    #[error("a later run of the same producer appends to {partition} now")]
    Fenced {
        /// The partition.
        partition: PartitionId,
    },
    /// The store did not answer for as long as patience lasted: it may be in the
    /// log, or get there. [`Unsettled::settle`] goes on, and appends nothing twice.
    #[error("nobody knows whether it was appended: {}", .0.why)]
    Unsettled(Box<Unsettled>),
    /// The store refused it for good.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to append, or not all of it belongs to one partition.
    #[error("{0}")]
    Batch(String),
}

/// An append whose outcome is not known yet.
#[derive(Debug)]
pub struct Unsettled {
    stream: Stream,
    append: PendingAppend,
    why: StoreError,
}

impl Unsettled {
    /// Why it is not known.
    #[must_use]
    pub fn why(&self) -> &StoreError {
        &self.why
    }

    /// Goes on where it was. It recognises what it wrote before.
    ///
    /// # Errors
    /// As the append itself.
    pub async fn settle(self) -> Result<Receipt, AppendError> {
        self.append.into_receipt(&self.stream).await
    }
}

impl Stream {
    /// Appends an event to the partition of its key.
    ///
    /// Dropping the future leaves it open whether the event gets into the log; it
    /// gets there once at most. A number that was taken and not written is a gap,
    /// which the next reader voids.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn append(&self, event: Event) -> Result<Receipt, AppendError> {
        self.append_batch(vec![event]).await
    }

    /// Appends events of one partition into one slot: all of them or none, next to
    /// one another, for the price of one.
    ///
    /// # Errors
    /// [`AppendError`]
    pub async fn append_batch(&self, events: Vec<Event>) -> Result<Receipt, AppendError> {
        self.append_anonymous(events, None).await
    }

    /// Appends if the partition's head still is where the caller saw it: the slot of
    /// the last event it read, or [`Seq::ZERO`] where there was none. Two who
    /// decide on the same history do not both succeed.
    ///
    /// # Errors
    /// [`AppendError::Conflict`] if somebody came in between, and the others.
    pub async fn append_expecting(
        &self,
        expected: Seq,
        events: Vec<Event>,
    ) -> Result<Receipt, AppendError> {
        self.append_anonymous(events, Some(expected)).await
    }

    async fn append_anonymous(
        &self,
        events: Vec<Event>,
        expected: Option<Seq>,
    ) -> Result<Receipt, AppendError> {
        let (partition, batch) = self.batch_of_one_partition(events)?;
        let identity = Identity::Anonymous;
        let append = PendingAppend::new(self, partition, Token::fresh(), batch, identity, expected);
        append.into_receipt(self).await
    }

    /// Makes a batch of events, and finds its partition; an error where they have none
    /// in common, or one is too large.
    fn batch_of_one_partition(
        &self,
        events: Vec<Event>,
    ) -> Result<(PartitionId, EventBatch), AppendError> {
        let Some(first) = events.first() else {
            return Err(AppendError::Batch("a batch holds at least one event".to_owned()));
        };
        let partition = self.route(&first.key);
        if let Some(other) = events.iter().find(|event| self.route(&event.key) != partition) {
            return Err(AppendError::Batch(format!(
                "a batch is of one partition, and the keys `{}` and `{}` are of two",
                first.key, other.key
            )));
        }
        for event in &events {
            check_event(event)?;
        }
        let batch = EventBatch::new(events);
        let batch = batch.ok_or_else(|| AppendError::Batch("a batch holds an event".to_owned()))?;
        Ok((partition, batch))
    }
}

/// An append under way: its machine, and what its receipt will say.
#[derive(Debug)]
pub(super) struct PendingAppend {
    machine: Append<Live>,
    partition: PartitionId,
    token: Token,
    events: u32,
    expected: Option<Seq>,
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
        PendingAppend { machine, partition, token, events, expected }
    }

    /// The append that an earlier run of a named producer left, from its record on.
    pub(super) fn resume(
        partition: PartitionId,
        token: Token,
        batch: EventBatch,
        session: Session<Live>,
    ) -> PendingAppend {
        let events = count(&batch);
        let machine = Append::resume(partition.clone(), token.clone(), batch, session);
        PendingAppend { machine, partition, token, events, expected: None }
    }

    /// Whose append it is, and a named producer's record after it.
    pub(super) fn identity(&self) -> &Identity<Live> {
        self.machine.identity()
    }

    /// Drives the append to its receipt.
    #[tracing::instrument(
        name = "append",
        level = "debug",
        skip_all,
        fields(partition = %self.partition, token = %self.token)
    )]
    async fn into_receipt(mut self, stream: &Stream) -> Result<Receipt, AppendError> {
        match self.advance(&stream.0).await {
            Ok(answer) => self.receipt(answer),
            Err(why) if why.is_transient() => {
                let stream = stream.clone();
                Err(AppendError::Unsettled(Box::new(Unsettled { stream, append: self, why })))
            }
            Err(refused) => Err(refused.into()),
        }
    }

    /// Drives the append as far as the store answers. If this is dropped or fails, the
    /// append can be driven on from where it was.
    pub(super) async fn advance(&mut self, shared: &Shared) -> Result<Answer, StoreError> {
        // A lost race for the head was won by another producer. To come back at once
        // would meet all the losers again.
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
                    let reply = shared.send_until_answered(self.token.as_str(), &request).await?;
                    shared.show_told(self.observed(), Told::Answer(&reply));
                    // S2: the machine recognises its own token in a slot that is taken.
                    self.machine.tell(&shared.rules, reply);
                }
                Want::Trigger => self.notify(shared),
                Want::Nothing => {}
            }
        }
    }

    fn notify(&mut self, shared: &Shared) {
        shared.notices.notify(&self.partition);
        shared.show_told(self.observed(), Told::Notified);
        self.machine.notified();
    }

    fn observed(&self) -> Machine<'_> {
        Machine::Append { token: &self.token, machine: &self.machine }
    }

    /// What the machine's answer means to the caller.
    pub(super) fn receipt(self, answer: Answer) -> Result<Receipt, AppendError> {
        let PendingAppend { partition, events, expected, .. } = self;
        match answer {
            Answer::Appended(slot) => {
                Ok(Receipt { partition, position: Position { slot, index: 0 }, events })
            }
            Answer::Conflict { head } => {
                let expected = expected.unwrap_or(head);
                Err(AppendError::Conflict { partition, expected, found: head })
            }
            Answer::Fenced => Err(AppendError::Fenced { partition }),
        }
    }
}

fn count(batch: &EventBatch) -> u32 {
    u32::try_from(batch.events().len()).unwrap_or(u32::MAX)
}
