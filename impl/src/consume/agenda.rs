//! What a worker has to do, now and later.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gapless_model::PartitionId;

use super::sweep::Swept;
use crate::vocabulary::Timestamp;

/// What lies on a worker's desk.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// Partitions to take a turn on.
    pub(crate) ready: BTreeSet<PartitionId>,
    /// Partitions on which it has a turn.
    pub(crate) running: BTreeSet<PartitionId>,
    /// When to come back to a partition that somebody holds.
    pub(crate) later: BTreeMap<PartitionId, Timestamp>,
    /// Partitions whose head was ahead of their last slot when it looked.
    pub(crate) quiet: BTreeSet<PartitionId>,
    /// Since when no sweep has succeeded.
    deaf_since: Option<Timestamp>,
}

impl Desk {
    pub(crate) fn take(&mut self) -> Option<PartitionId> {
        let partition = self.ready.iter().find(|id| !self.running.contains(*id))?.clone();
        self.ready.remove(&partition);
        self.running.insert(partition.clone());
        Some(partition)
    }

    pub(crate) fn hear(&mut self, partitions: Vec<PartitionId>) {
        self.ready.extend(partitions);
    }

    pub(crate) fn learn(&mut self, swept: Swept) {
        self.deaf_since = None;
        let running = &self.running;
        self.ready.extend(swept.ready.into_iter().filter(|id| !running.contains(id)));
        // A turn under way holds its lease itself.
        let held = swept.held.into_iter();
        self.later = held.filter(|(id, _)| !running.contains(id)).collect();
    }

    pub(crate) fn come_back(&mut self, now: Timestamp) {
        let due: Vec<_> =
            self.later.iter().filter(|(_, then)| **then <= now).map(|(id, _)| id.clone()).collect();
        for partition in due {
            self.later.remove(&partition);
            self.ready.insert(partition);
        }
    }

    pub(crate) fn is_clear(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty()
    }

    /// A sweep failed. Whether that has gone on for too long.
    pub(crate) fn unheard(&mut self, now: Timestamp, patience: Duration) -> bool {
        now.since(*self.deaf_since.get_or_insert(now)) > patience
    }
}
