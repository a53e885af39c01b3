//! The requests of a turn: what each of them demands and writes.

use super::state::{Consume, Sign, Why};
use crate::design::{Checkpoint, Expiry, Release};
use crate::ids::{Epoch, Seq};
use crate::rules::Rules;
use crate::store::{Entry, Extend, Free, Guard, Request};
use crate::vocabulary::{Time, Vocabulary};

impl<V: Vocabulary> Consume<V> {
    /// The epoch that the turn's writes of the lease demand. The design's checkpoint axis decides
    /// for renewals and releases as well.
    pub(super) fn fence(&self, rules: &Rules<V>) -> Option<Epoch> {
        match rules.design.checkpoint {
            Checkpoint::Unconditional => None,
            // L3: another owner may have taken the lease in between.
            Checkpoint::Epoch | Checkpoint::EpochForward => Some(self.epoch),
        }
    }

    /// The new end and sign of life of the lease.
    pub(super) fn extend(&self, rules: &Rules<V>) -> Extend<V> {
        let beat = match rules.design.expiry {
            Expiry::WallClock => false,
            Expiry::Observer => true,
        };
        Extend { until: self.counted_from(self.clock).plus(rules.lease), beat }
    }

    /// When the lease begins that a request of time `asked` extends.
    pub(super) fn counted_from(&self, asked: V::Time) -> V::Time {
        // L2: where the clock was set back, no less than what the turn counts on already.
        asked.max(self.leased)
    }

    pub(super) fn read_lease(&self) -> Request<V> {
        Request::ReadLease { group: self.group.clone(), partition: self.partition.clone() }
    }

    pub(super) fn set_lease(&self, rules: &Rules<V>, epoch: Epoch) -> Request<V> {
        Request::SetLease {
            group: self.group.clone(),
            partition: self.partition.clone(),
            owner: self.owner.clone(),
            epoch,
            until: self.clock.plus(rules.lease),
        }
    }

    pub(super) fn acquire(&self, rules: &Rules<V>, seen: Option<Sign>) -> Request<V> {
        let free = match (rules.design.expiry, seen) {
            // L2: the owner's clock may be behind this one by as much as the bound.
            (Expiry::WallClock, _) => Free::EndedBy(self.clock.minus(rules.skew)),
            (Expiry::Observer, None) => Free::Inactive,
            (Expiry::Observer, Some(Sign { epoch, beat })) => Free::Unchanged { epoch, beat },
        };
        Request::Acquire {
            group: self.group.clone(),
            partition: self.partition.clone(),
            owner: self.owner.clone(),
            until: self.clock.plus(rules.lease),
            free,
            entry: self.entry(),
        }
    }

    /// What the lease demands of how far the group has come.
    fn entry(&self) -> Entry {
        match self.seen {
            // D4: a reset since then has raised the epoch.
            Some(seen) => Entry::Begin { seen: seen.epoch },
            None if self.parents.is_empty() => Entry::Begin { seen: Epoch::ZERO },
            // D4: only the item says that what comes before was drained.
            None => Entry::Begun,
        }
    }

    pub(super) fn ask_head(&self, parent: usize) -> Request<V> {
        Request::ReadHead { partition: self.parents[parent].clone(), name: None }
    }

    pub(super) fn ask_lease(&self, parent: usize) -> Request<V> {
        Request::ReadLease { group: self.group.clone(), partition: self.parents[parent].clone() }
    }

    pub(super) fn wake(&self) -> Request<V> {
        Request::Wake { group: self.group.clone(), partition: self.partition.clone() }
    }

    pub(super) fn read_events(&self, after: Seq, consistent: bool) -> Request<V> {
        Request::ReadEvents { partition: self.partition.clone(), after, consistent }
    }

    pub(super) fn void(&self, slot: Seq) -> Request<V> {
        Request::Void { partition: self.partition.clone(), slot }
    }

    pub(super) fn renew(&self, rules: &Rules<V>) -> Request<V> {
        Request::Renew {
            group: self.group.clone(),
            partition: self.partition.clone(),
            fence: self.fence(rules),
            extend: self.extend(rules),
        }
    }

    pub(super) fn checkpoint(&self, rules: &Rules<V>, to: Seq) -> Request<V> {
        let forward = match rules.design.checkpoint {
            Checkpoint::Unconditional | Checkpoint::Epoch => false,
            // L3: an earlier checkpoint of this turn may arrive late.
            Checkpoint::EpochForward => true,
        };
        Request::Checkpoint {
            group: self.group.clone(),
            partition: self.partition.clone(),
            to,
            fence: self.fence(rules),
            forward,
            extend: self.extend(rules),
        }
    }

    pub(super) fn release(&self, rules: &Rules<V>, why: Why, to: Option<Seq>) -> Request<V> {
        let guard = match (why, rules.design.release) {
            // P1: otherwise no worker would see what came in since the last read.
            (Why::CaughtUp, Release::NextEmpty) => Guard::Empty(to.unwrap_or(self.cursor).next()),
            (Why::CaughtUp, Release::Wake) => Guard::Unwoken(self.wake),
            (Why::CaughtUp, Release::Unconditional | Release::LookAgain) | (Why::HandOver, _) => {
                Guard::None
            }
        };
        Request::Release {
            group: self.group.clone(),
            partition: self.partition.clone(),
            to,
            fence: self.fence(rules),
            guard,
        }
    }
}
