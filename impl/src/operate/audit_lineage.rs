//! What an audit checks of splits and merges.

use gapless_model::PartitionId;
use gapless_model::store::{Lease, Reply, Request};

use super::audit::PartitionAudit;
use super::finding::Finding;
use crate::vocabulary::{Group, Live, StoreError};

impl PartitionAudit<'_> {
    /// A partition takes the place of all that cover its keys, others take its own as a whole, and no group
    /// begins it before what comes before it.
    pub(super) async fn check_lineage(&mut self) -> Result<(), StoreError> {
        let (shared, partition) = (&self.stream.0, self.partition());
        let children = &self.status.children;
        if !children.is_empty() && !covers_exactly(&partition, children) {
            let children = children.clone();
            self.report(Finding::NoLeaf { partition: partition.clone(), children });
        }
        // What is read anew has every seal of a merge of which one was seen.
        match shared.patiently(|| shared.parents(&partition)).await? {
            Some(parents) => self.check_begun(&parents).await,
            None => {
                let parents = shared.routes.parents(&partition);
                self.report(if parents.is_empty() {
                    Finding::StrayPartition { partition }
                } else {
                    Finding::TwoLeaves { partition, parents }
                });
                Ok(())
            }
        }
    }

    async fn check_begun(&mut self, parents: &[PartitionId]) -> Result<(), StoreError> {
        let standings = self.status.groups.iter().map(|it| (it.group.clone(), it.lease.clone()));
        for (group, mut lease) in standings.collect::<Vec<_>>() {
            // What a seek has taken back waits for its parents.
            while lease.begun {
                let early = self.undrained(&group, parents).await?;
                if early.is_empty() {
                    break;
                }
                // A seek may have come between the two: it takes the child back before it moves a parent, in
                // an epoch of its own. Where the epoch is the same, the child was begun all the time.
                let Some(now) = self.lease_of(&group, &self.partition()).await? else { break };
                if now.begun && now.epoch == lease.epoch {
                    // D4: begun behind a parent that is not drained.
                    for parent in early {
                        let (partition, group) = (self.partition(), group.clone());
                        self.report(Finding::BegunBeforeParent { partition, group, parent });
                    }
                    break;
                }
                lease = now;
            }
        }
        Ok(())
    }

    /// Those of a partition's parents that a group has not finished by now. What was read before the lease
    /// that they are compared with may be older.
    async fn undrained(
        &self,
        group: &Group,
        parents: &[PartitionId],
    ) -> Result<Vec<PartitionId>, StoreError> {
        let mut undrained = Vec::new();
        for parent in parents {
            if !self.is_drained(group, parent).await? {
                undrained.push(parent.clone());
            }
        }
        Ok(undrained)
    }

    async fn lease_of(
        &self,
        group: &Group,
        partition: &PartitionId,
    ) -> Result<Option<Lease<Live>>, StoreError> {
        let request = Request::ReadLease { group: group.clone(), partition: partition.clone() };
        Ok(match self.stream.0.send_until_answered("audit", &request).await? {
            Reply::Lease(lease) => lease,
            _ => None,
        })
    }

    /// Whether a group has finished a sealed partition by now.
    async fn is_drained(&self, group: &Group, parent: &PartitionId) -> Result<bool, StoreError> {
        let shared = &self.stream.0;
        let lease = self.lease_of(group, parent).await?;
        shared.patiently(|| shared.learn_ends(std::slice::from_ref(parent))).await?;
        let end = shared.routes.end(parent);
        Ok(end.is_some_and(|end| lease.is_some_and(|lease| lease.checkpoint >= end)))
    }
}

/// Whether these cover every hash of a partition, each once.
fn covers_exactly(partition: &PartitionId, children: &[PartitionId]) -> bool {
    let overlap = |(index, child): (usize, &PartitionId)| {
        children.iter().skip(index + 1).any(|other| other.overlaps(child))
    };
    partition.is_covered_by(children) && !children.iter().enumerate().any(overlap)
}
