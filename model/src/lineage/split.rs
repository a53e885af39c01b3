//! A partition is sealed, and others take its place.

use super::seals;
use crate::design::Splitting;
use crate::rules::Rules;
use crate::store::{Reply, Request};
use crate::vocabulary::Vocabulary;

/// The split of one partition.
///
/// In the recommended design it is one request, so it is done or not, and to do it again does no harm
/// (P2). Like every machine it is never told about an unknown outcome, and keeps wanting the same request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Split<V: Vocabulary> {
    partition: V::Partition,
    children: Vec<V::Partition>,
    phase: Phase<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
enum Phase<V: Vocabulary> {
    /// Create one of the children.
    Create { child: usize },
    /// Seal the partition.
    Seal,
    /// The split has ended.
    Ended(SplitEnd<V>),
}

/// How a [`Split`] ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub enum SplitEnd<V: Vocabulary> {
    /// The partition is sealed, by this split or by another of the same kind, and its children are as asked
    /// for.
    Split,
    /// Something else took its place before: these partitions.
    Other(Vec<V::Partition>),
}

impl<V: Vocabulary> Split<V> {
    /// Begins to split `partition` into `children`, of which there is at least one.
    #[must_use]
    pub fn new(rules: &Rules<V>, partition: V::Partition, children: Vec<V::Partition>) -> Self {
        let phase = match rules.design.split {
            Splitting::CreateThenSeal => Phase::Create { child: 0 },
            Splitting::SealThenCreate | Splitting::Intent => Phase::Seal,
        };
        Split { partition, children, phase }
    }

    /// Returns the request to send; `None` at the end.
    #[must_use]
    pub fn wants(&self) -> Option<Request<V>> {
        match &self.phase {
            Phase::Create { child } => {
                Some(Request::Create { partition: self.children[*child].clone() })
            }
            Phase::Seal => {
                let (partition, children) = (self.partition.clone(), self.children.clone());
                Some(Request::Seal { partition, children })
            }
            Phase::Ended(_) => None,
        }
    }

    /// Tells what the store answered. Any other reply changes nothing.
    pub fn tell(&mut self, rules: &Rules<V>, reply: Reply<V>) {
        self.phase = match (&self.phase, reply) {
            (Phase::Create { child }, Reply::Created) => {
                match (child + 1 < self.children.len(), rules.design.split) {
                    (true, _) => Phase::Create { child: child + 1 },
                    (false, Splitting::CreateThenSeal) => Phase::Seal,
                    (false, Splitting::SealThenCreate | Splitting::Intent) => {
                        Phase::Ended(SplitEnd::Split)
                    }
                }
            }
            (Phase::Seal, Reply::Sealed) => Self::after_seal(rules),
            (Phase::Seal, Reply::NotSealed(before)) => {
                // This split's own seal, or another's: what takes its place is the same (scenario 2).
                if seals::are_for(&before, &self.children) {
                    Self::after_seal(rules)
                } else {
                    Phase::Ended(SplitEnd::Other(before.into_iter().flatten().collect()))
                }
            }
            _ => return,
        };
    }

    fn after_seal(rules: &Rules<V>) -> Phase<V> {
        match rules.design.split {
            Splitting::SealThenCreate => Phase::Create { child: 0 },
            // P2: the seal names the children, so there is nothing more to do.
            Splitting::Intent | Splitting::CreateThenSeal => Phase::Ended(SplitEnd::Split),
        }
    }

    /// Returns how it ended, once it has.
    #[must_use]
    pub fn end(&self) -> Option<&SplitEnd<V>> {
        match &self.phase {
            Phase::Create { .. } | Phase::Seal => None,
            Phase::Ended(end) => Some(end),
        }
    }
}
