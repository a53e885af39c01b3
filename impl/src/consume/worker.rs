//! A worker for a group: finds partitions that have work, and takes its turn on each.

use std::collections::BTreeSet;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{BoxFuture, Fuse, FusedFuture, FutureExt};
use futures_util::stream::{FuturesUnordered, StreamExt};
use gapless_model::PartitionId;
use gapless_model::consume::Outcome;

use super::agenda::Desk;
use super::handler::{Fence, Handler, HandlerError};
use super::stop::Stop;
use super::sweep::{Sight, Swept};
use super::turn::{Broken, Ended, Retries, Turn};
use crate::stream::Stream;
use crate::trigger::Trigger;
use crate::vocabulary::{Group, Owner, StoreError, Timestamp};

/// Consumes a stream for a group, together with any number of others.
///
/// Nothing runs until [`Worker::run`] or one of its siblings is awaited. Dropping
/// that future is like a crash: leases that it held end by themselves. To stop as
/// one should, [`Stop::ask`].
#[derive(Debug)]
pub struct Worker<H> {
    stream: Stream,
    group: Group,
    owner: Owner,
    handler: H,
    concurrency: usize,
    sweep: Duration,
    retries: Retries,
    deadline: Option<Timestamp>,
    trigger: Option<Arc<dyn Trigger>>,
    stop: Stop,
}

/// What a worker did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Events that its handler finished.
    pub events: u64,
    /// Turns that it took.
    pub turns: u64,
}

/// Why a worker ended before it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The handler failed, as often as it may. The reason is on the consumer's item too.
    #[error("the handler failed {attempts} times on {partition} up to slot {}: {why}", .at.upto)]
    Handler {
        /// The partition.
        partition: PartitionId,
        /// The delivery.
        at: Fence,
        /// How often it was tried.
        attempts: u32,
        /// The last failure.
        why: HandlerError,
    },
    /// The store refused something for good, or did not answer for as long as patience lasts.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// When a worker is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Until {
    Stopped,
    CaughtUp,
}

impl Until {
    fn sight(self) -> Sight {
        match self {
            Until::Stopped => Sight::Eventual,
            Until::CaughtUp => Sight::Consistent,
        }
    }
}

impl Stream {
    /// A worker for a group.
    #[must_use]
    pub fn worker<H: Handler>(&self, group: impl Into<Group>, handler: H) -> Worker<H> {
        let group = group.into();
        Worker {
            stream: self.clone(),
            owner: Owner::fresh("worker"),
            group,
            handler,
            concurrency: 16,
            sweep: Duration::from_millis(500),
            retries: Retries { most: 5, first: Duration::from_millis(200) },
            deadline: None,
            trigger: None,
            stop: Stop::new(),
        }
    }
}

