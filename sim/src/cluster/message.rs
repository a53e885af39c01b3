//! A message of the queue.

use serde::{Deserialize, Serialize};

/// A trigger, and the receipt that deletes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct QueueMessage {
    pub(super) receipt: u64,
    pub(super) partition: String,
}
