//! What the checkers are shown: calls that reached the engine, and deliveries.

use gapless::{Group, Live, ProducerName};
use gapless_model::store::{Reply, Request, View};
use gapless_model::{Epoch, PartitionId, Seq};
use serde_json::Value;

use crate::plan::Node;

/// A lease, and what a group has seen of a partition, go by these two.
pub(crate) type LeaseKey = (Group, PartitionId);

/// A slot.
pub(crate) type SlotKey = (PartitionId, Seq);

/// A call that reached the engine, and what came of it.
pub(crate) struct AppliedCall<'a> {
    pub(crate) node: Node,
    pub(crate) request: &'a Request<Live>,
    /// How much of what was written the read could see.
    pub(crate) view: View,
    /// What makes a transaction the same as another.
    pub(crate) token: Option<&'a str>,
    /// The producers that have names.
    pub(crate) producers: &'a [ProducerName],
    /// What the engine's answer says.
    pub(crate) reply: Option<&'a Reply<Live>>,
    pub(crate) status: u16,
    pub(crate) answer: &'a Value,
    /// The slot's item after a write to it.
    pub(crate) slot: Option<(&'a SlotKey, &'a Value)>,
    /// The lease's item after a write to it.
    pub(crate) lease: Option<(&'a LeaseKey, &'a Value)>,
}

/// A delivery in a handler's hands.
#[derive(Clone, Debug)]
pub(crate) struct ObservedDelivery {
    pub(crate) node: Node,
    pub(crate) group: Group,
    pub(crate) partition: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) upto: Seq,
    pub(crate) attempt: u32,
    /// The slots that hold events, and the names of those events.
    pub(crate) events: Vec<(Seq, String)>,
}
