//! Sweeps over the tables: the durable trigger.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::pin::pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{Either, select};
use gapless_model::design::Expiry;
use gapless_model::store::{Lease, Reply, Request};
use gapless_model::{Page, PartitionId, Rules, Seq, Time};

use crate::stream::Stream;
use crate::vocabulary::{Group, Live, StoreError, Timer, Timestamp, shortened};
use crate::wire::{Consistency, Extent, Listing, Standing};

/// One sweep for a group.
pub(super) struct Sweep<'a> {
    pub(super) stream: &'a Stream,
    pub(super) group: &'a Group,
    /// Partitions that are looked into before they count as work, as their head was ahead of
    /// their last slot.
    pub(super) quiet: BTreeSet<PartitionId>,
    /// How heads and slots are read.
    pub(super) reads: Consistency,
}

/// The pauses between sweeps. Where they may, they grow while nothing happens.
#[derive(Debug)]
pub(super) struct Pauses {
    interval: Duration,
    most: Duration,
    /// The first one, until it is taken.
    first: Option<Duration>,
    /// How long the last one was meant to be.
    last: Duration,
}

impl Pauses {
    pub(super) fn new(interval: Duration, most: Option<Duration>) -> Pauses {
        // Workers that began together do not go on sweeping together.
        let first = Some(shortened(interval, 0.5));
        Pauses { interval, most: most.unwrap_or(interval), first, last: interval }
    }

    /// The pause after a sweep. `is_idle` says that nothing was found, and no turn ended since the sweep
    /// before.
    pub(super) fn after(&mut self, is_idle: bool) -> Duration {
        if let Some(first) = self.first.take() {
            return first;
        }
        if !is_idle || self.most <= self.interval {
            self.last = self.interval;
            return self.interval;
        }
        let step = (self.last / 2).max(Duration::from_millis(1));
        self.last = self.last.saturating_add(step).min(self.most);
        shortened(self.last, 0.1)
    }
}

/// When the next sweep is due. The default is at once.
#[derive(Debug, Default)]
pub(super) struct NextSweep {
    regular: Timer,
    /// A reason came up not to wait for that.
    sooner: Option<Timer>,
}

impl NextSweep {
    /// It is due after a pause.
    pub(super) fn after(pause: Timer) -> NextSweep {
        NextSweep { regular: pause, sooner: None }
    }

    /// It is due after this pause too. Only the first such reason counts.
    pub(super) fn hasten(&mut self, pause: impl FnOnce() -> Timer) {
        self.sooner.get_or_insert_with(pause);
    }

    /// Whether it is due.
    pub(super) fn is_due(&mut self) -> bool {
        poll_fn(|context| self.poll_due(context)).now_or_never().is_some()
    }

    /// Waits until it is due.
    pub(super) fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let sooner = self.sooner.as_mut().map(|sooner| sooner.poll_over(context));
        if sooner.is_some_and(|sooner| sooner.is_ready()) {
            self.regular = Timer::default();
        }
        self.regular.poll_over(context)
    }
}

/// What a sweep found.
#[derive(Debug, Default)]
pub(super) struct Swept {
    /// Partitions to take a turn on.
    pub(super) ready: Vec<PartitionId>,
    /// Partitions whose lease is held, and when that lease counts as free.
    pub(super) held: Vec<(PartitionId, Timestamp)>,
    /// Items whose partition cannot be read, such as those of a newer release. They are passed over.
    pub(super) foreign: Vec<StoreError>,
}

impl Swept {
    /// Whether it found nothing to do, now or later.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.held.is_empty()
    }
}

