//! What a source of triggers provides, and the process's own notices as one.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::Pin;

use gapless_model::PartitionId;

use crate::notices::Subscription;
use crate::vocabulary::Hint;

/// A future of hints at partitions that may have work, as [`Trigger::next`] returns it.
pub type Hints<'a> = Pin<Box<dyn Future<Output = Vec<Hint>> + Send + 'a>>;

/// A source of hints which partitions may have work, for `Worker::trigger`.
///
/// A queue or a function's event source fits behind it as well as what is here. A source
/// that is durable by itself (a queue with visibility timeouts, a function that reads the
/// table's stream) brings a trigger back until [`Trigger::finish`] is called for it.
pub trait Trigger: fmt::Debug + Send + Sync {
    /// Waits for the next hints.
    ///
    /// A worker keeps the future until it has hints, and then calls again. When a run of the
    /// worker ends, or is dropped, so is the future: that must lose no hint.
    fn next(&self) -> Hints<'_>;

    /// Called when a turn found its partition caught up: the triggers of that partition
    /// are finished, and a durable source can forget them.
    ///
    /// It is not called when the lease was held, lost or handed over, nor when a turn is due on the
    /// partition again, because it was announced meanwhile: the next turn finishes both. It says
    /// nothing of hints that [`Trigger::next`] has not returned yet, nor of those that another run of the
    /// same worker has in hand: a worker with a durable source should run once at a time. The default
    /// does nothing.
    fn finish(&self, partition: &PartitionId) {
        let _ = partition;
    }
}

impl Trigger for Subscription {
    fn next(&self) -> Hints<'_> {
        Box::pin(poll_fn(|context| self.poll_waiting(context)))
    }
}
