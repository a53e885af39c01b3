//! Workers: they consume for a group, either standing or invoked by the queue.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use gapless::trigger::{TableStream, Trigger};
use gapless::{AfterFailure, Group, RunEnd, Stream, Summary, Timestamp, WorkerError};
use gapless_model::Time as _;
use madsim::time::{sleep, timeout};

use super::client::streams_client;
use super::handler::DeliveryHandler;
use super::invocation::{Invocation, QueueTrigger};
use super::queue::{Queue, QueueRequest};
use super::scripted::ScriptTrigger;
use super::shared::Cluster;
use super::watcher::open_stream;
use crate::moment::now;
use crate::plan::{Dice, Happening, HintSource, Incident, Lifetime, Node, WorkerPlan};

struct WorkerLife {
    cluster: Arc<Cluster>,
    node: Node,
    plan: WorkerPlan,
    concurrency: usize,
    group: Group,
    stream: Stream,
    queue: Queue,
}

/// Runs one life of a worker.
pub(crate) async fn run(cluster: Arc<Cluster>, index: usize) {
    let node = cluster.plan.worker(index);
    let life = cluster.begin_life(node);
    let plan = cluster.plan.workers[index];
    let concurrency = cluster.plan.concurrency(index);
    let group = cluster.group(plan.group);
    let queue = Queue::new(node).await;
    let Some(stream) = open_stream(&cluster, node, life).await else { return };
    let worker = WorkerLife { cluster, node, plan, concurrency, group, stream, queue };
    drop(madsim::task::spawn(forward_notices(
        worker.stream.clone(),
        worker.queue.clone(),
        worker.group.clone(),
    )));
    match plan.life {
        Lifetime::Standing => worker.run_standing().await,
        Lifetime::Lambda { limit } => worker.run_invoked(limit.duration()).await,
    }
}

/// Forwards what this node announces, such as a hand-over, to other nodes by the queue.
async fn forward_notices(stream: Stream, queue: Queue, group: Group) {
    let notices = stream.notices().subscribe();
    loop {
        for hint in notices.next().await {
            let request = QueueRequest::Send {
                group: Some(group.to_string()),
                partition: hint.partition().to_string(),
            };
            queue.call(request).await;
        }
    }
}

impl WorkerLife {
    fn handler(&self) -> DeliveryHandler {
        DeliveryHandler::new(Arc::clone(&self.cluster), self.node, self.plan)
    }

    fn worker(&self) -> gapless::Worker<DeliveryHandler> {
        let worker = self
            .stream
            .worker(self.group.clone(), self.handler())
            .name(&format!("w{}", self.node.0))
            .concurrency(self.concurrency)
            .sweep_every(self.plan.sweep.duration())
            .attempts(DeliveryHandler::ATTEMPTS, Duration::from_millis(40))
            .after_failure(self.after_failure())
            .quota(self.cluster.plan.lease.duration() / 4);
        let id = worker.id().expect("the simulation has random bytes");
        self.cluster.recorder().judge.leases.register_worker(id, self.node);
        if self.cluster.gate.is_none() {
            return worker;
        }
        // In the checked world a turn ends when its handler fails, and another may begin at once.
        let pause = Duration::from_millis(1);
        let trigger = ScriptTrigger { cluster: Arc::clone(&self.cluster), node: self.node };
        worker
            .attempts(1, pause)
            .after_failure(AfterFailure::ComeBack { pause })
            .trigger(Arc::new(trigger))
    }

    /// What the worker does with a partition that failed, drawn for each of its lives.
    fn after_failure(&self) -> AfterFailure {
        let life = u64::from(self.cluster.life(self.node));
        let mut dice = Dice::at(self.cluster.plan.seed, &[18, u64::from(self.node.0), life]);
        match (dice.below(4), self.plan.life) {
            (0, _) => AfterFailure::Stop,
            // P1: a standing worker would leave it alone for good.
            (1, Lifetime::Lambda { .. }) => AfterFailure::LeaveAlone,
            _ => AfterFailure::ComeBack { pause: self.cluster.plan.lease.duration() / 8 },
        }
    }

    async fn run_standing(&self) {
        loop {
            let mut worker = self.worker();
            match self.plan.hints {
                HintSource::None => {}
                HintSource::Queue => {
                    let trigger = QueueTrigger::new(self.queue.clone(), &self.group);
                    worker = worker.trigger(Arc::new(trigger));
                }
                HintSource::TableStream => {
                    let client = streams_client(&self.cluster, self.node).await;
                    let trigger = TableStream::new(client, &self.stream);
                    let trigger = trigger.expect("the stream's client can sleep");
                    worker = worker.trigger(Arc::new(trigger));
                }
            }
            self.cluster.register_stop(self.node, worker.stopper());
            match self.rerun(|| worker.run()).await {
                Ok(_) => {
                    self.cluster.recorder().mark("a worker stops as it was asked to");
                    self.note("stops".to_owned());
                    sleep(self.cluster.time_away(self.node).duration()).await;
                }
                Err(error) => self.recover_from(error).await,
            }
        }
    }

