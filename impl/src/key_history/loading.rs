//! Loading a history, and appending to it.

use std::time::Duration;

use gapless_model::store::{Reply, Request, Slot};
use gapless_model::{PartitionId, Seq};

use super::history::History;
use super::reading_on::ReadingOn;
use crate::append::{AppendError, Receipt};
use crate::read::Scope;
use crate::stream::{Layout, Stream};
use crate::vocabulary::{Backoff, Event, StoreError};
use crate::wire::Consistency;

impl Stream {
    /// Loads the events of a key, to decide on them and append by [`Stream::append_to`].
    ///
    /// It reads the whole partition of the key, a read unit for each 4 KB, with a query for each MB:
    /// where each key has a partition of its own ([`Layout::EachKey`](crate::Layout::EachKey)) that is
    /// the key's events alone, and otherwise those of its neighbours as well. Where partitions were split
    /// or merged, it reads every one that the key's events were in. In a fixed layout the last of them is
    /// asked first whether it was split or merged meanwhile, which takes a request and a read unit. To go
    /// on from a snapshot, use [`Stream::load_after`].
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
        let key = key.into();
        let first = self.0.layout.route(&key);
        self.load_behind(key, first, Seq::ZERO).await
    }

    /// Loads the events of a key behind a slot: behind the [`History::head`] in the
    /// [`History::partition`] of a history that the caller has kept the state of. It reads that slot, and
    /// then what is behind it, also in what took the partition's place, and is as [`Stream::load`]
    /// otherwise.
    ///
    /// # Errors
    /// Returns [`StoreError::Refused`] if the partition is not one of the key's, or the slot is empty: the
    /// head is that of another partition, or of tables that were restored since. Load from the beginning
    /// then. Otherwise returns the errors of [`Stream::load`].
    pub async fn load_after(
        &self,
        key: impl Into<String>,
        partition: &PartitionId,
        head: Seq,
    ) -> Result<History, StoreError> {
        let key = key.into();
        self.check_head(&key, partition, head).await?;
        self.load_behind(key, partition.clone(), head).await
    }

    async fn load_behind(
        &self,
        key: String,
        partition: PartitionId,
        head: Seq,
    ) -> Result<History, StoreError> {
        let mut history = History { key, partition, events: Vec::new(), head };
        self.refresh(&mut history).await?;
        Ok(history)
    }

    /// Reads what came since into a history. It costs a query, if that is less than 1 MB, and in a fixed
    /// layout a read unit to learn whether the partition was split or merged; then the history goes on in
    /// the partition that took its place. It waits for empty slots in front of events as [`Stream::load`]
    /// does.
    ///
    /// Dropping the future leaves the history as far as it was read.
    ///
    /// # Errors
    /// Returns the errors of [`Stream::load`]. The history is as far as it was read, and can be
    /// refreshed again.
    pub async fn refresh(&self, history: &mut History) -> Result<(), StoreError> {
        let path = self.path(&history.key, history.partition.clone());
        let asked = || self.0.lineage(&path, Consistency::Strong);
        for (partition, extent) in self.0.patiently(asked).await? {
            if partition != history.partition {
                history.move_to(partition);
            }
            let mut on = match extent.end() {
                // S4: what is still empty there may get an event, which would be before those behind it.
                Some(end) if history.head < end => ReadingOn::up_to(history, end),
                Some(_) => continue,
                None => ReadingOn::from(history),
            };
            while !on.look(self, history).await?.is_end {}
        }
        Ok(())
    }

    /// The partitions from one on that have a key's events.
    fn path(&self, key: &str, from: PartitionId) -> Scope {
        Scope::Path { from, hash: Layout::hash(key) }
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
    /// If the history's partition was split or merged, it is read to its end, and the events go into the
    /// partition that took its place.
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
    /// partition, also of those that the history's was split into. Returns [`AppendError::Store`] with an error that is transient, or with
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
            let (partition, head) = (history.partition.clone(), history.head);
            let outcome = self.append_expecting(&partition, head, events.clone()).await;
            let (at, found) = match &outcome {
                Err(AppendError::Conflict { partition, found, .. }) => (partition.clone(), *found),
                _ => {
                    let receipt = outcome?;
                    history.take_in_own(&receipt, events);
                    return Ok(receipt);
                }
            };
            if at == partition && found < head {
                return outcome;
            }
            // Before the look, which is to be as new as can be when the append is made again.
            self.0.clock.sleep(backoff.next()).await;
            // S4: for this key, it is an event that was not decided on. The caller is told at
            // once: it is in the history now, and another append would go behind it.
            if self.read_up_to(history, &at, found).await? || patience.is_over() {
                return outcome;
            }
        }
    }

    /// Reads up to a slot into a history, across seals that this process knows of, and on to what took the
    /// place of the last partition if that is sealed too. Returns early if an event of the key came, and
    /// whether one did.
    async fn read_up_to(
        &self,
        history: &mut History,
        at: &PartitionId,
        found: Seq,
    ) -> Result<bool, StoreError> {
        loop {
            let is_last = history.partition == *at;
            let sealed = self.0.routes.sealed(&history.partition);
            let upto = sealed.as_ref().map_or(found, |sealed| sealed.last);
            if history.head < upto {
                let mut on = ReadingOn::up_to(history, upto);
                loop {
                    let look = on.look(self, history).await?;
                    if look.came {
                        return Ok(true);
                    }
                    if look.is_end {
                        break;
                    }
                }
            }
            let children = sealed.map(|sealed| sealed.children).unwrap_or_default();
            let next = children.into_iter().find(|child| self.takes(child, &history.key));
            match next {
                Some(child) => history.move_to(child),
                None => return Ok(false),
            }
            if is_last {
                return Ok(false);
            }
        }
    }

    /// Checks that a batch is of a history's key, and of its partition.
    fn check_batch(&self, history: &History, events: &[Event]) -> Result<(), AppendError> {
        let key = &history.key;
        let is_others = |event: &&Event| !self.takes(&history.partition, &event.key);
        if let Some(other) = events.iter().find(is_others) {
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

    /// Checks that a partition has events of a key, and the slot up to which a history was read.
    async fn check_head(
        &self,
        key: &str,
        partition: &PartitionId,
        head: Seq,
    ) -> Result<(), StoreError> {
        let why = if !self.takes(partition, key) {
            format!("{partition} has no events of the key `{key}`")
        } else if head > Seq::ZERO {
            let request = Request::ReadSlot { partition: partition.clone(), slot: head };
            match self.0.send_until_answered("history", &request).await? {
                Reply::Slot(Slot::Empty) => format!(
                    "slot {head} of {partition}, behind which a history is to go on, is empty: load \
                     it from the beginning"
                ),
                _ => return Ok(()),
            }
        } else {
            // S4: what is appended to a partition that does not exist is found by no reader.
            let path = self.path(key, self.0.layout.route(key));
            let asked = || self.0.lineage(&path, Consistency::Strong);
            if self.0.patiently(asked).await?.contains_key(partition) {
                return Ok(());
            }
            format!(
                "there is no partition {partition} yet: load the key `{key}` from the beginning"
            )
        };
        Err(StoreError::Refused { table: self.0.wire.tables().events.clone(), why })
    }
}
