//! Where everything stands, as the tables show it.

use std::collections::BTreeMap;

use gapless_model::{PartitionId, Seq};
use serde::Serialize;

use crate::stream::Stream;
use crate::vocabulary::{Group, StoreError};
use crate::wire::{Consistency, Standing};

/// A partition and everybody's standing in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PartitionStatus {
    /// The partition.
    pub partition: PartitionId,
    /// The highest sequence number given out.
    pub head: Seq,
    /// The groups that ever took a lease there.
    pub groups: Vec<Standing>,
}

impl Stream {
    /// The heads of partitions, in batches of a hundred; eventually consistent, at half the price.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn heads(
        &self,
        partitions: &[PartitionId],
    ) -> Result<BTreeMap<PartitionId, Seq>, StoreError> {
        self.0.wire.heads(partitions, Consistency::Eventual).await
    }

    /// A group's standing in every partition where it ever took the lease.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn standings(
        &self,
        group: &Group,
    ) -> Result<BTreeMap<PartitionId, Standing>, StoreError> {
        self.0.wire.standings(group).await
    }

    /// Every partition, its head, and every group's standing there. It scans
    /// Consumers, so it is for people and not for programs that ask often.
    ///
    /// # Errors
    /// [`StoreError`]
    pub async fn status(&self) -> Result<Vec<PartitionStatus>, StoreError> {
        let partitions = self.partitions().await?;
        let heads = self.heads(&partitions).await?;
        let mut groups = self.0.wire.all_standings().await?;
        let known = partitions.into_iter().map(|partition| PartitionStatus {
            head: heads.get(&partition).copied().unwrap_or(Seq::ZERO),
            groups: groups.remove(&partition).unwrap_or_default(),
            partition,
        });
        let mut status: Vec<_> = known.collect();
        // Leases on partitions that the layout does not have: somebody should know.
        status.extend(groups.into_iter().map(|(partition, groups)| PartitionStatus {
            partition,
            head: Seq::ZERO,
            groups,
        }));
        Ok(status)
    }
}
