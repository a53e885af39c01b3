//! What a consumer asks for, and how its turn can end.

use crate::ids::{Epoch, Seq};
use crate::store::Request;
use crate::vocabulary::Vocabulary;

/// Everything a consumer asks for now. Several at once are possible: a delivery
/// that is under way and a renewal that keeps its lease meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wants<'a, V: Vocabulary> {
    /// Send this request and tell the reply. Never more than one is in flight for
    /// a lease, so a renewal and a checkpoint never race (scenario 6).
    pub store: Option<Request<V>>,
    /// Hand these events to the handler and tell when it is done.
    pub deliver: Option<Delivery<'a, V>>,
    /// Trigger a successor and tell when that is done.
    pub trigger: bool,
    /// Tell the time then, at the latest. Tell it also before acting on any other
    /// want, so that a worker looks at its clock before it acts (L2).
    pub wake: Option<V::Time>,
    /// The turn is over.
    pub done: Option<Outcome>,
}

impl<V: Vocabulary> Wants<'_, V> {
    pub(super) const NOTHING: Self =
        Wants { store: None, deliver: None, trigger: false, wake: None, done: None };
}

/// Events for the handler: those of the slots after `after` up to `upto`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery<'a, V: Vocabulary> {
    /// The slots before were delivered.
    pub after: Seq,
    /// The last slot of this delivery. Every slot up to here is settled, unless the design skips gaps.
    pub upto: Seq,
    /// The fencing token under which the handler acts.
    pub epoch: Epoch,
    /// Where the events are.
    pub page: &'a V::Page,
}

/// How a turn ended, and so what becomes of the trigger that began it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// Nothing is left to do: the trigger is finished.
    CaughtUp,
    /// Somebody else holds the lease: the design says whether the trigger comes back.
    Busy,
    /// The lease was lost on the way: likewise.
    Lost,
    /// The worker's time ran out. The trigger is given back at once.
    GivenBack,
    /// The worker's time ran out. It triggered a successor, and its own trigger is finished.
    HandedOver,
}