impl<H: Handler> Worker<H> {
    /// A name for those who look at the tables; this run's own mark is added.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.owner = Owner::fresh(name);
        self
    }

    /// How many partitions to consume at once. Sixteen unless told otherwise.
    #[must_use]
    pub fn concurrency(mut self, partitions: usize) -> Self {
        self.concurrency = partitions.max(1);
        self
    }

    /// How often to look for work in the tables: the durable trigger. Each sweep
    /// reads half a read unit for a partition, and the group's items. Half a second
    /// unless told otherwise.
    #[must_use]
    pub fn sweep_every(mut self, interval: Duration) -> Self {
        self.sweep = interval;
        self
    }

    /// How often a handler that fails is tried, and how long to wait before the
    /// second attempt; the wait doubles. Five times and 200 ms unless told otherwise.
    #[must_use]
    pub fn attempts(mut self, most: u32, first: Duration) -> Self {
        self.retries = Retries { most: most.max(1), first };
        self
    }

    /// When this process ends at the latest: it hands over so much before that a
    /// delivery which is under way can finish.
    #[must_use]
    pub fn deadline(mut self, deadline: Timestamp, before: Duration) -> Self {
        use gapless_model::Time as _;
        self.deadline = Some(deadline.minus(before));
        self
    }

    /// A source of hints beside the stream's own notices, so that work is found before the next sweep.
    #[must_use]
    pub fn trigger(mut self, trigger: Arc<dyn Trigger>) -> Self {
        self.trigger = Some(trigger);
        self
    }

    /// Asks it to stop: it finishes the deliveries under way, moves the checkpoints
    /// and releases the leases, so that another takes over at once.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        self.stop.clone()
    }

    /// This run's name, as it stands in the leases.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.owner
    }

    /// Consumes until it is asked to stop, or its deadline comes.
    ///
    /// # Errors
    /// [`WorkerError`]; the other partitions are released as they should be.
    pub async fn run(&self) -> Result<Summary, WorkerError> {
        self.work(Until::Stopped).await
    }

    /// Consumes until the group has seen everything that is in the stream: also
    /// what other workers hold, so it waits for them. It looks consistently; only where
    /// each key has its own partition, their list comes from an index that may not show
    /// the newest yet.
    ///
    /// # Errors
    /// As [`Worker::run`].
    pub async fn until_caught_up(&self) -> Result<Summary, WorkerError> {
        self.work(Until::CaughtUp).await
    }

    async fn work(&self, until: Until) -> Result<Summary, WorkerError> {
        let clock = &self.stream.0.clock;
        let notices = self.stream.0.notices.subscribe();
        let mut desk = Desk::default();
        let mut turns = FuturesUnordered::new();
        let mut sweeping: Fuse<BoxFuture<'_, Result<Swept, StoreError>>> = Fuse::terminated();
        let mut next_sweep = clock.now();
        let mut summary = Summary::default();
        let mut failed = None;
        loop {
            let now = clock.now();
            if self.deadline.is_some_and(|deadline| now >= deadline) {
                self.stop.ask();
            }
            if self.stop.is_asked() {
                (sweeping, desk.ready) = (Fuse::terminated(), BTreeSet::new());
                if turns.is_empty() {
                    return failed.map_or(Ok(summary), Err);
                }
            } else {
                desk.come_back(now);
                while turns.len() < self.concurrency
                    && let Some(partition) = desk.take()
                {
                    turns.push(self.turn(partition));
                }
                if sweeping.is_terminated() && now >= next_sweep {
                    let swept = self.stream.swept(&self.group, desk.quiet.clone(), until.sight());
                    sweeping = swept.boxed().fuse();
                }
            }
            let wake = self.wake(&desk, next_sweep, !sweeping.is_terminated());
            let stopping = self.stop.is_asked();
            let mut hints = pin!(notices.next().fuse());
            let mut more = pin!(self.hints().fuse());
            let mut sleep = pin!(clock.sleep_until(wake).fuse());
            // Heard once; from then on the turns alone are waited for.
            let asked = async {
                if stopping { std::future::pending().await } else { self.stop.asked().await }
            };
            let mut stopped = pin!(asked.fuse());
            futures_util::select_biased! {
                ended = turns.select_next_some() => {
                    let (partition, ended) = ended;
                    summary.turns += 1;
                    match ended {
                        Ok(Ended { outcome, delivered }) => {
                            summary.events += delivered;
                            self.over(&mut desk, partition, outcome, delivered);
                        }
                        Err(broken) => {
                            failed = failed.or(Some(said(partition, broken)));
                            self.stop.ask();
                        }
                    }
                }
                partitions = hints => if !stopping { desk.hear(partitions) },
                partitions = more => if !stopping { desk.hear(partitions) },
                swept = sweeping => {
                    next_sweep = { use gapless_model::Time as _; clock.now().plus(self.sweep) };
                    match swept {
                        Ok(swept) => {
                            let nothing = swept.ready.is_empty() && swept.held.is_empty();
                            desk.learn(swept);
                            if until == Until::CaughtUp && nothing && turns.is_empty() && desk.is_clear() {
                                return Ok(summary);
                            }
                        }
                        Err(error) if error.is_transient() => {
                            tracing::warn!(%error, "the sweep failed; it is tried again");
                            if desk.unheard(clock.now(), self.stream.0.patience) {
                                failed = failed.or(Some(error.into()));
                                self.stop.ask();
                            }
                        }
                        Err(error) => {
                            failed = failed.or(Some(error.into()));
                            self.stop.ask();
                        }
                    }
                }
                () = sleep => {}
                () = stopped => {}
            }
        }
    }

    /// What the trigger says next; nothing, ever, where there is none.
    async fn hints(&self) -> Vec<PartitionId> {
        match &self.trigger {
            Some(trigger) => trigger.next().await,
            None => std::future::pending().await,
        }
    }

    /// When to look up again if nothing happens.
    fn wake(&self, desk: &Desk, next_sweep: Timestamp, sweeping: bool) -> Timestamp {
        use gapless_model::Time as _;
        let far = self.stream.now().plus(Duration::from_secs(3600));
        // Once it stops, its turns alone are waited for: a partition to come back to
        // would wake it again and again.
        if self.stop.is_asked() {
            return far;
        }
        let sweep = if sweeping { far } else { next_sweep };
        let back = desk.later.values().min().copied().unwrap_or(far);
        sweep.min(back).min(self.deadline.unwrap_or(far))
    }

    async fn turn(&self, partition: PartitionId) -> (PartitionId, Result<Ended, Broken>) {
        let turn = Turn {
            shared: &self.stream.0,
            group: &self.group,
            partition: &partition,
            owner: &self.owner,
            handler: &self.handler,
            retries: self.retries,
            stop: &self.stop,
        };
        let ended = turn.run().await;
        (partition, ended)
    }

    fn over(&self, desk: &mut Desk, partition: PartitionId, outcome: Outcome, delivered: u64) {
        desk.running.remove(&partition);
        match outcome {
            Outcome::CaughtUp => {
                // A head that runs ahead of its slot is no work yet: look, do not take.
                if delivered == 0 {
                    desk.quiet.insert(partition.clone());
                } else {
                    desk.quiet.remove(&partition);
                }
                if let Some(trigger) = &self.trigger {
                    trigger.done(&partition);
                }
            }
            // The next sweep tells when that lease can have ended.
            Outcome::Busy | Outcome::Lost | Outcome::GivenBack | Outcome::HandedOver => {}
        }
    }
}

fn said(partition: PartitionId, broken: Broken) -> WorkerError {
    match broken {
        Broken::Store(error) => error.into(),
        Broken::Handler { at, attempts, why } => {
            WorkerError::Handler { partition, at, attempts, why }
        }
    }
}
