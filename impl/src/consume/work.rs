//! A worker's loop: it sweeps for work, takes turns, and stops when it is asked to.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Fuse, FusedFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use gapless_model::consume::Outcome;
use gapless_model::{PartitionId, Time};

use super::agenda::Agenda;
use super::end::{Summary, WorkerError};
use super::handler::Handler;
use super::stop::Stop;
use super::sweep::{Sweep, Swept};
use super::turn::{Retries, Turn, TurnEnd, TurnError, TurnSetting};
use crate::stream::Stream;
use crate::trigger::Trigger;
use crate::vocabulary::{Group, NoRandomness, Owner, StoreError, Timestamp, WorkerId};
use crate::wire::{Consistency, check_group};

/// What a worker works with.
#[derive(Debug)]
pub(super) struct WorkerSetting<H> {
    pub(super) stream: Stream,
    pub(super) group: Group,
    /// Without random bytes it has no id, and no run begins.
    pub(super) id: Result<WorkerId, NoRandomness>,
    /// The number of its next turn, in whichever run.
    pub(super) next_turn: AtomicU64,
    pub(super) handler: H,
    pub(super) concurrency: usize,
    pub(super) sweep: Duration,
    pub(super) retries: Retries,
    pub(super) deadline: Option<Timestamp>,
    pub(super) trigger: Option<Arc<dyn Trigger>>,
    pub(super) stop: Stop,
}

/// When a worker has done its work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Until {
    /// When it is asked to stop.
    Stopped,
    /// When a sweep finds nothing more to do.
    CaughtUp,
}

impl Until {
    /// How sweeps read.
    fn consistency(self) -> Consistency {
        match self {
            // The next sweep finds what this one misses.
            Until::Stopped => Consistency::Eventual,
            // P1: "nothing to do" must not rest on a read that misses an acknowledged event.
            Until::CaughtUp => Consistency::Strong,
        }
    }
}

type EndedTurn = (PartitionId, Result<TurnEnd, TurnError>);

/// One run of a worker, up to where `until` says.
pub(super) struct WorkLoop<'a, H> {
    setting: &'a WorkerSetting<H>,
    id: &'a WorkerId,
    until: Until,
    agenda: Agenda,
    turns: FuturesUnordered<BoxFuture<'a, EndedTurn>>,
    sweeping: Fuse<BoxFuture<'a, Result<Swept, StoreError>>>,
    next_sweep: Timestamp,
    summary: Summary,
    /// The first failure, reported once the other turns have ended in an orderly way.
    failed: Option<WorkerError>,
}

