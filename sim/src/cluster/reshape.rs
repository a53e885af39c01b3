//! Operators that split and merge partitions: several at once, and some that die in the middle.

use std::sync::Arc;

use gapless::{LineageError, PartitionId, SetupError, Stream};

use super::client::client;
use super::operator::until_death;
use super::shared::Cluster;
use crate::moment::now;
use crate::plan::Millis;

/// What an operator does to partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// Splits one.
    Split,
    /// Merges what came of a family.
    Merge,
}

/// The most partitions that take events at once. More would only make a run longer.
const MOST_LEAVES: usize = 8;

/// Splits or merges, by a process of its own that knows of no seal yet.
pub(crate) async fn reshape(
    cluster: &Arc<Cluster>,
    change: Change,
    leaf: u8,
    dies: Option<Millis>,
) {
    until_death(cluster, dies, done(cluster, change, leaf)).await;
}

async fn done(cluster: &Arc<Cluster>, change: Change, leaf: u8) {
    let node = cluster.plan.operator();
    let client = client(cluster, node).await;
    let stream = match Stream::open(client, cluster.plan.config()).await {
        Ok(stream) => stream,
        Err(SetupError::Store(error)) if error.is_transient() => return,
        Err(error) => {
            let what = format!("cannot open the stream: {error}");
            return cluster.record_unexplained(node, what);
        }
    };
    let ended = match stream.lineage().await {
        Ok(lineage) => {
            let leaves: Vec<_> = lineage.leaves().cloned().collect();
            changed(cluster, &stream, change, (&leaves, leaf)).await
        }
        Err(error) => Err(error.into()),
    };
    match ended {
        Ok(()) => {}
        // What it chose was another operator's meanwhile.
        Err(LineageError::Other { .. }) => {
            cluster.recorder().mark("two operators change the same partition");
        }
        // A look at several partitions while another operator merges shows some of them from before.
        Err(LineageError::Apart { .. }) => {}
        Err(LineageError::Store(error)) if error.is_transient() => {}
        Err(error) => {
            cluster.record_unexplained(node, format!("a partition was not changed: {error}"));
        }
    }
}

async fn changed(
    cluster: &Arc<Cluster>,
    stream: &Stream,
    change: Change,
    (leaves, leaf): (&[PartitionId], u8),
) -> Result<(), LineageError> {
    let Some(leaf) = leaves.get(usize::from(leaf) % leaves.len().max(1)) else { return Ok(()) };
    let said = match change {
        Change::Split if leaves.len() >= MOST_LEAVES => return Ok(()),
        Change::Split => {
            let [low, high] = stream.split(leaf).await?;
            cluster.recorder().mark("a partition is split");
            format!("knows that {leaf} is split into {low} and {high}")
        }
        Change::Merge => {
            let Some(whole) = leaf.merges_into() else { return Ok(()) };
            let family: Vec<_> = leaves.iter().filter(|it| it.overlaps(&whole)).cloned().collect();
            let merged = stream.merge(&family).await?;
            cluster.recorder().mark("partitions are merged");
            format!("knows that {} partitions are merged into {merged}", family.len())
        }
    };
    cluster.recorder().note(now(), "operator", said, None);
    Ok(())
}
