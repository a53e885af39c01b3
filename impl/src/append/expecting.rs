//! Appending behind a position that the caller has read up to.

use gapless_model::append::Identity;
use gapless_model::{PartitionId, Seq};

use super::single::{AppendError, PendingAppend, Receipt, empty_batch};
use crate::stream::{Layout, Stream};
use crate::vocabulary::{Event, EventBatch, StoreError, Token};
use crate::wire::{Consistency, Extent, check_batch, check_event, check_partition};

impl Stream {
    /// Appends events if the head is where the caller expects it: in the partition and at the slot of the
    /// last event that it read. For a key that has no event yet, that is what [`Stream::route`] returned
    /// before the caller read, and [`Seq::ZERO`]. In any other partition no reader would find the events.
    ///
    /// Of several callers that decide on the same history one succeeds. The costs are those
    /// of [`Stream::append_batch`]; a conflict costs one write unit. Dropping the future is
    /// as in [`Stream::append`].
    ///
    /// If the partition was split or merged, and its last slot is the one that the caller expects, the
    /// events go into the partition that took its place, if nothing was appended there before. Unless this
    /// process knows the partition's end, that costs another write unit and a read unit. For a partition
    /// that took the place of others it reads the items of those, once in a process.
    ///
    /// The head can be ahead of the last event, where a number was taken and its slot is
    /// void or empty. Then [`AppendError::Conflict`] says where the head is. To expect it next is safe
    /// only if nothing that such a slot may still get matters to the decision:
    /// [`Stream::load`] and [`Stream::append_to`] see to that.
    ///
    /// # Errors
    /// Returns [`AppendError::Conflict`] if the head is elsewhere, or if it is behind and others'
    /// events are in the next slot. It names the partition in which the head was found: if that is not
    /// the caller's, events may have come in between there.
    ///
    /// Returns [`AppendError::Batch`] if the partition, or the one that took its place, does not cover
    /// the key of each event, and otherwise the errors of [`Stream::append_batch`].
    pub async fn append_expecting(
        &self,
        partition: &PartitionId,
        expected: Seq,
        events: Vec<Event>,
    ) -> Result<Receipt, AppendError> {
        let batch = EventBatch::new(events).ok_or_else(empty_batch)?;
        for event in batch.events() {
            check_event(event)?;
        }
        // P1: no worker would find it.
        if self.0.patiently(|| self.0.parents(partition)).await?.is_none() {
            return Err(AppendError::Batch(format!("the stream has no partition {partition}")));
        }
        let token = Token::fresh().map_err(StoreError::from)?;
        self.append_behind(partition.clone(), expected, token, batch).await
    }

    /// Appends a batch behind a slot of a partition, or of those that took its place.
    pub(super) async fn append_behind(
        &self,
        mut partition: PartitionId,
        mut expected: Seq,
        token: Token,
        batch: EventBatch,
    ) -> Result<Receipt, AppendError> {
        // A child sorts behind its parent, so this ends.
        loop {
            self.check_covers(&partition, &batch)?;
            if let Some(sealed) = self.end_if_sealed(&partition).await? {
                partition = self.child_behind(&partition, expected, sealed, &batch)?;
                expected = Seq::ZERO;
                continue;
            }
            check_partition(&partition)?;
            check_batch(&partition, token.as_str(), &batch)?;
            let (token, batch, identity) = (token.clone(), batch.clone(), Identity::Anonymous);
            let at = partition.clone();
            let append = PendingAppend::new(self, at, token, batch, identity, Some(expected));
            match append.into_receipt(self).await {
                // S2: the seal came before a number was taken, so the events are in no slot, and the
                // same token goes on in a child.
                Err(AppendError::Sealed { partition, children }) => {
                    self.0.routes.learn(&partition, &children);
                }
                ended => return ended,
            }
        }
    }

    /// The end and the children of a partition, if this process knows that it is sealed.
    async fn end_if_sealed(&self, partition: &PartitionId) -> Result<Option<Extent>, StoreError> {
        let routes = &self.0.routes;
        if routes.children(partition).is_empty() {
            return Ok(None);
        }
        if let Some(sealed) = routes.sealed(partition) {
            return Ok(Some(sealed));
        }
        let one = std::slice::from_ref(partition);
        let extents = self.0.patiently(|| self.0.extents(one, Consistency::Strong)).await?;
        // The seal was seen, so a consistent read shows it.
        Ok(Some(extents.whole()?.remove(partition).unwrap_or_default()))
    }

    /// The partition that took the place of a sealed one for all of the events.
    fn child_behind(
        &self,
        partition: &PartitionId,
        expected: Seq,
        sealed: Extent,
        batch: &EventBatch,
    ) -> Result<PartitionId, AppendError> {
        // S4: what is between the expected slot and the end was not read by the caller.
        if sealed.last != expected {
            let (partition, found) = (partition.clone(), sealed.last);
            return Err(AppendError::Conflict { partition, expected, found });
        }
        let takes_all =
            |child: &&PartitionId| batch.events().iter().all(|it| self.takes(child, &it.key));
        sealed.children.iter().find(takes_all).filter(|child| *child > partition).cloned().ok_or_else(
            || {
                AppendError::Batch(format!(
                    "{partition} was split, and the events belong to different partitions now: append \
                     them in separate batches"
                ))
            },
        )
    }

    /// Whether a partition takes the events of a key as long as it is not sealed.
    pub(crate) fn takes(&self, partition: &PartitionId, key: &str) -> bool {
        let layout = self.0.layout;
        match partition.key() {
            Some(_) => layout.route(key) == *partition,
            None => layout.has(partition) && partition.covers(Layout::hash(key)),
        }
    }

    fn check_covers(&self, partition: &PartitionId, batch: &EventBatch) -> Result<(), AppendError> {
        // S4: whatever was appended to another partition in between would not be noticed.
        match batch.events().iter().find(|event| !self.takes(partition, &event.key)) {
            None => Ok(()),
            Some(event) => Err(AppendError::Batch(format!(
                "the key `{}` does not belong to {partition}, at whose head its event is to be appended",
                event.key
            ))),
        }
    }
}
