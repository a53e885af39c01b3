//! Which partitions are read, and in which order: that of the events of each key.

use std::collections::{BTreeMap, BTreeSet};

use gapless_model::{PartitionId, Seq};

use crate::stream::{Layout, Shared};
use crate::vocabulary::StoreError;
use crate::wire::{Consistency, Extent};

/// Which partitions of a lineage are read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// A partition, and of those that came of it the ones that cover a hash.
    Path { from: PartitionId, hash: u64 },
    /// A partition, and of those that came of it the ones that cover a hash that it covers.
    Family(PartitionId),
    /// A partition, and nothing that came of it.
    Alone(PartitionId),
    /// What a partition came of, as far as it covers a hash that the partition covers.
    Ancestors(PartitionId),
    /// All.
    Everything,
}

impl Scope {
    /// Whether a partition is to be read that took the place of one that is.
    fn has(&self, child: &PartitionId) -> bool {
        match self {
            Scope::Path { hash, .. } => child.covers(*hash),
            Scope::Family(first) => child.overlaps(first),
            Scope::Alone(_) => false,
            Scope::Ancestors(last) => child < last && child.overlaps(last),
            Scope::Everything => true,
        }
    }

    /// Whether nothing that is read comes before a partition.
    fn begins_with(&self, partition: &PartitionId, layout: Layout) -> bool {
        match self {
            Scope::Path { from, .. } | Scope::Family(from) | Scope::Alone(from) => {
                partition == from
            }
            Scope::Ancestors(_) | Scope::Everything => layout.founds(partition),
        }
    }

    async fn starts(&self, shared: &Shared) -> Result<Vec<PartitionId>, StoreError> {
        match self {
            Scope::Path { from, .. } | Scope::Family(from) | Scope::Alone(from) => {
                Ok(vec![from.clone()])
            }
            Scope::Ancestors(last) if shared.layout.founds(last) => Ok(Vec::new()),
            Scope::Ancestors(last) => {
                let all = shared.layout.all().unwrap_or_default().into_iter();
                Ok(all.filter(|founding| founding.overlaps(last)).collect())
            }
            Scope::Everything => Ok(shared.list_partitions().await?.whole()?.into_keys().collect()),
        }
    }
}

impl Shared {
    /// The partitions of a scope, each with how far it goes and what took its place.
    pub(crate) async fn lineage(
        &self,
        scope: &Scope,
        reads: Consistency,
    ) -> Result<BTreeMap<PartitionId, Extent>, StoreError> {
        let first = scope.starts(self).await?;
        if !self.has_lineage() {
            return Ok(first.into_iter().map(|partition| (partition, Extent::default())).collect());
        }
        self.survey_from(first, reads, |child| scope.has(child)).await?.whole()
    }
}

/// What is still to be read of a scope, and what of that can be begun.
#[derive(Debug)]
pub(super) struct Plan {
    scope: Scope,
    layout: Layout,
    /// What is not read to its end, with the end once it is sealed.
    unfinished: BTreeMap<PartitionId, Option<Seq>>,
    /// Those of them that are not begun.
    waiting: BTreeSet<PartitionId>,
    finished: BTreeSet<PartitionId>,
}

impl Plan {
    pub(super) fn new(scope: Scope, layout: Layout) -> Plan {
        let (unfinished, waiting, finished) = Default::default();
        Plan { scope, layout, unfinished, waiting, finished }
    }

    pub(super) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// Whether nothing that is read comes before a partition.
    pub(super) fn begins_with(&self, partition: &PartitionId) -> bool {
        self.scope.begins_with(partition, self.layout)
    }

    /// Takes in what a look at the lineage showed.
    pub(super) fn learn(&mut self, lineage: BTreeMap<PartitionId, Extent>) {
        for (partition, extent) in lineage {
            if self.finished.contains(&partition) {
                continue;
            }
            if !self.unfinished.contains_key(&partition) {
                self.waiting.insert(partition.clone());
            }
            let end = self.unfinished.entry(partition).or_default();
            *end = end.or(extent.end());
        }
    }

    /// Takes what comes before a partition as read, if the partition is to be read.
    pub(super) fn skip_before(&mut self, partition: &PartitionId) {
        if !self.unfinished.contains_key(partition) {
            return;
        }
        let before = self.unfinished.range(..partition).map(|(earlier, _)| earlier);
        for ancestor in before.filter(|it| it.overlaps(partition)).cloned().collect::<Vec<_>>() {
            self.finish(&ancestor);
        }
    }

    /// Notes up to which slot a partition was read. Returns whether that finishes it, as nothing more can
    /// come there. What waited for it can be begun then.
    pub(super) fn note_read(&mut self, partition: &PartitionId, after: Seq) -> bool {
        let end = self.unfinished.get(partition).copied().flatten();
        let is_finished = end.is_some_and(|end| after >= end);
        if is_finished {
            self.finish(partition);
        }
        is_finished
    }

