//! Heads, checkpoints and leases, as the tables show them.

use std::collections::BTreeMap;

use gapless_model::{PartitionId, Seq};
use serde::Serialize;

use crate::stream::Stream;
use crate::vocabulary::{Group, StoreError};
use crate::wire::{Consistency, Extent, Standing};

/// A partition, and every group's standing in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PartitionStatus {
    /// The partition.
    pub partition: PartitionId,
    /// The highest sequence number that was handed out. Always zero in a design without a
    /// counter.
    pub head: Seq,
    /// The partitions that took its place. There are none while it takes events.
    pub children: Vec<PartitionId>,
    /// The standings of the groups that ever took a lease there.
    pub groups: Vec<Standing>,
}

impl Stream {
    /// Reads the heads of partitions, eventually consistently.
    ///
    /// It takes one request and 50 read units for each 100 partitions. A partition without
    /// an item is not in the answer, and in a design without a counter every head is zero.
    ///
    /// # Errors
    /// Returns [`StoreError`] if a request fails, for as long as patience lasts if the error is
    /// transient.
    pub async fn heads(
        &self,
        partitions: &[PartitionId],
    ) -> Result<BTreeMap<PartitionId, Seq>, StoreError> {
        let read = || self.0.wire.heads(partitions, Consistency::Eventual);
        let heads = self.0.patiently(read).await?.whole()?;
        Ok(heads.into_iter().map(|(partition, extent)| (partition, extent.last)).collect())
    }

    /// Reads a group's standing in every partition where it ever took the lease.
    ///
    /// It is one strongly consistent query, page by page, and costs a read unit for each 4
    /// KB of the group's items: some 20 partitions.
    ///
    /// # Errors
    /// Returns [`StoreError`] if a request fails, for as long as patience lasts if the error is
    /// transient.
    pub async fn standings(
        &self,
        group: &Group,
    ) -> Result<BTreeMap<PartitionId, Standing>, StoreError> {
        self.0.patiently(|| self.0.wire.standings(group)).await?.whole()
    }

    /// Reads every group's standing in every partition where it ever took the lease.
    ///
    /// It scans the whole Consumers table with strongly consistent reads, a read unit for each 4 KB, so it
    /// is for people and not for programs that ask often. Dropping the future changes nothing.
    ///
    /// # Errors
    /// Returns [`StoreError`] if a request fails, for as long as patience lasts if the error is
    /// transient, or if an item cannot be read.
    pub async fn all_standings(&self) -> Result<BTreeMap<PartitionId, Vec<Standing>>, StoreError> {
        self.0.patiently(|| self.0.wire.all_standings()).await
    }

    /// Reads by how many slots a group lags in each partition of the stream; zero where it does not.
    ///
    /// A void slot counts as any other, and so does a number whose event is not written yet. The heads
    /// are read before the checkpoints, and eventually consistently: a partition can lag more by then.
    /// It costs what [`Stream::heads`] costs for every open partition, and [`Stream::standings`], as a
    /// worker's sweep does, and no scan. Where each key has its own partition, their list comes from an
    /// index that may not show the newest yet. In a design without a counter it takes a strongly
    /// consistent query for each partition in place of the heads. Dropping the future changes nothing.
    ///
    /// # Errors
    /// Returns [`StoreError`] if a request fails, for as long as patience lasts if the error is
    /// transient.
    pub async fn lag(&self, group: &Group) -> Result<BTreeMap<PartitionId, u64>, StoreError> {
        let extents = self.0.patiently(|| self.0.survey(Consistency::Eventual)).await?.whole()?;
        let standings = self.standings(group).await?;
        let lag = extents.into_iter().map(|(partition, extent)| {
            let done = standings.get(&partition).map_or(Seq::ZERO, |it| it.lease.checkpoint);
            (partition, extent.last.0.saturating_sub(done.0))
        });
        Ok(lag.collect())
    }

    /// Reads every partition's head, and every group's standing there.
    ///
    /// It scans the whole Consumers table, a read unit for each 4 KB, and reads the heads as
    /// [`Stream::heads`] does, so it is for people and not for programs that ask often.
    /// Dropping the future changes nothing.
    ///
    /// # Errors
    /// Returns [`StoreError`] if a request fails, for as long as patience lasts if the error is
    /// transient.
    pub async fn status(&self) -> Result<Vec<PartitionStatus>, StoreError> {
        let extents = self.0.patiently(|| self.0.items(Consistency::Eventual)).await?.whole()?;
        let mut groups = self.all_standings().await?;
        let known =
            extents.into_iter().map(|(partition, Extent { last, children })| PartitionStatus {
                head: last,
                children,
                groups: groups.remove(&partition).unwrap_or_default(),
                partition,
            });
        let mut status: Vec<_> = known.collect();
        // Partitions that the layout does not have, and that have leases all the same.
        status.extend(groups.into_iter().map(|(partition, groups)| PartitionStatus {
            partition,
            head: Seq::ZERO,
            children: Vec::new(),
            groups,
        }));
        Ok(status)
    }
}
