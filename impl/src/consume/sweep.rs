//! Sweeps over the tables: the durable trigger.

use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use futures_util::future::{Either, select};
use gapless_model::design::Increment;
use gapless_model::store::{Reply, Request};
use gapless_model::{Page, PartitionId, Seq, Time};

use crate::stream::Stream;
use crate::vocabulary::{Group, StoreError, Timestamp};

/// What a sweep is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sight {
    /// To find work: what it misses the next sweep finds, at half the price.
    Eventual,
    /// To tell that there is none: nothing that was acknowledged may be missed (P1).
    Consistent,
}

/// What a sweep found.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// Partitions to take a turn on.
    pub(crate) ready: Vec<PartitionId>,
    /// Partitions that somebody holds, and when that lease counts as free.
    pub(crate) held: Vec<(PartitionId, Timestamp)>,
}

impl Stream {
    /// One look at the tables, no longer than ten attempts take: which partitions
    /// lag, and who holds them.
    pub(crate) async fn swept(
        &self,
        group: &Group,
        quiet: BTreeSet<PartitionId>,
        sight: Sight,
    ) -> Result<Swept, StoreError> {
        let most = self.0.attempt * 10;
        let looked = pin!(self.looked(group, quiet, sight));
        let limit = pin!(self.0.clock.sleep(most));
        match select(looked, limit).await {
            Either::Left((swept, _)) => swept,
            Either::Right(((), _)) => Err(StoreError::Unknown {
                table: self.0.wire.tables().consumers.clone(),
                why: format!("a sweep had no answer within {most:?}").into(),
            }),
        }
    }

    async fn looked(
        &self,
        group: &Group,
        quiet: BTreeSet<PartitionId>,
        sight: Sight,
    ) -> Result<Swept, StoreError> {
        let partitions = self.partitions().await?;
        let heads = self.last_slots(&partitions, sight).await?;
        let standings = self.0.wire.standings(group).await?;
        let now = self.now();
        let mut swept = Swept::default();
        for partition in partitions {
            let lease = standings.get(&partition).map(|standing| &standing.lease);
            let head = heads.get(&partition).copied().unwrap_or(Seq::ZERO);
            let checkpoint = lease.map_or(Seq::ZERO, |lease| lease.checkpoint);
            if head <= checkpoint {
                continue;
            }
            // Before that the store refuses it to others (L2).
            let free = lease.map(|lease| lease.until.plus(self.0.rules.skew));
            match (lease, free) {
                (Some(lease), Some(free)) if lease.active && free > now => {
                    // Also a lease of one's own: a turn that lost it by its clock left it so.
                    swept.held.push((partition, free));
                }
                _ => {
                    if !quiet.contains(&partition)
                        || self.shows(&partition, checkpoint, sight).await?
                    {
                        swept.ready.push(partition);
                    }
                }
            }
        }
        Ok(swept)
    }

    /// The last slot of each partition that may hold something.
    async fn last_slots(
        &self,
        partitions: &[PartitionId],
        sight: Sight,
    ) -> Result<BTreeMap<PartitionId, Seq>, StoreError> {
        match self.0.rules.design.increment {
            Increment::CompareAndSet | Increment::Add | Increment::Transaction => {
                self.0.wire.heads(partitions, sight == Sight::Consistent).await
            }
            Increment::None => {
                let mut tails = BTreeMap::new();
                for partition in partitions {
                    let request = Request::ReadTail { partition: partition.clone() };
                    if let Reply::Tail(tail) = self.0.wire.send(&request).await? {
                        tails.insert(partition.clone(), tail);
                    }
                }
                Ok(tails)
            }
        }
    }

    /// Whether anything is to be seen behind a checkpoint.
    async fn shows(
        &self,
        partition: &PartitionId,
        after: Seq,
        sight: Sight,
    ) -> Result<bool, StoreError> {
        let consistent = sight == Sight::Consistent;
        let request = Request::ReadEvents { partition: partition.clone(), after, consistent };
        match self.0.wire.send(&request).await? {
            Reply::Page(page) => Ok(page.last().is_some()),
            _ => Ok(false),
        }
    }
}
