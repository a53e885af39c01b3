//! What a source of triggers offers, and the process's own notices as one.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;

use gapless_model::PartitionId;

use crate::notices::Subscription;

/// Partitions that may have work, as they come to be known.
pub type Hints<'a> = Pin<Box<dyn Future<Output = Vec<PartitionId>> + Send + 'a>>;

/// Says which partitions may have work. A queue or a function's event source fits
/// behind it as well as what is here.
///
/// Where a source is durable by itself (a queue with visibility timeouts, a
/// function that reads the table's stream), it brings a trigger back until
/// [`Trigger::finish`] is called for it.
pub trait Trigger: fmt::Debug + Send + Sync {
    /// Waits for the next hints. Dropping the future loses none.
    fn next(&self) -> Hints<'_>;

    /// The work that a hint announced is done, or somebody else is at it and the
    /// lease will bring it back.
    fn finish(&self, partition: &PartitionId) {
        let _ = partition;
    }
}

impl Trigger for Subscription {
    fn next(&self) -> Hints<'_> {
        Box::pin(poll_fn(|context| self.poll_waiting(context)))
    }
}