impl<'a, H: Handler> WorkLoop<'a, H> {
    pub(super) fn new(
        setting: &'a WorkerSetting<H>,
        until: Until,
    ) -> Result<WorkLoop<'a, H>, WorkerError> {
        check_group(&setting.group)?;
        let id = setting.id.as_ref().map_err(|error| StoreError::from(*error))?;
        Ok(WorkLoop {
            setting,
            id,
            until,
            agenda: Agenda::default(),
            turns: FuturesUnordered::new(),
            sweeping: Fuse::terminated(),
            next_sweep: setting.stream.now(),
            summary: Summary::default(),
            failed: None,
        })
    }

    pub(super) async fn run(mut self) -> Result<Summary, WorkerError> {
        let setting = self.setting;
        let WorkerSetting { stream, stop, .. } = setting;
        let clock = &stream.0.clock;
        let notices = stream.0.notices.subscribe();
        loop {
            let now = clock.now();
            if setting.deadline.is_some_and(|deadline| now >= deadline) {
                stop.request();
            }
            let stopping = stop.is_requested();
            if stopping {
                self.sweeping = Fuse::terminated();
                if self.turns.is_empty() {
                    return self.failed.map_or(Ok(self.summary), Err);
                }
            } else {
                self.start_turns_and_sweep(now);
            }
            let wake = self.next_wake(stopping);
            let mut noticed = pin!(notices.next().fuse());
            let mut hinted = pin!(setting.hints().fuse());
            let mut woken = pin!(clock.sleep_until(wake).fuse());
            // Once it stops, it waits for its turns alone.
            let asked =
                async { if stopping { std::future::pending().await } else { stop.wait().await } };
            let mut stopped = pin!(asked.fuse());
            futures_util::select_biased! {
                turn = self.turns.select_next_some() => self.turn_ended(turn),
                partitions = noticed => if !stopping { self.agenda.add_ready(partitions) },
                partitions = hinted => if !stopping { self.agenda.add_ready(partitions) },
                swept = &mut self.sweeping => if self.sweep_ended(swept) {
                    return Ok(self.summary);
                },
                () = woken => {}
                () = stopped => {}
            }
        }
    }

    fn start_turns_and_sweep(&mut self, now: Timestamp) {
        let WorkerSetting { stream, group, concurrency, .. } = self.setting;
        self.agenda.come_back(now);
        while self.turns.len() < *concurrency
            && let Some(partition) = self.agenda.start_next()
        {
            self.turns.push(self.setting.take_turn(self.id, partition).boxed());
        }
        // P1: the sweep is the durable trigger: it finds what no notice or hint announced.
        if self.sweeping.is_terminated() && now >= self.next_sweep {
            let (quiet, reads) = (self.agenda.quiet().clone(), self.until.consistency());
            self.sweeping = Sweep { stream, group, quiet, reads }.run().boxed().fuse();
        }
    }

    /// When to look up again if nothing happens.
    fn next_wake(&self, stopping: bool) -> Timestamp {
        let far = self.setting.stream.now().plus(Duration::from_secs(3600));
        // Once it stops, it waits for its turns alone: a partition to come back to would wake it
        // again and again.
        if stopping {
            return far;
        }
        let sweep = if self.sweeping.is_terminated() { self.next_sweep } else { far };
        let back = self.agenda.next_return().unwrap_or(far);
        sweep.min(back).min(self.setting.deadline.unwrap_or(far))
    }

    fn turn_ended(&mut self, (partition, ended): EndedTurn) {
        self.summary.turns += 1;
        let TurnEnd { outcome, delivered } = match ended {
            Ok(end) => end,
            Err(TurnError::Store(error)) => return self.fail(error.into()),
            Err(TurnError::Handler { at, attempts, why }) => {
                return self.fail(WorkerError::Handler { partition, at, attempts, why });
            }
        };
        self.summary.events += delivered;
        self.agenda.end_turn(&partition);
        match outcome {
            Outcome::CaughtUp => {
                self.agenda.set_quiet(&partition, delivered == 0);
                if let Some(trigger) = &self.setting.trigger {
                    trigger.finish(&partition);
                }
                if self.until == Until::CaughtUp && self.is_idle() {
                    // What confirms that nothing is left needs no pause.
                    self.next_sweep = self.setting.stream.now();
                }
            }
            // The next sweep says when that lease can have ended.
            Outcome::Busy | Outcome::Lost | Outcome::GivenBack | Outcome::HandedOver => {}
        }
    }

    /// Whether no turn is under way, and none is known to be due.
    fn is_idle(&self) -> bool {
        self.turns.is_empty() && self.agenda.is_clear()
    }

    /// Whether the sweep found that the work is done.
    fn sweep_ended(&mut self, swept: Result<Swept, StoreError>) -> bool {
        let stream = &self.setting.stream;
        self.next_sweep = stream.now().plus(self.setting.sweep);
        match swept {
            Ok(swept) => {
                self.agenda.add_swept(swept);
                return self.until == Until::CaughtUp && self.is_idle();
            }
            Err(error) if error.is_transient() => {
                tracing::warn!(%error, "a sweep failed; it will be repeated");
                if self.agenda.sweep_failed(stream.now(), stream.0.patience) {
                    self.fail(error.into());
                }
            }
            Err(error) => self.fail(error.into()),
        }
        false
    }

    /// Keeps the first failure, and stops.
    fn fail(&mut self, error: WorkerError) {
        self.failed.get_or_insert(error);
        self.setting.stop.request();
    }
}

impl<H: Handler> WorkerSetting<H> {
    async fn take_turn(&self, id: &WorkerId, partition: PartitionId) -> EndedTurn {
        // L1: a name of its own for each turn, even where the worker runs twice at once.
        let owner = Owner::of(id, self.next_turn.fetch_add(1, Ordering::Relaxed));
        let setting = TurnSetting {
            shared: &self.stream.0,
            group: &self.group,
            partition: &partition,
            owner: &owner,
            handler: &self.handler,
            retries: self.retries,
            stop: &self.stop,
        };
        let ended = Turn::new(setting).run().await;
        (partition, ended)
    }

    /// The next hints of the trigger; none, ever, without one.
    async fn hints(&self) -> Vec<PartitionId> {
        match &self.trigger {
            Some(trigger) => trigger.next().await,
            None => std::future::pending().await,
        }
    }
}
