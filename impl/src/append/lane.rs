//! One partition's lane: the events that wait for a slot, and the group that is being written.

use std::collections::{HashMap, VecDeque};
use std::ops::Deref;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use event_listener::{Event as Signal, IntoNotification as _};
use futures_channel::oneshot;
use futures_util::lock::Mutex as AsyncMutex;
use gapless_model::PartitionId;

use super::outcome::{GroupError, GroupResult};
use super::single::PendingAppend;
use crate::vocabulary::{Event, EventBatch, lock};
use crate::wire::{MOST_ITEM, item_size};

/// When a slot is full, and how long to wait for more events.
///
/// `Grouping::default()` suits most callers; the methods change one limit each.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Grouping {
    /// How long the first event of a group waits for others, unless they fill the slot before.
    /// Default: zero. Even then, what arrives while a slot is being written shares the next slot.
    pub linger: Duration,
    /// The most events in a slot. Default: 500. Zero counts as one.
    pub events: usize,
    /// The most bytes of events in a slot. Default: 256 KB. A single event may be larger.
    pub bytes: usize,
    /// How many events may wait for a partition before further appends wait to be queued.
    /// Default: 10,000. Zero counts as one.
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

/// The lanes of the partitions to which something is being appended.
#[derive(Clone, Debug, Default)]
pub(super) struct Lanes(Arc<Mutex<HashMap<PartitionId, Shared>>>);

#[derive(Debug, Default)]
struct Shared {
    lane: Arc<Lane>,
    /// How many appends are in it.
    appends: usize,
}

/// An append's place in a lane. With the last of them the lane goes, and what is in it.
#[derive(Debug)]
pub(super) struct Place {
    lanes: Lanes,
    partition: PartitionId,
    lane: Arc<Lane>,
}

impl Lanes {
    /// Enters the lane of a partition.
    pub(super) fn enter(&self, partition: &PartitionId) -> Place {
        let mut lanes = lock(&self.0);
        let shared = lanes.entry(partition.clone()).or_default();
        shared.appends += 1;
        let lane = Arc::clone(&shared.lane);
        Place { lanes: self.clone(), partition: partition.clone(), lane }
    }
}

impl Deref for Place {
    type Target = Lane;

    fn deref(&self) -> &Lane {
        &self.lane
    }
}

impl Drop for Place {
    /// A group that nobody waits for is given up. Whoever went on with it hours later would append
    /// what its callers may have appended anew.
    fn drop(&mut self) {
        let mut lanes = lock(&self.lanes.0);
        if let Some(shared) = lanes.get_mut(&self.partition) {
            shared.appends -= 1;
            if shared.appends == 0 {
                lanes.remove(&self.partition);
            }
        }
    }
}

/// One partition's appends.
#[derive(Debug, Default)]
pub(super) struct Lane {
    waiting: Mutex<Waiting>,
    /// Given when enough waits for a whole group.
    filled: Signal,
    /// Given to as many appends as the queue has room for when events have left it.
    pub(super) room: Signal,
    /// The group that is being written, by the append that holds the lock.
    pub(super) writing: AsyncMutex<Option<GroupedAppend>>,
}

/// Events that are in no group yet.
#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<QueuedEvent>,
    bytes: usize,
}

impl Waiting {
    fn pop(&mut self) -> Option<QueuedEvent> {
        let next = self.events.pop_front()?;
        self.bytes -= item_size(&next.event);
        Some(next)
    }

    /// Whether a group can't be larger than what waits, or no more may wait.
    fn fills(&self, grouping: &Grouping) -> bool {
        let most = grouping.events.min(grouping.waiting).max(1);
        self.events.len() >= most || self.bytes >= grouping.bytes.min(MOST_ITEM)
    }
}

#[derive(Debug)]
struct QueuedEvent {
    event: Event,
    receipt: oneshot::Sender<GroupResult>,
}

