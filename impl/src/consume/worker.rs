//! A worker for a group: how it is configured, and run.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use gapless_model::{PartitionId, Time};

use super::aside::AfterFailure;
use super::end::{Summary, WorkerError};
use super::handler::Handler;
use super::one_turn::{self, TurnReport};
use super::stop::Stop;
use super::turn::Retries;
use super::work::{Until, WorkLoop, WorkerSetting};
use crate::stream::Stream;
use crate::trigger::Trigger;
use crate::vocabulary::{Group, NoRandomness, Slots, Timestamp, WorkerId};

/// Consumes a stream for a group, together with any number of other workers.
///
/// Nothing runs until [`Worker::run`] or [`Worker::until_caught_up`] is awaited. Dropping
/// that future is like a crash: the handlers are dropped, and the leases end by themselves.
/// To stop in an orderly way, use [`Worker::stopper`].
///
/// A worker may run again, and even twice at once: every turn owns its lease under a name of its
/// own, so that the runs are to each other what other workers are.
///
/// With the default design, a turn costs one write unit to acquire the lease, one for each
/// delivery, of which the last releases the lease as well, and a read unit for each 4 KB of slots;
/// and half a read unit to look behind the last page, or half of what has come there meanwhile.
/// While a handler works, it costs one write unit for each third of a lease. Sweeps cost what
/// [`Worker::sweep_every`] says.
#[derive(Debug)]
pub struct Worker<H>(WorkerSetting<H>);

impl Stream {
    /// Creates a worker for a group, with the defaults of [`Worker`]'s methods.
    ///
    /// A group exists once a worker has taken a lease for it. It begins at the first event
    /// of every partition, unless [`Stream::begin_at`] has said where.
    #[must_use]
    pub fn worker<H: Handler>(&self, group: impl Into<Group>, handler: H) -> Worker<H> {
        let group = group.into();
        Worker(WorkerSetting {
            stream: self.with_page_limit(Slots::LIMIT),
            id: WorkerId::fresh("worker"),
            next_turn: AtomicU64::new(1),
            group,
            handler,
            concurrency: 16,
            sweep: Duration::from_millis(500),
            rest: None,
            retries: Retries { most: 5, first: Duration::from_millis(200), limit: None },
            after_failure: AfterFailure::ComeBack { pause: Duration::from_secs(5) },
            quota: Duration::from_secs(1),
            deadline: None,
            trigger: None,
            stop: Stop::new(),
        })
    }
}

