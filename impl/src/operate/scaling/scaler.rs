//! The scaler: looks at a stream, decides, and splits and merges.

use std::collections::{BTreeSet, VecDeque};
use std::num::NonZeroUsize;
use std::time::Duration;

use futures_util::future::select;
use gapless_model::PartitionId;
use gapless_model::scale::{Choice, Decision, Limits, LimitsError, Readings, Thresholds, decide};

use super::super::lineage::LineageError;
use super::super::partitions::Lineage;
use super::reading::{Earlier, Looking, Settled};
use crate::consume::Stop;
use crate::stream::Stream;
use crate::vocabulary::{Group, StoreError, Timestamp};

/// How far apart two looks are at least between which a group's pace is told.
const PACE: Duration = Duration::from_secs(120);

/// Why a stream is not scaled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ScaleError {
    /// The thresholds do not fit together.
    #[error(transparent)]
    Limits(#[from] LimitsError),
    /// Its partitions stay as they are: the design has no counter, or each key has a partition of
    /// its own.
    #[error("the partitions of this stream can be neither split nor merged")]
    Rigid,
    /// The store refused. What was split or merged by then stays so.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// One look at a stream, and what was decided.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Look {
    /// When it was, by this process's clock.
    pub at: Timestamp,
    /// What was measured.
    pub readings: Readings,
    /// What becomes of each open partition, in the order of their ids.
    pub decisions: Vec<Decision>,
    /// Why partitions are missing ([`Lineage::unread`]).
    pub unread: Vec<String>,
}

/// What became of a decision to split or to merge.
#[derive(Debug)]
pub enum Carried {
    /// It is done, by this process or by another one.
    Done,
    /// Another process did something else with the partition meanwhile. The next look shows it.
    Overtaken(LineageError),
    /// The store refused, or did not answer: it may have been done.
    Failed(StoreError),
}

/// Splits the partitions of a stream that are busy, and merges those that are quiet. Nothing is
/// scaled unless a program makes a scaler and runs it.
///
/// It is for one process at a time, and safe in several: a split or merge that another one did is
/// recognised, and of two that do not go together one is refused. Each of several keeps to
/// [`most`](Thresholds::most) by what it saw, so together they can exceed it by a look's decisions.
///
/// What it decides by is in the tables, so a scaler can be stopped and begun anew at any time. It
/// remembers one thing: where the groups stood some minutes ago, which tells whether their lag
/// grows. So until it has looked for two minutes ([`Scaler::pace_over`]), nothing is split because
/// of lag.
///
/// **What a look costs.** The lineage ([`Stream::lineage`]); the standings of the groups
/// ([`Stream::standings`] of each, or [`Stream::all_standings`]); for each open partition with
/// slots a page of its 16 newest, and where they are of the last ten minutes a search of some 30
/// queries of up to four slots, eventually consistent: some 20 read units for slots of a kilobyte.
/// A query for each partition where a group lags, and once each a read unit for each sealed
/// partition right before an open one.
///
/// Dropping a future leaves splits and merges done or not, as [`Stream::split`] and
/// [`Stream::merge`] do.
#[derive(Clone, Debug)]
pub struct Scaler {
    stream: Stream,
    limits: Limits,
    groups: Option<Vec<Group>>,
    pace_over: Duration,
    every: Duration,
    settled: Settled,
    before: VecDeque<Earlier>,
}

impl Stream {
    /// Makes a scaler of this stream, which does nothing yet.
    ///
    /// # Errors
    /// Returns [`ScaleError::Limits`] if the thresholds do not fit together, and
    /// [`ScaleError::Rigid`] if partitions of this stream cannot be split.
    pub fn scaler(&self, thresholds: Thresholds) -> Result<Scaler, ScaleError> {
        let limits = Limits::new(thresholds)?;
        if !self.0.has_lineage() {
            return Err(ScaleError::Rigid);
        }
        let (settled, before) = Default::default();
        let (stream, every) = (self.clone(), Duration::from_secs(60));
        Ok(Scaler { stream, limits, groups: None, pace_over: PACE, every, settled, before })
    }

    /// Returns the default thresholds of this stream: those of [`Thresholds`], and no fewer
    /// partitions than it began with.
    #[must_use]
    pub fn thresholds(&self) -> Thresholds {
        let usual = Thresholds::default();
        let began = self.0.layout.all().map_or(1, |all| all.len());
        let began = NonZeroUsize::new(began).unwrap_or(NonZeroUsize::MIN);
        Thresholds { least: began, most: usual.most.max(began), ..usual }
    }
}

impl Scaler {
    /// Looks at these groups alone: no other one's lag matters, and their items are queried in
    /// place of a scan of the Consumers table. Default: all.
    #[must_use]
    pub fn groups(mut self, groups: impl IntoIterator<Item = Group>) -> Scaler {
        self.groups = Some(groups.into_iter().collect());
        self
    }

    /// Sets how long the pace of groups is watched at least before it counts. Default: 2 minutes.
    #[must_use]
    pub fn pace_over(mut self, length: Duration) -> Scaler {
        self.pace_over = length;
        self
    }

    /// Sets how long [`Scaler::run`] waits between two looks. Default: a minute.
    #[must_use]
    pub fn every(mut self, pause: Duration) -> Scaler {
        self.every = pause;
        self
    }

