//! One partition's lane: the events that wait for a slot, and the group that is being written.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, Weak};

use event_listener::{Event as Signal, IntoNotification as _};
use futures_channel::oneshot;
use futures_util::lock::Mutex as AsyncMutex;
use gapless_model::PartitionId;

use super::grouping::Grouping;
use super::outcome::{GroupError, GroupResult};
use super::single::PendingAppend;
use crate::vocabulary::{Event, EventBatch, lock};
use crate::wire::{MOST_ITEM, item_size};

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
struct Place {
    lanes: Lanes,
    partition: PartitionId,
    lane: Arc<Lane>,
}

/// The place of an append, wherever its event has moved to. The append owns it.
#[derive(Debug)]
pub(super) struct Whereabouts(Arc<Mutex<Place>>);

impl Whereabouts {
    /// Where the event is.
    pub(super) fn now(&self) -> (PartitionId, Arc<Lane>) {
        let place = lock(&self.0);
        (place.partition.clone(), Arc::clone(&place.lane))
    }
}

/// What goes once no lock is held: a place takes the lock of the lanes when it is dropped.
#[derive(Debug, Default)]
struct Left {
    /// The places that events have left.
    places: Vec<Place>,
    /// Where they are now. Its append may be dropped just then, so that this is the last to own it.
    appends: Vec<Arc<Mutex<Place>>>,
}

/// Where a receipt goes, and the append that waits for it.
#[derive(Debug)]
pub(super) struct Waiter {
    receipt: oneshot::Sender<GroupResult>,
    /// Gone with the append. If the event owned it, a lane would keep itself.
    place: Weak<Mutex<Place>>,
}

impl Waiter {
    /// Whether the append was dropped.
    pub(super) fn is_gone(&self) -> bool {
        self.receipt.is_canceled()
    }

    /// Answers the append, if it is still there.
    pub(super) fn answer(self, result: GroupResult) {
        let _ = self.receipt.send(result);
    }
}

/// An event that no lane takes: nothing on its way takes events, as far as this process knows.
pub(super) struct NoLane(pub(super) QueuedEvent);

impl Lanes {
    fn enter(&self, lanes: &mut HashMap<PartitionId, Shared>, partition: &PartitionId) -> Place {
        let shared = lanes.entry(partition.clone()).or_default();
        shared.appends += 1;
        let lane = Arc::clone(&shared.lane);
        Place { lanes: self.clone(), partition: partition.clone(), lane }
    }

