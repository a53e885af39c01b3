//! Appending: one batch, from taking a number to its receipt.

use gapless_model::append::{Answer, Append, Identity, Want};
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
    append: Append<Live>,
    call: Call,
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
        drive(&self.stream, self.append, self.call).await
    }
}

/// What an answer is told in terms of.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) partition: PartitionId,
    pub(crate) token: Token,
    pub(crate) events: u32,
    pub(crate) expected: Option<Seq>,
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
        let (partition, batch) = self.batch(events)?;
        let token = Token::fresh();
        let (append, call) = self.begin(partition, token, batch, Identity::Anonymous, expected);
        drive(self, append, call).await
    }

    /// Checks that events make a batch of one partition.
    pub(crate) fn batch(
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

    pub(crate) fn begin(
        &self,
        partition: PartitionId,
        token: Token,
        batch: EventBatch,
        identity: Identity<Live>,
        expected: Option<Seq>,
    ) -> (Append<Live>, Call) {
        let events = u32::try_from(batch.events().len()).unwrap_or(u32::MAX);
        let call = Call { partition: partition.clone(), token: token.clone(), events, expected };
        let rules = &self.0.rules;
        (Append::new(rules, partition, token, batch, identity, expected), call)
    }
}

/// Drives an append to its answer.
#[tracing::instrument(level = "debug", skip_all, fields(partition = %call.partition, token = %call.token))]
async fn drive(
    stream: &Stream,
    mut append: Append<Live>,
    call: Call,
) -> Result<Receipt, AppendError> {
    match advance(&stream.0, &mut append, &call).await {
        Ok(answer) => receipt(answer, call),
        Err(why) if why.is_transient() => {
            let stream = stream.clone();
            Err(AppendError::Unsettled(Box::new(Unsettled { stream, append, call, why })))
        }
        Err(refused) => Err(refused.into()),
    }
}

/// Drives an append as far as the store answers. The machine is the caller's: if
/// this is dropped or fails, it can be driven on.
pub(crate) async fn advance(
    shared: &Shared,
    append: &mut Append<Live>,
    call: &Call,
) -> Result<Answer, StoreError> {
    // A race for the head is lost to somebody who won it; yet to come back at once
    // is to meet all the others again.
    let mut backoff = Backoff::new(std::time::Duration::from_millis(1));
    let mut asked = None;
    shared.began(Machine::Append { token: &call.token, machine: append });
    loop {
        if let Some(answer) = append.answer(&shared.rules) {
            if append.wants(&shared.rules) == Want::Trigger {
                notify(shared, append, call);
            }
            return Ok(answer);
        }
        match append.wants(&shared.rules) {
            Want::Store(request) => {
                let raises = request.slot().is_none() && request.writes();
                if raises && asked.replace(()).is_some() {
                    shared.clock.sleep(backoff.next()).await;
                }
                let reply = shared.ask(call.token.as_str(), &request).await?;
                let machine = Machine::Append { token: &call.token, machine: append };
                shared.told(machine, Told::Answer(&reply));
                append.tell(&shared.rules, reply);
            }
            Want::Trigger => notify(shared, append, call),
            Want::Nothing => {}
        }
    }
}

fn notify(shared: &Shared, append: &mut Append<Live>, call: &Call) {
    shared.notices.notify(&call.partition);
    shared.told(Machine::Append { token: &call.token, machine: append }, Told::Notified);
    append.notified();
}

pub(crate) fn receipt(answer: Answer, call: Call) -> Result<Receipt, AppendError> {
    let Call { partition, events, expected, .. } = call;
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
