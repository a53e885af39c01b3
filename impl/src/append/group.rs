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
use gapless_model::append::Identity;

use super::single::{AppendError, PendingAppend, Receipt};
use crate::stream::Stream;
use crate::vocabulary::{Event, EventBatch, NoRandomness, Position, Token};
use crate::wire::{MOST_ITEM, check_event, check_partition, item_size, overhead};

/// When a slot is full, and how long to wait for more events.
///
/// `Grouping::default()` suits most callers; the methods change one limit each.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Grouping {
    /// How long the first event of a group waits for others. Default: zero. Even then,
    /// what arrives while a slot is being written shares the next slot.
    pub linger: Duration,
    /// The most events in a slot. Default: 500. Zero counts as one.
    pub events: usize,
    /// The most bytes of events in a slot. Default: 256 KB. A single event may be larger.
    pub bytes: usize,
    /// How many events may wait for a partition before further appends wait to be queued.
    /// Default: 10,000.
    pub waiting: usize,
}

impl Default for Grouping {
    fn default() -> Grouping {
        Grouping { linger: Duration::ZERO, events: 500, bytes: 256 * 1024, waiting: 10_000 }
    }
}

impl Grouping {
    /// Sets how long the first event of a group waits for others.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Grouping {
        self.linger = linger;
        self
    }

    /// Sets the most events in a slot.
    #[must_use]
    pub fn events(mut self, most: usize) -> Grouping {
        self.events = most;
        self
    }

    /// Sets the most bytes of events in a slot.
    #[must_use]
    pub fn bytes(mut self, most: usize) -> Grouping {
        self.bytes = most;
        self
    }

    /// Sets how many events may wait for a partition.
    #[must_use]
    pub fn waiting(mut self, most: usize) -> Grouping {
        self.waiting = most;
        self
    }
}

/// Collects concurrent appends into common slots.
///
/// Cloning is cheap, and clones share their groups. An appender has no task of its own: one
/// of the appends that wait writes the slot for all, and if that one is dropped, another
/// goes on with the same request. Events of one partition are written in the order in which
/// their appends were first polled.
#[derive(Clone, Debug)]
pub struct Appender {
    stream: Stream,
    grouping: Grouping,
    queues: Arc<Mutex<HashMap<PartitionId, Arc<PartitionQueue>>>>,
}

/// One partition's appends.
#[derive(Debug, Default)]
struct PartitionQueue {
    /// Events that are in no group yet.
    waiting: Mutex<VecDeque<QueuedEvent>>,
    /// The group that is being written, by the append that holds the lock.
    writing: AsyncMutex<Option<GroupedAppend>>,
}

#[derive(Debug)]
struct QueuedEvent {
    event: Event,
    receipt: oneshot::Sender<GroupResult>,
}

type GroupResult = Result<Receipt, Arc<AppendError>>;

/// The append of a whole group, and where each of its events' receipts goes.
#[derive(Debug)]
struct GroupedAppend {
    append: PendingAppend,
    receipts: Vec<oneshot::Sender<GroupResult>>,
}

/// Why a grouped append has no receipt. All appends of a group share the reason.
///
/// If the reason is an [`AppendError::Store`] whose error is transient, patience ran out
/// before the store answered: the event may be in the log, or get there, and appending it
/// anew can append it twice.
#[derive(Clone, Debug, thiserror::Error)]
#[error(transparent)]
pub struct GroupError(Arc<AppendError>);

impl GroupError {
    /// Returns the group's reason.
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
    // Nothing panics while it holds one of these locks.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Stream {
    /// Creates an appender, whose concurrent appends share slots.
    #[must_use]
    pub fn appender(&self, grouping: Grouping) -> Appender {
        Appender { stream: self.clone(), grouping, queues: Arc::default() }
    }
}

