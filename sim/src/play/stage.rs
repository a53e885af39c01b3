//! The acts of a run: the stream is created, incidents strike, all trouble ends, and progress is
//! demanded.

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use madsim::time::sleep;

use super::nodes::Nodes;
use super::report::RunReport;
use crate::cluster::{self, Cluster, Store};
use crate::judge::Judgement;
use crate::moment::now;
use crate::plan::{Happening, Incident, Millis, Node};

/// The stage that a plan is played on.
pub(crate) struct Stage {
    cluster: Arc<Cluster>,
    nodes: Nodes,
    /// Whether a process has asked for more than the script says since the last step.
    pub(super) has_detoured: bool,
}

impl Stage {
    pub(crate) fn build(cluster: &Arc<Cluster>, store: &Arc<Store>) -> Stage {
        let nodes = Nodes::build(cluster, store);
        Stage { cluster: Arc::clone(cluster), nodes, has_detoured: false }
    }

    pub(crate) fn cluster(&self) -> &Arc<Cluster> {
        &self.cluster
    }

    /// Runs a future on the operator's node.
    ///
    /// # Errors
    /// The message that it panicked with, or that it was ended.
    pub(crate) async fn as_operator<T: Send + 'static>(
        &self,
        run: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, String> {
        self.nodes.as_operator(run).await
    }

    /// Makes something happen now, for a script.
    pub(super) fn inject_now(&mut self, happening: Happening) {
        self.nodes.inject(&Incident { at: now(), happening, ambush: None });
    }

    /// Starts a process again that is down.
    pub(super) fn restart(&mut self, node: Node) {
        self.nodes.restart(node);
    }

    /// The producers that are down.
    pub(super) fn dead_producers(&self) -> Vec<Node> {
        self.nodes.dead_producers()
    }

    /// Makes something happen now.
    #[cfg(test)]
    pub(super) fn inject(&mut self, incident: &crate::plan::Incident) {
        self.nodes.inject(incident);
    }

    /// Creates the stream, then starts its other processes. Returns false, with a violation, if
    /// the stream cannot be created.
    pub(crate) async fn set_up(&mut self) -> bool {
        // By then the store's node has bound its port.
        sleep(Duration::from_millis(1)).await;
        let cluster = Arc::clone(&self.cluster);
        let created = self.as_operator(async move { cluster::create(&cluster).await }).await;
        if self.is_over() {
            return false;
        }
        let failed = match created {
            Ok(true) => None,
            Ok(false) => Some("the stream could not be created in 100 attempts".to_owned()),
            Err(why) => Some(format!("the stream was not created: {why}")),
        };
        if let Some(what) = failed {
            self.cluster.record_unexplained(self.cluster.plan.operator(), what);
            return false;
        }
        self.start_all();
        true
    }

    /// Starts the processes in the order of their nodes.
    fn start_all(&mut self) {
        let plan = self.cluster.plan.clone();
        for index in 0..plan.producers.len() {
            let shared = Arc::clone(&self.cluster);
            let run = move || cluster::run_producer(Arc::clone(&shared), index);
            self.nodes.start(plan.producer(index), run);
        }
        for index in 0..plan.workers.len() {
            let shared = Arc::clone(&self.cluster);
            let run = move || cluster::run_worker(Arc::clone(&shared), index);
            self.nodes.start(plan.worker(index), run);
        }
        for index in 0..plan.readers.len() {
            let shared = Arc::clone(&self.cluster);
            let run = move || cluster::run_reader(Arc::clone(&shared), index);
            self.nodes.start(plan.reader(index), run);
        }
    }

    /// Whether nothing more is to be seen: something is broken, or the run is cut off.
    pub(super) fn is_over(&self) -> bool {
        self.cluster.recorder().violation.is_some() || self.cluster.pace.is_cut_off()
    }

    /// Sleeps until `then`, or until the moment of an incident has come. Returns false as soon as the
    /// run is over.
    async fn sleep_until(&self, then: Millis) -> bool {
        const LOOK: Millis = Millis(40);
        while now() < then {
            if self.is_over() {
                return false;
            }
            let left = Millis(then.0 - now().0);
            let sleep = pin!(sleep(left.min(LOOK).duration()));
            if let Either::Right(_) = select(sleep, pin!(self.cluster.ambushes.wait())).await {
                break;
            }
        }
        !self.is_over()
    }

