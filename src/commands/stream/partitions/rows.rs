//! A partition as it is shown.

use std::collections::BTreeMap;

use gapless::{Group, Lineage, Member, PartitionId, Seq};
use serde::Serialize;

/// Each group's checkpoints, in the partitions that it has begun.
pub type Checkpoints = BTreeMap<Group, BTreeMap<PartitionId, Seq>>;

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
    /// Whether it has ever taken the lease.
    begun: bool,
    /// Whether it has begun the partition and finished it for good.
    drained: bool,
}

impl Progress {
    fn of(member: &Member, checkpoint: Option<Seq>) -> Progress {
        let (begun, checkpoint) = (checkpoint.is_some(), checkpoint.unwrap_or_default());
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
pub fn rows<'a>(
    lineage: &'a Lineage,
    rates: Option<&Rates>,
    checkpoints: &'a Checkpoints,
) -> Vec<Row<'a>> {
    let partitions = lineage.partitions();
    let coarsest = partitions.keys().map(PartitionId::bits).min().unwrap_or(0);
    let row = |(partition, member): (&'a PartitionId, &'a Member)| Row {
        partition,
        depth: partition.bits() - coarsest,
        state: if member.is_leaf() { State::Open } else { State::Sealed },
        member,
        slots_per_second: rates.and_then(|rates| rates.get(partition).copied()),
        groups: checkpoints
            .iter()
            .map(|(group, begun)| (group, Progress::of(member, begun.get(partition).copied())))
            .collect(),
    };
    partitions.iter().map(row).collect()
}
