//! A worker's loop: it sweeps for work, takes turns, and stops when it is asked to.

use std::collections::BTreeMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Fuse, FusedFuture};
use futures_util::stream::{FuturesUnordered, StreamExt};
use gapless_model::consume::Outcome;
use gapless_model::{PartitionId, Time};

use super::agenda::Agenda;
use super::aside::AfterFailure;
use super::end::{RunEnd, Summary, WorkerError};
use super::handler::Handler;
use super::stop::Stop;
use super::sweep::{NextSweep, Pauses, Sweep, Swept};
use super::turn::{Crowd, Pages, Retries, Turn, TurnEnd, TurnSetting};
use crate::stream::{Shared, Stream};
use crate::trigger::Trigger;
use crate::vocabulary::{
    Backoff, Group, Hint, NoRandomness, Owner, StoreError, Timestamp, WorkerId, shortened,
};
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
    pub(super) rest: Option<Duration>,
    pub(super) retries: Retries,
    pub(super) after_failure: AfterFailure,
    pub(super) quota: Duration,
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

pub(super) type EndedTurn = (PartitionId, TurnEnd);

/// One run of a worker, up to where `until` says.
pub(super) struct WorkLoop<'a, H> {
    setting: &'a WorkerSetting<H>,
    id: &'a WorkerId,
    until: Until,
    agenda: Agenda,
    turns: FuturesUnordered<BoxFuture<'a, EndedTurn>>,
    crowd: Arc<Crowd>,
    sweeping: Fuse<BoxFuture<'a, Result<Swept, StoreError>>>,
    next_sweep: NextSweep,
    /// The pauses after sweeps that fail.
    after_failed: Backoff,
    pauses: Pauses,
    /// How many turns had ended when it swept last.
    turns_before: u64,
    /// The wait for hints goes on whatever else happens: a source that takes several requests to
    /// find them would never get to its end otherwise.
    hints: Fuse<BoxFuture<'a, Vec<Hint>>>,
    /// Items that the last sweep passed over, as nobody knows whose they are.
    foreign: BTreeMap<String, StoreError>,
    summary: Summary,
    /// What has its turns end, and for which reason.
    stop: Stop,
    stopping: Option<Stopping>,
}

/// Why a run ends before its work is done.
enum Stopping {
    /// It was asked to, or its deadline came.
    Orderly(RunEnd),
    /// Its first failure, reported once the other turns have ended in an orderly way.
    Failed(WorkerError),
}

