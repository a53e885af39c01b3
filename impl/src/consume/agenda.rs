//! What a worker has to do, now and later.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gapless_model::PartitionId;

use super::sweep::Swept;
use crate::vocabulary::Timestamp;

/// The partitions of a worker, by what is to be done with them.
#[derive(Debug, Default)]
pub(super) struct Agenda {
    /// Partitions to take a turn on.
    ready: BTreeSet<PartitionId>,
    /// Partitions on which a turn is under way.
    running: BTreeSet<PartitionId>,
    /// When to come back to a partition whose lease another worker holds.
    later: BTreeMap<PartitionId, Timestamp>,
    /// Partitions whose head was ahead of their last slot at the last turn.
    quiet: BTreeSet<PartitionId>,
    /// Since when no sweep has succeeded.
    failing_since: Option<Timestamp>,
}

impl Agenda {
    /// Moves the next ready partition to the running ones, and returns it.
    pub(super) fn start_next(&mut self) -> Option<PartitionId> {
        let partition = self.ready.iter().find(|id| !self.running.contains(*id))?.clone();
        self.ready.remove(&partition);
        self.running.insert(partition.clone());
        Some(partition)
    }

    /// Removes a partition whose turn has ended from the running ones.
    pub(super) fn end_turn(&mut self, partition: &PartitionId) {
        self.running.remove(partition);
    }

    /// Sets whether a partition's last turn had nothing to deliver. Then a head that is ahead
    /// of its slots is no work yet: the next sweep looks into the partition first.
    pub(super) fn set_quiet(&mut self, partition: &PartitionId, quiet: bool) {
        if quiet {
            self.quiet.insert(partition.clone());
        } else {
            self.quiet.remove(partition);
        }
    }

    /// The partitions whose last turn had nothing to deliver.
    pub(super) fn quiet(&self) -> &BTreeSet<PartitionId> {
        &self.quiet
    }

    /// Adds partitions that may have work.
    pub(super) fn add_ready(&mut self, partitions: Vec<PartitionId>) {
        self.ready.extend(partitions);
    }

    /// Adds what a sweep found ready, and replaces the partitions to come back to.
    pub(super) fn add_swept(&mut self, swept: Swept) {
        self.failing_since = None;
        let running = &self.running;
        self.ready.extend(swept.ready.into_iter().filter(|id| !running.contains(id)));
        // The lease of a running turn is its own.
        let held = swept.held.into_iter();
        self.later = held.filter(|(id, _)| !running.contains(id)).collect();
    }

    /// Moves the partitions whose lease can have ended by now to the ready ones.
    pub(super) fn come_back(&mut self, now: Timestamp) {
        let due: Vec<_> =
            self.later.iter().filter(|(_, then)| **then <= now).map(|(id, _)| id.clone()).collect();
        for partition in due {
            self.later.remove(&partition);
            self.ready.insert(partition);
        }
    }

    /// When the first of the held partitions is to be tried again.
    pub(super) fn next_return(&self) -> Option<Timestamp> {
        self.later.values().min().copied()
    }

    /// Whether no partition waits for a turn, now or later.
    pub(super) fn is_clear(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty()
    }

    /// Notes that a sweep failed. Returns whether sweeps have failed for longer than
    /// `patience`.
    pub(super) fn sweep_failed(&mut self, now: Timestamp, patience: Duration) -> bool {
        now.since(*self.failing_since.get_or_insert(now)) > patience
    }
}
