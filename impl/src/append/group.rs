//! Group commit: concurrent appends of one partition share slots, numbers and round trips.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_channel::oneshot::{self, Canceled};
use futures_util::future::{Either, select};
use gapless_model::PartitionId;
use gapless_model::append::{Answer, Identity};

use super::grouping::Grouping;
use super::lane::{GroupedAppend, Lane, Lanes, NoLane, QueuedEvent, Waiter};
use super::outcome::{GroupError, GroupResult, Outcome};
use super::single::{AppendError, PendingAppend, Receipt};
use crate::stream::{Layout, Stream};
use crate::vocabulary::{Event, Token};
use crate::wire::{MOST_ITEM, check_event, check_partition, overhead};

/// Collects concurrent appends into common slots.
///
/// Cloning is cheap, and clones share their groups. An appender has no task of its own: one
/// of the appends that wait writes the slot for all, and if that one is dropped, another
/// goes on with the group. If all are dropped, so is what they were about to write. Events of
/// one partition are written in the order in which their appends got into its queue: in the order in
/// which they were first polled, as long as the queue has room.
#[derive(Clone, Debug)]
pub struct Appender {
    stream: Stream,
    grouping: Grouping,
    lanes: Lanes,
}

impl Stream {
    /// Creates an appender, whose concurrent appends share slots.
    #[must_use]
    pub fn appender(&self, grouping: Grouping) -> Appender {
        Appender { stream: self.clone(), grouping, lanes: Lanes::default() }
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
    /// the event gets into the log at most once, as with [`Stream::append`]: while another append of
    /// its group or behind it goes on, or when [`GroupError::settle`] settles another of its group.
    ///
    /// # Errors
    /// Returns [`GroupError`] with the reason, one for the whole group. An event that is too
    /// large for an item is refused alone, before it is queued.
    pub async fn append(&self, event: Event) -> Result<Receipt, GroupError> {
        check_event(&event).map_err(AppendError::from)?;
        let way = self.way(&event);
        if let Some(leaf) = way.last() {
            check_partition(leaf).map_err(AppendError::from)?;
        }
        let begun = self.lanes.begin(event, &way);
        let Some((queued, place, mut received)) = begun else { return own_receipt(Err(Canceled)) };
        let (partition, lane) = place.now();
        self.make_room(&lane, &partition).await;
        drop(lane);
        // Its lane may have been left meanwhile.
        let way = self.way(&queued.event);
        if let Err(lost) = self.lanes.queue(queued, &way, &self.grouping) {
            self.refuse(lost);
        }
        loop {
            // Where the event is by now: it moves on when its partition turns out to be sealed.
            let (partition, lane) = place.now();
            let lead = lane.writing.lock();
            match select(received, lead).await {
                Either::Left((receipt, _)) => return own_receipt(receipt),
                Either::Right((mut writing, waiting)) => {
                    received = waiting;
                    if let Ok(Some(receipt)) = received.try_recv() {
                        return receipt;
                    }
                    // Who leaves a lane holds the lock until everything has moved.
                    if !lane.is_left() {
                        self.write_group(&lane, &partition, &mut writing).await;
                    }
                    if let Ok(Some(receipt)) = received.try_recv() {
                        return receipt;
                    }
                }
            }
        }
    }

    /// The partitions that take the events of an event's key one after another, as far as this process
    /// knows.
    fn way(&self, event: &Event) -> Vec<PartitionId> {
        let shared = &self.stream.0;
        shared.routes.way(shared.layout.route(&event.key), Layout::hash(&event.key))
    }

    /// Answers an append whose key no partition takes: the lineage is corrupt, as an audit shows.
    fn refuse(&self, NoLane(queued): NoLane) {
        let way = self.way(&queued.event);
        let Some(partition) = way.last().cloned() else { return };
        let children = self.stream.0.routes.children(&partition);
        queued.waiter.answer(Err(AppendError::Sealed { partition, children }.into()));
    }

    /// Waits until the queue has room, and writes groups meanwhile.
    async fn make_room(&self, lane: &Lane, partition: &PartitionId) {
        loop {
            let room = lane.room.listen();
            if !lane.is_full(&self.grouping) || lane.is_left() {
                return;
            }
            // Let in as soon as a group has left the queue; until then it helps to write one.
            let lead = match select(room, lane.writing.lock()).await {
                Either::Left(_) => None,
                // Who leads leaves the room to others.
                Either::Right((writing, room)) => {
                    drop(room);
                    Some(writing)
                }
            };
            if let Some(mut writing) = lead
                && lane.is_full(&self.grouping)
            {
                self.write_group(lane, partition, &mut writing).await;
            }
        }
    }

    /// Writes one group: the one that a dropped append left half written, or the next.
    async fn write_group(
        &self,
        lane: &Lane,
        partition: &PartitionId,
        writing: &mut Option<GroupedAppend>,
    ) {
        if writing.is_none() {
            self.wait_for_company(lane).await;
            match Token::fresh() {
                Ok(token) => *writing = self.next_group(lane, partition, token),
                Err(error) => {
                    let reason = AppendError::Store(error.into());
                    return lane.refuse_waiting(&reason.into());
                }
            }
        }
        let Some(group) = writing else { return };
        // If this future is dropped here, the group stays where the next one finds it.
        let advanced = group.append.advance(&self.stream.0).await;
        let Some(GroupedAppend { append, waiters }) = writing.take() else { return };
        match advanced {
            Ok(Answer::Sealed) => self.move_on(lane, partition, &append, waiters),
            advanced => {
                let outcome = Outcome::new(&self.stream, append, advanced);
                let each = waiters.into_iter().zip(outcome.of_each());
                each.for_each(|(waiter, result)| waiter.answer(result));
            }
        }
    }

    /// Moves the events of a group whose partition is sealed, and those that wait behind it, to the lanes
    /// of the partitions that took its place. Nothing is awaited, so it is done as a whole.
    fn move_on(
        &self,
        lane: &Lane,
        partition: &PartitionId,
        append: &PendingAppend,
        waiters: Vec<Waiter>,
    ) {
        self.stream.0.routes.learn(partition, append.children());
        let group = append.batch().events().iter().cloned().zip(waiters);
        let group = group.map(|(event, waiter)| QueuedEvent { event, waiter });
        tracing::debug!(%partition, "the partition is sealed, and its events move on");
        let way = |event: &Event| self.way(event);
        let lost = self.lanes.move_on(lane, group, way, &self.grouping);
        lost.into_iter().for_each(|lost| self.refuse(lost));
    }

    async fn wait_for_company(&self, lane: &Lane) {
        // Even without a linger, the appends that were just answered get to add their next.
        let (mut yields, mut before) = (0, 0);
        while yields < 3 || (yields < 16 && lane.len() > before) {
            before = lane.len();
            yield_once().await;
            yields += 1;
        }
        let filled = pin!(lane.filled(&self.grouping));
        let limit = pin!(self.stream.0.clock.sleep(self.grouping.linger));
        select(limit, filled).await;
    }

    fn next_group(
        &self,
        lane: &Lane,
        partition: &PartitionId,
        token: Token,
    ) -> Option<GroupedAppend> {
        let most = MOST_ITEM - overhead(partition.as_str(), token.as_str());
        let room = self.grouping.bytes.min(most);
        let (batch, waiters) = lane.take_group(&self.grouping, room)?;
        tracing::debug!(%partition, %token, events = waiters.len(), "a group begins");
        let (partition, identity) = (partition.clone(), Identity::Anonymous);
        let append = PendingAppend::new(&self.stream, partition, token, batch, identity, None);
        Some(GroupedAppend { append, waiters })
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

fn own_receipt(receipt: Result<GroupResult, oneshot::Canceled>) -> GroupResult {
    receipt.unwrap_or_else(|oneshot::Canceled| {
        Err(AppendError::Batch("the appender ended before it answered".to_owned()).into())
    })
}
