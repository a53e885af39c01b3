//! A partition as it is shown.

use std::collections::BTreeMap;

use gapless::{Group, Lineage, Live, Member, PartitionId, Seq};
use gapless_model::store::Lease;
use serde::Serialize;

/// Each group's leases, in the partitions where it ever had one.
pub type Leases = BTreeMap<Group, BTreeMap<PartitionId, Lease<Live>>>;

/// Slots a second, of each partition.
pub type Rates = BTreeMap<PartitionId, f64>;

/// A partition, and what is known of it.
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Row<'a> {
    /// The partition.
    pub partition: &'a PartitionId,
    /// How often its keys were divided since the coarsest partition of the stream.
    pub depth: u8,
    /// Whether it takes events.
    pub state: State,
    /// Its head, parents and children.
    #[serde(flatten)]
    pub member: &'a Member,
    /// How many slots a second it was given, if that was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slots_per_second: Option<f64>,
    /// How far each group is.
    pub groups: BTreeMap<&'a Group, Progress>,
}

/// Whether a partition takes events.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// It does.
    Open,
    /// Others took its place.
    Sealed,
}

impl State {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            State::Open => "open",
            State::Sealed => "sealed",
        }
    }
}

/// How far a group is in a partition.
#[derive(Serialize)]
pub struct Progress {
    /// The last slot that it has finished.
    checkpoint: Seq,
    /// How many slots it has not finished.
    pub lag: u64,
    /// Whether it has begun the partition.
    begun: bool,
    /// Whether it has begun the partition and finished it for good.
    drained: bool,
}

impl Progress {
    fn of(member: &Member, lease: Option<&Lease<Live>>) -> Progress {
        let begun = lease.is_some_and(|lease| lease.begun);
        let checkpoint = lease.map_or(Seq::ZERO, |lease| lease.checkpoint);
        let lag = member.head.0.saturating_sub(checkpoint.0);
        // D4: a group that has not begun an empty partition may not have finished what comes before it.
        Progress { checkpoint, lag, begun, drained: begun && lag == 0 && !member.is_leaf() }
    }

    /// The word for it.
    pub fn name(&self) -> &'static str {
        match (self.begun, self.drained) {
            (_, true) => "drained",
            (true, false) => "begun",
            (false, false) => "-",
        }
    }
}

/// Every partition in order, parents before their children.
pub fn rows<'a>(lineage: &'a Lineage, rates: Option<&Rates>, leases: &'a Leases) -> Vec<Row<'a>> {
    let partitions = lineage.partitions();
    let coarsest = partitions.keys().map(PartitionId::bits).min().unwrap_or(0);
    let row = |(partition, member): (&'a PartitionId, &'a Member)| Row {
        partition,
        depth: partition.bits() - coarsest,
        state: if member.is_leaf() { State::Open } else { State::Sealed },
        member,
        slots_per_second: rates.and_then(|rates| rates.get(partition).copied()),
        groups: leases
            .iter()
            .map(|(group, leases)| (group, Progress::of(member, leases.get(partition))))
            .collect(),
    };
    partitions.iter().map(row).collect()
}
