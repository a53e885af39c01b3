//! What a turn asks of its driver, and how it can end.

use crate::ids::{Epoch, Seq};
use crate::store::Request;
use crate::vocabulary::Vocabulary;

/// What a turn asks of its driver now. It can ask for several things at once, such as a delivery
/// and the renewal that keeps the lease meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants<'a, V: Vocabulary> {
    /// Send this request and tell the reply. At most one is in flight for a lease, so a renewal
    /// and a checkpoint never race (scenario 6).
    pub store: Option<Request<V>>,
    /// Pass these events to the handler, and tell when it is done.
    pub deliver: Option<Delivery<'a, V>>,
    /// Send a trigger for a successor, and tell when that is done.
    pub trigger: bool,
    /// Tell the time at this time at the latest. The driver also tells it before acting on any
    /// other want, so that a worker looks at its clock before it acts (L2).
    pub wake: Option<V::Time>,
    /// The turn is over, and this is how. It wants nothing else any more.
    pub done: Option<Outcome>,
}

impl<V: Vocabulary> Wants<'_, V> {
    pub(super) const NOTHING: Self =
        Wants { store: None, deliver: None, trigger: false, wake: None, done: None };
}

/// Events for the handler: those in the slots after `after`, up to and including `upto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<'a, V: Vocabulary> {
    /// The last slot before this delivery. It and all before it are finished.
    pub after: Seq,
    /// The last slot of this delivery. Every slot up to here is settled, unless the design skips
    /// gaps.
    pub upto: Seq,
    /// The epoch of the lease: the fencing token under which the handler acts.
    pub epoch: Epoch,
    /// The page that shows the events.
    pub page: &'a V::Page,
}

/// How a turn ended, which decides what becomes of the trigger that began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize))]
pub enum Outcome {
    /// Nothing is left to do. The trigger is finished.
    CaughtUp,
    /// Another worker holds the lease. The design's [`Busy`](crate::design::Busy) axis decides
    /// whether the trigger comes back.
    Busy,
    /// The turn lost its lease. The same axis decides.
    Lost,
    /// A partition before this one is not drained: [`Consume::blocked`](super::Consume::blocked) says
    /// which. The design's [`Undrained`](crate::design::Undrained) axis decides what becomes of the
    /// trigger.
    Blocked,
    /// The worker's time ran out. The trigger comes back at once.
    GivenBack,
    /// The worker's time ran out, and it triggered a successor. Its own trigger is finished.
    HandedOver,
}
