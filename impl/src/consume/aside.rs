//! Partitions that failed, and are left alone for a while or for good.

use std::collections::BTreeMap;
use std::task::{Context, Poll};
use std::time::Duration;

use gapless_model::PartitionId;

use super::end::WorkerError;
use crate::vocabulary::{Backoff, Clock, Timer};

/// What a worker does with a partition whose handler failed as often as
/// [`Worker::attempts`](super::Worker::attempts) says, or whose slots or group's item it cannot read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AfterFailure {
    /// It goes on with the other partitions, and comes back to this one after a pause. The pause
    /// doubles each time, up to five minutes or the pause itself if that is longer, and is
    /// shortened at random by up to a half.
    ComeBack {
        /// The first pause.
        pause: Duration,
    },
    /// It goes on with the other partitions, and leaves this one alone until it runs again.
    LeaveAlone,
    /// It ends, once its other turns have ended in an orderly way.
    Stop,
}

/// The partitions that failed in a worker's run.
#[derive(Debug, Default)]
pub(super) struct Aside(BTreeMap<PartitionId, Failed>);

#[derive(Debug)]
struct Failed {
    rest: Rest,
    pauses: Backoff,
    why: WorkerError,
}

#[derive(Debug)]
enum Rest {
    /// It is left alone until that runs out.
    For(Timer),
    /// It is left alone for as long as the worker runs.
    Always,
    /// It is tried again.
    Over,
}

impl Aside {
    const LONGEST: Duration = Duration::from_secs(300);

    /// Sets a partition aside, for a pause or, without one, for good. Returns the pause until it is
    /// tried again.
    pub(super) fn add(
        &mut self,
        partition: PartitionId,
        why: WorkerError,
        pause: Option<Duration>,
        clock: &Clock,
    ) -> Option<Duration> {
        let first = pause.unwrap_or_default();
        let pauses = || Backoff::up_to(first, Aside::LONGEST.max(first));
        let known = self.0.remove(&partition).map(|failed| failed.pauses);
        let mut pauses = known.unwrap_or_else(pauses);
        let pause = pause.map(|_| pauses.next());
        let rest = pause.map_or(Rest::Always, |pause| Rest::For(clock.timer(pause)));
        self.0.insert(partition, Failed { rest, pauses, why });
        pause
    }

    /// Whether a partition is to be left alone.
    pub(super) fn has(&self, partition: &PartitionId) -> bool {
        self.0.get(partition).is_some_and(|failed| !matches!(failed.rest, Rest::Over))
    }

    /// Waits until pauses are over. Names their partitions, each once.
    pub(super) fn poll_back(&mut self, context: &mut Context<'_>) -> Poll<Vec<PartitionId>> {
        let mut back = Vec::new();
        for (partition, failed) in &mut self.0 {
            if let Rest::For(pause) = &mut failed.rest
                && pause.poll_over(context).is_ready()
            {
                failed.rest = Rest::Over;
                back.push(partition.clone());
            }
        }
        if back.is_empty() { Poll::Pending } else { Poll::Ready(back) }
    }

    /// A partition has been mended, or has no more work.
    pub(super) fn remove(&mut self, partition: &PartitionId) {
        self.0.remove(partition);
    }

    /// Keeps the partitions that still lag, as far as a sweep can tell, and those that are left alone
    /// for good.
    pub(super) fn keep(&mut self, lags: impl Fn(&PartitionId) -> bool) {
        self.0.retain(|partition, failed| matches!(failed.rest, Rest::Always) || lags(partition));
    }

    /// Why one of the partitions that are left failed, if there are any.
    pub(super) fn into_failure(self) -> Option<WorkerError> {
        self.0.into_values().next().map(|failed| failed.why)
    }
}
