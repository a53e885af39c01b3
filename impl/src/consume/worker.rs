//! A worker for a group: finds partitions that have work, and takes its turn on each.

use std::sync::Arc;
use std::time::Duration;

use gapless_model::Time;

use super::end::{Summary, WorkerError};
use super::handler::Handler;
use super::stop::Stop;
use super::turn::Retries;
use super::work::{Until, WorkLoop, WorkerSetting};
use crate::stream::Stream;
use crate::trigger::Trigger;
use crate::vocabulary::{Group, Owner, Timestamp};

/// Consumes a stream for a group, together with any number of others.
///
/// Nothing runs until [`Worker::run`] or one of its siblings is awaited. Dropping
/// that future is like a crash: leases that it held end by themselves. To stop as
/// one should, [`Stop::ask`].
#[derive(Debug)]
pub struct Worker<H>(WorkerSetting<H>);

impl Stream {
    /// A worker for a group.
    #[must_use]
    pub fn worker<H: Handler>(&self, group: impl Into<Group>, handler: H) -> Worker<H> {
        let group = group.into();
        Worker(WorkerSetting {
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
        })
    }
}

impl<H: Handler> Worker<H> {
    /// A name for those who look at the tables; this run's own mark is added.
    #[must_use]
    pub fn name(mut self, name: &str) -> Self {
        self.0.owner = Owner::fresh(name);
        self
    }

    /// How many partitions to consume at once. Sixteen unless told otherwise.
    #[must_use]
    pub fn concurrency(mut self, partitions: usize) -> Self {
        self.0.concurrency = partitions.max(1);
        self
    }

    /// How often to look for work in the tables: the durable trigger. Each sweep
    /// reads half a read unit for a partition, and the group's items. Half a second
    /// unless told otherwise.
    #[must_use]
    pub fn sweep_every(mut self, interval: Duration) -> Self {
        self.0.sweep = interval;
        self
    }

    /// How often a handler that fails is tried, and how long to wait before the
    /// second attempt; the wait doubles. Five times and 200 ms unless told otherwise.
    #[must_use]
    pub fn attempts(mut self, most: u32, first: Duration) -> Self {
        self.0.retries = Retries { most: most.max(1), first };
        self
    }

    /// When this process ends at the latest: it hands over so much before that a
    /// delivery which is under way can finish.
    #[must_use]
    pub fn deadline(mut self, deadline: Timestamp, before: Duration) -> Self {
        self.0.deadline = Some(deadline.minus(before));
        self
    }

    /// A source of hints beside the stream's own notices, so that work is found before the next sweep.
    #[must_use]
    pub fn trigger(mut self, trigger: Arc<dyn Trigger>) -> Self {
        self.0.trigger = Some(trigger);
        self
    }

    /// Asks it to stop: it finishes the deliveries under way, moves the checkpoints
    /// and releases the leases, so that another takes over at once.
    #[must_use]
    pub fn stopper(&self) -> Stop {
        self.0.stop.clone()
    }

    /// This run's name, as it stands in the leases.
    #[must_use]
    pub fn owner(&self) -> &Owner {
        &self.0.owner
    }

    /// Consumes until it is asked to stop, or its deadline comes.
    ///
    /// # Errors
    /// [`WorkerError`]; the other partitions are released as they should be.
    pub async fn run(&self) -> Result<Summary, WorkerError> {
        WorkLoop::new(&self.0, Until::Stopped).run().await
    }

    /// Consumes until the group has seen everything that is in the stream: also
    /// what other workers hold, so it waits for them. It looks consistently; only where
    /// each key has its own partition, their list comes from an index that may not show
    /// the newest yet.
    ///
    /// # Errors
    /// As [`Worker::run`].
    pub async fn until_caught_up(&self) -> Result<Summary, WorkerError> {
        WorkLoop::new(&self.0, Until::CaughtUp).run().await
    }
}
