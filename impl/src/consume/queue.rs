//! The partitions that wait for a turn, in the order in which they came.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use gapless_model::{PartitionId, Seq};

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
    /// Up to which slot something is to be done, of those that were announced for that alone.
    upto: BTreeMap<PartitionId, Seq>,
}

impl Queue {
    /// Adds a partition at the end, unless it waits already.
    pub(super) fn add(&mut self, partition: PartitionId, source: Source) {
        // Now it waits for more than slots.
        self.upto.remove(&partition);
        match (self.sources.get_mut(&partition), source) {
            (Some(known), Source::Announced) => *known = Source::Announced,
            (Some(_), Source::Swept) => {}
            (None, _) => {
                self.order.push_back(partition.clone());
                self.sources.insert(partition, source);
            }
        }
    }

    /// Adds a partition at the end, or notes that this slot is to be done there as well.
    pub(super) fn add_slot(&mut self, partition: PartitionId, slot: Seq) {
        let known = self.upto.get(&partition).copied();
        let is_for_more = self.sources.contains_key(&partition) && known.is_none();
        self.add(partition.clone(), Source::Announced);
        if !is_for_more {
            self.upto.insert(partition, known.map_or(slot, |known| known.max(slot)));
        }
    }

    /// Takes a partition out that was announced for slots up to this one alone, as they are done.
    pub(super) fn take_done(&mut self, partition: &PartitionId, done: Seq) {
        if self.upto.get(partition).is_some_and(|upto| *upto <= done) {
            self.take(partition);
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
        self.upto.remove(partition);
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

#[cfg(test)]
mod tests {
    use super::*;

    fn partition() -> PartitionId {
        PartitionId::covering(0, 1)
    }

    #[test]
    fn who_waits_for_a_slot_alone_waits_no_longer_once_it_is_done() {
        let mut queue = Queue::default();
        queue.add_slot(partition(), Seq(3));
        queue.add_slot(partition(), Seq(2));
        queue.take_done(&partition(), Seq(2));
        assert_eq!(queue.source(&partition()), Some(Source::Announced), "slot 3 is not done");
        queue.take_done(&partition(), Seq(3));
        assert!(queue.is_empty());
    }

    #[test]
    fn who_waits_for_more_than_a_slot_goes_on_waiting() {
        for source in [Source::Announced, Source::Swept] {
            for is_first in [false, true] {
                let mut queue = Queue::default();
                if is_first {
                    queue.add(partition(), source);
                }
                queue.add_slot(partition(), Seq(1));
                if !is_first {
                    queue.add(partition(), source);
                }
                queue.take_done(&partition(), Seq(9));
                assert!(!queue.is_empty(), "{source:?}");
            }
        }
    }

    #[test]
    fn a_partition_that_comes_again_is_not_taken_for_what_was_done_before() {
        let mut queue = Queue::default();
        queue.add_slot(partition(), Seq(1));
        queue.take(&partition());
        queue.add(partition(), Source::Announced);
        queue.take_done(&partition(), Seq(1));
        assert!(!queue.is_empty());
    }
}
