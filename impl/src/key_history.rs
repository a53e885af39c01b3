//! The events of one key as a history that is decided on and appended to: event sourcing.

use std::time::Duration;

use gapless_model::store::{Reply, Request};
use gapless_model::{Page, PartitionId, Seq};

use crate::append::{AppendError, Receipt};
use crate::read::Place;
use crate::stream::Stream;
use crate::vocabulary::{Backoff, Event, Position, Recorded, Slots, StoreError, Timer, recorded};

/// The events of a key, up to a slot behind which nothing was given out when they were last read or
/// appended to; loaded by [`Stream::load`].
///
/// Decide on it, and append what you decided by [`Stream::append_to`]: of several callers that decide
/// on the same history one succeeds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    key: String,
    partition: PartitionId,
    events: Vec<Recorded>,
    head: Seq,
}

impl History {
    /// Returns the key.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Returns the partition of the key.
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

    /// Returns the slot up to which it was read. Keep it beside a snapshot of the state, for
    /// [`Stream::load_after`].
    #[must_use]
    pub fn head(&self) -> Seq {
        self.head
    }

    /// Takes in the slots up to `upto`. Returns whether one of them has an event of the key.
    fn take_in(&mut self, page: &Slots, upto: Seq) -> bool {
        let slots = page.between(self.head, upto);
        let events = recorded(&self.partition, slots).filter(|event| event.event.key == self.key);
        let before = self.events.len();
        self.events.extend(events);
        self.head = upto;
        self.events.len() > before
    }

    /// Takes in what was appended to it.
    fn take_in_own(&mut self, receipt: &Receipt, events: Vec<Event>) {
        let (partition, first) = (&self.partition, receipt.position);
        let own = (first.index..).zip(events).filter(|(_, event)| event.key == self.key);
        self.events.extend(own.map(|(index, event)| {
            let position = Position { index, ..first };
            Recorded { partition: partition.clone(), position, event }
        }));
        self.head = first.slot;
    }
}

impl Stream {
    /// Loads the events of a key, to decide on them and append by [`Stream::append_to`].
    ///
    /// It reads the whole partition of the key, a read unit for each 4 KB, with a query for each MB:
    /// where each key has a partition of its own ([`Layout::EachKey`](crate::Layout::EachKey)) that is
    /// the key's events alone, and otherwise those of its neighbours as well. To go on from a snapshot,
    /// use [`Stream::load_after`].
    ///
    /// Every event that was acknowledged before is in it. If one of them is behind an empty slot, that
    /// slot is waited out for the stream's grace and voided, as a worker does: what its writer may
    /// still write gets another position.
    ///
    /// Dropping the future changes nothing, but that a slot may have been voided.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the store does not answer for as long as patience lasts, or refuses.
    pub async fn load(&self, key: impl Into<String>) -> Result<History, StoreError> {
        self.load_after(key, Seq::ZERO).await
    }

    /// Loads the events of a key behind a slot: behind the [`History::head`] of a history that the
    /// caller has kept the state of. It reads the slots behind it alone, and is as [`Stream::load`]
    /// otherwise.
    ///
    /// # Errors
    /// Returns the errors of [`Stream::load`].
    pub async fn load_after(
        &self,
        key: impl Into<String>,
        head: Seq,
    ) -> Result<History, StoreError> {
        let key = key.into();
        let partition = self.route(&key);
        let mut history = History { key, partition, events: Vec::new(), head };
        self.refresh(&mut history).await?;
        Ok(history)
    }

    /// Reads what came since into a history. It costs a query, if that is less than 1 MB.
    ///
    /// Dropping the future leaves the history as far as it was read.
    ///
    /// # Errors
    /// Returns the errors of [`Stream::load`]. The history is as far as it was read, and can be
    /// refreshed again.
    pub async fn refresh(&self, history: &mut History) -> Result<(), StoreError> {
        self.read_on(history, Seq::ZERO).await.map(|_| ())
    }

