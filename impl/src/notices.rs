//! Notices within a process: an append tells the workers that share its stream.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use gapless_model::{PartitionId, Seq};

use crate::vocabulary::lock;

/// A board on which appends leave notices and from which workers take them.
///
/// Each subscriber sees every notice that is left after it subscribed. Cloning is cheap:
/// clones share the board.
#[derive(Clone, Debug, Default)]
pub struct Notices(Arc<Mutex<Vec<Arc<Mutex<Board>>>>>);

/// What a notice is about: the slots up to this one, or whatever there may be.
pub(crate) type Upto = Option<Seq>;

/// One subscriber's notices.
#[derive(Debug, Default)]
struct Board {
    waiting: BTreeMap<PartitionId, Upto>,
    waker: Option<Waker>,
}

/// A subscription to a process's notices. It ends when it is dropped.
///
/// It is a `Trigger`: its hints are the partitions of which notices wait, and dropping
/// the wait for them loses none. One task at a time can wait.
#[derive(Debug)]
pub struct Subscription(Arc<Mutex<Board>>);

impl Notices {
    /// Leaves a notice of a partition for every subscriber, and wakes those that wait.
    ///
    /// A notice that waits already is not left twice.
    pub fn notify(&self, partition: &PartitionId) {
        self.leave(partition, None);
    }

    /// Leaves a notice of an event in this slot.
    pub(crate) fn notify_of(&self, partition: &PartitionId, slot: Seq) {
        self.leave(partition, Some(slot));
    }

    fn leave(&self, partition: &PartitionId, upto: Upto) {
        let mut boards = lock(&self.0);
        boards.retain(|board| Arc::strong_count(board) > 1);
        for board in boards.iter() {
            let mut board = lock(board);
            match board.waiting.entry(partition.clone()) {
                Entry::Vacant(none) => {
                    none.insert(upto);
                }
                Entry::Occupied(mut known) => {
                    let both = known.get().zip(upto).map(|(known, upto)| known.max(upto));
                    known.insert(both);
                }
            }
            if let Some(waker) = board.waker.take() {
                waker.wake();
            }
        }
    }

    /// Subscribes to all notices from now on.
    #[must_use]
    pub fn subscribe(&self) -> Subscription {
        let board = Arc::default();
        lock(&self.0).push(Arc::clone(&board));
        Subscription(board)
    }
}

impl Subscription {
    /// Takes the notices that wait, or has the task woken when the next one is left.
    pub(crate) fn poll_waiting(&self, context: &mut Context<'_>) -> Poll<Vec<(PartitionId, Upto)>> {
        let mut board = lock(&self.0);
        if board.waiting.is_empty() {
            board.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(std::mem::take(&mut board.waiting).into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn notices_of_a_partition_are_one_that_goes_as_far_as_any() {
        let (notices, partition) = (Notices::default(), PartitionId::covering(0, 0));
        let subscription = notices.subscribe();
        let waiting = || {
            let all = std::future::poll_fn(|context| subscription.poll_waiting(context));
            all.now_or_never().map(|all| all.into_iter().map(|(_, upto)| upto).collect::<Vec<_>>())
        };
        for slots in [[2, 3], [3, 2]] {
            slots.into_iter().for_each(|slot| notices.notify_of(&partition, Seq(slot)));
            assert_eq!(waiting(), Some(vec![Some(Seq(3))]));
        }
        notices.notify_of(&partition, Seq(4));
        notices.notify(&partition);
        notices.notify_of(&partition, Seq(5));
        assert_eq!(waiting(), Some(vec![None]), "whatever there may be");
        assert_eq!(waiting(), None);
    }
}
