//! Group commit: concurrent appends of one partition share slots, numbers and round trips.

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::Poll;
use std::time::Duration;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use futures_util::lock::Mutex as AsyncMutex;
use gapless_model::PartitionId;
use gapless_model::append::{Append, Identity};

use super::single::{AppendError, Call, Receipt, advance, receipt};
use crate::stream::Stream;
use crate::vocabulary::{Event, EventBatch, Live, Position, Token};
use crate::wire::{MOST_ITEM, check_event, item_size, overhead};

/// When a slot is full, and how long to wait for company.
#[derive(Clone, Copy, Debug)]
pub struct Grouping {
    /// How long the first of a group waits for others. Nothing, unless told
    /// otherwise: whatever arrives while a slot is being written shares the next.
    pub linger: Duration,
    /// The most events in a slot.
    pub events: usize,
    /// The most bytes of events in a slot.
    pub bytes: usize,
    /// How many events may wait for a partition before an append waits to be let in.
    pub waiting: usize,
}

impl Default for Grouping {
    fn default() -> Grouping {
        Grouping { linger: Duration::ZERO, events: 500, bytes: 256 * 1024, waiting: 10_000 }
    }
}

/// Collects concurrent appends into common slots. Cloning it is cheap; clones share groups.
///
/// It has no task of its own: one of those who wait writes the slot for all, and
/// when that one goes away, another goes on with the very same append.
#[derive(Clone, Debug)]
pub struct Appender {
    stream: Stream,
    grouping: Grouping,
    lanes: Arc<Mutex<HashMap<PartitionId, Arc<Lane>>>>,
}

/// One partition's appends.
#[derive(Debug, Default)]
struct Lane {
    /// Those that nobody has begun to write.
    queue: Mutex<VecDeque<Waiting>>,
    /// The group that is being written; whoever holds the lock writes.
    writing: AsyncMutex<Option<Group>>,
}

#[derive(Debug)]
struct Waiting {
    event: Event,
    answer: oneshot::Sender<Answered>,
}

type Answered = Result<Receipt, Arc<AppendError>>;

#[derive(Debug)]
struct Group {
    append: Append<Live>,
    call: Call,
    answers: Vec<oneshot::Sender<Answered>>,
}

/// Why a grouped append has no receipt: the group's reason, shared by all in it.
///
/// Where the reason is a [`StoreError::Unknown`](crate::StoreError::Unknown), patience ran
/// out before the store answered: the events may be in the log, or get there.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct GroupError(Arc<AppendError>);

impl GroupError {
    /// The reason.
    #[must_use]
    pub fn reason(&self) -> &AppendError {
        &self.0
    }
}

impl From<AppendError> for GroupError {
    fn from(error: AppendError) -> GroupError {
        GroupError(Arc::new(error))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Stream {
    /// Appends that share slots.
    #[must_use]
    pub fn appender(&self, grouping: Grouping) -> Appender {
        Appender { stream: self.clone(), grouping, lanes: Arc::default() }
    }
}

impl Appender {
    /// Appends an event to the partition of its key, together with whatever else is
    /// appended there at the moment.
    ///
    /// Dropping the future before its event is in a group takes the event back;
    /// after that it is as with [`Stream::append`]: in the log once at most.
    ///
    /// # Errors
    /// [`GroupError`]: the reason of [`AppendError`], one for the whole group.
    pub async fn append(&self, event: Event) -> Result<Receipt, GroupError> {
        check_event(&event).map_err(AppendError::from)?;
        let partition = self.stream.route(&event.key);
        let lane = Arc::clone(lock(&self.lanes).entry(partition.clone()).or_default());
        while lock(&lane.queue).len() >= self.grouping.waiting {
            // Let in when the queue is shorter; until then it helps to shorten it.
            let mut writing = lane.writing.lock().await;
            self.write_group(&lane, &partition, &mut writing).await;
        }
        let (answer, mut answered) = oneshot::channel();
        lock(&lane.queue).push_back(Waiting { event, answer });
        loop {
            let turn = lane.writing.lock();
            match select(answered, turn).await {
                Either::Left((answer, _)) => return done(answer),
                Either::Right((mut writing, waiting)) => {
                    answered = waiting;
                    if let Ok(Some(answer)) = answered.try_recv() {
                        return done(Ok(answer));
                    }
                    self.write_group(&lane, &partition, &mut writing).await;
                    if let Ok(Some(answer)) = answered.try_recv() {
                        return done(Ok(answer));
                    }
                }
            }
        }
    }

    /// Writes one group: the one that somebody left half written, or the next.
    async fn write_group(&self, lane: &Lane, partition: &PartitionId, writing: &mut Option<Group>) {
        if writing.is_none() {
            // Also without a linger: those who were just answered get their turn first.
            let (mut yields, mut before) = (0, 0);
            while yields < 3 || (yields < 16 && lock(&lane.queue).len() > before) {
                before = lock(&lane.queue).len();
                yield_once().await;
                yields += 1;
            }
            self.stream.0.clock.sleep(self.grouping.linger).await;
            *writing = self.next_group(lane, partition);
        }
        let Some(group) = writing else { return };
        // If this future is dropped here, the group stays where the next one finds it.
        let outcome = advance(&self.stream.0, &mut group.append, &group.call).await;
        let Some(group) = writing.take() else { return };
        let outcome = match outcome {
            Ok(answer) => receipt(answer, group.call).map_err(Arc::new),
            Err(error) => Err(Arc::new(AppendError::Store(error))),
        };
        for (index, answer) in group.answers.into_iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let own = outcome.clone().map(|receipt| Receipt {
                position: Position { index, ..receipt.position },
                events: 1,
                ..receipt
            });
            // Whoever asked may be gone.
            let _ = answer.send(own);
        }
    }

    fn next_group(&self, lane: &Lane, partition: &PartitionId) -> Option<Group> {
        let token = Token::fresh();
        let most = MOST_ITEM - overhead(partition.as_str(), token.as_str());
        let room = self.grouping.bytes.min(most);
        let (mut events, mut answers, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut queue = lock(&lane.queue);
        while let Some(waiting) = queue.front() {
            let size = item_size(&waiting.event);
            // One event alone may be larger than a group should be.
            let full = !events.is_empty() && bytes + size > room;
            if full || events.len() >= self.grouping.events.max(1) {
                break;
            }
            let Some(waiting) = queue.pop_front() else { break };
            if waiting.answer.is_canceled() {
                continue;
            }
            bytes += size;
            events.push(waiting.event);
            answers.push(waiting.answer);
        }
        drop(queue);
        let batch = EventBatch::new(events)?;
        tracing::debug!(%partition, events = answers.len(), bytes, "a group is written");
        let (append, call) =
            self.stream.begin(partition.clone(), token, batch, Identity::Anonymous, None);
        Some(Group { append, call, answers })
    }
}

/// Lets everything else that is ready go first.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

fn done(answer: Result<Answered, oneshot::Canceled>) -> Result<Receipt, GroupError> {
    match answer {
        Ok(answer) => answer.map_err(GroupError),
        Err(oneshot::Canceled) => {
            Err(AppendError::Batch("the appender ended before it answered".to_owned()).into())
        }
    }
}
