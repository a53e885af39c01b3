//! A named producer's start: it raises its epoch and learns what it did last.

use crate::store::{Record, Reply, Request};
use crate::vocabulary::Vocabulary;

/// Claims a producer's name in a partition.
///
/// After that no request of an earlier run of the same producer changes
/// anything: each is conditional on the record as that run last saw it. The
/// claim's own condition is the record too, so a late copy of a claim cannot
/// fence out the run that is at work.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Claim<V: Vocabulary> {
    partition: V::Partition,
    name: V::Name,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Phase {
    Read,
    Claim { seen: Option<Record> },
    Claimed { record: Record },
}

impl<V: Vocabulary> Claim<V> {
    /// A producer of that name starts to append to that partition.
    #[must_use]
    pub fn new(partition: V::Partition, name: V::Name) -> Self {
        Claim { partition, name, phase: Phase::Read }
    }

    /// The request to send next; `None` once claimed.
    #[must_use]
    pub fn wants(&self) -> Option<Request<V>> {
        let (partition, name) = (self.partition.clone(), self.name.clone());
        match self.phase {
            Phase::Read => Some(Request::ReadHead { partition, name: Some(name) }),
            Phase::Claim { seen } => Some(Request::Claim { partition, name, seen }),
            Phase::Claimed { .. } => None,
        }
    }

    /// What the store answered. An unknown outcome is not news: the same request is wanted again.
    pub fn tell(&mut self, reply: Reply<V>) {
        self.phase = match (self.phase, reply) {
            (Phase::Read, Reply::Head(head)) => Phase::Claim { seen: head.record },
            (Phase::Claim { .. }, Reply::Claimed(record)) => Phase::Claimed { record },
            // It may be this claim's own effect, or another run's: the two look
            // alike, and claiming once more is right in both cases.
            (Phase::Claim { .. }, Reply::NotClaimed(seen)) => Phase::Claim { seen },
            (phase, _) => phase,
        };
    }

    /// The record as claimed: everything up to `number - count` is in the log, and the
    /// batch that ends with `number` was given `slot`.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        match self.phase {
            Phase::Read | Phase::Claim { .. } => None,
            Phase::Claimed { record } => Some(record),
        }
    }
}