    /// The lane of the first partition of these in which events wait, or else of the last.
    fn choose<'a>(
        lanes: &HashMap<PartitionId, Shared>,
        way: &'a [PartitionId],
    ) -> Option<&'a PartitionId> {
        // S3: what is known to be sealed may have events that were appended before.
        let is_taken = |partition: &&PartitionId| {
            lanes.get(*partition).is_some_and(|shared| !shared.lane.is_left())
        };
        way.iter().find(is_taken).or(way.last())
    }

    /// An append that begins: its event, its place in a lane on the way of its key, and where its receipt
    /// will come.
    pub(super) fn begin(
        &self,
        event: Event,
        way: &[PartitionId],
    ) -> Option<(QueuedEvent, Whereabouts, oneshot::Receiver<GroupResult>)> {
        let (receipt, received) = oneshot::channel();
        let mut lanes = lock(&self.0);
        let partition = Lanes::choose(&lanes, way)?;
        let place = Arc::new(Mutex::new(self.enter(&mut lanes, partition)));
        let waiter = Waiter { receipt, place: Arc::downgrade(&place) };
        Some((QueuedEvent { event, waiter }, Whereabouts(place), received))
    }

    /// Queues an event in a lane on its way, and moves its append's place there.
    pub(super) fn queue(
        &self,
        queued: QueuedEvent,
        way: &[PartitionId],
        grouping: &Grouping,
    ) -> Result<(), NoLane> {
        let mut left = Left::default();
        let mut lanes = lock(&self.0);
        let ended = self.put(&mut lanes, queued, way, grouping, &mut left);
        drop(lanes);
        drop(left);
        ended
    }

    /// Leaves the lane of a sealed partition: the events of a group that was refused, and behind them those
    /// that wait, go on to lanes on their own ways. Returns those that find none.
    ///
    /// No other append gets into a lane meanwhile: what is appended later comes behind them (S3).
    pub(super) fn move_on(
        &self,
        lane: &Lane,
        group: impl Iterator<Item = QueuedEvent>,
        way: impl Fn(&Event) -> Vec<PartitionId>,
        grouping: &Grouping,
    ) -> Vec<NoLane> {
        let mut left = Left::default();
        let mut lanes = lock(&self.0);
        let events: Vec<_> = group.chain(lane.leave()).collect();
        let put = |queued: QueuedEvent| {
            let way = way(&queued.event);
            self.put(&mut lanes, queued, &way, grouping, &mut left).err()
        };
        let lost = events.into_iter().filter_map(put).collect();
        drop(lanes);
        drop(left);
        lost
    }

    /// The event of an append that was dropped is dropped too.
    fn put(
        &self,
        lanes: &mut HashMap<PartitionId, Shared>,
        queued: QueuedEvent,
        way: &[PartitionId],
        grouping: &Grouping,
        left: &mut Left,
    ) -> Result<(), NoLane> {
        let Some(place) = queued.waiter.place.upgrade() else { return Ok(()) };
        left.appends.push(Arc::clone(&place));
        let Some(partition) = Lanes::choose(lanes, way) else { return Err(NoLane(queued)) };
        let next = self.enter(lanes, partition);
        let lane = Arc::clone(&next.lane);
        left.places.push(std::mem::replace(&mut *lock(&place), next));
        lane.queue(queued, grouping).map_or(Ok(()), |queued| Err(NoLane(queued)))
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
    /// Whether it was left, as its partition is sealed.
    is_left: bool,
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

/// An event that waits, and who waits for it.
#[derive(Debug)]
pub(super) struct QueuedEvent {
    pub(super) event: Event,
    pub(super) waiter: Waiter,
}

/// The append of a whole group, with who waits for each of its events.
#[derive(Debug)]
pub(super) struct GroupedAppend {
    pub(super) append: PendingAppend,
    pub(super) waiters: Vec<Waiter>,
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

    /// Queues an event. Gives it back if the lane was left.
    pub(super) fn queue(&self, queued: QueuedEvent, grouping: &Grouping) -> Option<QueuedEvent> {
        let mut waiting = lock(&self.waiting);
        if waiting.is_left {
            return Some(queued);
        }
        waiting.bytes += item_size(&queued.event);
        waiting.events.push_back(queued);
        if waiting.fills(grouping) {
            self.filled.notify(usize::MAX);
        }
        None
    }

    /// Whether its partition was found to be sealed, so that its events go on to other lanes.
    pub(super) fn is_left(&self) -> bool {
        lock(&self.waiting).is_left
    }

    /// Takes everything that waits, for other lanes, and takes no more.
    pub(super) fn leave(&self) -> Vec<QueuedEvent> {
        let mut waiting = lock(&self.waiting);
        waiting.is_left = true;
        waiting.bytes = 0;
        let events = waiting.events.drain(..).collect();
        self.room.notify(usize::MAX);
        self.filled.notify(usize::MAX);
        events
    }

    /// Waits until enough waits for a whole group.
    pub(super) async fn filled(&self, grouping: &Grouping) {
        loop {
            let filled = self.filled.listen();
            if lock(&self.waiting).fills(grouping) || self.is_left() {
                return;
            }
            filled.await;
        }
    }

    /// Takes the events of the next group, no more than `room` bytes of them unless one alone is
    /// larger, with those who wait for them.
    pub(super) fn take_group(
        &self,
        grouping: &Grouping,
        room: usize,
    ) -> Option<(EventBatch, Vec<Waiter>)> {
        let (mut events, mut waiters, mut bytes) = (Vec::new(), Vec::new(), 0);
        let mut waiting = lock(&self.waiting);
        while let Some(next) = waiting.events.front() {
            let size = item_size(&next.event);
            let is_full = !events.is_empty() && bytes + size > room;
            if is_full || events.len() >= grouping.events.max(1) {
                break;
            }
            let Some(next) = waiting.pop() else { break };
            // An append that was dropped before its group began is not written.
            if next.waiter.is_gone() {
                continue;
            }
            bytes += size;
            events.push(next.event);
            waiters.push(next.waiter);
        }
        // Also to those who wait behind some that were woken before and are gone.
        let room = grouping.waiting.max(1).saturating_sub(waiting.events.len());
        self.room.notify(room.additional());
        Some((EventBatch::new(events)?, waiters))
    }

    /// Answers every append that waits.
    pub(super) fn refuse_waiting(&self, error: &GroupError) {
        let mut waiting = lock(&self.waiting);
        while let Some(next) = waiting.pop() {
            next.waiter.answer(Err(error.clone()));
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
        let (lanes, p) = (Lanes::default(), PartitionId::covering(0, 1));
        let lane = Lane::default();
        let queue = || {
            let way = std::slice::from_ref(&p);
            let (queued, place, received) = lanes.begin(Event::new("k", "1"), way).expect("a lane");
            assert!(lane.queue(queued, &Grouping::default()).is_none());
            (place, received)
        };
        let received = [queue(), queue()];
        let room = lane.room.listen();
        lane.refuse_waiting(&AppendError::Batch("no group".to_owned()).into());
        assert_eq!(lane.len(), 0);
        assert!(room.now_or_never().is_some(), "who waits for room gets in");
        for (_, mut receipt) in received {
            let refused = receipt.try_recv().expect("there is an answer").expect("and it is known");
            assert!(refused.expect_err("it was refused").to_string().contains("no group"));
        }
    }

    fn ids<const N: usize>(ids: [&str; N]) -> [PartitionId; N] {
        ids.map(|id| id.parse().expect("an id"))
    }

    fn count(lanes: &Lanes) -> usize {
        lock(&lanes.0).len()
    }

    type Begun = (QueuedEvent, Whereabouts, oneshot::Receiver<GroupResult>);

    fn begin(lanes: &Lanes, way: &[PartitionId]) -> Begun {
        lanes.begin(Event::new("k", "1"), way).expect("a lane")
    }

    #[test]
    fn a_lane_is_there_as_long_as_an_append_is_in_it() {
        let lanes = Lanes::default();
        let [p, q] = ids(["p0", "p1"]);
        let [first, second] = [(); 2].map(|()| begin(&lanes, std::slice::from_ref(&p)));
        let other = begin(&lanes, std::slice::from_ref(&q));
        assert!(Arc::ptr_eq(&first.1.now().1, &second.1.now().1), "they share it");
        drop(first);
        assert_eq!(count(&lanes), 2);
        drop((second, other));
        assert_eq!(count(&lanes), 0);
    }

    /// One that waits in a lane which every other append has left is not lost.
    #[test]
    fn an_event_that_moves_on_keeps_the_lane_that_it_moves_to() {
        let (lanes, grouping) = (Lanes::default(), Grouping::default());
        let way = ids(["p", "p0", "p00"]);
        let (queued, place, mut received) = begin(&lanes, &way[..1]);
        assert!(lanes.queue(queued, &way[..1], &grouping).is_ok());
        for length in 2..=3 {
            let (_, lane) = place.now();
            let to = |_: &Event| way[..length].to_vec();
            assert!(lanes.move_on(&lane, std::iter::empty(), to, &grouping).is_empty());
            drop(lane);
            assert_eq!(lock(&lanes.0).keys().collect::<Vec<_>>(), [&way[length - 1]]);
            assert_eq!(place.now().0, way[length - 1]);
        }
        assert_eq!(place.now().1.len(), 1);
        assert!(received.try_recv().expect("it is not given up").is_none());
        drop(place);
        assert!(received.try_recv().is_err(), "no append is in the lane any more");
    }

    /// The process has met the seal elsewhere, and the events that wait have not.
    #[test]
    fn an_event_waits_behind_those_of_a_partition_that_is_known_to_be_sealed() {
        let (lanes, grouping) = (Lanes::default(), Grouping::default());
        let way = ids(["p", "p0"]);
        let (first, first_place, _first) = begin(&lanes, &way[..1]);
        assert!(lanes.queue(first, &way[..1], &grouping).is_ok());
        let (second, second_place, _second) = begin(&lanes, &way);
        assert!(lanes.queue(second, &way, &grouping).is_ok());
        assert_eq!(second_place.now().0, way[0]);
        let (_, lane) = first_place.now();
        lanes.move_on(&lane, std::iter::empty(), |_| way.to_vec(), &grouping);
        let (third, third_place, _third) = begin(&lanes, &way);
        assert!(lanes.queue(third, &way, &grouping).is_ok());
        for place in [&first_place, &second_place, &third_place] {
            assert_eq!(place.now().0, way[1]);
        }
        assert_eq!(first_place.now().1.len(), 3);
    }

    /// It is dropped by another thread, when its event has just got into the next lane.
    #[test]
    fn an_append_that_is_dropped_while_its_event_moves_on_keeps_no_lock() {
        struct Drops(Mutex<Option<Whereabouts>>);
        impl std::task::Wake for Drops {
            fn wake(self: Arc<Drops>) {
                drop(lock(&self.0).take());
            }
        }
        let (ended, has_ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let (lanes, grouping) = (Lanes::default(), Grouping::default().events(1));
            let way = ids(["p", "p0"]);
            let (queued, place, _received) = begin(&lanes, &way[..1]);
            assert!(lanes.queue(queued, &way[..1], &grouping).is_ok());
            let (_, lane) = place.now();
            let (_queued, ahead, _receipt) = begin(&lanes, &way[1..]);
            let (_, next) = ahead.now();
            let mut filled = std::pin::pin!(next.filled.listen());
            let waker = Arc::new(Drops(Mutex::new(Some(place)))).into();
            let mut context = std::task::Context::from_waker(&waker);
            assert!(filled.as_mut().poll_unpin(&mut context).is_pending());
            lanes.move_on(&lane, std::iter::empty(), |_| way.to_vec(), &grouping);
            ended.send(count(&lanes)).expect("the test waits");
        });
        assert_eq!(
            has_ended.recv_timeout(std::time::Duration::from_secs(60)),
            Ok(1),
            "it has ended"
        );
    }

    #[test]
    fn the_event_of_an_append_that_was_dropped_does_not_move_on() {
        let lanes = Lanes::default();
        let way = ids(["p"]);
        let (queued, place, _received) = begin(&lanes, &way);
        drop(place);
        assert!(lanes.queue(queued, &way, &Grouping::default()).is_ok());
        assert_eq!(count(&lanes), 0);
    }

    #[test]
    fn an_event_whose_way_ends_in_a_lane_that_was_left_is_given_back() {
        let (lanes, grouping) = (Lanes::default(), Grouping::default());
        let way = ids(["p"]);
        let (queued, place, _received) = begin(&lanes, &way);
        place.now().1.leave();
        assert!(lanes.queue(queued, &way, &grouping).is_err());
    }
}
