//! Hints that a partition may have work, and those that wait, each partition's as one.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use gapless_model::{PartitionId, Seq};

/// A hint that a partition may have work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    pub(crate) partition: PartitionId,
    /// The slots up to this one alone, if that is known.
    pub(crate) upto: Option<Seq>,
}

impl Hint {
    /// A hint at whatever there may be in a partition.
    #[must_use]
    pub fn of(partition: PartitionId) -> Hint {
        Hint { partition, upto: None }
    }

    /// A hint at what was written into this slot of a partition.
    ///
    /// A worker takes no turn for a slot that it has finished itself by then, so that a hint that comes late
    /// costs nothing. Say it only of what a write into that slot announced, and not of a message that was
    /// sent for another reason.
    #[must_use]
    pub fn of_slot(partition: PartitionId, slot: Seq) -> Hint {
        Hint { partition, upto: Some(slot) }
    }

    /// The partition that it names.
    #[must_use]
    pub fn partition(&self) -> &PartitionId {
        &self.partition
    }

    /// The slot up to which something was written, if it is about no more than that.
    #[must_use]
    pub fn slot(&self) -> Option<Seq> {
        self.upto
    }
}

impl From<PartitionId> for Hint {
    fn from(partition: PartitionId) -> Hint {
        Hint::of(partition)
    }
}

/// Hints that wait: for each partition one, which goes as far as any.
#[derive(Debug, Default)]
pub(crate) struct Waiting(BTreeMap<PartitionId, Option<Seq>>);

impl Waiting {
    /// Adds a hint to what waits.
    pub(crate) fn add(&mut self, hint: Hint) {
        match self.0.entry(hint.partition) {
            Entry::Vacant(none) => {
                none.insert(hint.upto);
            }
            Entry::Occupied(mut known) => {
                let both = known.get().zip(hint.upto).map(|(known, upto)| known.max(upto));
                known.insert(both);
            }
        }
    }

    /// Takes all that waits.
    pub(crate) fn take(&mut self) -> Vec<Hint> {
        let waiting = std::mem::take(&mut self.0).into_iter();
        waiting.map(|(partition, upto)| Hint { partition, upto }).collect()
    }

    /// Whether nothing waits.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hints_of_a_partition_are_one_that_goes_as_far_as_any() {
        let partition = PartitionId::covering(0, 0);
        let slot = |slot| Hint::of_slot(partition.clone(), Seq(slot));
        let mut waiting = Waiting::default();
        for slots in [[2, 3], [3, 2]] {
            slots.into_iter().for_each(|at| waiting.add(slot(at)));
            assert_eq!(waiting.take(), [slot(3)]);
        }
        for hint in [slot(4), Hint::of(partition.clone()), slot(5)] {
            waiting.add(hint);
        }
        assert_eq!(waiting.take(), [Hint::of(partition)], "whatever there may be");
        assert!(waiting.is_empty());
    }

    #[test]
    fn hints_of_two_partitions_stay_two() {
        let [one, two] =
            [0, 1 << 63].map(|hash| Hint::of_slot(PartitionId::covering(hash, 1), Seq(1)));
        let mut waiting = Waiting::default();
        [&two, &one, &two].into_iter().for_each(|hint| waiting.add(hint.clone()));
        assert_eq!(waiting.take(), [one, two]);
    }
}
