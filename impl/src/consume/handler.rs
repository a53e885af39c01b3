//! What a worker hands to the application: events in order, under a fence.

use std::error::Error;
use std::fmt;
use std::future::Future;

use gapless_model::{Epoch, PartitionId, Seq};

use crate::vocabulary::{Group, Recorded, Slots, recorded};

/// What a handler's failure is.
pub type HandlerError = Box<dyn Error + Send + Sync>;

/// The token under which a handler acts: it only grows. A resource outside that
/// remembers the highest fence it has seen, and refuses lower ones, is safe from a
/// worker that lost its lease and does not know it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence {
    /// The lease's generation.
    pub epoch: Epoch,
    /// The last slot of the delivery.
    pub upto: Seq,
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.epoch, self.upto)
    }
}

/// Consecutive events of one partition.
#[derive(Clone, Debug)]
pub struct Delivery {
    group: Group,
    partition: PartitionId,
    fence: Fence,
    after: Seq,
    page: Slots,
    attempt: u32,
}

impl Delivery {
    pub(crate) fn new(
        group: Group,
        partition: PartitionId,
        fence: Fence,
        after: Seq,
        page: Slots,
    ) -> Delivery {
        Delivery { group, partition, fence, after, page, attempt: 1 }
    }

    pub(crate) fn again(&self, attempt: u32) -> Delivery {
        Delivery { attempt, ..self.clone() }
    }

    /// For which group.
    #[must_use]
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Of which partition.
    #[must_use]
    pub fn partition(&self) -> &PartitionId {
        &self.partition
    }

    /// Under which fence.
    #[must_use]
    pub fn fence(&self) -> Fence {
        self.fence
    }

    /// Which attempt this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// The events, in order.
    pub fn events(&self) -> impl Iterator<Item = Recorded> + use<'_> {
        recorded(&self.partition, self.page.between(self.after, self.fence.upto))
    }
}

/// Handles deliveries. Any `async` closure that takes a [`Delivery`] does.
///
/// A delivery comes again after a crash, a lost lease or a failure, never
/// otherwise; handlers that must not repeat an effect remember the position.
pub trait Handler: Send + Sync {
    /// Handles the events; the checkpoint moves behind them when it is done.
    ///
    /// It is dropped, wherever it awaits, when the lease is lost.
    fn handle(&self, delivery: Delivery) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

impl<F, R> Handler for F
where
    F: Fn(Delivery) -> R + Send + Sync,
    R: Future<Output = Result<(), HandlerError>> + Send,
{
    fn handle(&self, delivery: Delivery) -> impl Future<Output = Result<(), HandlerError>> + Send {
        self(delivery)
    }
}
