//! Partitions are sealed together, and one takes their place.

use super::seals;
use crate::design::Merging;
use crate::rules::Rules;
use crate::store::{Reply, Request};
use crate::vocabulary::Vocabulary;

/// The merge of several partitions into one.
///
/// In the recommended design it is one transaction: while one parent is open and another is sealed for the
/// same child, two partitions cover a key, and a rival could split the open one for good (P2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Merge<V: Vocabulary> {
    parents: Vec<V::Partition>,
    child: V::Partition,
    phase: Phase<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
enum Phase<V: Vocabulary> {
    /// Seal all parents.
    SealAll,
    /// Seal one of the parents.
    Seal { parent: usize },
    /// The merge has ended.
    Ended(MergeEnd<V>),
}

/// How a [`Merge`] ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub enum MergeEnd<V: Vocabulary> {
    /// All parents are sealed for the child, by this merge or by another of the same.
    Merged,
    /// Something else took the place of a parent before: for each parent that was asked for, what did;
    /// nothing of one that is open. In the recommended design none of them was changed.
    Other(Vec<Vec<V::Partition>>),
}

impl<V: Vocabulary> Merge<V> {
    /// Begins to merge `parents`, of which there is at least one, into `child`.
    #[must_use]
    pub fn new(rules: &Rules<V>, parents: Vec<V::Partition>, child: V::Partition) -> Self {
        let phase = match rules.design.merge {
            Merging::Transaction => Phase::SealAll,
            Merging::Intent => Phase::Seal { parent: 0 },
        };
        Merge { parents, child, phase }
    }

    /// Returns the request to send; `None` at the end.
    #[must_use]
    pub fn wants(&self) -> Option<Request<V>> {
        match &self.phase {
            Phase::SealAll => {
                let (parents, child) = (self.parents.clone(), self.child.clone());
                Some(Request::Merge { parents, child })
            }
            Phase::Seal { parent } => {
                let partition = self.parents[*parent].clone();
                Some(Request::Seal { partition, children: vec![self.child.clone()] })
            }
            Phase::Ended(_) => None,
        }
    }

    /// Tells what the store answered. Any other reply changes nothing.
    pub fn tell(&mut self, reply: Reply<V>) {
        let own = std::slice::from_ref(&self.child);
        self.phase = match (&self.phase, reply) {
            (Phase::SealAll | Phase::Seal { .. }, Reply::Sealed) => self.after_seal(),
            // This merge's own effect, or another's: the same child took all their places (scenario 2).
            (Phase::SealAll | Phase::Seal { .. }, Reply::NotSealed(before))
                if seals::are_for(&before, own) =>
            {
                self.after_seal()
            }
            (Phase::SealAll | Phase::Seal { .. }, Reply::NotSealed(before)) => {
                Phase::Ended(MergeEnd::Other(before))
            }
            _ => return,
        };
    }

    fn after_seal(&self) -> Phase<V> {
        match self.phase {
            Phase::Seal { parent } if parent + 1 < self.parents.len() => {
                Phase::Seal { parent: parent + 1 }
            }
            Phase::Seal { .. } | Phase::SealAll | Phase::Ended(_) => Phase::Ended(MergeEnd::Merged),
        }
    }

    /// Returns how it ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<&MergeEnd<V>> {
        match &self.phase {
            Phase::SealAll | Phase::Seal { .. } => None,
            Phase::Ended(end) => Some(end),
        }
    }
}
