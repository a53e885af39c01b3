//! Group commit: concurrent appends of one partition share slots, numbers and round trips.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use futures_channel::oneshot;
use futures_util::future::{Either, select};
use gapless_model::PartitionId;
use gapless_model::append::Identity;

use super::lane::{GroupedAppend, Grouping, Lane, Lanes};
use super::outcome::{GroupError, GroupResult, Outcome};
use super::single::{AppendError, PendingAppend, Receipt};
use crate::stream::Stream;
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
        let partition = self.stream.route(&event.key);
        check_partition(&partition).map_err(AppendError::from)?;
        let lane = self.lanes.enter(&partition);
        loop {
            let room = lane.room.listen();
            if !lane.is_full(&self.grouping) {
                break;
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
                self.write_group(&lane, &partition, &mut writing).await;
            }
        }
        let mut received = lane.queue(event, &self.grouping);
        loop {
            let lead = lane.writing.lock();
            match select(received, lead).await {
                Either::Left((receipt, _)) => return own_receipt(receipt),
                Either::Right((mut writing, waiting)) => {
                    received = waiting;
                    if let Ok(Some(receipt)) = received.try_recv() {
                        return receipt;
                    }
                    self.write_group(&lane, &partition, &mut writing).await;
                    if let Ok(Some(receipt)) = received.try_recv() {
                        return receipt;
                    }
                }
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
        if let Some(GroupedAppend { append, receipts }) = writing.take() {
            Outcome::new(&self.stream, append, advanced).tell(receipts);
        }
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
        let (batch, receipts) = lane.take_group(&self.grouping, room)?;
        tracing::debug!(%partition, %token, events = receipts.len(), "a group begins");
        let (partition, identity) = (partition.clone(), Identity::Anonymous);
        let append = PendingAppend::new(&self.stream, partition, token, batch, identity, None);
        Some(GroupedAppend { append, receipts })
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
