//! What the judges are shown: calls that reached the engine, and deliveries.

use std::collections::BTreeSet;

use gapless::{Group, Live, Position, ProducerName};
use gapless_model::store::{Reply, Request};
use gapless_model::{Epoch, PartitionId, Seq};
use serde_json::Value;

use crate::plan::{Millis, Node};

/// The key of a lease.
pub(crate) type LeaseKey = (Group, PartitionId);

/// The key of a slot.
pub(crate) type SlotKey = (PartitionId, Seq);

/// A call that reached the engine, with its answer and its effect.
pub(crate) struct AppliedCall<'a> {
    pub(crate) at: Millis,
    pub(crate) node: Node,
    /// The number of the attempt, of all that its node has made. A copy has that of its original.
    pub(crate) attempt: u32,
    pub(crate) request: &'a Request<Live>,
    /// Whether the reply reaches the sender.
    pub(crate) heard: bool,
    /// The slots that an eventually consistent read misses, although they are written.
    pub(crate) missed: &'a BTreeSet<Seq>,
    /// The idempotency token of a transaction.
    pub(crate) token: Option<&'a str>,
    /// The names of all named producers.
    pub(crate) producers: &'a [ProducerName],
    /// The engine's answer as a typed reply, if it is one.
    pub(crate) reply: Option<&'a Reply<Live>>,
    pub(crate) status: u16,
    pub(crate) answer: &'a Value,
    /// The item of the slot that the request may have written, afterwards.
    pub(crate) slot: Option<(&'a SlotKey, &'a Value)>,
    /// The item of the lease that the request may have written, afterwards.
    pub(crate) lease: Option<(&'a LeaseKey, &'a Value)>,
}

/// A delivery, as the handler that got it saw it.
#[derive(Clone, Debug)]
pub(crate) struct ObservedDelivery {
    pub(crate) node: Node,
    pub(crate) group: Group,
    pub(crate) partition: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) upto: Seq,
    pub(crate) attempt: u32,
    /// The events, by position and name.
    pub(crate) events: Vec<(Position, String)>,
}

impl ObservedDelivery {
    /// The first slot that it has events of.
    pub(super) fn first(&self) -> Option<Seq> {
        self.events.first().map(|(position, _)| position.slot)
    }
}
