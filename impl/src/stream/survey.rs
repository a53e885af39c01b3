//! How far partitions go, and which there are.

use futures_util::future::FutureExt as _;
use gapless_model::design::Increment;
use gapless_model::store::{Reply, Request};
use gapless_model::{PartitionId, Seq};

use super::layout::Layout;
use super::requests::Shared;
use crate::vocabulary::StoreError;
use crate::wire::{Consistency, Extent, Listing};

impl Shared {
    /// Whether the design has a counter. Without one a partition has no head, and can be neither split
    /// nor merged.
    pub(crate) fn has_counter(&self) -> bool {
        match self.rules.design.increment {
            Increment::CompareAndSet | Increment::Add | Increment::Transaction => true,
            Increment::None => false,
        }
    }

    /// Whether partitions can be split or merged: without a counter there is no item to seal, and a key's
    /// own partition has nothing to divide.
    pub(crate) fn has_lineage(&self) -> bool {
        match self.layout {
            Layout::Fixed { .. } => self.has_counter(),
            Layout::EachKey => false,
        }
    }

    /// Every partition, in order.
    pub(crate) async fn partitions(
        &self,
        reads: Consistency,
    ) -> Result<Vec<PartitionId>, StoreError> {
        if self.has_lineage() {
            return Ok(self.survey(reads).await?.whole()?.into_keys().collect());
        }
        Ok(self.list_partitions().await?.whole()?.into_keys().collect())
    }

    /// How far each partition goes: up to the head, unless the partition has no item; or in a design
    /// without a counter up to the tail.
    pub(crate) async fn extents(
        &self,
        partitions: &[PartitionId],
        reads: Consistency,
    ) -> Result<Listing<Extent>, StoreError> {
        if self.has_counter() {
            let extents = self.wire.heads(partitions, reads).await?;
            for (partition, extent) in &extents.read {
                self.routes.learn_extent(partition, extent);
            }
            return Ok(extents);
        }
        let mut tails = Listing::default();
        for partition in partitions {
            let request = Request::ReadTail { partition: partition.clone() };
            let tail = match self.wire.send(&request).await {
                Ok(Reply::Tail(tail)) => Ok(tail),
                // The wire answers a read of the tail with the tail or an error.
                Ok(_) => Ok(Seq::ZERO),
                Err(error @ StoreError::Malformed { .. }) => Err(error),
                Err(error) => return Err(error),
            };
            let extent = tail.map(|last| Extent { last, children: Vec::new() });
            tails.add(Ok(partition.clone()), extent);
        }
        Ok(tails)
    }

    /// Every partition with what its item says: its head, which a design without a counter has not, and its
    /// children.
    pub(crate) async fn items(&self, reads: Consistency) -> Result<Listing<Extent>, StoreError> {
        if self.has_counter() {
            return self.survey(reads).await;
        }
        let Listing { read, unread, foreign } = self.list_partitions().await?;
        let read = read.into_keys().map(|partition| (partition, Extent::default())).collect();
        Ok(Listing { read, unread, foreign })
    }

    /// Every partition with how far it goes: those of the layout, and what came of them by splits and
    /// merges.
    pub(crate) async fn survey(&self, reads: Consistency) -> Result<Listing<Extent>, StoreError> {
        let Listing { read, unread, foreign } = self.list_partitions().await?;
        let mut survey = self.survey_from(read.into_keys().collect(), reads, |_| true).await?;
        survey.unread.extend(unread);
        survey.foreign.extend(foreign);
        Ok(survey)
    }

    /// The partitions right before one, none of them before a founding partition; `None` if the lineage
    /// does not lead to it. It takes no request once they are known.
    pub(crate) async fn parents(
        &self,
        partition: &PartitionId,
    ) -> Result<Option<Vec<PartitionId>>, StoreError> {
        if self.layout.founds(partition) {
            return Ok(Some(Vec::new()));
        }
        let known = || {
            let parents = self.routes.parents(partition);
            // D4: a merge that was met in one parent has others.
            partition.is_covered_by(&parents).then_some(parents)
        };
        if let Some(parents) = known() {
            return Ok(Some(parents));
        }
        let comes_before = |other: &PartitionId| other < partition && other.overlaps(partition);
        let mut first = self.layout.all().unwrap_or_default();
        first.retain(comes_before);
        let survey = self.survey_from(first, Consistency::Strong, comes_before).await?;
        match (known(), survey.unread.into_values().next()) {
            // What cannot be read may lead there.
            (None, Some(unread)) => Err(unread),
            (parents, _) => Ok(parents),
        }
    }

    /// Sees to it that the ends of partitions are known that are known to be sealed.
    pub(crate) async fn learn_ends(&self, sealed: &[PartitionId]) -> Result<(), StoreError> {
        let is_unknown = |partition: &&PartitionId| self.routes.end(partition).is_none();
        let unknown: Vec<_> = sealed.iter().filter(is_unknown).cloned().collect();
        if !unknown.is_empty() {
            self.extents(&unknown, Consistency::Strong).await?.whole()?;
        }
        Ok(())
    }

    /// These partitions, and those that came of them and are wanted, each with how far it goes and what
    /// took its place. A partition that is known to be sealed, with its end, is not asked: none of it
    /// changes. The others take a request for each hundred, and those that turn out to be sealed another
    /// for their children.
    ///
    /// An eventually consistent answer may show as open what is sealed, and never the reverse.
    pub(crate) async fn survey_from(
        &self,
        first: Vec<PartitionId>,
        reads: Consistency,
        is_wanted: impl Fn(&PartitionId) -> bool,
    ) -> Result<Listing<Extent>, StoreError> {
        let (mut survey, mut next) = (Listing::default(), first);
        loop {
            let mut unknown = Vec::new();
            while let Some(partition) = next.pop() {
                if survey.has(&partition) {
                    continue;
                }
                next.extend(self.routes.children(&partition).into_iter().filter(&is_wanted));
                let sealed = self.routes.sealed(&partition);
                if sealed.is_none() {
                    unknown.push(partition.clone());
                }
                // A partition without an item is open, and empty.
                survey.read.insert(partition, sealed.unwrap_or_default());
            }
            if unknown.is_empty() {
                return Ok(survey);
            }
            unknown.sort_unstable();
            // Boxed, as every request is that others await deep inside their own futures.
            let extents = self.extents(&unknown, reads).boxed().await?;
            for (partition, error) in extents.unread {
                survey.read.remove(&partition);
                survey.unread.insert(partition, error);
            }
            survey.foreign.extend(extents.foreign);
            let children = extents.read.values().flat_map(|extent| &extent.children);
            next.extend(children.filter(|child| is_wanted(child)).cloned());
            survey.read.extend(extents.read);
        }
    }
}
