//! A named producer's start: it raises its epoch and learns what its last run did.

use crate::store::{Record, Reply, Request};
use crate::vocabulary::Vocabulary;

/// The claim of a producer's name in a partition, with which each of its runs begins.
///
/// It reads the producer's record and raises the record's epoch by one, if the record is still
/// the one it read. Afterwards no request of an earlier run changes anything, because each of
/// them demands the record as that run last saw it. A claim demands the record as well, so a
/// late copy of a claim cannot fence out the run that is at work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
pub struct Claim<V: Vocabulary> {
    partition: V::Partition,
    name: V::Name,
    phase: Phase<V>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "check", derive(serde::Serialize, serde::Deserialize), serde(bound = ""))]
enum Phase<V: Vocabulary> {
    /// Read the record.
    Read,
    /// Raise the epoch of the record that was seen, or create the record.
    Claim { seen: Option<Record> },
    /// Done: the record is this run's.
    Claimed { record: Record },
    /// The partition is sealed. What is recorded there is what the producer did there, for good.
    Sealed { record: Option<Record>, children: Vec<V::Partition> },
}

impl<V: Vocabulary> Claim<V> {
    /// Starts the claim of `name` in `partition`.
    #[must_use]
    pub fn new(partition: V::Partition, name: V::Name) -> Self {
        Claim { partition, name, phase: Phase::Read }
    }

    /// Returns the request to send next; `None` once the name is claimed. A pure function of
    /// the state.
    #[must_use]
    pub fn wants(&self) -> Option<Request<V>> {
        let (partition, name) = (self.partition.clone(), self.name.clone());
        match &self.phase {
            Phase::Read => Some(Request::ReadHead { partition, name: Some(name) }),
            Phase::Claim { seen } => Some(Request::Claim { partition, name, seen: *seen }),
            Phase::Claimed { .. } | Phase::Sealed { .. } => None,
        }
    }

    /// Tells the claim what the store answered. It is never told about an unknown outcome, and
    /// keeps wanting the same request.
    pub fn tell(&mut self, reply: Reply<V>) {
        self.phase = match (&self.phase, reply) {
            // S2: no raise of an earlier run takes a number there any more, so nothing is to be claimed.
            (Phase::Read, Reply::Head(head)) if head.is_sealed() => {
                Phase::Sealed { record: head.record, children: head.children }
            }
            (Phase::Read, Reply::Head(head)) => Phase::Claim { seen: head.record },
            (Phase::Claim { .. }, Reply::Claimed(record)) => Phase::Claimed { record },
            // The record that refused the claim may be this claim's own effect or another run's.
            // The two look alike, and to claim once more is right in both cases.
            (Phase::Claim { .. }, Reply::NotClaimed(seen)) => Phase::Claim { seen },
            _ => return,
        };
    }

    /// Returns the record as it was claimed; `None` before that.
    ///
    /// Every event up to `number - count` is in the log. The batch that ends with `number` was
    /// given `slot`, and may or may not have been written there: [`Append::resume`] settles that.
    ///
    /// [`Append::resume`]: super::Append::resume
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        match self.phase {
            Phase::Read | Phase::Claim { .. } | Phase::Sealed { .. } => None,
            Phase::Claimed { record } => Some(record),
        }
    }

    /// Returns what the producer's record is in a partition that is sealed, if it has one, and the
    /// partitions that take its place; `None` unless it is sealed.
    ///
    /// What the record names is settled there by [`Append::resume`], as in any partition. What comes
    /// behind it belongs to the child, which is to be claimed next.
    ///
    /// [`Append::resume`]: super::Append::resume
    #[must_use]
    pub fn sealed(&self) -> Option<(Option<Record>, &[V::Partition])> {
        match &self.phase {
            Phase::Read | Phase::Claim { .. } | Phase::Claimed { .. } => None,
            Phase::Sealed { record, children } => Some((*record, children)),
        }
    }
}

/// What the checker renames and compares, to tell which claims have the same future.
#[cfg(feature = "check")]
impl<V: Vocabulary> Claim<V> {
    /// Returns the name that is claimed.
    pub(crate) fn name_mut(&mut self) -> &mut V::Name {
        &mut self.name
    }

    /// Returns the record that was seen, if the claim has looked for one.
    pub(crate) fn seen(&self) -> Option<Option<Record>> {
        match self.phase {
            Phase::Claim { seen } => Some(seen),
            Phase::Read | Phase::Claimed { .. } | Phase::Sealed { .. } => None,
        }
    }
}