impl<H: Handler> Worker<H> {
    /// Sets the worker's name, as `Stream::status` shows it. Default: `worker`. Random digits and
    /// the turn's number are added, so that no two turns share an owner's name.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.0.id = WorkerId::fresh(name);
        self
    }

    /// Sets how many partitions to consume at once. Default: 16. Zero counts as one.
    #[must_use]
    pub fn concurrency(mut self, partitions: usize) -> Self {
        self.0.concurrency = partitions.max(1);
        self
    }

    /// Sets how many slots a page holds at most, and so the most of a delivery. Default: 100. Zero
    /// counts as one. DynamoDB ends a page at 1 MB in any case.
    ///
    /// Larger deliveries take fewer requests and checkpoints, and gaps within a page are waited out
    /// together. But a worker that is to stop first finishes the one in hand, and after a crash or a
    /// failure all of it is delivered again.
    #[must_use]
    pub fn delivery_limit(mut self, slots: usize) -> Self {
        self.0.stream = self.0.stream.with_page_limit(slots);
        self
    }

    /// Sets the pause between two sweeps, in which the worker looks for work in the tables.
    /// Default: 500 ms. The first pause is shortened at random by up to a half.
    ///
    /// Sweeps are the durable trigger: if a notice or a hint is lost, the next sweep finds
    /// the work. A sweep costs half a read unit for each partition, in requests of 100, and
    /// a read unit for each 4 KB of the group's items; for [`Worker::until_caught_up`] a
    /// whole read unit for each partition.
    #[must_use]
    pub fn sweep_every(mut self, interval: Duration) -> Self {
        self.0.sweep = interval;
        self
    }

    /// Lets the pause between two sweeps grow up to this while nothing happens. Default: it does not.
    ///
    /// After each sweep that finds nothing it is half as long again, shortened at random by up to a tenth.
    /// Once a turn has ended, the next sweep is as near as [`Worker::sweep_every`] says. So an idle worker
    /// costs less, and what no notice or hint announces waits for longer. A partition that failed and is
    /// left alone, but lags, keeps it awake.
    #[must_use]
    pub fn rest_up_to(mut self, longest: Duration) -> Self {
        self.0.rest = Some(longest);
        self
    }

    /// Sets for how long a turn goes on while other partitions wait for a place. Default: 1 s.
    ///
    /// A turn ends at the partition's tail. One whose events come faster than they are handled
    /// would keep its place for good. Instead it checkpoints, releases the lease and lines up again
    /// behind those that wait. That costs as much as the beginning and the end of a turn.
    #[must_use]
    pub fn quota(mut self, length: Duration) -> Self {
        self.0.quota = length;
        self
    }

    /// Sets what becomes of a partition whose handler failed as often as [`Worker::attempts`]
    /// says. Default: [`AfterFailure::ComeBack`] after 5 s. [`Worker::until_caught_up`] does not
    /// come back, but leaves the partition alone.
    #[must_use]
    pub fn after_failure(mut self, what: AfterFailure) -> Self {
        self.0.after_failure = what;
        self
    }

    /// Sets how often a turn tries a delivery when its handler fails, and the pause before the
    /// second attempt. Default: 5 and 200 ms. Zero attempts count as one. What comes after the last
    /// attempt is said by [`Worker::after_failure`]. A failure that is
    /// [`Permanent`](super::Permanent) is not tried again.
    ///
    /// The pause doubles with each attempt, up to 2 s, and is shortened at random by up to a
    /// half.
    #[must_use]
    pub fn attempts(mut self, most: u32, first: Duration) -> Self {
        self.0.retries = Retries { most, first, ..self.0.retries };
        self
    }

    /// Sets for how long a handler may be at work on a delivery, one attempt at a time. Default: without
    /// a limit. One that takes longer is dropped wherever it awaits, and has failed. The lease is
    /// renewed while it works, so that without a limit a handler that hangs keeps its partition.
    #[must_use]
    pub fn handler_limit(mut self, limit: Duration) -> Self {
        self.0.retries.limit = Some(limit);
        self
    }

    /// Sets when this process ends at the latest, as in Lambda. The worker stops `before`
    /// that, so that a delivery in hand can finish. Default: never.
    #[must_use]
    pub fn deadline(mut self, deadline: Timestamp, before: Duration) -> Self {
        self.0.deadline = Some(deadline.minus(before));
        self
    }

    /// Sets a source of hints beside the stream's own notices, so that work is found before
    /// the next sweep. Default: none.
    #[must_use]
    pub fn trigger(mut self, trigger: Arc<dyn Trigger>) -> Self {
        self.0.trigger = Some(trigger);
        self
    }

    /// Returns the request to stop this worker.
    ///
    /// Once it is made, the worker takes no new turn, finishes the deliveries in hand, moves
    /// the checkpoints and releases the leases, so that another worker takes over at once.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        self.0.stop.clone()
    }

    /// Returns the name that begins the name of every [`Owner`](crate::Owner) of this worker's
    /// leases.
    ///
    /// # Errors
    /// Returns [`NoRandomness`] if the operating system had no random bytes when the worker was
    /// named. Its runs end with the same error.
    pub fn id(&self) -> Result<&WorkerId, NoRandomness> {
        self.0.id.as_ref().map_err(|error| *error)
    }

    /// Takes one turn on one partition: acquires the lease, has what lags handled, and releases it. For
    /// a caller that knows which partition has work, such as a function that is invoked with a message
    /// about it.
    ///
    /// Nothing else is looked for: where a message is lost, its events wait until some worker sweeps.
    /// With the default design a lease that is held is not waited for. The turn ends early when the
    /// worker is asked to stop, or its deadline comes; then it finishes the delivery in hand, and asks
    /// nothing of the store if that was so before. Settings of several turns, such as
    /// [`Worker::after_failure`], have no meaning here. If the worker has a trigger, it is told when
    /// the partition has caught up; so do not let a worker with a trigger run beside, which may have a
    /// later hint of that partition in hand.
    ///
    /// Where the partition took the place of others that the group has not finished, a turn is taken on
    /// those first: what it delivers is in the report's events. They may be another worker's at the moment;
    /// then the partition counts as [`TurnOutcome::Busy`](super::TurnOutcome) too.
    ///
    /// A turn costs what [`Worker`] says, or one write unit alone if the lease is held. Dropping the
    /// future is as with [`Worker::run`].
    ///
    /// ```
    /// # async fn example(stream: gapless::Stream) -> Result<(), Box<dyn std::error::Error>> {
    /// use gapless::{Delivery, HandlerError, TurnOutcome};
    ///
    /// let worker = stream.worker("mail", async |_: Delivery| Ok::<(), HandlerError>(()));
    /// let report = worker.take_turn(&stream.route("order-7")).await?;
    /// let may_forget_message = report.outcome == TurnOutcome::CaughtUp;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Returns [`WorkerError::Handler`] if the handler failed as often as it may; its lease is left to
    /// end, and until then a turn is [`TurnOutcome::Busy`](super::TurnOutcome). Returns
    /// [`WorkerError::Store`] if the store refused or did not answer, if a slot cannot be read, if the
    /// stream has no such partition, if the group's name cannot be stored, or for want of
    /// random bytes.
    pub async fn take_turn(&self, partition: &PartitionId) -> Result<TurnReport, WorkerError> {
        one_turn::take_turn(&self.0, partition).await
    }

    /// Consumes until the worker is asked to stop, or its deadline comes.
    ///
    /// Dropping the future drops the handlers, wherever they are, and leaves the leases to end. A
    /// request that was sent may still arrive after that. So another run of this worker does not
    /// take these leases up again: like any other worker it waits until they have ended, which takes
    /// a lease's length and the bound on skew at most, and what was not checkpointed is delivered
    /// again. [`Stream::release_leases`] ends them at once, if nothing of the dropped run is still
    /// at work. A worker that was asked to stop stays stopped: another run of it returns at once,
    /// with [`RunEnd::Stopped`](super::RunEnd) in its summary.
    ///
    /// Two runs at once are safe: they share the partitions as two workers do. They also share the
    /// request to stop, and each hint goes to one of them.
    ///
    /// # Errors
    /// Returns the first [`WorkerError`], after the other turns have ended in an orderly way.
    pub async fn run(&self) -> Result<Summary, WorkerError> {
        WorkLoop::new(&self.0, Until::Stopped)?.run().await
    }

    /// Consumes until the group has finished everything that was acknowledged before.
    ///
    /// That includes what other workers hold, so it waits for them. It reads heads and slots
    /// strongly consistently. Where each key has its own partition, their list comes from an
    /// index that may not show the newest partitions yet.
    ///
    /// It also returns when the worker is asked to stop, or its deadline comes.
    ///
    /// # Errors
    /// Returns [`WorkerError::Handler`] if the group has finished everything but the partitions
    /// that failed, [`WorkerError::Store`] with
    /// [`StoreError::Malformed`](crate::StoreError::Malformed) if those cannot be read, and otherwise
    /// the errors of [`Worker::run`], which also says what dropping the future means.
    pub async fn until_caught_up(&self) -> Result<Summary, WorkerError> {
        WorkLoop::new(&self.0, Until::CaughtUp)?.run().await
    }
}