    async fn run_invoked(&self, limit: Duration) {
        loop {
            let messages = self.cluster.functions.freeze(self.node, &self.group).await;
            self.note(format!("is invoked by {} triggers", messages.len()));
            let invocation = Invocation::new(&messages);
            let deadline = self.stream.now().plus(limit);
            let before = self.plan.handling.duration() * 2 + Duration::from_millis(300);
            let worker = self.worker().deadline(deadline, before);
            let worker = worker.trigger(Arc::new(invocation.clone()));
            self.cluster.register_stop(self.node, worker.stopper());
            let begun = self.cluster.recorder().judge.begun(now(), &self.group);
            // An invocation is ended at its limit, wherever it is, and its process with it.
            let working = self.rerun(|| worker.until_caught_up());
            match timeout(limit, working).await {
                Err(_) => {
                    self.note("is ended at its limit".to_owned());
                    {
                        let mut recorder = self.cluster.recorder();
                        recorder.mark("a function is ended at its limit");
                        recorder.judge.note_limit(now(), self.node);
                    }
                    self.cluster.functions.end().await;
                }
                Ok(Err(error)) => self.recover_from(error).await,
                Ok(Ok(summary)) if summary.end != RunEnd::CaughtUp => {
                    // It stopped before its deadline: the other triggers come back.
                    self.cluster
                        .recorder()
                        .mark("a short-lived worker hands over before its deadline");
                }
                // The list of keys' own partitions comes from the index, which may lag: there it
                // promises less.
                Ok(Ok(_)) if self.cluster.plan.partition_bits.is_none() => {}
                Ok(Ok(_)) => {
                    let judgement =
                        self.cluster.recorder().judge.judge_caught_up(now(), self.node, &begun);
                    self.cluster.record_judgement(judgement);
                }
            }
            // P1: only what a turn has caught up with is deleted; the other triggers come back.
            let receipts = invocation.take_finished();
            if !receipts.is_empty() {
                self.queue.call(QueueRequest::Delete { receipts }).await;
            }
        }
    }

    /// Runs a worker to its end. Where the plan says so, the run is dropped wherever it is, and the
    /// same worker runs again at once.
    async fn rerun<F: Future<Output = Result<Summary, WorkerError>>>(
        &self,
        run: impl Fn() -> F,
    ) -> Result<Summary, WorkerError> {
        loop {
            let dropped = self.cluster.register_drop(self.node);
            let began = self.cluster.clock(self.node);
            match select(pin!(run()), pin!(dropped.wait())).await {
                Either::Left((ended, _)) => {
                    if let Ok(summary) = &ended {
                        self.mark_summary(summary);
                    }
                    let (time, failed) = (self.cluster.clock(self.node), ended.is_err());
                    let turns = &mut self.cluster.recorder().judge.turns;
                    let judgement = turns.judge_run_end(self.node, time, failed);
                    self.cluster.record_judgement(judgement);
                    if let Err(WorkerError::Store(error)) = &ended
                        && error.is_transient()
                    {
                        self.judge_patience(began);
                    }
                    return ended;
                }
                Either::Right(_) => {
                    let mut recorder = self.cluster.recorder();
                    recorder.mark("a run is dropped, and its worker runs again");
                    recorder.judge.turns.note_interruption(self.node);
                }
            }
        }
    }

    fn mark_summary(&self, summary: &Summary) {
        if summary.yields > 0 {
            self.cluster.recorder().mark("a turn makes room for others");
        }
    }

    /// Judges that a run which gave up has waited for as long as its patience lasts, by its own clock.
    fn judge_patience(&self, began: Timestamp) {
        let plan = &self.cluster.plan;
        let sets = |incident: &Incident| matches!(incident.happening, Happening::SetClock { .. });
        let is_own = |incident: &&Incident| incident.happening.node() == Some(self.node);
        let is_even = !plan.incidents.iter().filter(is_own).any(sets);
        let waited = self.cluster.clock(self.node).since(began);
        let patience = plan.lease.duration();
        if is_even && waited < patience {
            let what =
                format!("a worker gave up after {waited:?}, and its patience is {patience:?}");
            self.cluster.record_unexplained(self.node, what);
        }
    }

    fn note(&self, did: String) {
        let name = self.cluster.plan.name(self.node);
        self.cluster.recorder().note(now(), &name, did, None);
    }

    /// Waits, like a supervisor, before the worker starts again. An error that no fault
    /// explains is a violation.
    async fn recover_from(&self, error: WorkerError) {
        match &error {
            WorkerError::Handler { .. } => {}
            WorkerError::Store(error) if error.is_transient() => {
                self.cluster.recorder().mark("a worker's patience runs out");
            }
            WorkerError::Store(error)
                if self.cluster.injector.explains_refusal(self.node, error) =>
            {
                self.cluster.recorder().mark("a worker is refused for good, and starts again");
            }
            _ => {
                self.cluster.record_unexplained(self.node, format!("a worker ended: {error}"));
            }
        }
        self.note(format!("ends: {error}"));
        sleep(Duration::from_millis(200)).await;
    }
}