impl Appender {
    /// Appends an event to the partition of its key, in one slot with the other events that
    /// are appended there at the moment.
    ///
    /// A whole group takes as many requests as one append, and a write unit for each KB of
    /// its slot. The receipt is the event's own: it says where in the slot the event is.
    ///
    /// Dropping the future before its event is in a group takes the event back. After that
    /// the event gets into the log at most once, as with [`Stream::append`].
    ///
    /// # Errors
    /// Returns [`GroupError`] with the reason, one for the whole group. An event that is too
    /// large for an item is refused alone, before it is queued.
    pub async fn append(&self, event: Event) -> Result<Receipt, GroupError> {
        check_event(&event).map_err(AppendError::from)?;
        let partition = self.stream.route(&event.key);
        check_partition(&partition).map_err(AppendError::from)?;
        let queue = Arc::clone(lock(&self.queues).entry(partition.clone()).or_default());
        while lock(&queue.waiting).len() >= self.grouping.waiting {
            // Let in when the queue is shorter; until then it helps to shorten it.
            let mut writing = queue.writing.lock().await;
            self.write_group(&queue, &partition, &mut writing).await;
        }
        let (receipt, mut received) = oneshot::channel();
        lock(&queue.waiting).push_back(QueuedEvent { event, receipt });
        loop {
            let lead = queue.writing.lock();
            match select(received, lead).await {
                Either::Left((receipt, _)) => return own_receipt(receipt),
                Either::Right((mut writing, waiting)) => {
                    received = waiting;
                    if let Ok(Some(receipt)) = received.try_recv() {
                        return own_receipt(Ok(receipt));
                    }
                    self.write_group(&queue, &partition, &mut writing).await;
                    if let Ok(Some(receipt)) = received.try_recv() {
                        return own_receipt(Ok(receipt));
                    }
                }
            }
        }
    }

    /// Writes one group: the one that a dropped append left half written, or the next.
    async fn write_group(
        &self,
        queue: &PartitionQueue,
        partition: &PartitionId,
        writing: &mut Option<GroupedAppend>,
    ) {
        if writing.is_none() {
            self.wait_for_company(queue).await;
            match Token::fresh() {
                Ok(token) => *writing = self.next_group(queue, partition, token),
                Err(error) => return refuse_waiting(queue, error),
            }
        }
        let Some(group) = writing else { return };
        // If this future is dropped here, the group stays where the next one finds it.
        let advanced = group.append.advance(&self.stream.0).await;
        let Some(group) = writing.take() else { return };
        let outcome = match advanced {
            Ok(answer) => group.append.receipt(answer).map_err(Arc::new),
            Err(error) => Err(Arc::new(AppendError::Store(error))),
        };
        for (index, receipt) in group.receipts.into_iter().enumerate() {
            let index = u32::try_from(index).unwrap_or(u32::MAX);
            let own = outcome.clone().map(|receipt| Receipt {
                position: Position { index, ..receipt.position },
                events: 1,
                ..receipt
            });
            // The append that waited for it may be gone.
            let _ = receipt.send(own);
        }
    }

    async fn wait_for_company(&self, queue: &PartitionQueue) {
        // Even without a linger, the appends that were just answered get to add their next.
        let (mut yields, mut before) = (0, 0);
        while yields < 3 || (yields < 16 && lock(&queue.waiting).len() > before) {
            before = lock(&queue.waiting).len();
            yield_once().await;
            yields += 1;
        }
        self.stream.0.clock.sleep(self.grouping.linger).await;
    }

    fn next_group(
        &self,
        queue: &PartitionQueue,
        partition: &PartitionId,
        token: Token,
    ) -> Option<GroupedAppend> {
        let most = MOST_ITEM - overhead(partition.as_str(), token.as_str());
        let room = self.grouping.bytes.min(most);
        let (mut events, mut receipts, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut waiting = lock(&queue.waiting);
        while let Some(next) = waiting.front() {
            let size = item_size(&next.event);
            // One event alone may be larger than a group should be.
            let full = !events.is_empty() && bytes + size > room;
            if full || events.len() >= self.grouping.events.max(1) {
                break;
            }
            let Some(next) = waiting.pop_front() else { break };
            // An append that was dropped before its group began is not written.
            if next.receipt.is_canceled() {
                continue;
            }
            bytes += size;
            events.push(next.event);
            receipts.push(next.receipt);
        }
        drop(waiting);
        let batch = EventBatch::new(events)?;
        tracing::debug!(%partition, events = receipts.len(), bytes, "a group is written");
        let (partition, identity) = (partition.clone(), Identity::Anonymous);
        let append = PendingAppend::new(&self.stream, partition, token, batch, identity, None);
        Some(GroupedAppend { append, receipts })
    }
}

/// Answers every append that waits: no group can be named.
fn refuse_waiting(queue: &PartitionQueue, error: NoRandomness) {
    let reason = Arc::new(AppendError::Store(error.into()));
    for waiting in lock(&queue.waiting).drain(..) {
        // The append that waited for it may be gone.
        let _ = waiting.receipt.send(Err(Arc::clone(&reason)));
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

fn own_receipt(receipt: Result<GroupResult, oneshot::Canceled>) -> Result<Receipt, GroupError> {
    match receipt {
        Ok(receipt) => receipt.map_err(GroupError),
        Err(oneshot::Canceled) => {
            Err(AppendError::Batch("the appender ended before it answered".to_owned()).into())
        }
    }
}
