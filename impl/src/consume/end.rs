//! How a worker's run ends.

use gapless_model::PartitionId;

use super::handler::{Fence, HandlerError};
use crate::vocabulary::StoreError;

/// What a worker did in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Summary {
    /// How many events its handler finished.
    pub events: u64,
    /// How many turns it took, those that found the lease held included.
    pub turns: u64,
    /// How many of them ended because the handler failed as often as it may, or because a slot or
    /// the group's item could not be read.
    pub failures: u64,
    /// How many of them gave their partition back before they had caught up: they made room for
    /// others, or their clock was set back.
    pub yields: u64,
    /// Why the run ended.
    pub end: RunEnd,
}

/// Why a run of a worker ended without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RunEnd {
    /// The worker was asked to stop, in this run or before it.
    Stopped,
    /// Its deadline came.
    Deadline,
    /// The group has finished everything that was acknowledged before.
    CaughtUp,
}

/// Why a worker ended before it was asked to stop.
///
/// The worker's other turns finished the deliveries in hand and released their leases. The worker
/// can run again.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WorkerError {
    /// The handler failed as often as it may, and the worker stops then
    /// ([`AfterFailure::Stop`](super::AfterFailure)), or has caught up with everything else. The
    /// reason is stored on the consumer's item, where `Stream::status` shows it. The checkpoint
    /// stays before the delivery, and its lease ends by itself; the next worker then tries the same
    /// events. Mend the handler, or the data.
    #[error(
        "the handler failed {} on {partition} up to slot {}: {why}",
        times(*.attempts), .at.upto
    )]
    Handler {
        /// The partition.
        partition: PartitionId,
        /// The fence of the delivery.
        at: Fence,
        /// How often the delivery was tried.
        attempts: u32,
        /// The last failure.
        why: HandlerError,
    },
    /// The store refused a request for good, or did not answer for as long as patience
    /// lasts. If the error is transient, run the worker again. [`StoreError::Malformed`] is of an item
    /// of one partition, or of one that cannot be told: the group has finished everything else, unless
    /// [`AfterFailure::Stop`](super::AfterFailure) ended the worker before.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn times(count: u32) -> String {
    if count == 1 { "once".to_owned() } else { format!("{count} times") }
}
