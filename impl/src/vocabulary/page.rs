//! Slots as one query shows them, and the events in them.

use std::sync::Arc;

use gapless_model::{Page, PartitionId, Seen, Seq};
use serde::{Deserialize, Serialize};

use super::event::{EventBatch, Position, Recorded};
use super::names::Token;

/// A page of a partition's slots, as one query returns it. Empty slots are not in it.
///
/// Cloning is cheap: clones share the slots.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slots {
    shown: Arc<[(Seq, Filled)]>,
    /// Whether DynamoDB ended the page before it had looked at everything.
    is_cut: bool,
}

/// The content of a slot that is not empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Filled {
    /// The slot was settled without an event.
    Void,
    /// The slot holds events.
    Events {
        /// The token of the append that wrote them.
        token: Token,
        /// The events.
        batch: EventBatch,
    },
}

impl Slots {
    /// The most slots of a worker's page, unless [`Worker::delivery_limit`](crate::Worker) says
    /// otherwise. DynamoDB may return fewer, and say that more may follow, as a page holds at most
    /// 1 MB. Readers take as many as that.
    pub const LIMIT: usize = 100;

    /// A page of slots in rising order, after which more may follow if it `is_cut`.
    #[must_use]
    pub fn new(shown: Vec<(Seq, Filled)>, is_cut: bool) -> Slots {
        Slots { shown: shown.into(), is_cut }
    }

    /// Returns the slots of the page in rising order.
    #[must_use]
    pub fn shown(&self) -> &[(Seq, Filled)] {
        &self.shown
    }

    /// The slots of the page after `after`, up to and including `upto`.
    pub(crate) fn between(&self, after: Seq, upto: Seq) -> &[(Seq, Filled)] {
        let begin = self.shown.partition_point(|(seq, _)| *seq <= after);
        let end = self.shown.partition_point(|(seq, _)| *seq <= upto);
        &self.shown[begin..end]
    }
}

impl Page for Slots {
    fn seen(&self, slot: Seq) -> Seen {
        match self.shown.binary_search_by_key(&slot, |(seq, _)| *seq) {
            Err(_) => Seen::Nothing,
            Ok(found) => match self.shown[found].1 {
                Filled::Void => Seen::Void,
                Filled::Events { .. } => Seen::Events,
            },
        }
    }

    fn last(&self) -> Option<Seq> {
        self.shown.last().map(|(seq, _)| *seq)
    }

    fn is_full(&self) -> bool {
        self.is_cut
    }
}

/// The events in some slots of a partition, each with its position.
pub(crate) fn recorded<'a>(
    partition: &'a PartitionId,
    slots: &'a [(Seq, Filled)],
) -> impl Iterator<Item = Recorded> + use<'a> {
    let filled = slots.iter().filter_map(|(slot, filled)| match filled {
        Filled::Void => None,
        Filled::Events { batch, .. } => Some((*slot, batch)),
    });
    filled.flat_map(move |(slot, batch)| {
        (0_u32..).zip(batch.events()).map(move |(index, event)| Recorded {
            partition: partition.clone(),
            position: Position { slot, index },
            event: event.clone(),
        })
    })
}
