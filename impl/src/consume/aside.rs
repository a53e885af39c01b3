//! Partitions that failed, and are left alone for a while or for good.

use std::collections::BTreeMap;
use std::time::Duration;

use gapless_model::{PartitionId, Time};

use super::end::WorkerError;
use crate::vocabulary::{Backoff, Timestamp};

/// What a worker does with a partition whose handler failed as often as
/// [`Worker::attempts`](super::Worker::attempts) says, or whose slots it cannot read.
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    /// It is left alone until then.
    Until(Timestamp),
    /// It is left alone for as long as the worker runs.
    Always,
    /// It is tried again.
    Over,
}

impl Aside {
    const LONGEST: Duration = Duration::from_secs(300);

    /// Sets a partition aside, for a pause or, without one, for good. Returns the time at which it
    /// is tried again.
    pub(super) fn add(
        &mut self,
        partition: PartitionId,
        why: WorkerError,
        pause: Option<Duration>,
        now: Timestamp,
    ) -> Option<Timestamp> {
        let first = pause.unwrap_or_default();
        let pauses = || Backoff::up_to(first, Aside::LONGEST.max(first));
        let known = self.0.remove(&partition).map(|failed| failed.pauses);
        let mut pauses = known.unwrap_or_else(pauses);
        let until = pause.map(|_| now.plus(pauses.next()));
        let rest = until.map_or(Rest::Always, Rest::Until);
        self.0.insert(partition, Failed { rest, pauses, why });
        until
    }

    /// Whether a partition is to be left alone.
    pub(super) fn has(&self, partition: &PartitionId) -> bool {
        self.0.get(partition).is_some_and(|failed| failed.rest != Rest::Over)
    }

    /// The partitions whose pause is over by now, each once.
    pub(super) fn come_back(&mut self, now: Timestamp) -> Vec<PartitionId> {
        let is_due = |rest: Rest| matches!(rest, Rest::Until(then) if then <= now);
        let due = self.0.iter_mut().filter(|(_, failed)| is_due(failed.rest));
        let due = due.map(|(partition, failed)| {
            failed.rest = Rest::Over;
            partition.clone()
        });
        due.collect()
    }

    /// When the next pause is over.
    pub(super) fn next_return(&self) -> Option<Timestamp> {
        let until = |failed: &Failed| match failed.rest {
            Rest::Until(then) => Some(then),
            Rest::Always | Rest::Over => None,
        };
        self.0.values().filter_map(until).min()
    }

    /// A partition has been mended, or has no more work.
    pub(super) fn remove(&mut self, partition: &PartitionId) {
        self.0.remove(partition);
    }

    /// Keeps the partitions that still lag, as far as a sweep can tell, and those that are left alone
    /// for good.
    pub(super) fn keep(&mut self, lags: impl Fn(&PartitionId) -> bool) {
        self.0.retain(|partition, failed| failed.rest == Rest::Always || lags(partition));
    }

    /// Why one of the partitions that are left failed, if there are any.
    pub(super) fn into_failure(self) -> Option<WorkerError> {
        self.0.into_values().next().map(|failed| failed.why)
    }
}
