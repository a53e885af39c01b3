//! Notices within a process: an append tells the workers that share its stream.

use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use gapless_model::{PartitionId, Seq};

use crate::vocabulary::{Hint, Waiting, lock};

/// A board on which appends leave notices and from which workers take them.
///
/// Each subscriber sees every notice that is left after it subscribed. Cloning is cheap:
/// clones share the board.
#[derive(Clone, Debug, Default)]
pub struct Notices(Arc<Mutex<Vec<Arc<Mutex<Board>>>>>);

/// One subscriber's notices.
#[derive(Debug, Default)]
struct Board {
    waiting: Waiting,
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
        self.leave(&Hint::of(partition.clone()));
    }

    /// Leaves a notice of an event in this slot.
    pub(crate) fn notify_of(&self, partition: &PartitionId, slot: Seq) {
        self.leave(&Hint::of_slot(partition.clone(), slot));
    }

    fn leave(&self, hint: &Hint) {
        let mut boards = lock(&self.0);
        boards.retain(|board| Arc::strong_count(board) > 1);
        for board in boards.iter() {
            let mut board = lock(board);
            board.waiting.add(hint.clone());
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
    pub(crate) fn poll_waiting(&self, context: &mut Context<'_>) -> Poll<Vec<Hint>> {
        let mut board = lock(&self.0);
        if board.waiting.is_empty() {
            board.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(board.waiting.take())
    }
}