impl<'a, H: Handler> WorkLoop<'a, H> {
    pub(super) fn new(
        setting: &'a WorkerSetting<H>,
        until: Until,
    ) -> Result<WorkLoop<'a, H>, WorkerError> {
        let id = setting.checked_id()?;
        let WorkerSetting { concurrency, sweep, rest, quota, .. } = setting;
        let end = match until {
            Until::Stopped => RunEnd::Stopped,
            Until::CaughtUp => RunEnd::CaughtUp,
        };
        Ok(WorkLoop {
            setting,
            id,
            until,
            agenda: Agenda::new(*concurrency),
            turns: FuturesUnordered::new(),
            crowd: Arc::new(Crowd { others_wait: AtomicBool::new(false), quota: *quota }),
            sweeping: Fuse::terminated(),
            next_sweep: NextSweep::default(),
            after_failed: Backoff::default(),
            pauses: Pauses::new(*sweep, *rest),
            turns_before: 0,
            hints: setting.next_hints(),
            foreign: BTreeMap::new(),
            summary: Summary { events: 0, turns: 0, failures: 0, yields: 0, end },
            stop: Stop::new(),
            stopping: None,
        })
    }

    pub(super) async fn run(mut self) -> Result<Summary, WorkerError> {
        let setting = self.setting;
        let clock = &setting.stream.0.clock;
        let notices = setting.stream.0.notices.subscribe();
        loop {
            let now = clock.now();
            if setting.stop.is_requested() {
                self.begin_stop(Stopping::Orderly(RunEnd::Stopped));
            } else if setting.deadline.is_some_and(|deadline| now >= deadline) {
                self.begin_stop(Stopping::Orderly(RunEnd::Deadline));
            }
            let is_stopping = self.stopping.is_some();
            if !is_stopping {
                self.start_turns_and_sweep(now);
            } else if self.turns.is_empty() {
                return self.ended();
            }
            let wake = self.next_wake();
            let mut noticed = poll_fn(|context| notices.poll_waiting(context)).fuse();
            let mut woken = pin!(clock.sleep_until(wake).fuse());
            // Once it stops, it waits for its turns alone.
            let asked = async {
                if is_stopping { std::future::pending().await } else { setting.stop.wait().await }
            };
            let mut stopped = pin!(asked.fuse());
            let may_sweep = !is_stopping && self.sweeping.is_terminated();
            let next_sweep = &mut self.next_sweep;
            let mut due = poll_fn(|context| match may_sweep {
                true => next_sweep.poll_due(context),
                false => Poll::Pending,
            })
            .fuse();
            let agenda = &mut self.agenda;
            let mut back = poll_fn(|context| agenda.poll_back(context)).fuse();
            futures_util::select_biased! {
                turn = self.turns.select_next_some() => self.turn_ended(turn),
                hints = noticed => if !is_stopping {
                    // Notices of this process wait for nothing to be finished.
                    self.agenda.add_hinted(hints);
                },
                hints = &mut self.hints => {
                    let done = self.agenda.add_hinted(hints);
                    if let Some(trigger) = &setting.trigger {
                        done.iter().for_each(|partition| trigger.finish(partition));
                    }
                    self.hints = setting.next_hints();
                }
                swept = &mut self.sweeping => if self.sweep_ended(swept) {
                    return self.caught_up();
                },
                () = due => {}
                () = back => {}
                () = woken => {}
                () = stopped => {}
            }
        }
    }

    /// Begins no more turns, and has those that are under way end. The first failure counts, even
    /// while it stops in an orderly way.
    fn begin_stop(&mut self, why: Stopping) {
        match (&self.stopping, &why) {
            (Some(Stopping::Failed(_)), _) | (Some(_), Stopping::Orderly(_)) => {}
            (Some(Stopping::Orderly(_)), Stopping::Failed(_)) | (None, _) => {
                self.stopping = Some(why)
            }
        }
        self.sweeping = Fuse::terminated();
        self.hints = Fuse::terminated();
        self.stop.request();
    }

    /// How a run ends that was stopped.
    fn ended(mut self) -> Result<Summary, WorkerError> {
        match self.stopping {
            Some(Stopping::Failed(error)) => return Err(error),
            Some(Stopping::Orderly(end)) => self.summary.end = end,
            None => {}
        }
        Ok(self.summary)
    }

    /// How a run ends that has nothing more to do.
    fn caught_up(self) -> Result<Summary, WorkerError> {
        // P1: what is set aside was acknowledged, and is not delivered. So may be what is in a
        // partition whose id cannot be read.
        let foreign = self.foreign.into_values().next().map(WorkerError::Store);
        self.agenda.into_failure().or(foreign).map_or(Ok(self.summary), Err)
    }

    /// Keeps what the last sweep passed over, and says what the one before had not.
    fn pass_over(&mut self, foreign: Vec<StoreError>) {
        let named = foreign.into_iter().map(|error| (error.to_string(), error)).collect();
        let before = std::mem::replace(&mut self.foreign, named);
        for (_, error) in self.foreign.iter().filter(|(named, _)| !before.contains_key(*named)) {
            tracing::error!(%error, "an item is passed over");
        }
    }

    fn start_turns_and_sweep(&mut self, now: Timestamp) {
        let WorkerSetting { stream, group, concurrency, .. } = self.setting;
        self.agenda.come_back(now);
        while self.turns.len() < *concurrency
            && let Some(partition) = self.agenda.start_next()
        {
            let (crowd, stop) = (Arc::clone(&self.crowd), self.stop.clone());
            self.turns.push(self.setting.take_turn(self.id, partition, crowd, stop).boxed());
        }
        let is_full = self.turns.len() >= *concurrency;
        self.crowd.others_wait.store(is_full && self.agenda.has_waiting(), Ordering::Relaxed);
        // P1: the sweep is the durable trigger: it finds what no notice or hint announced.
        if self.sweeping.is_terminated() && self.next_sweep.is_due() {
            let (quiet, reads) = (self.agenda.quiet().clone(), self.until.consistency());
            self.sweeping = Sweep { stream, group, quiet, reads }.run().boxed().fuse();
        }
    }

    /// When to look up again if nothing happens.
    fn next_wake(&self) -> Timestamp {
        let far = self.setting.stream.now().plus(Duration::from_secs(3600));
        // Once it stops, it waits for its turns alone: a partition to come back to would wake it
        // again and again.
        if self.stopping.is_some() {
            return far;
        }
        let back = self.agenda.next_return().unwrap_or(far);
        back.min(self.setting.deadline.unwrap_or(far))
    }

    fn turn_ended(&mut self, (partition, ended): EndedTurn) {
        let clock = &self.setting.stream.0.clock;
        self.summary.turns += 1;
        if self.setting.rest.is_some() {
            // The pause that it rests for was meant for when nothing happens.
            self.next_sweep.hasten(|| clock.timer(self.setting.sweep));
        }
        let TurnEnd { outcome, delivered, cursor, leads_to } = ended;
        self.summary.events += delivered;
        if outcome.is_err() && delivered > 0 {
            // It got on, so its pauses begin anew.
            self.agenda.end_turn(&partition, false);
        }
        let outcome = match outcome {
            Ok(outcome) => outcome,
            // The others may be sound.
            Err(
                why @ (WorkerError::Handler { .. }
                | WorkerError::Store(StoreError::Malformed { .. })),
            ) => return self.partition_failed(partition, why),
            Err(why @ WorkerError::Store(_)) => return self.fail(why),
        };
        // A turn that gave its partition back had something to do.
        let gave_back = matches!(outcome, Outcome::GivenBack | Outcome::HandedOver);
        if self.agenda.end_turn(&partition, delivered == 0 && !gave_back) {
            // What the sweep had found otherwise is found by the next one, before long.
            let soon = || clock.timer(shortened(Duration::from_secs(2), 0.5));
            self.next_sweep.hasten(soon);
        }
        // P1: what a sealed partition keeps back, or waits for.
        self.agenda.add_ready(leads_to);
        match outcome {
            Outcome::CaughtUp => {
                self.agenda.set_quiet(&partition, delivered == 0);
                self.agenda.forget_done(&partition, cursor);
                // P1: what announced the partition meanwhile may be of an event that the turn has not
                // seen. The next turn finishes it.
                if let Some(trigger) = &self.setting.trigger
                    && !self.agenda.is_announced(&partition)
                {
                    trigger.finish(&partition);
                }
                if self.until == Until::CaughtUp && self.is_idle() {
                    // What confirms that nothing is left needs no pause.
                    self.next_sweep = NextSweep::default();
                }
            }
            // It made room for others, and lines up behind them.
            Outcome::GivenBack | Outcome::HandedOver if self.stopping.is_none() => {
                self.summary.yields += 1;
                self.agenda.add_ready(vec![partition]);
            }
            // The next sweep says when that lease can have ended, and what comes before is drained.
            Outcome::Busy
            | Outcome::Blocked
            | Outcome::Lost
            | Outcome::GivenBack
            | Outcome::HandedOver => {}
        }
    }

    /// What becomes of a partition whose handler failed as often as it may, or whose slots cannot be
    /// read.
    fn partition_failed(&mut self, partition: PartitionId, why: WorkerError) {
        self.summary.failures += 1;
        let pause = match (self.setting.after_failure, self.until) {
            (AfterFailure::Stop, _) => return self.fail(why),
            (AfterFailure::ComeBack { pause }, Until::Stopped) => Some(pause),
            (AfterFailure::ComeBack { .. }, Until::CaughtUp) | (AfterFailure::LeaveAlone, _) => {
                None
            }
        };
        let clock = &self.setting.stream.0.clock;
        let said = why.to_string();
        match self.agenda.set_aside(partition.clone(), why, pause, clock) {
            Some(pause) => {
                tracing::error!(%partition, why = said, ?pause, "the partition failed, and is tried again");
            }
            // Without a pause it is left alone for as long as the run lasts.
            None => {
                tracing::error!(%partition, why = said, "the partition failed, and is left alone");
            }
        }
    }

    /// Whether no turn is under way, and none is known to be due.
    fn is_idle(&self) -> bool {
        self.turns.is_empty() && self.agenda.is_clear()
    }

    /// Whether the sweep found that the work is done.
    fn sweep_ended(&mut self, swept: Result<Swept, StoreError>) -> bool {
        let Shared { clock, patience, .. } = &*self.setting.stream.0;
        let is_idle = swept.as_ref().is_ok_and(Swept::is_empty)
            && self.turns.is_empty()
            && self.turns_before == self.summary.turns;
        self.turns_before = self.summary.turns;
        self.next_sweep = NextSweep::after(clock.timer(self.pauses.after(is_idle)));
        match swept {
            Ok(mut swept) => {
                self.after_failed = Backoff::default();
                self.pass_over(std::mem::take(&mut swept.foreign));
                self.agenda.add_swept(swept);
                return self.until == Until::CaughtUp && self.is_idle();
            }
            Err(error) if error.is_transient() => {
                if self.agenda.sweep_failed(clock, *patience) {
                    self.fail(error.into());
                } else {
                    // Where sweeps are rare, it would be long until anything is found.
                    let most = self.setting.sweep.max(Duration::from_millis(100));
                    let pause = self.after_failed.next().min(most);
                    tracing::warn!(group = %self.setting.group, %error, ?pause, "a sweep failed, and is repeated");
                    self.next_sweep = NextSweep::after(clock.timer(pause));
                }
            }
            Err(error) => self.fail(error.into()),
        }
        false
    }

    /// Keeps the first failure, and stops.
    fn fail(&mut self, error: WorkerError) {
        let group = &self.setting.group;
        if matches!(self.stopping, Some(Stopping::Failed(_))) {
            tracing::warn!(%group, %error, "something else failed while the worker stops");
        } else {
            // Other turns may go on for long until the caller gets to know of it.
            tracing::error!(%group, %error, "the worker stops, as it cannot go on");
        }
        self.begin_stop(Stopping::Failed(error));
    }
}

