//! The events of one key as a history that is decided on and appended to: event sourcing.

use std::time::Duration;

use gapless_model::store::{Reply, Request, Slot};
use gapless_model::{Page, PartitionId, Seq};

use crate::append::{AppendError, Receipt};
use crate::read::Place;
use crate::stream::Stream;
use crate::vocabulary::{Backoff, Event, Position, Recorded, Slots, StoreError, Timer};

/// The events of a key up to a slot, its [`History::head`]: every slot up to there is settled, and what
/// is in them of the key is in the history. Loaded by [`Stream::load`].
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
        let events = page.events(&self.partition, self.head, upto);
        let events = events.filter(|event| event.event.key == self.key);
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
            // Only what is read tells when it was written.
            Recorded { partition: partition.clone(), position, at: None, event }
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
    /// Each slot that is voided takes a write and a read, one after another; and where a partition has
    /// more than a MB, the gaps of each MB have a grace of their own.
    ///
    /// Dropping the future changes nothing, but that a slot may have been voided.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the store does not answer for as long as patience lasts, or refuses.
    pub async fn load(&self, key: impl Into<String>) -> Result<History, StoreError> {
        self.load_after(key, Seq::ZERO).await
    }

    /// Loads the events of a key behind a slot: behind the [`History::head`] of a history that the
    /// caller has kept the state of. It reads that slot, and then with a query those behind it, and is
    /// as [`Stream::load`] otherwise.
    ///
    /// # Errors
    /// Returns [`StoreError::Refused`] if the slot is empty: the head is that of another partition, or
    /// of tables that were restored since. Load from the beginning then. Otherwise returns the errors
    /// of [`Stream::load`].
    pub async fn load_after(
        &self,
        key: impl Into<String>,
        head: Seq,
    ) -> Result<History, StoreError> {
        let key = key.into();
        let partition = self.route(&key);
        if head > Seq::ZERO {
            self.check_head(&partition, head).await?;
        }
        let mut history = History { key, partition, events: Vec::new(), head };
        self.refresh(&mut history).await?;
        Ok(history)
    }

    /// Reads what came since into a history. It costs a query, if that is less than 1 MB, and waits for
    /// empty slots in front of events as [`Stream::load`] does.
    ///
    /// Dropping the future leaves the history as far as it was read.
    ///
    /// # Errors
    /// Returns the errors of [`Stream::load`]. The history is as far as it was read, and can be
    /// refreshed again.
    pub async fn refresh(&self, history: &mut History) -> Result<(), StoreError> {
        let mut on = ReadingOn::from(history);
        while !on.look(self, history).await?.is_end {}
        Ok(())
    }

    /// Appends events to a history, in one slot, if no event of its key came in between. The history
    /// has them then.
    ///
    /// If nothing at all came in between, it costs what [`Stream::append_batch`] costs. Events of
    /// other keys of the partition, and numbers whose writers died, are no conflict: what came in
    /// between is read, and the append made again behind it, for as long as patience lasts, and the
    /// last look at it. That takes one write unit and a read more, and where a number has no event
    /// yet, the stream's grace: then its slot is voided, so that nothing can turn up there later.
    /// Where many keys share a busy partition, somebody is always faster; give each key its own
    /// ([`Layout::EachKey`](crate::Layout::EachKey)).
    ///
    /// Dropping the future leaves open whether the events get into the log. The next append to the
    /// history finds out: it is in conflict if they did, and no longer can they get there if not.
    ///
    /// # Errors
    /// Returns [`AppendError::Conflict`] if events of the key came in between. They are in the history,
    /// as far as it was read: decide again. It also returns [`AppendError::Conflict`] where nothing of
    /// the key is new, if others were faster for as long as patience lasted, or if the history is ahead
    /// of the partition, whose tables were restored.
    ///
    /// Returns [`AppendError::Batch`] if no event is of the history's key, or one belongs to another
    /// partition. Returns [`AppendError::Store`] with an error that is transient, or with
    /// [`StoreError::Malformed`], if something came in between and cannot be read. Then nothing was
    /// appended, and the same can be appended again.
    ///
    /// Otherwise returns the errors of [`Stream::append`]. After [`AppendError::Unsettled`] the history
    /// lacks the events: settle the append, and refresh the history. A conflict that is found by
    /// settling is one of any key.
    pub async fn append_to(
        &self,
        history: &mut History,
        events: Vec<Event>,
    ) -> Result<Receipt, AppendError> {
        self.check_batch(history, &events)?;
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
            if found < history.head {
                return Err(conflict);
            }
            // Before the look, which is to be as new as can be when the append is made again.
            self.0.clock.sleep(backoff.next()).await;
            let mut on = ReadingOn::up_to(history, found);
            loop {
                let look = on.look(self, history).await?;
                // S4: for this key, it is an event that was not decided on. The caller is told at
                // once: it is in the history now, and another append would go behind it.
                if look.came || (look.is_end && patience.is_over()) {
                    return Err(conflict);
                }
                if look.is_end {
                    break;
                }
            }
        }
    }

    /// Checks that a batch is of a history's key, and of its partition.
    fn check_batch(&self, history: &History, events: &[Event]) -> Result<(), AppendError> {
        let key = &history.key;
        if let Some(other) = events.iter().find(|event| self.route(&event.key) != history.partition)
        {
            return Err(AppendError::Batch(format!(
                "the key `{}` belongs to another partition than the history of `{key}`",
                other.key
            )));
        }
        // Two who decide on the same history would not be in conflict.
        if events.iter().all(|event| event.key != *key) {
            return Err(AppendError::Batch(format!(
                "a batch that is appended to the history of `{key}` needs an event of that key"
            )));
        }
        Ok(())
    }

    /// Checks that the slot up to which a history was read is not empty.
    async fn check_head(&self, partition: &PartitionId, head: Seq) -> Result<(), StoreError> {
        let request = Request::ReadSlot { partition: partition.clone(), slot: head };
        match self.0.send_until_answered("history", &request).await? {
            Reply::Slot(Slot::Empty) => Err(StoreError::Refused {
                table: self.0.wire.tables().events.clone(),
                why: format!(
                    "slot {head} of {partition}, behind which a history is to go on, is empty: load \
                     it from the beginning"
                ),
            }),
            _ => Ok(()),
        }
    }
}