impl Sweep<'_> {
    /// Finds the partitions that lag, and those of them that are held. It takes at most as
    /// long as ten attempts at a request.
    pub(super) async fn run(self) -> Result<Swept, StoreError> {
        let shared = &self.stream.0;
        let most = shared.attempt.saturating_mul(10);
        let found = pin!(self.find_work());
        let limit = pin!(shared.clock.sleep(most));
        match select(found, limit).await {
            Either::Left((swept, _)) => swept,
            Either::Right(((), _)) => Err(StoreError::Unknown {
                table: shared.wire.tables().consumers.clone(),
                why: format!("a sweep had no answer within {most:?}").into(),
            }),
        }
    }

    async fn find_work(&self) -> Result<Swept, StoreError> {
        let Sweep { stream, group, .. } = self;
        let shared = &stream.0;
        let Listing { read: extents, unread, foreign } = shared.survey(self.reads).await?;
        let mut standings = shared.wire.standings(group).await?;
        let now = shared.clock.now();
        // An observer takes no other's clock for the end of a lease. By its own, no lease ends so late.
        let Rules { design, lease, skew, .. } = shared.rules;
        let latest = now.plus(lease).plus(skew).plus(skew);
        let is_watched = |free| design.expiry == Expiry::Observer && free > latest;
        let mut swept = Swept { foreign, ..Swept::default() };
        swept.foreign.append(&mut standings.foreign);
        let unread_ids: BTreeSet<PartitionId> = unread.keys().cloned().collect();
        if shared.has_lineage() {
            // P1: what took the place of a partition with such an item is not known, nor found.
            swept.foreign.extend(unread.into_values());
        }
        let partitions = extents.keys().chain(&unread_ids).cloned().collect::<BTreeSet<_>>();
        for partition in partitions {
            let extent = extents.get(&partition);
            let lease = standings.read.get(&partition).map(|standing| &standing.lease);
            let last = extent.map_or(Seq::ZERO, |extent| extent.last);
            let checkpoint = lease.map_or(Seq::ZERO, |lease| lease.checkpoint);
            // D4: a sealed partition is drained only once the group has begun it, even if it is empty.
            let is_unbegun = lease.is_none_or(|lease| !lease.begun);
            let is_unbegun_parent = is_unbegun && extent.is_some_and(|it| !it.children.is_empty());
            // A turn finds out what is wrong there, and leaves it alone if it cannot go on.
            let is_unread =
                standings.unread.contains_key(&partition) || unread_ids.contains(&partition);
            // P1: every partition that lags is found, whatever trigger was lost.
            if last <= checkpoint && !is_unread && !is_unbegun_parent {
                continue;
            }
            // P1: the parent lags or is unbegun, so this sweep finds it, or its lease's holder goes on.
            let parents = shared.routes.parents(&partition);
            let is_drained = |parent| is_drained(&extents, &standings, parent);
            if is_unbegun && !is_unread && !parents.iter().all(is_drained) {
                continue;
            }
            // Before that the store refuses the lease to other workers (L2).
            let free = lease.map(|lease| lease.until.plus(shared.rules.skew));
            match (lease, free) {
                (Some(lease), Some(free)) if lease.active && free > now && !is_watched(free) => {
                    // This worker's own lease too: a turn that lost it by its clock left it active.
                    swept.held.push((partition, free));
                }
                _ => {
                    // P1: the empty end of a sealed partition keeps its children back until it is void.
                    let is_sealed = extent.is_some_and(|extent| !extent.children.is_empty());
                    if is_sealed
                        || !self.quiet.contains(&partition)
                        || self.has_slots(&partition, checkpoint).await?
                    {
                        swept.ready.push(partition);
                    }
                }
            }
        }
        Ok(swept)
    }

    /// Whether a slot after the checkpoint is written.
    async fn has_slots(&self, partition: &PartitionId, after: Seq) -> Result<bool, StoreError> {
        let consistent = self.reads.is_strong();
        let request = Request::ReadEvents { partition: partition.clone(), after, consistent };
        match self.stream.0.wire.send(&request).await {
            Ok(Reply::Page(page)) => Ok(page.last().is_some()),
            Ok(_) => Ok(false),
            // Something is written, and a turn says what is wrong with it.
            Err(StoreError::Malformed { .. }) => Ok(true),
            Err(error) => Err(error),
        }
    }
}

/// Whether a partition is sealed, and the group has begun it and finished its last slot.
fn is_drained(
    extents: &BTreeMap<PartitionId, Extent>,
    standings: &Listing<Standing>,
    partition: &PartitionId,
) -> bool {
    let standing = standings.read.get(partition);
    extents.get(partition).is_some_and(|extent| {
        let is_done = |lease: &Lease<Live>| lease.begun && lease.checkpoint >= extent.last;
        !extent.children.is_empty() && standing.is_some_and(|it| is_done(&it.lease))
    })
}
