//! The partitions that wait for a turn, in the order in which they came.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gapless_model::PartitionId;

/// How a worker learnt that a partition may have work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// By a notice or a hint, or because it comes back to the partition.
    Announced,
    /// By a sweep, which shows other workers the same.
    Swept,
}

/// The partitions that wait for a turn, each once. Whoever comes first goes first, so that none
/// waits for ever behind others that always have work.
#[derive(Debug, Default)]
pub(super) struct Queue {
    order: VecDeque<PartitionId>,
    sources: BTreeMap<PartitionId, Source>,
}

impl Queue {
    /// Adds a partition at the end, unless it waits already.
    pub(super) fn add(&mut self, partition: PartitionId, source: Source) {
        match (self.sources.get_mut(&partition), source) {
            (Some(known), Source::Announced) => *known = Source::Announced,
            (Some(_), Source::Swept) => {}
            (None, _) => {
                self.order.push_back(partition.clone());
                self.sources.insert(partition, source);
            }
        }
    }

    /// How the worker learnt of a partition that waits.
    pub(super) fn source(&self, partition: &PartitionId) -> Option<Source> {
        self.sources.get(partition).copied()
    }

    /// The first partition that may go.
    pub(super) fn first(
        &self,
        may_go: impl Fn(&PartitionId, Source) -> bool,
    ) -> Option<PartitionId> {
        let waiting = self.order.iter().filter_map(|id| Some((id, *self.sources.get(id)?)));
        waiting.into_iter().find(|(id, source)| may_go(id, *source)).map(|(id, _)| id.clone())
    }

    /// Takes a partition out. Returns how it came to be here.
    pub(super) fn take(&mut self, partition: &PartitionId) -> Option<Source> {
        self.order.retain(|id| id != partition);
        self.sources.remove(partition)
    }

    /// Keeps the partitions that were announced, and those of the others that are in `found`.
    pub(super) fn keep_found(&mut self, found: &BTreeSet<PartitionId>) {
        self.sources.retain(|id, source| *source == Source::Announced || found.contains(id));
        self.order.retain(|id| self.sources.contains_key(id));
    }

    /// Whether no partition waits.
    pub(super) fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