/// What a look at a history's partition showed.
struct Look {
    /// Whether an event of the key came.
    came: bool,
    /// Whether everything was looked at.
    is_end: bool,
}

/// How far a history is read on.
struct ReadingOn {
    place: Place,
    /// Up to which slot; unknown until a page shows the end.
    target: Option<Seq>,
    gap: Option<Gap>,
    /// Whether the next slot was empty at the last look.
    waits: bool,
}

impl ReadingOn {
    /// To where the end is found to be. What comes later is not waited for, or it would never end.
    fn from(history: &History) -> ReadingOn {
        let place = Place::after(history.partition.clone(), history.head);
        ReadingOn { place, target: None, gap: None, waits: false }
    }

    /// To a number that was given out.
    fn up_to(history: &History, given: Seq) -> ReadingOn {
        ReadingOn { target: Some(given), ..ReadingOn::from(history) }
    }

    /// Reads a page into the history, and waits a moment if the next slot is empty. Nothing is awaited
    /// between taking in an event of the key and saying so.
    async fn look(&mut self, stream: &Stream, history: &mut History) -> Result<Look, StoreError> {
        if self.gap.as_ref().is_some_and(|gap| gap.upto <= self.place.after) {
            self.gap = None;
        }
        match &mut self.gap {
            Some(gap) if self.waits => {
                if gap.grace.is_over() {
                    stream.void(&mut self.place).await?;
                    history.head = self.place.after;
                } else {
                    stream.0.clock.sleep(gap.looks.next()).await;
                }
            }
            Some(_) => {}
            // All empty slots age together that a whole page shows.
            None => self.place.forget_gap(),
        }
        let page = self.place.read(stream).await?;
        let came = history.take_in(&page, self.place.after);
        let after = self.place.after;
        if self.target.is_none() && !page.is_full() {
            self.target = Some(page.last().map_or(after, |last| last.max(after)));
        }
        let last = page.last().max(self.target).unwrap_or(after);
        // Behind a page that was cut, nothing is known of the next slot.
        self.waits = self.place.is_gap() || (after < last && !page.is_full());
        if self.waits && self.gap.is_none() {
            self.gap = Some(Gap::up_to(last, stream));
        }
        Ok(Look { came, is_end: self.target.is_some_and(|target| after >= target) })
    }
}

impl Stream {
    /// Voids the next slot, and moves behind it unless its writer was faster.
    async fn void(&self, place: &mut Place) -> Result<(), StoreError> {
        let (partition, slot) = (place.partition.clone(), place.after.next());
        // S4: whoever writes the slot later would be before what is decided now, and not be seen.
        let request = Request::Void { partition, slot };
        if let Reply::Written = self.0.send_until_answered("history", &request).await? {
            place.after = slot;
        }
        // What is behind it can be had now.
        place.forget_gap();
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
