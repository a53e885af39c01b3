//! One look at a stream: what each open partition is written, how old it is, and how far each group
//! is there.

use std::collections::BTreeMap;
use std::time::Duration;

use gapless_model::scale::{Follower, Following, Measured, Pace, Rate, Readings};
use gapless_model::{PartitionId, Seq};

use super::super::partitions::{Lineage, Member};
use super::sounding::{Sounding, probe};
use crate::stream::{Shared, Stream};
use crate::vocabulary::{Group, StoreError, Timestamp};

/// The checkpoints of each group, in the partitions that it has begun.
type Checkpoints = BTreeMap<Group, BTreeMap<PartitionId, Seq>>;

/// Where the groups stood at a look: in each partition that a group has begun, its checkpoint and
/// its lag.
#[derive(Clone, Debug, Default)]
pub(super) struct Earlier {
    pub(super) at: Timestamp,
    begun: BTreeMap<(Group, PartitionId), (Seq, u64)>,
}

/// What is read once and never changes.
#[derive(Clone, Debug, Default)]
pub(super) struct Settled {
    /// When partitions were sealed.
    sealed_at: BTreeMap<PartitionId, Option<Timestamp>>,
    /// The rates of partitions before they were split.
    when_split: BTreeMap<PartitionId, Rate>,
}

/// What one look needs to know.
pub(super) struct Looking<'a> {
    pub(super) stream: &'a Stream,
    /// The groups that are asked for; all, if it is `None`.
    pub(super) groups: Option<&'a [Group]>,
    /// An earlier look.
    pub(super) before: Option<&'a Earlier>,
    pub(super) settled: &'a mut Settled,
}

impl Looking<'_> {
    /// Takes the readings of the open partitions of a lineage.
    pub(super) async fn read(
        &mut self,
        lineage: &Lineage,
    ) -> Result<(Readings, Earlier), StoreError> {
        // After the heads: a checkpoint that has passed its head by now is no lag.
        let checkpoints = self.checkpoints().await?;
        let mut stood = Earlier { at: self.stream.now(), ..Earlier::default() };
        let mut readings = Readings::default();
        for (id, member) in lineage.partitions().iter().filter(|(_, member)| member.is_leaf()) {
            let mut followers = Vec::new();
            for (group, begun) in &checkpoints {
                let following = match begun.get(id) {
                    None => Following::NotBegun,
                    Some(checkpoint) => {
                        let lag = member.head.0.saturating_sub(checkpoint.0);
                        let key = (group.clone(), id.clone());
                        let pace = self.pace(&key, *checkpoint);
                        stood.begun.insert(key, (*checkpoint, lag));
                        let behind = self.behind(id, *checkpoint, lag).await?;
                        Following::Begun { lag, behind, pace }
                    }
                };
                followers.push(Follower { group: group.to_string(), following });
            }
            let measured = self.measured(id, member, stood.at, followers).await?;
            readings.open.insert(id.clone(), measured);
        }
        Ok((readings, stood))
    }

    /// Sounds a partition. One whose slots cannot be read is not measured.
    async fn measured(
        &mut self,
        id: &PartitionId,
        member: &Member,
        now: Timestamp,
        followers: Vec<Follower>,
    ) -> Result<Measured, StoreError> {
        let made_at = self.made_at(member).await?;
        let age = made_at.map(|made_at| now.since(made_at));
        let sounding = match Sounding::take(self.stream, id, member.head, now).await {
            Ok(sounding) => sounding,
            Err(StoreError::Malformed { .. }) => {
                return Ok(Measured { age, followers, ..Measured::default() });
            }
            Err(error) => return Err(error),
        };
        let averages = sounding
            .averages(followers.len(), |window| age.is_none_or(|age| age >= window.length()));
        Ok(Measured { averages, together: sounding.together(), age, followers })
    }

    /// When a partition was made; `None` if the stream began with it, or what was before does not
    /// say.
    async fn made_at(&mut self, member: &Member) -> Result<Option<Timestamp>, StoreError> {
        let mut made_at = None;
        for parent in &member.parents {
            made_at = made_at.max(self.sealed_at(parent).await?);
        }
        Ok(made_at)
    }

    /// When a partition was sealed, which is asked for once.
    async fn sealed_at(&mut self, sealed: &PartitionId) -> Result<Option<Timestamp>, StoreError> {
        if let Some(known) = self.settled.sealed_at.get(sealed) {
            return Ok(*known);
        }
        let Shared { wire, .. } = &*self.stream.0;
        let at = self.stream.0.patiently(|| wire.sealed_at(sealed)).await?;
        self.settled.sealed_at.insert(sealed.clone(), at);
        Ok(at)
    }

    /// The rate of a partition before it was split, which is asked for once; `None` if it is none
    /// of the lineage, or its slots do not tell.
    pub(super) async fn rate_when_split(
        &mut self,
        lineage: &Lineage,
        split: &PartitionId,
        groups: usize,
    ) -> Result<Option<Rate>, StoreError> {
        if let Some(known) = self.settled.when_split.get(split) {
            return Ok(Some(*known));
        }
        let Some(member) = lineage.partitions().get(split) else { return Ok(None) };
        let Some(at) = self.sealed_at(split).await? else { return Ok(None) };
        let rate = match Sounding::take(self.stream, split, member.head, at).await {
            // A window that is longer than it lived shows less, and then a shorter one shows more.
            Ok(sounding) => sounding.averages(groups, |_| true).highest().unwrap_or_default(),
            Err(StoreError::Malformed { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        self.settled.when_split.insert(split.clone(), rate);
        Ok(Some(rate))
    }

    async fn checkpoints(&self) -> Result<Checkpoints, StoreError> {
        let mut checkpoints = Checkpoints::new();
        let Some(groups) = self.groups else {
            for (partition, standings) in self.stream.all_standings().await? {
                for standing in standings {
                    let lease = standing.lease;
                    let begun = checkpoints.entry(standing.group).or_default();
                    // What a seek has taken back is not begun.
                    if lease.begun {
                        begun.insert(partition.clone(), lease.checkpoint);
                    }
                }
            }
            return Ok(checkpoints);
        };
        for group in groups {
            let standings = self.stream.standings(group).await?.into_iter();
            let begun = standings.filter(|(_, it)| it.lease.begun);
            let begun = begun.map(|(partition, it)| (partition, it.lease.checkpoint)).collect();
            checkpoints.insert(group.clone(), begun);
        }
        Ok(checkpoints)
    }

    /// How a group went on since the look before.
    fn pace(&self, key: &(Group, PartitionId), checkpoint: Seq) -> Option<Pace> {
        let (before, lag_before) = *self.before?.begun.get(key)?;
        Some(Pace { finished: checkpoint.0.saturating_sub(before.0), lag_before })
    }

    /// How long ago the first event was written that a group has not finished.
    async fn behind(
        &self,
        partition: &PartitionId,
        checkpoint: Seq,
        lag: u64,
    ) -> Result<Duration, StoreError> {
        if lag == 0 {
            return Ok(Duration::ZERO);
        }
        let first = match probe(self.stream, partition, checkpoint).await {
            Ok(page) => page.first_time(),
            Err(StoreError::Malformed { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(first.map_or(Duration::ZERO, |(_, at)| self.stream.now().since(at)))
    }
}
