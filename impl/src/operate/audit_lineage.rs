//! What an audit checks of splits and merges.

use gapless_model::PartitionId;
use gapless_model::store::{Reply, Request};

use super::audit::PartitionAudit;
use super::finding::Finding;
use crate::vocabulary::{Group, StoreError};

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
        // What a seek has taken back waits for its parents.
        let begun = self.status.groups.iter().filter(|standing| standing.lease.begun);
        for standing in begun {
            for parent in parents {
                // D4: begun behind a parent that is not drained.
                if !self.is_drained(&standing.group, parent).await? {
                    let (partition, group) = (self.partition(), standing.group.clone());
                    let parent = parent.clone();
                    self.report(Finding::BegunBeforeParent { partition, group, parent });
                }
            }
        }
        Ok(())
    }

    /// Whether a group has finished a sealed partition by now. What was read before the lease that it is
    /// compared with may be older.
    async fn is_drained(&self, group: &Group, parent: &PartitionId) -> Result<bool, StoreError> {
        let shared = &self.stream.0;
        let request = Request::ReadLease { group: group.clone(), partition: parent.clone() };
        let lease = match shared.send_until_answered("audit", &request).await? {
            Reply::Lease(lease) => lease,
            _ => None,
        };
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
