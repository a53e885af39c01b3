//! Splitting and merging partitions.

use std::collections::BTreeSet;

use gapless_model::PartitionId;
use gapless_model::lineage::{Merge, MergeEnd, Split, SplitEnd};
use gapless_model::store::partition_words;

use crate::stream::{Shared, Stream};
use crate::vocabulary::{Live, StoreError};
use crate::wire::{MOST_SORT_KEY, check_partition};

/// Why a partition was not split, or partitions were not merged.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LineageError {
    /// The stream has no such partition: none was split or merged into it.
    #[error("the stream has no partition {partition}: nothing was split or merged into it")]
    Missing {
        /// The partition.
        partition: PartitionId,
    },
    /// The partition covers a single hash, or a single key.
    #[error("{partition} cannot be split: it has no halves")]
    Whole {
        /// The partition.
        partition: PartitionId,
    },
    /// The id of what would take a partition's place is longer than a DynamoDB key may be: nothing could be
    /// written there. Each merge adds a letter to it.
    #[error("{} bytes are more than the {limit} that the id of a partition may have", .child.as_str().len())]
    TooLong {
        /// The partition that would come of it.
        child: PartitionId,
        /// The most bytes.
        limit: usize,
    },
    /// The partitions do not make up one: at least this one has no other half among them.
    #[error("the partitions do not make up one: {}", lack(.partition))]
    Apart {
        /// The partition without another half.
        partition: PartitionId,
    },
    /// Other partitions took this one's place before.
    #[error("{partition} was split or merged before, into {}", partition_words::<Live>(.children))]
    Other {
        /// The partition.
        partition: PartitionId,
        /// What took its place.
        children: Vec<PartitionId>,
    },
    /// A merge was asked for, and no partition was named.
    #[error("no partition was named: two at least are merged")]
    None,
    /// The stream's design keeps no head beside which a seal could be: its partitions stay as they are.
    #[error("partitions of a design without a counter can be neither split nor merged")]
    NoCounter,
    /// The store refused, or did not answer for as long as patience lasted. The same call can be made
    /// again: it recognises what it did before.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn lack(partition: &PartitionId) -> String {
    match partition.merges_into() {
        Some(merged) => {
            format!("the other half that {partition} would be merged with into {merged} is missing")
        }
        None => format!("{partition} is no half of another"),
    }
}

impl Stream {
    /// Splits a partition in two: it takes no more events, and its halves take its place. Returns the
    /// halves.
    ///
    /// It is one write unit, and a second for the index where nothing was appended to the partition yet.
    /// Producers with the old route are refused and go on in the halves by themselves; each group finishes
    /// the partition before it begins the halves. Done again, by any process, it changes nothing and returns
    /// the same. For a partition that did not exist when the stream was created, it reads the items of those
    /// before it, once in a process.
    ///
    /// Dropping the future leaves the partition split or not.
    ///
    /// # Errors
    /// Returns [`LineageError`]. Nothing was changed, unless it is [`LineageError::Store`] with an unknown
    /// outcome.
    pub async fn split(&self, partition: &PartitionId) -> Result<[PartitionId; 2], LineageError> {
        let whole = || LineageError::Whole { partition: partition.clone() };
        let halves = partition.halves().ok_or_else(whole)?;
        let Shared { rules, routes, .. } = &*self.0;
        check_children(&halves)?;
        self.check_member(partition).await?;
        let mut split = Split::new(rules, partition.clone(), halves.to_vec());
        while let Some(request) = split.wants() {
            split.tell(rules, self.0.send_until_answered("split", &request).await?);
        }
        match split.end() {
            Some(SplitEnd::Other(children)) => Err(self.other(partition, children)),
            Some(SplitEnd::Split) | None => {
                routes.learn(partition, &halves);
                Ok(halves)
            }
        }
    }

    /// Merges partitions into the one that they make up: they take no more events, and it takes their place.
    /// Returns it.
    ///
    /// Two halves of a family, such as `p0` and `p1`, are merged by one transaction of two write units for each
    /// of them, and one for the index for each to which nothing was appended yet. More are merged pair by pair, the finest first. Producers with
    /// the old route are refused and go on in the merged partition by themselves; each group finishes all of
    /// the partitions before it begins that one. Done again, by any process, it changes nothing and
    /// returns the same, and completes what was left half done.
    ///
    /// Dropping the future leaves any number of the pairs merged.
    ///
    /// # Errors
    /// Returns [`LineageError`]. The pair where it failed was not changed, unless it is
    /// [`LineageError::Store`] with an unknown outcome; pairs that were merged before it stay merged.
    pub async fn merge(&self, partitions: &[PartitionId]) -> Result<PartitionId, LineageError> {
        let steps = merge_steps(partitions)?;
        steps.iter().try_for_each(|(_, child)| check_children(std::slice::from_ref(child)))?;
        for parent in partitions {
            self.check_member(parent).await?;
        }
        for (pair, child) in &steps {
            self.merge_pair(pair, child).await?;
        }
        steps.into_iter().last().map(|(_, child)| child).ok_or(LineageError::None)
    }