    fn finish(&mut self, partition: &PartitionId) {
        self.unfinished.remove(partition);
        self.waiting.remove(partition);
        self.finished.insert(partition.clone());
    }

    /// Takes out all that can be begun, in order.
    pub(super) fn begin(&mut self) -> Vec<PartitionId> {
        self.begin_those(|_| true)
    }

    /// Takes out what can be begun since this partition is finished.
    pub(super) fn begin_behind(&mut self, finished: &PartitionId) -> Vec<PartitionId> {
        self.begin_those(|waiting| waiting.overlaps(finished))
    }

    fn begin_those(&mut self, which: impl Fn(&PartitionId) -> bool) -> Vec<PartitionId> {
        let waiting = self.waiting.iter().filter(|partition| which(partition));
        let ready: Vec<_> = waiting.filter(|partition| self.is_ready(partition)).cloned().collect();
        for partition in &ready {
            self.waiting.remove(partition);
        }
        ready
    }

    /// Whether everything that comes before a partition was read to its end.
    fn is_ready(&self, partition: &PartitionId) -> bool {
        // Of two partitions of a lineage that cover one hash, the one that sorts first came first. That
        // holds also while a look that was eventually consistent has shown only some of the seals: a
        // parent whose seal it did not show is unfinished.
        self.begins_with(partition)
            || !self.unfinished.range(..partition).rev().any(|(it, _)| it.overlaps(partition))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(id: &str) -> PartitionId {
        id.parse().expect("an id")
    }

    fn lineage(shown: &[(&str, u64, &[&str])]) -> BTreeMap<PartitionId, Extent> {
        let extent = |last: u64, children: &[&str]| {
            let children = children.iter().map(|child| id(child)).collect();
            Extent { last: Seq(last), children }
        };
        shown.iter().map(|(it, last, children)| (id(it), extent(*last, children))).collect()
    }

    fn plan(shown: &[(&str, u64, &[&str])]) -> Plan {
        let mut plan = Plan::new(Scope::Everything, Layout::Fixed { bits: 0 });
        plan.learn(lineage(shown));
        plan
    }

    fn names(partitions: Vec<PartitionId>) -> Vec<String> {
        partitions.iter().map(PartitionId::to_string).collect()
    }

    #[test]
    fn children_begin_once_their_parents_are_read_to_the_end() {
        let mut plan = plan(&[
            ("p", 2, &["p0", "p1"]),
            ("p0", 1, &["p~"]),
            ("p1", 1, &["p~"]),
            ("p~", 0, &[]),
        ]);
        assert_eq!(names(plan.begin()), ["p"]);
        assert!(!plan.note_read(&id("p"), Seq(1)));
        assert!(plan.note_read(&id("p"), Seq(2)));
        assert_eq!(names(plan.begin_behind(&id("p"))), ["p0", "p1"]);
        assert!(plan.note_read(&id("p1"), Seq(1)));
        assert_eq!(plan.begin_behind(&id("p1")), []);
        assert!(plan.note_read(&id("p0"), Seq(1)));
        assert_eq!(names(plan.begin_behind(&id("p0"))), ["p~"]);
        assert!(!plan.note_read(&id("p~"), Seq(9)), "it is open");
    }

    /// An eventually consistent look may show the seal of one parent alone.
    #[test]
    fn a_parent_whose_seal_is_not_seen_yet_keeps_the_child_back() {
        let mut plan =
            plan(&[("p", 0, &["p0", "p1"]), ("p0", 1, &["p~"]), ("p1", 1, &[]), ("p~", 0, &[])]);
        for (finished, after) in [("p", 0), ("p0", 1)] {
            assert!(plan.note_read(&id(finished), Seq(after)));
        }
        assert_eq!(names(plan.begin()), ["p1"]);
        assert!(!plan.note_read(&id("p1"), Seq(1)));
        plan.learn(lineage(&[("p1", 1, &["p~"])]));
        assert!(plan.note_read(&id("p1"), Seq(1)));
        assert_eq!(names(plan.begin_behind(&id("p1"))), ["p~"]);
    }

    #[test]
    fn what_comes_before_a_partition_is_skipped_and_nothing_else() {
        let mut plan = plan(&[("p", 5, &["p0", "p1"]), ("p0", 3, &[]), ("p1", 3, &[])]);
        plan.skip_before(&id("p0"));
        assert_eq!(names(plan.begin()), ["p0", "p1"]);
        plan.skip_before(&id("p~"));
        assert!(plan.unfinished.contains_key(&id("p0")), "p~ is not to be read");
    }
}
