//! How far a partition was read, and waiting until it can be read further.

use std::time::Duration;

use gapless_model::store::{Reply, Request};
use gapless_model::{Page, PartitionId, Seen, Seq};

use super::lineage::Scope;
use crate::append::Receipt;
use crate::stream::Stream;
use crate::vocabulary::{Slots, StoreError, Timer};
use crate::wire::Consistency;

impl Stream {
    /// Waits until a reader of its key can read a receipt's event: until every slot before it is settled.
    ///
    /// It reads the partition from its beginning, and then again every 50 ms while a slot
    /// stays empty. If the partition came of a split or a merge, what came before it is read first, up to
    /// the end: of those partitions, only the ones that this process does not know to be sealed are asked
    /// for it, a read unit each. Dropping the future changes nothing.
    ///
    /// # Errors
    /// Returns [`StoreError::Unknown`] if a slot stays empty for longer than patience
    /// lasts: its writer is gone, and no consumer has voided the slot yet. Returns the
    /// store's error if a page cannot be read.
    pub async fn settled(&self, receipt: &Receipt) -> Result<(), StoreError> {
        let mut patience = self.0.clock.timer(self.0.patience);
        let before = Scope::Ancestors(receipt.partition.clone());
        let asked = || self.0.lineage(&before, Consistency::Strong);
        for (ancestor, extent) in self.0.patiently(asked).await? {
            if let Some(end) = extent.end() {
                self.settled_up_to(ancestor, end, &mut patience).await?;
            }
        }
        let (partition, slot) = (receipt.partition.clone(), receipt.position.slot);
        self.settled_up_to(partition, slot, &mut patience).await
    }

    async fn settled_up_to(
        &self,
        partition: PartitionId,
        wanted: Seq,
        patience: &mut Timer,
    ) -> Result<(), StoreError> {
        let mut place = Place::after(partition, Seq::ZERO);
        while place.after < wanted {
            let before = place.after;
            place.read(self).await?;
            if place.after == before {
                if patience.is_over() {
                    let why = format!("slot {} of {} stays empty", before.next(), place.partition);
                    return Err(StoreError::Unknown {
                        table: self.0.wire.tables().events.clone(),
                        why: why.into(),
                    });
                }
                self.0.clock.sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }
}

/// The last slot that can be reached from `after` without stepping over an empty one.
fn last_settled(page: &Slots, after: Seq) -> Seq {
    let mut end = after;
    while page.seen(end.next()) != Seen::Nothing {
        end = end.next();
    }
    end
}

/// How far a partition was read.
pub(crate) struct Place {
    pub(crate) partition: PartitionId,
    pub(crate) after: Seq,
    /// Whether the next slot was empty, with others behind it.
    is_gap: bool,
}

impl Place {
    pub(crate) fn after(partition: PartitionId, after: Seq) -> Place {
        Place { partition, after, is_gap: false }
    }

    /// Whether the next slot was empty, with others behind it.
    pub(crate) fn is_gap(&self) -> bool {
        self.is_gap
    }

    /// Lets the next page be a whole one, also at a gap.
    pub(crate) fn forget_gap(&mut self) {
        self.is_gap = false;
    }

    /// Reads the next page, and moves to the end of what is settled. At a gap it asks for one slot:
    /// what is behind it is not to be had yet, and may be a megabyte.
    pub(crate) async fn read(&mut self, stream: &Stream) -> Result<Slots, StoreError> {
        let stream = if self.is_gap { stream.with_page_limit(1) } else { stream.clone() };
        let (partition, after) = (self.partition.clone(), self.after);
        let request = Request::ReadEvents { partition, after, consistent: true };
        let page = match stream.0.send_until_answered("reader", &request).await? {
            Reply::Page(page) => page,
            _ => Slots::default(),
        };
        self.after = last_settled(&page, after);
        self.is_gap = page.last().is_some_and(|last| self.after < last);
        Ok(page)
    }
}
