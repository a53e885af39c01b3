//! Which partitions took the place of others, as far as this process has met a seal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use gapless_model::{PartitionId, Seq};

use crate::vocabulary::lock;
use crate::wire::Extent;

/// What took the place of each sealed partition that this process knows of.
///
/// Nothing here grows old: a route that is behind leads to a sealed partition, whose refusal names its
/// children.
#[derive(Clone, Debug, Default)]
pub(crate) struct Routes(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    /// None of it ever changes.
    seals: BTreeMap<PartitionId, Seal>,
    /// What comes right before each child of a sealed partition.
    parents: BTreeMap<PartitionId, Vec<PartitionId>>,
}

#[derive(Debug)]
struct Seal {
    children: Vec<PartitionId>,
    /// Its head, once its item was read.
    end: Option<Seq>,
}

impl Known {
    fn learn(&mut self, sealed: &PartitionId, children: &[PartitionId], end: Option<Seq>) {
        // An open partition has none.
        if children.is_empty() {
            return;
        }
        if let Some(known) = self.seals.get_mut(sealed) {
            known.end = known.end.or(end);
            return;
        }
        for child in children {
            self.parents.entry(child.clone()).or_default().push(sealed.clone());
        }
        self.seals.insert(sealed.clone(), Seal { children: children.to_vec(), end });
    }
}

impl Routes {
    /// Notes what took the place of a sealed partition.
    pub(crate) fn learn(&self, sealed: &PartitionId, children: &[PartitionId]) {
        lock(&self.0).learn(sealed, children, None);
    }

    /// Notes what a partition's item says of its seal, if it is sealed.
    pub(crate) fn learn_extent(&self, partition: &PartitionId, extent: &Extent) {
        lock(&self.0).learn(partition, &extent.children, Some(extent.last));
    }

    /// Notes the head of a partition that is known to be sealed.
    pub(crate) fn learn_end(&self, sealed: &PartitionId, end: Seq) {
        if let Some(seal) = lock(&self.0).seals.get_mut(sealed) {
            seal.end = Some(end);
        }
    }

    /// Returns the partitions that take the events of a hash one after another, from `first` on, as far as
    /// is known. There is at least one.
    pub(crate) fn way(&self, first: PartitionId, hash: u64) -> Vec<PartitionId> {
        let mut way = vec![first.clone()];
        let leaf = self.follow(first, hash, |next| way.push(next.clone()));
        debug_assert!(way.last() == Some(&leaf));
        way
    }

    /// Returns the partition that takes the events of a hash, from `first` on, as far as is known.
    pub(crate) fn leaf(&self, first: PartitionId, hash: u64) -> PartitionId {
        self.follow(first, hash, |_| ())
    }

    fn follow(
        &self,
        first: PartitionId,
        hash: u64,
        mut pass: impl FnMut(&PartitionId),
    ) -> PartitionId {
        let known = lock(&self.0);
        let mut leaf = first;
        // A child sorts behind its parent, so this ends.
        while let Some(seal) = known.seals.get(&leaf)
            && let Some(child) = seal.children.iter().find(|it| it.covers(hash) && **it > leaf)
        {
            leaf = child.clone();
            pass(&leaf);
        }
        leaf
    }

    /// Returns the partitions that are known to come right before one.
    pub(crate) fn parents(&self, partition: &PartitionId) -> Vec<PartitionId> {
        lock(&self.0).parents.get(partition).cloned().unwrap_or_default()
    }

    /// Returns what took a partition's place, as far as is known.
    pub(crate) fn children(&self, partition: &PartitionId) -> Vec<PartitionId> {
        lock(&self.0).seals.get(partition).map_or_else(Vec::new, |seal| seal.children.clone())
    }

    /// Returns the head of a partition that is known to be sealed.
    pub(crate) fn end(&self, partition: &PartitionId) -> Option<Seq> {
        lock(&self.0).seals.get(partition)?.end
    }

    /// Returns how far a sealed partition goes and what took its place, if both are known.
    pub(crate) fn sealed(&self, partition: &PartitionId) -> Option<Extent> {
        let known = lock(&self.0);
        let seal = known.seals.get(partition)?;
        Some(Extent { last: seal.end?, children: seal.children.clone() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> PartitionId {
        text.parse().expect("an id")
    }

    #[test]
    fn a_route_follows_every_seal_that_is_known() {
        let routes = Routes::default();
        let (low, high) = (0, u64::MAX);
        let leaf = |hash| routes.leaf(id("p"), hash).to_string();
        assert_eq!(leaf(low), "p");
        routes.learn(&id("p"), &[id("p0"), id("p1")]);
        assert_eq!([leaf(low), leaf(high)], ["p0", "p1"]);
        routes.learn(&id("p1"), &[id("p~")]);
        assert_eq!([leaf(low), leaf(high)], ["p0", "p~"]);
        routes.learn(&id("p0"), &[id("p~")]);
        assert_eq!([leaf(low), leaf(high)], ["p~", "p~"]);
        let mut parents = routes.parents(&id("p~"));
        parents.sort_unstable();
        assert_eq!(parents, [id("p0"), id("p1")]);
    }

    #[test]
    fn where_a_sealed_partition_ends_is_known_once_its_item_was_read() {
        let routes = Routes::default();
        routes.learn(&id("p"), &[id("p0"), id("p1")]);
        assert_eq!((routes.end(&id("p")), routes.sealed(&id("p"))), (None, None));
        let extent = Extent { last: Seq(3), children: vec![id("p0"), id("p1")] };
        routes.learn_extent(&id("p"), &extent);
        routes.learn(&id("p"), &[id("p0"), id("p1")]);
        assert_eq!(routes.end(&id("p")), Some(Seq(3)));
        assert_eq!(routes.sealed(&id("p")), Some(extent));
        assert_eq!(routes.parents(&id("p0")), [id("p")], "each is named once");
    }

    #[test]
    fn an_open_partition_is_no_seal() {
        let routes = Routes::default();
        routes.learn_extent(&id("p"), &Extent { last: Seq(3), children: Vec::new() });
        assert_eq!(routes.end(&id("p")), None);
    }

    #[test]
    fn a_circle_that_no_seal_makes_does_not_go_round() {
        let routes = Routes::default();
        routes.learn(&id("p0"), &[id("p")]);
        assert_eq!(routes.leaf(id("p0"), 0), id("p0"));
    }
}
