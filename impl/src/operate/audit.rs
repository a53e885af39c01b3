//! Proves or refutes, from the tables alone, the invariants that can be seen there.

use std::collections::HashMap;
use std::fmt;

use gapless_model::store::{Reply, Request};
use gapless_model::{Page, PartitionId, Seen, Seq};
use serde::Serialize;

use super::status::PartitionStatus;
use crate::stream::Stream;
use crate::vocabulary::{Filled, Group, StoreError};

/// What an audit looked at, and what it found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// Partitions.
    pub partitions: u64,
    /// Slots that hold events.
    pub slots: u64,
    /// Slots that were voided.
    pub voids: u64,
    /// Events.
    pub events: u64,
    /// Empty slots below the head that some reader will void or some writer fill.
    pub open: u64,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Something that the protocol never leaves behind.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "finding", rename_all = "kebab-case")]
pub enum Finding {
    /// D3: a group finished a slot that is empty; what is written there now is skipped.
    EmptyBelowCheckpoint {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
        /// The empty slot.
        slot: Seq,
        /// The group's checkpoint.
        checkpoint: Seq,
    },
    /// A slot is written that was never given out.
    HeadBelowSlot {
        /// The partition.
        partition: PartitionId,
        /// The head.
        head: Seq,
        /// The slot.
        slot: Seq,
    },
    /// A group finished more than was ever given out.
    CheckpointAboveHead {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
        /// The group's checkpoint.
        checkpoint: Seq,
        /// The head.
        head: Seq,
    },
    /// L1: a lease was taken without an epoch.
    LeaseWithoutEpoch {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
    },
    /// A lease lasts longer than any lease of this stream can: clocks, or units (scenario 9).
    LeaseTooLong {
        /// The partition.
        partition: PartitionId,
        /// The group.
        group: Group,
        /// By how much it outlasts one that was taken now, in milliseconds.
        beyond_ms: u64,
    },
    /// Events or leases of a partition that the layout does not have.
    StrayPartition {
        /// The partition.
        partition: PartitionId,
    },
    /// An event stands in a partition that is not its key's.
    StrayEvent {
        /// The partition.
        partition: PartitionId,
        /// The slot.
        slot: Seq,
        /// The event's key.
        key: String,
    },
    /// S2: one append stands in two slots.
    Twice {
        /// The partition.
        partition: PartitionId,
        /// The append's token.
        token: String,
        /// The slots.
        slots: (Seq, Seq),
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Finding::EmptyBelowCheckpoint { partition, group, slot, checkpoint } => write!(
                f,
                "D3: {partition}: slot {slot} is empty, and group {group} has its checkpoint at {checkpoint}"
            ),
            Finding::HeadBelowSlot { partition, head, slot } => {
                write!(f, "{partition}: slot {slot} is written, and the head is {head}")
            }
            Finding::CheckpointAboveHead { partition, group, checkpoint, head } => write!(
                f,
                "D3: {partition}: group {group} has its checkpoint at {checkpoint}, above the head {head}"
            ),
            Finding::LeaseWithoutEpoch { partition, group } => {
                write!(f, "L1: {partition}: the lease of group {group} has no epoch")
            }
            Finding::LeaseTooLong { partition, group, beyond_ms } => write!(
                f,
                "L2: {partition}: the lease of group {group} ends {beyond_ms} ms later than any lease \
                 taken now would: somebody's clock or unit is wrong"
            ),
            Finding::StrayPartition { partition } => {
                write!(f, "{partition} is not a partition of this stream's layout")
            }
            Finding::StrayEvent { partition, slot, key } => {
                write!(
                    f,
                    "S3: {partition}: slot {slot} holds an event of key `{key}`, whose partition is another"
                )
            }
            Finding::Twice { partition, token, slots } => write!(
                f,
                "S2: {partition}: append {token} stands in slots {} and {}",
                slots.0, slots.1
            ),
        }
    }
}

impl Stream {
    /// Reads all tables and looks for what the protocol never leaves behind. Run
    /// beside live traffic it reports nothing that is merely under way: leases and
    /// heads are read before the slots that they are held against.
    ///
    /// # Errors
    /// [`StoreError`] if the tables cannot be read.
    pub async fn audit(&self, mut progress: impl FnMut(&Audit)) -> Result<Audit, StoreError> {
        let mut audit = Audit::default();
        let status = self.status().await?;
        for partition in &status {
            audit.partitions += 1;
            self.audit_leases(partition, &mut audit);
            self.audit_slots(partition, &mut audit, &mut progress).await?;
            progress(&audit);
        }
        Ok(audit)
    }

