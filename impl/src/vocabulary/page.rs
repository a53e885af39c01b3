//! Slots, as one query shows them, and the events in them.

use std::sync::Arc;

use gapless_model::{Page, PartitionId, Seen, Seq};
use serde::{Deserialize, Serialize};

use super::event::Position;
use super::event::{EventBatch, Recorded};
use super::names::Token;

/// A page of a partition's slots, as one query returns it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Slots(Arc<[(Seq, Filled)]>);

/// What a slot that is not empty holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Filled {
    /// It was voided.
    Void,
    /// Events.
    Events {
        /// The append that wrote them.
        token: Token,
        /// What it wrote.
        batch: EventBatch,
    },
}

impl Slots {
    /// How many slots one query asks for. DynamoDB may return fewer: a page is at most 1 MB.
    pub const LIMIT: usize = 100;

    /// The slots that the page shows, rising.
    #[must_use]
    pub fn shown(&self) -> &[(Seq, Filled)] {
        &self.0
    }

    /// What the page shows from `first` up to `upto`.
    pub(crate) fn between(&self, after: Seq, upto: Seq) -> &[(Seq, Filled)] {
        let begin = self.0.partition_point(|(seq, _)| *seq <= after);
        let end = self.0.partition_point(|(seq, _)| *seq <= upto);
        &self.0[begin..end]
    }
}

impl FromIterator<(Seq, Filled)> for Slots {
    fn from_iter<I: IntoIterator<Item = (Seq, Filled)>>(slots: I) -> Self {
        Slots(slots.into_iter().collect())
    }
}

impl Page for Slots {
    fn seen(&self, slot: Seq) -> Seen {
        match self.0.binary_search_by_key(&slot, |(seq, _)| *seq) {
            Err(_) => Seen::Nothing,
            Ok(found) => match self.0[found].1 {
                Filled::Void => Seen::Void,
                Filled::Events { .. } => Seen::Events,
            },
        }
    }

    fn last(&self) -> Option<Seq> {
        self.0.last().map(|(seq, _)| *seq)
    }
}

/// The events of slots that a page shows.
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