    /// Appends events to a history, in one slot, if no event of its key came in between. The history
    /// has them then.
    ///
    /// If nothing at all came in between, it costs what [`Stream::append_batch`] costs. Events of
    /// other keys of the partition, and numbers whose writers died, are no conflict: what came in
    /// between is read, and the append made again behind it, for as long as patience lasts. That takes
    /// one write unit and a read more, and where a number has no event yet, the stream's grace: then
    /// its slot is voided, so that nothing can turn up there later.
    ///
    /// Dropping the future leaves open whether the events get into the log; refresh the history then.
    ///
    /// # Errors
    /// Returns [`AppendError::Conflict`] if events of the key came in between. They are in the history:
    /// decide again. So it is with [`AppendError::Conflict`] after other keys came in between for as
    /// long as patience lasted, where nothing of the key may be new.
    ///
    /// Returns [`AppendError::Batch`] if there is no event, or if one belongs to another partition, and
    /// otherwise the errors of [`Stream::append`]. After [`AppendError::Unsettled`] the history is as
    /// it was: settle the append, and refresh the history. A conflict that is found by settling is one
    /// of any key.
    pub async fn append_to(
        &self,
        history: &mut History,
        events: Vec<Event>,
    ) -> Result<Receipt, AppendError> {
        if let Some(other) = events.iter().find(|event| self.route(&event.key) != history.partition)
        {
            return Err(AppendError::Batch(format!(
                "the key `{}` belongs to another partition than the history of `{}`",
                other.key, history.key
            )));
        }
        let mut patience = self.0.clock.timer(self.0.patience);
        let mut backoff = Backoff::new(Duration::from_millis(1));
        loop {
            let conflict = match self.append_expecting(history.head, events.clone()).await {
                Ok(receipt) => {
                    history.take_in_own(&receipt, events);
                    return Ok(receipt);
                }
                Err(conflict @ AppendError::Conflict { .. }) => conflict,
                Err(error) => return Err(error),
            };
            let found = match &conflict {
                AppendError::Conflict { found, .. } => *found,
                _ => Seq::ZERO,
            };
            // S4: for this key, an event in between is one that was not decided on.
            if self.read_on(history, found).await? || patience.is_over() {
                return Err(conflict);
            }
            self.0.clock.sleep(backoff.next()).await;
        }
    }

    /// Reads to the end, and at least up to a number that was given out. Returns whether an event of
    /// the key came.
    async fn read_on(&self, history: &mut History, given: Seq) -> Result<bool, StoreError> {
        let mut place = Place::after(history.partition.clone(), history.head);
        let (mut came, mut gap) = (false, None);
        loop {
            let page = place.read(self).await?;
            came |= history.take_in(&page, place.after);
            let last = page.last().map_or(given, |last| last.max(given));
            // Behind a page that was cut, nothing is known of the next slot.
            let is_gap = place.is_gap() || (place.after < last && !page.is_full());
            if !is_gap && !page.is_full() {
                return Ok(came);
            }
            if !is_gap {
                continue;
            }
            if gap.as_ref().is_some_and(|gap: &Gap| gap.upto <= place.after) {
                gap = None;
            }
            let gap = gap.get_or_insert_with(|| Gap::up_to(last, self));
            if gap.grace.is_over() {
                self.void(&mut place).await?;
                history.head = place.after;
            } else {
                self.0.clock.sleep(gap.looks.next()).await;
            }
        }
    }

    /// Voids the next slot, and moves behind it unless its writer was faster.
    async fn void(&self, place: &mut Place) -> Result<(), StoreError> {
        let (partition, slot) = (place.partition.clone(), place.after.next());
        // S4: whoever writes the slot later would be before what is decided now, and not be seen.
        let request = Request::Void { partition, slot };
        if let Reply::Written = self.0.send_until_answered("history", &request).await? {
            place.after = slot;
        }
        Ok(())
    }
}

/// Empty slots whose numbers were given out, and which age together.
#[derive(Debug)]
struct Gap {
    /// The last number that was given out when the first of them was noticed.
    upto: Seq,
    grace: Timer,
    looks: Backoff,
}

impl Gap {
    fn up_to(upto: Seq, stream: &Stream) -> Gap {
        let grace = stream.0.rules.grace;
        // Some eight looks in a grace, and more than one in a short one.
        let looks = Backoff::up_to(Duration::from_millis(20).min(grace / 2), grace / 4);
        Gap { upto, grace: stream.0.clock.timer(grace), looks }
    }
}