    /// Returns the limits that it keeps to.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Looks at the stream and decides. Nothing is changed.
    ///
    /// # Errors
    /// Returns [`StoreError`] if a request fails, for as long as patience lasts if the
    /// error is transient. Partitions that cannot be read are left alone and are no error
    /// ([`Look::unread`]).
    pub async fn look(&mut self) -> Result<Look, StoreError> {
        let lineage = self.stream.lineage().await?;
        let now = self.stream.now();
        // What is older than it has to be is of no use once there is something newer that is old
        // enough.
        let is_enough = |it: &Earlier| now.since(it.at) >= self.pace_over;
        while self.before.get(1).is_some_and(is_enough) {
            self.before.pop_front();
        }
        let mut looking = Looking {
            stream: &self.stream,
            groups: self.groups.as_deref(),
            before: self.before.front().filter(|it| is_enough(it)),
            settled: &mut self.settled,
        };
        let (mut readings, stood) = looking.read(&lineage).await?;
        let at = stood.at;
        let decisions = decide_with(&self.limits, &mut looking, &lineage, &mut readings).await?;
        self.before.push_back(stood);
        Ok(Look { at, readings, decisions, unread: lineage.unread().to_vec() })
    }

    /// Does what a look decided, one after another, and says of each split and merge what became of
    /// it. Both halves of a merge have the same decision, and it is done once.
    ///
    /// It costs a write unit, and another for the index, for each split, and two of each for each
    /// partition that is merged. It ends where the store fails.
    pub async fn carry_out<'a>(&self, look: &'a Look) -> Vec<(&'a Decision, Carried)> {
        let (mut carried, mut merged) = (Vec::new(), BTreeSet::new());
        for decision in &look.decisions {
            let id = &decision.partition;
            let done = match &decision.choice {
                Choice::Split { .. } => self.stream.split(id).await.map(drop),
                Choice::Merge { with, into, .. } if merged.insert(into) => {
                    self.stream.merge(&[id.clone(), with.clone()]).await.map(drop)
                }
                Choice::Merge { .. } | Choice::Held { .. } | Choice::Keep(_) => continue,
            };
            carried.push((decision, outcome(done)));
            if let Some((_, Carried::Failed(_))) = carried.last() {
                break;
            }
        }
        carried
    }

    /// Looks, and does what was decided, again and again until it is to stop.
    ///
    /// A look that fails for a reason that may pass is made again after the usual pause. A request
    /// to stop is heard between two looks, or in the pause.
    ///
    /// # Errors
    /// Returns [`ScaleError::Store`] if the store refuses for good.
    pub async fn run(&mut self, stop: &Stop) -> Result<(), ScaleError> {
        while !stop.is_requested() {
            match self.look_and_act().await {
                Err(error) if !error.is_transient() => return Err(error.into()),
                Err(error) => tracing::warn!(%error, "a look for what to scale failed"),
                Ok(()) => {}
            }
            let pause = std::pin::pin!(self.stream.0.clock.sleep(self.every));
            select(pause, std::pin::pin!(stop.wait())).await;
        }
        Ok(())
    }

    async fn look_and_act(&mut self) -> Result<(), StoreError> {
        let look = self.look().await?;
        for (decision, carried) in self.carry_out(&look).await {
            let (partition, why) = (&decision.partition, decision);
            match carried {
                Carried::Done => {
                    let did = decision.choice.name();
                    tracing::info!(%partition, did, %why, "a partition was scaled");
                }
                Carried::Overtaken(error) => {
                    tracing::debug!(%partition, %error, "another process was faster");
                }
                Carried::Failed(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// Decides, and where halves are to be merged, first asks what there was when they were divided.
async fn decide_with(
    limits: &Limits,
    looking: &mut Looking<'_>,
    lineage: &Lineage,
    readings: &mut Readings,
) -> Result<Vec<Decision>, StoreError> {
    let mut asked = BTreeSet::<PartitionId>::new();
    let groups = readings.open.values().map(|measured| measured.followers.len()).max().unwrap_or(0);
    loop {
        let decisions = decide(limits, readings);
        let divided = decisions.iter().filter_map(|decision| match &decision.choice {
            Choice::Merge { into, .. } => into.family(),
            Choice::Split { .. } | Choice::Held { .. } | Choice::Keep(_) => None,
        });
        let unknown: BTreeSet<_> = divided.filter(|family| !asked.contains(family)).collect();
        if unknown.is_empty() {
            return Ok(decisions);
        }
        for family in unknown {
            if let Some(rate) = looking.rate_when_split(lineage, &family, groups).await? {
                readings.when_split.insert(family.clone(), rate);
            }
            asked.insert(family);
        }
    }
}

/// What became of a split or a merge.
fn outcome(done: Result<(), LineageError>) -> Carried {
    match done {
        Ok(()) => Carried::Done,
        Err(LineageError::Store(error)) => Carried::Failed(error),
        Err(
            error @ (LineageError::Missing { .. }
            | LineageError::Whole { .. }
            | LineageError::TooLong { .. }
            | LineageError::Apart { .. }
            | LineageError::Other { .. }
            | LineageError::None
            | LineageError::NoCounter),
        ) => Carried::Overtaken(error),
    }
}