    fn audit_leases(&self, status: &PartitionStatus, audit: &mut Audit) {
        use gapless_model::Time as _;
        let (partition, rules) = (&status.partition, &self.0.rules);
        if !self.0.layout.has(partition) {
            audit.findings.push(Finding::StrayPartition { partition: partition.clone() });
        }
        let longest = self.now().plus(rules.lease).plus(rules.skew);
        for standing in &status.groups {
            let (group, lease) = (standing.group.clone(), &standing.lease);
            let partition = partition.clone();
            if lease.epoch.0 == 0 {
                audit.findings.push(Finding::LeaseWithoutEpoch { partition, group });
            } else if lease.active && lease.until > longest {
                let beyond_ms = lease.until.as_millis() - longest.as_millis();
                audit.findings.push(Finding::LeaseTooLong { partition, group, beyond_ms });
            }
        }
    }

    async fn audit_slots(
        &self,
        status: &PartitionStatus,
        audit: &mut Audit,
        progress: &mut impl FnMut(&Audit),
    ) -> Result<(), StoreError> {
        let partition = &status.partition;
        let counted = self.counts();
        let (mut after, mut last) = (Seq::ZERO, Seq::ZERO);
        // Some fifty bytes for each slot of one partition at a time.
        let mut written = HashMap::new();
        loop {
            let request =
                Request::ReadEvents { partition: partition.clone(), after, consistent: true };
            let Reply::Page(page) = self.0.ask("audit", &request).await? else { break };
            let Some(end) = page.last() else { break };
            let mut slot = after;
            while slot < end {
                slot = slot.next();
                if page.seen(slot) == Seen::Nothing {
                    audit.open += 1;
                    self.audit_empty(status, slot, audit);
                }
            }
            for (slot, filled) in page.shown() {
                match filled {
                    Filled::Void => audit.voids += 1,
                    Filled::Events { token, batch } => {
                        if let Some(first) = written.insert(token.clone(), *slot) {
                            audit.findings.push(Finding::Twice {
                                partition: partition.clone(),
                                token: token.to_string(),
                                slots: (first, *slot),
                            });
                        }
                        audit.slots += 1;
                        audit.events += batch.events().len() as u64;
                        for event in batch.events() {
                            if self.route(&event.key) != *partition {
                                let (partition, slot) = (partition.clone(), *slot);
                                let key = event.key.clone();
                                audit.findings.push(Finding::StrayEvent { partition, slot, key });
                            }
                        }
                    }
                }
            }
            (after, last) = (end, end);
            progress(audit);
        }
        // Empty slots behind the last that is written are open; finished ones must not be there.
        for standing in &status.groups {
            let (group, checkpoint) = (standing.group.clone(), standing.lease.checkpoint);
            if checkpoint > last {
                audit.findings.push(Finding::EmptyBelowCheckpoint {
                    partition: partition.clone(),
                    group: group.clone(),
                    slot: last.next(),
                    checkpoint,
                });
            }
            if counted && checkpoint > self.head_now(partition).await? {
                let (partition, head) = (partition.clone(), status.head);
                audit.findings.push(Finding::CheckpointAboveHead {
                    partition,
                    group,
                    checkpoint,
                    head,
                });
            }
        }
        let head = self.head_now(partition).await?;
        if counted && last > head {
            let partition = partition.clone();
            audit.findings.push(Finding::HeadBelowSlot { partition, head, slot: last });
        }
        Ok(())
    }

    fn audit_empty(&self, status: &PartitionStatus, slot: Seq, audit: &mut Audit) {
        for standing in &status.groups {
            if slot <= standing.lease.checkpoint {
                audit.findings.push(Finding::EmptyBelowCheckpoint {
                    partition: status.partition.clone(),
                    group: standing.group.clone(),
                    slot,
                    checkpoint: standing.lease.checkpoint,
                });
            }
        }
    }

    /// Whether the design counts: without a counter a head says nothing.
    fn counts(&self) -> bool {
        use gapless_model::design::Increment;
        match self.0.rules.design.increment {
            Increment::CompareAndSet | Increment::Add | Increment::Transaction => true,
            Increment::None => false,
        }
    }

    /// The head as it is after the slots were read: it only grows.
    async fn head_now(&self, partition: &PartitionId) -> Result<Seq, StoreError> {
        let request = Request::ReadHead { partition: partition.clone(), name: None };
        match self.0.ask("audit", &request).await? {
            Reply::Head(head) => Ok(head.head),
            _ => Ok(Seq::ZERO),
        }
    }
}