    /// Applies the incidents of the plan until it heals, or until everything is delivered and
    /// no incident is left.
    pub(crate) async fn run_incidents(&mut self) {
        let plan = self.cluster.plan.clone();
        let mut incidents = plan.incidents.iter().peekable();
        loop {
            let next = incidents.peek().map_or(plan.heals, |incident| incident.at.min(plan.heals));
            let next = self.nodes.next_recovery().map_or(next, |at| at.min(next));
            let next = self.cluster.ambushes.next().map_or(next, |at| at.min(next));
            let next = next.min(now().plus(Millis(250)));
            if !self.sleep_until(next).await {
                return;
            }
            self.nodes.recover_due();
            while let Some(incident) = incidents.next_if(|incident| incident.at <= now()) {
                if !self.cluster.ambushes.arm(incident) {
                    self.nodes.inject(incident);
                }
            }
            for incident in self.cluster.ambushes.take_due(now()) {
                self.nodes.inject(&incident);
            }
            if now() >= plan.heals {
                return;
            }
            // Nothing is left to deliver and nothing to break.
            let rests = incidents.peek().is_none() && self.cluster.ambushes.next().is_none();
            if rests && self.nodes.next_recovery().is_none() && self.cluster.is_complete() {
                return;
            }
        }
    }

    /// Ends all faults: nodes that are down restart, links that are cut work again.
    pub(crate) fn heal(&mut self) {
        self.cluster.injector.heal();
        self.cluster.ambushes.disarm();
        self.nodes.recover_all();
        let mut recorder = self.cluster.recorder();
        recorder.judge.chronicle.note_healing(now());
        recorder.note(now(), "world", "all trouble ends".to_owned(), None);
    }

    /// Demands progress. P1: everything acknowledged is delivered to every group within the
    /// plan's patience. D2: by then every turn that was overtaken has shown its end.
    pub(crate) async fn await_progress(&mut self) {
        let plan = self.cluster.plan.clone();
        let until = now().plus(plan.patience);
        while !self.cluster.is_complete() || self.cluster.recorder().judge.turns.is_any_suspected()
        {
            if now() >= until {
                let judgement = self.judge_standstill(plan.patience);
                self.cluster.record_judgement(judgement);
                return;
            }
            let next = now().plus(Millis(100));
            if !self.sleep_until(next).await {
                return;
            }
        }
        // Late copies may still arrive: what is settled must withstand them, too.
        let quiet = now().plus(plan.trouble.span);
        if plan.trouble.ppm > 0 && !self.sleep_until(quiet).await {
            return;
        }
        self.judge_cost();
        if plan.is_watched_idle() && !self.watch_idle().await {
            return;
        }
        let cluster = Arc::clone(&self.cluster);
        let ended = self.as_operator(async move { cluster::audit_at_last(&cluster).await }).await;
        if let Err(why) = ended.and_then(|audited| audited.map_err(|error| error.to_string()))
            && !self.is_over()
        {
            let what = format!("the final audit never came to its end: {why}");
            self.cluster.record_unexplained(self.cluster.plan.operator(), what);
        }
    }

    /// Watches what workers do that have nothing to do. Returns false as soon as the run is over.
    async fn watch_idle(&self) -> bool {
        let plan = &self.cluster.plan;
        // By then their turns have ended, and they have looked into what a dead producer left.
        if !self.sleep_until(now().plus(plan.time_to_rest())).await {
            return false;
        }
        self.cluster.recorder().judge.idleness.begin(now());
        let sweeps = plan.workers.iter().map(|worker| worker.sweep.0);
        let idle = Millis(sweeps.max().unwrap_or(0) * 4);
        if !self.sleep_until(now().plus(idle)).await {
            return false;
        }
        let judgement = {
            let mut recorder = self.cluster.recorder();
            if recorder.judge.idleness.has_seen(plan) {
                recorder.mark("a worker has nothing to do");
            }
            recorder.judge.idleness.judge(now(), plan)
        };
        self.cluster.record_judgement(judgement);
        !self.is_over()
    }

    /// Judges what it took to append and to consume everything.
    fn judge_cost(&self) {
        let judgement = {
            let judge = &self.cluster.recorder().judge;
            judge.costs.judge(now(), &self.cluster.plan, &judge.chronicle)
        };
        self.cluster.record_judgement(judgement);
    }

    fn judge_standstill(&self, patience: Millis) -> Judgement {
        let (groups, unfinished) = (self.cluster.groups(), self.cluster.unfinished());
        let complete = self.cluster.is_complete();
        let judge = &self.cluster.recorder().judge;
        if complete {
            return judge.turns.judge_silence();
        }
        judge.judge_patience(&judge.undelivered(&groups), &unfinished, patience)
    }

    pub(crate) fn report(&self) -> RunReport {
        RunReport::of(&mut self.cluster.recorder(), now())
    }
}
