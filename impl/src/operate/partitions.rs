//! The partitions of a stream, and which took the place of which.

use std::collections::{BTreeMap, BTreeSet};

use gapless_model::{PartitionId, Seq};
use serde::Serialize;

use crate::stream::Stream;
use crate::vocabulary::StoreError;
use crate::wire::{Consistency, Extent, Listing};

/// The partitions of a stream, as splits and merges made them. It only grows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Lineage {
    partitions: BTreeMap<PartitionId, Member>,
    unread: Vec<String>,
}

/// A partition in the lineage of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Member {
    /// The highest sequence number that was given out; the tail in a design without a counter.
    pub head: Seq,
    /// The partitions whose place it took, in order. There are none of one that the stream began with.
    pub parents: Vec<PartitionId>,
    /// The partitions that took its place, in order. There are none of a leaf, which takes events.
    pub children: Vec<PartitionId>,
}

impl Member {
    /// Returns whether it takes events: nothing took its place.
    #[must_use]
    pub fn is_leaf(&self) -> bool {
        self.children.is_empty()
    }
}

impl Lineage {
    /// Returns every partition, parents before their children.
    #[must_use]
    pub fn partitions(&self) -> &BTreeMap<PartitionId, Member> {
        &self.partitions
    }

    /// Returns the partitions that take events, in order.
    pub fn leaves(&self) -> impl Iterator<Item = &PartitionId> {
        self.partitions.iter().filter(|(_, member)| member.is_leaf()).map(|(id, _)| id)
    }

    /// Returns a partition and all that came of it by splits and merges, parents before their children. That is
    /// what a move of a group's checkpoint back in the partition has delivered again
    /// ([`Stream::seek`]).
    #[must_use]
    pub fn family(&self, partition: &PartitionId) -> Vec<PartitionId> {
        let mut family = BTreeSet::from([partition.clone()]);
        // Children sort behind their parents.
        for (child, member) in &self.partitions {
            if member.parents.iter().any(|parent| family.contains(parent)) {
                family.insert(child.clone());
            }
        }
        family.into_iter().collect()
    }

    /// Returns why partitions are missing: what is wrong with their items, such as that a newer
    /// release wrote them. The others are not affected.
    #[must_use]
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    pub(super) fn of(survey: Listing<Extent>) -> Lineage {
        let Listing { read, unread, foreign } = survey;
        let mut partitions: BTreeMap<PartitionId, Member> = BTreeMap::new();
        for (partition, Extent { last, children }) in read {
            // In the order of the ids, so each partition's parents are in order too.
            for child in &children {
                partitions.entry(child.clone()).or_default().parents.push(partition.clone());
            }
            let member = partitions.entry(partition).or_default();
            (member.head, member.children) = (last, children);
        }
        // A child whose item cannot be read is named among those.
        partitions.retain(|partition, _| !unread.contains_key(partition));
        let unread = unread.into_values().chain(foreign).map(|error| error.to_string()).collect();
        Lineage { partitions, unread }
    }
}

impl Stream {
    /// Reads which partitions there are, and which took the place of which.
    ///
    /// It costs what [`Stream::partitions`] costs, with strongly consistent reads: one request and 100
    /// read units for each 100 partitions that are open, and for sealed ones once in a process; children
    /// that this process did not know of take a request for each generation. In a design without a
    /// counter it takes a query for each partition. Dropping the future changes nothing.
    ///
    /// # Errors
    /// Returns [`StoreError`] if a request fails, for as long as patience lasts if the error is
    /// transient. An item that cannot be read is no error of the whole ([`Lineage::unread`]).
    pub async fn lineage(&self) -> Result<Lineage, StoreError> {
        Ok(Lineage::of(self.0.patiently(|| self.0.survey(Consistency::Strong)).await?))
    }
}
