//! What a worker gives to the application: events in order, under a fence.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::future::{Either, select};
use gapless_model::{Epoch, PartitionId, Seq};

use crate::vocabulary::{Clock, Group, Recorded, Slots};

/// The error with which a handler refuses a delivery. Its text is logged, and stored on the
/// consumer's item when the worker gives up.
pub type HandlerError = Box<dyn Error + Send + Sync>;

/// A [`HandlerError`] that no other attempt can mend: the delivery is not tried again by the turn, and
/// [`Worker::after_failure`](super::Worker::after_failure) says at once what becomes of its partition.
/// So is an error of which this is a source. Every other error counts as one that may pass; `anyhow` hides
/// what it was made of, so apply this last.
///
/// ```
/// use gapless::{Delivery, HandlerError, Permanent};
///
/// async fn handle(delivery: Delivery) -> Result<(), HandlerError> {
///     for recorded in delivery.events() {
///         let order: u64 = recorded.event.parse_json().map_err(Permanent::new)?;
///         // A failure of what comes now would be tried again.
///         println!("order {order}");
///     }
///     Ok(())
/// }
/// ```
#[derive(Debug)]
pub struct Permanent(Lasting);

/// What a [`Permanent`] names as its source: an error that forwards to its own source's source passes over
/// the one, and meets the other.
#[derive(Debug)]
struct Lasting(HandlerError);

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Lasting {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Whether an error, or one of its sources, says that it does not pass.
pub(super) fn is_permanent(error: &HandlerError) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error.as_ref());
    while let Some(error) = next {
        if error.is::<Permanent>() || error.is::<Lasting>() {
            return true;
        }
        next = error.source();
    }
    false
}

impl Permanent {
    /// Says of an error that it does not pass.
    pub fn new(error: impl Into<HandlerError>) -> Permanent {
        Permanent(Lasting(error.into()))
    }

    /// Returns the error that does not pass.
    #[must_use]
    pub fn get_ref(&self) -> &(dyn Error + Send + Sync + 'static) {
        self.0.0.as_ref()
    }
}

impl fmt::Display for Permanent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for Permanent {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

/// The fencing token under which a handler acts. It only grows.
///
/// A resource outside that remembers the highest fence it has seen, and refuses lower ones,
/// is safe from a worker that lost its lease and does not know it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fence {
    /// The epoch of the worker's lease.
    pub epoch: Epoch,
    /// The last slot of the delivery.
    pub upto: Seq,
}

impl fmt::Display for Fence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.epoch, self.upto)
    }
}

/// Consecutive events of one partition, for a [`Handler`].
///
/// A delivery holds the events of at most one page: 1 MB, and as many slots as
/// [`Worker::delivery_limit`](super::Worker::delivery_limit) allows. Cloning is cheap.
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
    pub(super) fn new(
        group: Group,
        partition: PartitionId,
        fence: Fence,
        after: Seq,
        page: Slots,
        attempt: u32,
    ) -> Delivery {
        Delivery { group, partition, fence, after, page, attempt }
    }

    /// Returns the group that consumes.
    #[must_use]
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// Returns the partition of the events.
    #[must_use]
    pub fn partition(&self) -> &PartitionId {
        &self.partition
    }

    /// Returns the fence under which the handler acts.
    #[must_use]
    pub fn fence(&self) -> Fence {
        self.fence
    }

    /// Returns which attempt of this turn at the delivery this is, from 1. A redelivery by
    /// another turn begins at 1 again.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns the events, in order. There is at least one.
    pub fn events(&self) -> impl Iterator<Item = Recorded> + use<'_> {
        self.page.events(&self.partition, self.after, self.fence.upto)
    }
}

/// Handles deliveries. A closure that takes a [`Delivery`] and returns a future is a handler, and so
/// is an `async` closure that borrows nothing from itself: it may be at work on several partitions at
/// once. State goes into each future by a clone, or into a type of one's own. `?` takes every error
/// type, `anyhow::Error` too, and a text becomes an error by `into`.
///
/// ```
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// use gapless::{Delivery, Handler, HandlerError};
///
/// fn counting(count: &Arc<AtomicU64>) -> impl Handler + use<> {
///     let count = Arc::clone(count);
///     move |delivery: Delivery| {
///         let count = Arc::clone(&count);
///         async move {
///             count.fetch_add(delivery.events().count() as u64, Ordering::Relaxed);
///             Ok::<(), HandlerError>(())
///         }
///     }
/// }
///
/// # fn example(stream: &gapless::Stream, count: &Arc<AtomicU64>) {
/// let counter = stream.worker("count", counting(count));
/// let checker = stream.worker("check", async |delivery: Delivery| {
///     for recorded in delivery.events() {
///         let order: u64 = recorded.event.parse_json()?;
///         if order == 0 {
///             return Err("there is no order 0".into());
///         }
///     }
///     Ok(())
/// });
/// # }
/// ```
///
/// A delivery is repeated after a crash, a lost lease, a failed handler or a seek back, and at no other
/// time. A handler that must not repeat an effect remembers the position with it.
pub trait Handler: Send + Sync {
    /// Handles the events of a delivery. When it returns `Ok`, the checkpoint moves behind
    /// them.
    ///
    /// The future is dropped wherever it awaits when the worker loses its lease, or is
    /// dropped itself. The lease is renewed while the handler works, so it may take longer
    /// than a lease; it must not block its thread for that long.
    ///
    /// # Errors
    /// An error has the delivery handled again, after a pause, as often as
    /// `Worker::attempts` says; one that is [`Permanent`] has not. What comes after that is said by
    /// `Worker::after_failure`.
    fn handle(&self, delivery: Delivery) -> impl Future<Output = Result<(), HandlerError>> + Send;
}

// Not for any error that becomes a `HandlerError`: then the compiler could not tell which one an `Ok(())`
// is of, and every closure would have to say.
impl<F, R> Handler for F
where
    F: Fn(Delivery) -> R + Send + Sync,
    R: Future<Output = Result<(), HandlerError>> + Send,
{
    fn handle(&self, delivery: Delivery) -> impl Future<Output = Result<(), HandlerError>> + Send {
        self(delivery)
    }
}

/// Handles a delivery, and fails if that takes longer than it may.
pub(super) async fn within(
    limit: Option<Duration>,
    clock: &Clock,
    handling: impl Future<Output = Result<(), HandlerError>>,
) -> Result<(), HandlerError> {
    let Some(limit) = limit else { return handling.await };
    match select(pin!(handling), pin!(clock.sleep(limit))).await {
        Either::Left((ended, _)) => ended,
        Either::Right(((), _)) => Err(format!("the handler was not done within {limit:?}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Mine {
        #[error("its own words")]
        Source(#[source] Permanent),
        #[error(transparent)]
        Forwarded(#[from] Permanent),
    }

    #[test]
    fn what_does_not_pass_is_found_inside_other_errors() {
        let permanent = || Permanent::new("no order");
        assert!(is_permanent(&permanent().into()));
        assert!(is_permanent(&Mine::Source(permanent()).into()));
        assert!(is_permanent(&Mine::from(permanent()).into()));
        assert!(is_permanent(&std::io::Error::other(permanent()).into()));
        assert!(!is_permanent(&std::io::Error::other("it may pass").into()));
        assert_eq!(permanent().to_string(), "no order");
        assert_eq!(permanent().get_ref().to_string(), "no order");
    }
}
