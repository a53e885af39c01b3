//! Slots as one query shows them, and the events in them.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use gapless_model::{Page, PartitionId, Seen, Seq};
use serde::{Deserialize, Serialize};

use super::event::{Event, EventBatch, Position, Recorded};
use super::names::Token;
use super::time::Timestamp;

/// A page of a partition's slots, as one query returns it. Empty slots are not in it.
///
/// Cloning is cheap: clones share the slots. Two pages are equal if they show the same slots, whenever
/// those were written: a machine sees no more of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Slots {
    shown: Arc<[(Seq, Filled)]>,
    /// Whether DynamoDB ended the page before it had looked at everything.
    is_cut: bool,
    /// When each slot was written, as far as that is known.
    #[serde(skip)]
    times: Arc<[Option<Timestamp>]>,
}

impl PartialEq for Slots {
    fn eq(&self, other: &Slots) -> bool {
        (&self.shown, self.is_cut) == (&other.shown, other.is_cut)
    }
}

impl Eq for Slots {}

impl Hash for Slots {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.shown, self.is_cut).hash(state);
    }
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
        Slots { shown: shown.into(), is_cut, times: Arc::default() }
    }

    /// A page that shows one slot, which no append has written, and nothing behind it.
    pub(crate) fn made_up(slot: Seq) -> Slots {
        let batch = EventBatch::from(Event::new("", ""));
        Slots::new(vec![(slot, Filled::Events { token: Token::from(String::new()), batch })], false)
    }

    /// The same page, with the time at which each of its slots was written, where that is known.
    pub(crate) fn written_at(self, times: Vec<Option<Timestamp>>) -> Slots {
        Slots { times: times.into(), ..self }
    }

    /// The same page, which was read from its end.
    pub(crate) fn in_rising_order(self) -> Slots {
        let shown = self.shown.iter().rev().cloned().collect();
        let times = self.times.iter().rev().copied().collect();
        Slots { shown, times, is_cut: self.is_cut }
    }

    /// The first slot of the page.
    pub(crate) fn first(&self) -> Option<Seq> {
        self.shown.first().map(|(seq, _)| *seq)
    }

    /// The first slot of the page that holds events of which it is known when they were written, and when.
    pub(crate) fn first_time(&self) -> Option<(Seq, Timestamp)> {
        self.timed().next().map(|(slot, at, _, _)| (slot, at))
    }

    /// The slots of the page that hold events of which it is known when they were written.
    pub(crate) fn timed(&self) -> impl Iterator<Item = (Seq, Timestamp, &Token, &EventBatch)> {
        self.shown.iter().zip(self.times.iter()).filter_map(|((slot, filled), at)| match filled {
            Filled::Void => None,
            Filled::Events { token, batch } => Some((*slot, (*at)?, token, batch)),
        })
    }

    /// Returns the slots of the page in rising order.
    #[must_use]
    pub fn shown(&self) -> &[(Seq, Filled)] {
        &self.shown
    }

    /// The events in the slots after `after`, up to and including `upto`, each with its place.
    pub(crate) fn events<'a>(
        &'a self,
        partition: &'a PartitionId,
        after: Seq,
        upto: Seq,
    ) -> impl Iterator<Item = Recorded> + use<'a> {
        let begin = self.shown.partition_point(|(seq, _)| *seq <= after);
        let end = self.shown.partition_point(|(seq, _)| *seq <= upto);
        let filled = (begin..end).filter_map(|place| match &self.shown[place] {
            (_, Filled::Void) => None,
            (slot, Filled::Events { batch, .. }) => {
                Some((*slot, batch, self.times.get(place).copied().flatten()))
            }
        });
        filled.flat_map(move |(slot, batch, at)| {
            (0_u32..).zip(batch.events()).map(move |(index, event)| Recorded {
                partition: partition.clone(),
                position: Position { slot, index },
                at,
                event: event.clone(),
            })
        })
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
