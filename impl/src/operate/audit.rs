//! Checks, from the tables alone, the invariants that can be seen there.

use std::collections::HashMap;

use gapless_model::store::{Reply, Request};
use gapless_model::{Page, PartitionId, Seen, Seq, Time};
use serde::Serialize;

use super::finding::Finding;
use super::status::PartitionStatus;
use crate::stream::{Layout, Stream};
use crate::vocabulary::{EventBatch, Filled, Slots, StoreError, Token};

/// What an audit read, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Audit {
    /// How many partitions were read.
    pub partitions: u64,
    /// How many slots hold events.
    pub slots: u64,
    /// How many slots are void.
    pub voids: u64,
    /// How many events the slots hold.
    pub events: u64,
    /// How many slots are empty with a filled one behind them. A writer will fill them, or a
    /// consumer will void them.
    pub open: u64,
    /// What is wrong. Empty if the tables are sound.
    pub findings: Vec<Finding>,
}

impl Stream {
    /// Reads all tables and looks for what the protocol never leaves behind.
    ///
    /// It can run beside live traffic and reports nothing that is merely under way: leases
    /// are read before the slots that they are compared with, and heads are read again after
    /// them. `progress` is called with the figures so far after each page and each
    /// partition.
    ///
    /// It keeps some fifty bytes for each slot: of one partition at a time, or of all where partitions were
    /// split or merged.
    ///
    /// It costs what [`Stream::status`] costs, a read unit for each 4 KB of the Events table,
    /// and a request for each megabyte of a partition and one for its head.
    /// With a counter, each group's checkpoint there takes one more. For a partition that took the place of
    /// others it reads each group's lease there. Dropping the future
    /// changes nothing.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the tables cannot be read. What was found until then is what
    /// `progress` was last called with.
    pub async fn audit(&self, mut progress: impl FnMut(&Audit)) -> Result<Audit, StoreError> {
        let mut audit = Audit::default();
        let mut written = HashMap::new();
        let all = self.status().await?;
        // Only in what came of others can an append of theirs be once more.
        let is_divided = all.iter().any(|status| !status.children.is_empty());
        for status in &all {
            audit.partitions += 1;
            if !is_divided {
                written.clear();
            }
            let mut partition = PartitionAudit {
                stream: self,
                status,
                audit: &mut audit,
                written: &mut written,
                last: Seq::ZERO,
            };
            partition.check_leases();
            partition.check_lineage().await?;
            partition.check_slots(&mut progress).await?;
            partition.check_checkpoints().await?;
            partition.check_head().await?;
            progress(&audit);
        }
        Ok(audit)
    }
}

/// The audit of one partition.
pub(super) struct PartitionAudit<'a> {
    pub(super) stream: &'a Stream,
    pub(super) status: &'a PartitionStatus,
    audit: &'a mut Audit,
    /// The slot of each append: some fifty bytes a slot.
    written: &'a mut HashMap<Token, (PartitionId, Seq)>,
    /// The last slot that was read.
    last: Seq,
}