impl<H: Handler> WorkerSetting<H> {
    /// The worker's id, if it has one, and its group can be stored.
    pub(super) fn checked_id(&self) -> Result<&WorkerId, StoreError> {
        check_group(&self.group)?;
        Ok(self.id.as_ref().map_err(|error| *error)?)
    }

    pub(super) async fn take_turn(
        &self,
        id: &WorkerId,
        partition: PartitionId,
        crowd: Arc<Crowd>,
        stop: Stop,
    ) -> EndedTurn {
        let parents = match self.stream.0.parents(&partition).await {
            Ok(Some(parents)) => parents,
            // D4: what comes before it is not known. Sweeps find it with its parents.
            Ok(None) => {
                tracing::debug!(%partition, "a hint names a partition that the stream has not, or not yet");
                return (partition, TurnEnd::unbegun(Ok(Outcome::Blocked)));
            }
            Err(error) if error.is_transient() => {
                return (partition, TurnEnd::unbegun(Ok(Outcome::Blocked)));
            }
            Err(error) => return (partition, TurnEnd::unbegun(Err(error.into()))),
        };
        // L1: a name of its own for each turn, even where the worker runs twice at once.
        let owner = Owner::of(id, self.next_turn.fetch_add(1, Ordering::Relaxed));
        let setting = TurnSetting {
            shared: &self.stream.0,
            group: &self.group,
            partition: &partition,
            owner: &owner,
            handler: &self.handler,
            retries: self.retries,
            stop: &stop,
            crowd: &crowd,
            pages: Pages::Stored,
        };
        let ended = Turn::new(setting, parents).run().await;
        (partition, ended)
    }

    /// The next hints of the trigger; none, ever, without one.
    fn next_hints(&self) -> Fuse<BoxFuture<'_, Vec<Hint>>> {
        self.trigger.as_ref().map_or_else(Fuse::terminated, |trigger| trigger.next().fuse())
    }
}
