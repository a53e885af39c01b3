//! The events of one key up to a slot.

use gapless_model::{PartitionId, Seq};

#[cfg(doc)]
use crate::Stream;
use crate::append::Receipt;
use crate::vocabulary::{Event, Position, Recorded, Slots};

/// The events of a key up to a slot, its [`History::head`] in its [`History::partition`]: every slot up to
/// there is settled, and what is in them of the key is in the history, with what is in the partitions that
/// came before. Loaded by [`Stream::load`].
///
/// Decide on it, and append what you decided by [`Stream::append_to`]: of several callers that decide
/// on the same history one succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    pub(super) key: String,
    pub(super) partition: PartitionId,
    pub(super) events: Vec<Recorded>,
    pub(super) head: Seq,
}

impl History {
    /// Returns the key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the partition up to whose [`History::head`] it was read: the last one of the key when it
    /// was read.
    #[must_use]
    pub fn partition(&self) -> &PartitionId {
        &self.partition
    }

    /// Returns the events of the key in their order, but for those that were taken.
    #[must_use]
    pub fn events(&self) -> &[Recorded] {
        &self.events
    }

    /// Takes the events out of it, to fold them into a state. What is appended, or comes in between,
    /// is in it then.
    #[must_use = "the events are in it no longer"]
    pub fn take_events(&mut self) -> Vec<Recorded> {
        std::mem::take(&mut self.events)
    }

    /// Returns the slot up to which its partition was read. Keep both beside a snapshot of the state, for
    /// [`Stream::load_after`].
    #[must_use]
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Goes on at the beginning of a partition that took the place of its own, all of which is in it.
    pub(super) fn move_to(&mut self, partition: PartitionId) {
        (self.partition, self.head) = (partition, Seq::ZERO);
    }

    /// Takes in that the slots up to `upto` are void.
    pub(super) fn take_in_void(&mut self, upto: Seq) {
        self.head = upto;
    }

    /// Takes in the slots up to `upto`. Returns whether one of them has an event of the key.
    pub(super) fn take_in(&mut self, page: &Slots, upto: Seq) -> bool {
        let events = page.events(&self.partition, self.head, upto);
        let events = events.filter(|event| event.event.key == self.key);
        let before = self.events.len();
        self.events.extend(events);
        self.head = upto;
        self.events.len() > before
    }

    /// Takes in what was appended to it.
    pub(super) fn take_in_own(&mut self, receipt: &Receipt, events: Vec<Event>) {
        let (partition, first) = (&receipt.partition, receipt.position);
        let own = (first.index..).zip(events).filter(|(_, event)| event.key == self.key);
        self.events.extend(own.map(|(index, event)| {
            let position = Position { index, ..first };
            // Only what is read tells when it was written.
            Recorded { partition: partition.clone(), position, at: None, event }
        }));
        (self.partition, self.head) = (receipt.partition.clone(), first.slot);
    }
}
