//! How a worker's run ends.

use gapless_model::PartitionId;

use super::handler::{Fence, HandlerError};
use crate::vocabulary::StoreError;

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events that its handler finished.
    pub events: u64,
    /// Turns that it took.
    pub turns: u64,
}

/// Why a worker ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The handler failed, as often as it may. The reason is on the consumer's item too.
    #[error("the handler failed {attempts} times on {partition} up to slot {}: {why}", .at.upto)]
    Handler {
        /// The partition.
        partition: PartitionId,
        /// The delivery.
        at: Fence,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        why: HandlerError,
    },
    /// The store refused something for good, or did not answer for as long as patience lasts.
    #[error(transparent)]
    Store(#[from] StoreError),
}