/// The append of a whole group, and where each of its events' receipts goes.
#[derive(Debug)]
pub(super) struct GroupedAppend {
    pub(super) append: PendingAppend,
    pub(super) receipts: Vec<oneshot::Sender<GroupResult>>,
}

impl Lane {
    /// Whether no more events may wait.
    pub(super) fn is_full(&self, grouping: &Grouping) -> bool {
        self.len() >= grouping.waiting.max(1)
    }

    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        lock(&self.waiting).events.len()
    }

    /// Queues an event. Its receipt comes through the channel.
    pub(super) fn queue(
        &self,
        event: Event,
        grouping: &Grouping,
    ) -> oneshot::Receiver<GroupResult> {
        let (receipt, received) = oneshot::channel();
        let mut waiting = lock(&self.waiting);
        waiting.bytes += item_size(&event);
        waiting.events.push_back(QueuedEvent { event, receipt });
        if waiting.fills(grouping) {
            self.filled.notify(usize::MAX);
        }
        received
    }

    /// Waits until enough waits for a whole group.
    pub(super) async fn filled(&self, grouping: &Grouping) {
        loop {
            let filled = self.filled.listen();
            if lock(&self.waiting).fills(grouping) {
                return;
            }
            filled.await;
        }
    }

    /// Takes the events of the next group, no more than `room` bytes of them unless one alone is
    /// larger, and where their receipts go.
    pub(super) fn take_group(
        &self,
        grouping: &Grouping,
        room: usize,
    ) -> Option<(EventBatch, Vec<oneshot::Sender<GroupResult>>)> {
        let (mut events, mut receipts, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut waiting = lock(&self.waiting);
        while let Some(next) = waiting.events.front() {
            let size = item_size(&next.event);
            let is_full = !events.is_empty() && bytes + size > room;
            if is_full || events.len() >= grouping.events.max(1) {
                break;
            }
            let Some(next) = waiting.pop() else { break };
            // An append that was dropped before its group began is not written.
            if next.receipt.is_canceled() {
                continue;
            }
            bytes += size;
            events.push(next.event);
            receipts.push(next.receipt);
        }
        // Also to those who wait behind some that were woken before and are gone.
        let room = grouping.waiting.max(1).saturating_sub(waiting.events.len());
        self.room.notify(room.additional());
        Some((EventBatch::new(events)?, receipts))
    }

    /// Answers every append that waits.
    pub(super) fn refuse_waiting(&self, error: &GroupError) {
        let mut waiting = lock(&self.waiting);
        while let Some(next) = waiting.pop() {
            // The append that waited for it may be gone.
            let _ = next.receipt.send(Err(error.clone()));
        }
        self.room.notify(usize::MAX);
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::super::single::AppendError;
    use super::*;

    /// Where no group can begin for want of random bytes.
    #[test]
    fn each_append_that_waits_is_refused_with_the_reason() {
        let lane = Lane::default();
        let queue = || lane.queue(Event::new("k", "1"), &Grouping::default());
        let received = [queue(), queue()];
        let room = lane.room.listen();
        lane.refuse_waiting(&AppendError::Batch("no group".to_owned()).into());
        assert_eq!(lane.len(), 0);
        assert!(room.now_or_never().is_some(), "who waits for room gets in");
        for mut receipt in received {
            let refused = receipt.try_recv().expect("there is an answer").expect("and it is known");
            assert!(refused.expect_err("it was refused").to_string().contains("no group"));
        }
    }

    #[test]
    fn a_lane_is_there_as_long_as_an_append_is_in_it() {
        let lanes = Lanes::default();
        let of = |lanes: &Lanes| lock(&lanes.0).len();
        let [p, q] = [0, u64::MAX].map(|hash| PartitionId::covering(hash, 1));
        let first = lanes.enter(&p);
        let other = lanes.enter(&q);
        let second = lanes.enter(&p);
        assert!(Arc::ptr_eq(&first.lane, &second.lane), "they share it");
        drop(first);
        assert_eq!(of(&lanes), 2);
        drop((second, other));
        assert_eq!(of(&lanes), 0);
    }
}