    async fn merge_pair(
        &self,
        parents: &[PartitionId; 2],
        child: &PartitionId,
    ) -> Result<(), LineageError> {
        let mut merge = Merge::new(&self.0.rules, parents.to_vec(), child.clone());
        while let Some(request) = merge.wants() {
            merge.tell(self.0.send_until_answered("merge", &request).await?);
        }
        if let Some(MergeEnd::Other(before)) = merge.end() {
            let own = std::slice::from_ref(child);
            let mut sealed = parents.iter().zip(before).filter(|(_, into)| !into.is_empty());
            if let Some((parent, children)) = sealed.find(|(_, into)| into.as_slice() != own) {
                return Err(self.other(parent, children));
            }
        }
        parents.iter().for_each(|it| self.0.routes.learn(it, std::slice::from_ref(child)));
        Ok(())
    }

    fn other(&self, partition: &PartitionId, children: &[PartitionId]) -> LineageError {
        self.0.routes.learn(partition, children);
        LineageError::Other { partition: partition.clone(), children: children.to_vec() }
    }

    /// Refuses what is no partition of the stream. A seal of it would make it one that no key gets to.
    async fn check_member(&self, partition: &PartitionId) -> Result<(), LineageError> {
        if !self.0.has_counter() {
            return Err(LineageError::NoCounter);
        }
        match self.0.patiently(|| self.0.parents(partition)).await? {
            Some(_) => Ok(()),
            None => Err(LineageError::Missing { partition: partition.clone() }),
        }
    }
}

/// Refuses what nothing could be written to, before a seal leads there for good.
fn check_children(children: &[PartitionId]) -> Result<(), LineageError> {
    let too_long =
        |child: &PartitionId| LineageError::TooLong { child: child.clone(), limit: MOST_SORT_KEY };
    match children.iter().find(|child| check_partition(child).is_err()) {
        Some(child) => Err(too_long(child)),
        None => Ok(()),
    }
}

/// The merges that make one of these partitions, pair by pair, each with what comes of it.
fn merge_steps(
    partitions: &[PartitionId],
) -> Result<Vec<([PartitionId; 2], PartitionId)>, LineageError> {
    let mut left: BTreeSet<PartitionId> = partitions.iter().cloned().collect();
    let mut steps = Vec::new();
    loop {
        // The finest first: a family is merged once each half is one partition.
        let Some(finest) = left.iter().max_by_key(|partition| partition.bits()).cloned() else {
            return Ok(steps);
        };
        if left.len() == 1 && !steps.is_empty() {
            return Ok(steps);
        }
        let apart = || LineageError::Apart { partition: finest.clone() };
        let child = finest.merges_into().ok_or_else(apart)?;
        let is_other = |it: &&PartitionId| {
            **it != finest && it.merges_into().as_ref() == Some(&child) && !it.overlaps(&finest)
        };
        let other = left.iter().find(is_other).cloned().ok_or_else(apart)?;
        left.remove(&finest);
        left.remove(&other);
        left.insert(child.clone());
        let mut pair = [finest, other];
        pair.sort_unstable();
        steps.push((pair, child));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(partitions: &[&str]) -> Result<Vec<String>, String> {
        let ids = partitions.iter().map(|id| id.parse().expect("an id")).collect::<Vec<_>>();
        let said = |steps: Vec<([PartitionId; 2], PartitionId)>| {
            let said =
                steps.into_iter().map(|([one, other], child)| format!("{one}+{other}={child}"));
            said.collect()
        };
        merge_steps(&ids).map(said).map_err(|error| error.to_string())
    }

    #[test]
    fn leaves_of_different_depth_are_merged_pair_by_pair_from_the_finest() {
        let merged = steps(&["p1", "p01", "p00"]).expect("they make up p");
        assert_eq!(merged, ["p00+p01=p0~", "p0~+p1=p~"]);
        let merged = steps(&["p~0", "p~1~", "p~0"]).expect("one is named twice");
        assert_eq!(merged, ["p~0+p~1~=p~~"]);
    }

    /// It would take its keys' events from then on, and none could be written.
    #[test]
    fn no_id_becomes_longer_than_a_key_may_be() {
        let longest = format!("p{}", "~".repeat(MOST_SORT_KEY - 1));
        let fits = [longest.parse().expect("an id")];
        assert!(check_children(&fits).is_ok());
        let beyond = fits[0].halves().expect("it has halves");
        let refused = check_children(&beyond).expect_err("it is too long").to_string();
        assert_eq!(
            refused,
            "1025 bytes are more than the 1024 that the id of a partition may have"
        );
    }

    #[test]
    fn partitions_that_do_not_make_up_one_are_refused_with_the_one_that_lacks_its_half() {
        for (partitions, lone) in [
            (&["p0"][..], "that p0 would be merged with into p~"),
            (&["p00", "p1"], "that p00 would be merged with into p0~"),
            (&["p0", "p0~"], "that p0~ would be merged with into p~"),
            (&["p00", "p01", "p10"], "that p10 would be merged with into p1~"),
            (&["p"], "p is no half of another"),
        ] {
            let refused = steps(partitions).expect_err("they do not");
            assert!(refused.contains(lone), "{refused}");
        }
    }
}