impl PartitionAudit<'_> {
    pub(super) fn partition(&self) -> PartitionId {
        self.status.partition.clone()
    }

    pub(super) fn report(&mut self, finding: Finding) {
        self.audit.findings.push(finding);
    }

    fn check_leases(&mut self) {
        let rules = &self.stream.0.rules;
        let longest = self.stream.now().plus(rules.lease).plus(rules.skew);
        for standing in &self.status.groups {
            let (partition, group) = (self.partition(), standing.group.clone());
            let lease = &standing.lease;
            if lease.epoch.0 == 0 {
                self.report(Finding::LeaseWithoutEpoch { partition, group });
            } else if lease.active && lease.until > longest {
                let beyond_ms = lease.until.as_millis() - longest.as_millis();
                self.report(Finding::LeaseTooLong { partition, group, beyond_ms });
            }
        }
    }

    async fn check_slots(&mut self, progress: &mut impl FnMut(&Audit)) -> Result<(), StoreError> {
        loop {
            let (partition, after) = (self.partition(), self.last);
            let request = Request::ReadEvents { partition, after, consistent: true };
            let reply = self.stream.0.send_until_answered("audit", &request).await?;
            let Reply::Page(page) = reply else { return Ok(()) };
            let Some(end) = page.last() else { return Ok(()) };
            self.check_page(&page, end);
            self.last = end;
            progress(self.audit);
            if !page.is_full() {
                return Ok(());
            }
        }
    }

    fn check_page(&mut self, page: &Slots, end: Seq) {
        let mut slot = self.last;
        while slot < end {
            slot = slot.next();
            if page.seen(slot) == Seen::Nothing {
                self.audit.open += 1;
                self.check_empty(slot);
            }
        }
        for (slot, filled) in page.shown() {
            match filled {
                Filled::Void => self.audit.voids += 1,
                Filled::Events { token, batch } => self.check_events(*slot, token, batch),
            }
        }
    }

    fn check_empty(&mut self, slot: Seq) {
        for standing in &self.status.groups {
            let checkpoint = standing.lease.checkpoint;
            if slot <= checkpoint {
                let (partition, group) = (self.partition(), standing.group.clone());
                let empty = Finding::EmptyBelowCheckpoint { partition, group, slot, checkpoint };
                self.report(empty);
            }
        }
    }

    fn check_events(&mut self, slot: Seq, token: &Token, batch: &EventBatch) {
        let partition = self.partition();
        if let Some(before) = self.written.insert(token.clone(), (partition.clone(), slot)) {
            let token = token.to_string();
            self.report(match before {
                (other, first) if other == partition => {
                    Finding::Twice { partition, token, slots: (first, slot) }
                }
                before => Finding::InTwoPartitions { partition, token, slot, before },
            });
        }
        self.audit.slots += 1;
        self.audit.events += batch.events().len() as u64;
        for event in batch.events() {
            if !self.is_of_partition(&event.key) {
                let (partition, key) = (self.partition(), event.key.clone());
                self.report(Finding::StrayEvent { partition, slot, key });
            }
        }
    }

    /// Whether the partition takes a key's events, or did.
    fn is_of_partition(&self, key: &str) -> bool {
        match self.stream.layout() {
            Layout::Fixed { .. } => self.status.partition.covers(Layout::hash(key)),
            layout @ Layout::EachKey => layout.route(key) == self.status.partition,
        }
    }

    /// No group may have finished a slot behind the last one, or above the head.
    async fn check_checkpoints(&mut self) -> Result<(), StoreError> {
        for standing in &self.status.groups {
            let (group, checkpoint) = (standing.group.clone(), standing.lease.checkpoint);
            if checkpoint > self.last {
                let (partition, slot) = (self.partition(), self.last.next());
                let group = group.clone();
                let empty = Finding::EmptyBelowCheckpoint { partition, group, slot, checkpoint };
                self.report(empty);
            }
            if self.stream.0.has_counter() && checkpoint > self.head_now().await? {
                let (partition, head) = (self.partition(), self.status.head);
                self.report(Finding::CheckpointAboveHead { partition, group, checkpoint, head });
            }
        }
        Ok(())
    }

    async fn check_head(&mut self) -> Result<(), StoreError> {
        let head = self.head_now().await?;
        if self.stream.0.has_counter() && self.last > head {
            let (partition, slot) = (self.partition(), self.last);
            self.report(Finding::HeadBelowSlot { partition, head, slot });
        }
        Ok(())
    }

    /// The head after the slots were read. It only grows.
    async fn head_now(&self) -> Result<Seq, StoreError> {
        let request = Request::ReadHead { partition: self.partition(), name: None };
        match self.stream.0.send_until_answered("audit", &request).await? {
            Reply::Head(head) => Ok(head.head),
            _ => Ok(Seq::ZERO),
        }
    }
}
