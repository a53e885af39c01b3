//! Operators that move a group's checkpoint back, with everything that came of the partition: several at
//! once, and some that die in the middle.

use std::sync::Arc;
use std::time::Duration;

use gapless::{Group, SeekError, SeekTo, StoreError, Stream};
use gapless_model::{PartitionId, Seq};
use madsim::time::sleep;

use super::operator::until_death;
use super::queue::{Queue, QueueRequest};
use super::shared::Cluster;
use super::watcher::open_stream;
use crate::judge::{Breach, Finding};
use crate::moment::now;
use crate::plan::{Dice, Millis};

/// What an operator wants to have delivered again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reset {
    /// Which group, modulo how many there are.
    pub(crate) group: u8,
    /// Which of all partitions, modulo how many there are.
    pub(crate) partition: u8,
    /// How many percent of what the group had finished stay finished.
    pub(crate) keeps: u8,
}

/// How often an operator tries, while workers hold the leases.
const ATTEMPTS: u32 = 8;

/// Moves a checkpoint back, by a process of its own that knows of no seal yet. If it dies, another one
/// looks after what it has moved by then.
pub(crate) async fn reset(cluster: &Arc<Cluster>, reset: Reset, dies: Option<Millis>) {
    let _at_work = cluster.begin_operation();
    let group = cluster.group(reset.group % cluster.plan.groups);
    until_death(cluster, dies, moved(cluster, reset, &group)).await;
    trigger(cluster, &group).await;
}

/// Tells the group's workers of what was moved: a function that no message wakes does not look.
async fn trigger(cluster: &Arc<Cluster>, group: &Group) {
    let moved = cluster.recorder().judge.deliveries.moved_back(group);
    if moved.is_empty() {
        return;
    }
    let queue = Queue::new(cluster.plan.operator()).await;
    for partition in moved {
        let (group, partition) = (Some(group.to_string()), partition.to_string());
        let send = || QueueRequest::Send { group: group.clone(), partition: partition.clone() };
        while queue.call(send()).await.is_none() {
            sleep(Duration::from_millis(200)).await;
        }
    }
}

async fn moved(cluster: &Arc<Cluster>, reset: Reset, group: &Group) {
    let node = cluster.plan.operator();
    let life = cluster.begin_life(node);
    let Some(stream) = open_stream(cluster, node, life).await else { return };
    let mut dice = Dice::at(cluster.plan.seed, &[47, u64::from(life)]);
    for _ in 0..ATTEMPTS {
        match chosen(&stream, reset, group).await {
            Ok(Some((partition, to))) => {
                match sought(cluster, &stream, group, &partition, to).await {
                    Err(SeekError::Held { .. }) => {
                        cluster.recorder().mark("a turn holds a lease that a reset needs");
                    }
                    _ => return,
                }
            }
            Ok(None) => return,
            Err(error) if error.is_transient() => return,
            Err(error) => {
                let what = format!("a reset was not begun: {error}");
                return cluster.record_unexplained(node, what);
            }
        }
        sleep(Duration::from_millis(dice.between(20, 400))).await;
    }
}

/// The partition that is to be delivered again, and behind which slot.
async fn chosen(
    stream: &Stream,
    reset: Reset,
    group: &Group,
) -> Result<Option<(PartitionId, Seq)>, StoreError> {
    let lineage = stream.lineage().await?;
    let partitions = lineage.partitions();
    let Some(index) = usize::from(reset.partition).checked_rem(partitions.len()) else {
        return Ok(None);
    };
    let Some(partition) = partitions.keys().nth(index) else { return Ok(None) };
    let standings = stream.standings(group).await?;
    let checkpoint = standings.get(partition).map_or(0, |standing| standing.lease.checkpoint.0);
    Ok(Some((partition.clone(), Seq(checkpoint * u64::from(reset.keeps) / 100))))
}

async fn sought(
    cluster: &Arc<Cluster>,
    stream: &Stream,
    group: &Group,
    partition: &PartitionId,
    to: Seq,
) -> Result<(), SeekError> {
    let key = (group.clone(), partition.clone());
    let before = cluster.recorder().judge.resets.ask(&key, to);
    let place = if to == Seq::ZERO { SeekTo::Start } else { SeekTo::Behind(to) };
    let ended = stream.seek(group, partition, place).await;
    match &ended {
        Ok(sought) => {
            let said =
                format!("knows that {group}'s checkpoint on {partition} is behind slot {to}");
            let mut recorder = cluster.recorder();
            recorder.note(now(), "operator", said, None);
            if sought.to != to || !recorder.judge.resets.has_moved(&key, to, before) {
                let sentence = format!(
                    "an operator was told that {group}'s checkpoint on {partition} is at slot {}, where \
                     no request of its own has moved it to slot {to}.",
                    sought.to
                );
                let finding = Finding::new(sentence).at(partition, to);
                recorder.record_violation(now(), Breach::Machine, finding);
            }
        }
        // Another operator was there, or its own lease had ended.
        Err(SeekError::Held { .. } | SeekError::Lost { .. }) => {}
        Err(SeekError::Store(error)) if error.is_transient() => {}
        Err(error) => {
            let what = format!("a checkpoint was not moved: {error}");
            cluster.record_unexplained(cluster.plan.operator(), what);
        }
    }
    ended.map(drop)
}
