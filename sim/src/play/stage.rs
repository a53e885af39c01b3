//! The stage that a plan is played on: its nodes, the incidents that happen to them, and
//! their recovery.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use madsim::net::NetSim;
use madsim::runtime::{Handle, NodeHandle};
use madsim::task::{JoinHandle, NodeId};
use madsim::time::sleep;

use super::report::RunReport;
use crate::cluster::{self, Cluster, Store};
use crate::judge::Judgement;
use crate::moment::now;
use crate::plan::{Direction, Happening, Incident, Millis, Node, OperatorAction};

/// What ends an incident later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Recovery {
    Restart(Node),
    Resume(Node),
    Mend(Node),
    RestartEngine,
}

/// The nodes of a run and the state of their incidents.
pub(crate) struct Stage {
    cluster: Arc<Cluster>,
    handle: Handle,
    dynamo: NodeHandle,
    queue: NodeId,
    network: NodeId,
    operator: NodeHandle,
    nodes: Vec<NodeHandle>,
    recoveries: BinaryHeap<Reverse<(Millis, Recovery)>>,
    /// The nodes that are paused, and those that have crashed.
    still: BTreeSet<Node>,
    down: BTreeSet<Node>,
    engine_down: bool,
}

impl Stage {
    pub(crate) fn build(cluster: &Arc<Cluster>, store: &Arc<Store>) -> Stage {
        let handle = Handle::current();
        let [dynamo, queue, network] = cluster::service_addresses();
        let shared = (Arc::clone(cluster), Arc::clone(store));
        let builder = handle.create_node().name(dynamo.0).ip(dynamo.1);
        let dynamo = builder
            .init(move || cluster::run_dynamo(Arc::clone(&shared.0), Arc::clone(&shared.1)))
            .build();
        let shared = (Arc::clone(cluster), Arc::clone(store));
        let builder = handle.create_node().name(queue.0).ip(queue.1);
        let queue = builder
            .init(move || cluster::run_queue(Arc::clone(&shared.0), Arc::clone(&shared.1)))
            .build();
        let late = handle.create_node().name(network.0).ip(network.1).build();
        let (queue, network) = (queue.id(), late.id());
        cluster.set_network(late);
        let operator = cluster.plan.operator();
        let operator = handle.create_node().name("operator").ip(cluster::address(operator)).build();
        Stage {
            cluster: Arc::clone(cluster),
            dynamo,
            queue,
            network,
            operator,
            nodes: Vec::new(),
            recoveries: BinaryHeap::new(),
            still: BTreeSet::new(),
            down: BTreeSet::new(),
            engine_down: false,
            handle,
        }
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
        let output = self.spawn_on_operator(run).await.map_err(|panic| panic.to_string())?;
        output.ok_or_else(|| "it was ended from outside".to_owned())
    }

    fn spawn_on_operator<T: Send + 'static>(
        &self,
        run: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<Option<T>> {
        let cluster = Arc::clone(&self.cluster);
        let node = cluster.plan.operator();
        self.operator.spawn(cluster::paced(cluster, node, run))
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
            self.start(plan.producer(index), run);
        }
        for index in 0..plan.workers.len() {
            let shared = Arc::clone(&self.cluster);
            let run = move || cluster::run_worker(Arc::clone(&shared), index);
            self.start(plan.worker(index), run);
        }
        for index in 0..plan.readers.len() {
            let shared = Arc::clone(&self.cluster);
            let run = move || cluster::run_reader(Arc::clone(&shared), index);
            self.start(plan.reader(index), run);
        }
    }

    fn start<F>(&mut self, node: Node, run: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = self.cluster.plan.name(node);
        let builder = self.handle.create_node().name(name).ip(cluster::address(node));
        let cluster = Arc::clone(&self.cluster);
        let init = move || cluster::paced(Arc::clone(&cluster), node, run());
        self.nodes.push(builder.init(init).build());
    }

    /// Whether nothing more is to be seen: something is broken, or the run is cut off.
    fn is_over(&self) -> bool {
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
            let next = self.recoveries.peek().map_or(next, |Reverse((at, _))| (*at).min(next));
            let next = self.cluster.ambushes.next().map_or(next, |at| at.min(next));
            let next = next.min(now().plus(Millis(250)));
            if !self.sleep_until(next).await {
                return;
            }
            while let Some(Reverse((at, recovery))) = self.recoveries.peek().copied()
                && at <= now()
            {
                self.recoveries.pop();
                self.recover(recovery);
            }
            while let Some(incident) = incidents.next_if(|incident| incident.at <= now()) {
                if !self.cluster.ambushes.arm(incident) {
                    self.inject(incident);
                }
            }
            for incident in self.cluster.ambushes.take_due(now()) {
                self.inject(&incident);
            }
            if now() >= plan.heals {
                return;
            }
            // Nothing is left to deliver and nothing to break.
            let rests = incidents.peek().is_none() && self.cluster.ambushes.next().is_none();
            if rests && self.recoveries.is_empty() && self.is_complete() {
                return;
            }
        }
    }

    fn is_complete(&self) -> bool {
        let groups = self.cluster.groups();
        let done = self.cluster.unfinished().is_empty();
        let judge = &self.cluster.recorder().judge;
        done && judge.undelivered(&groups).is_empty() && judge.unread().is_empty()
    }

    fn id_of(&self, node: Node) -> Option<NodeId> {
        self.nodes.get(usize::from(node.0)).map(NodeHandle::id)
    }

    fn schedule(&mut self, span: Millis, recovery: Recovery) {
        self.recoveries.push(Reverse((now().plus(span), recovery)));
    }

    pub(super) fn inject(&mut self, incident: &Incident) {
        let cluster = Arc::clone(&self.cluster);
        if !self.can_happen(incident.happening) {
            return;
        }
        cluster.record_incident(incident);
        if !self.is_complete() {
            let mut recorder = cluster.recorder();
            recorder.mark("an incident while there is work");
            if matches!(incident.happening, Happening::Crash { .. }) {
                recorder.mark("a crash while there is work");
            }
        }
        match incident.happening {
            Happening::Crash { node, down } => self.crash(node, down),
            Happening::Freeze { node, span } => self.freeze(node, span),
            Happening::Stop { node, down } => cluster.ask_to_stop(node, down),
            Happening::Drop { node } => cluster.drop_run(node),
            Happening::Cut { node, direction, span } => self.cut(node, direction, span),
            Happening::SetClock { node, offset } => cluster.set_clock(node, offset),
            Happening::Storm { span } => cluster.injector.begin_storm(now().plus(span)),
            Happening::SlowPartition { partition, by, span } => {
                cluster.slow_down(partition, by, now().plus(span));
            }
            Happening::RestartEngine { down } => {
                self.engine_down = true;
                self.handle.kill(self.dynamo.id());
                self.schedule(down, Recovery::RestartEngine);
            }
            Happening::Operate { act } => {
                drop(self.spawn_on_operator(async move {
                    match act {
                        // A fault may have kept it from its end.
                        OperatorAction::Audit => drop(cluster::audit(&cluster).await),
                        OperatorAction::Create => drop(cluster::create(&cluster).await),
                    }
                }));
            }
        }
    }

    /// Whether a happening changes anything: a node that is down doesn't crash again.
    fn can_happen(&self, happening: Happening) -> bool {
        match happening {
            Happening::Crash { node, .. } => {
                self.id_of(node).is_some() && !self.down.contains(&node)
            }
            Happening::Freeze { node, .. } => {
                self.id_of(node).is_some()
                    && !self.down.contains(&node)
                    && !self.still.contains(&node)
            }
            Happening::Cut { node, .. } => self.id_of(node).is_some(),
            Happening::RestartEngine { .. } => !self.engine_down,
            Happening::Stop { .. }
            | Happening::Drop { .. }
            | Happening::SetClock { .. }
            | Happening::Storm { .. }
            | Happening::SlowPartition { .. }
            | Happening::Operate { .. } => true,
        }
    }

    fn crash(&mut self, node: Node, down: Millis) {
        let Some(id) = self.id_of(node) else { return };
        self.down.insert(node);
        self.still.remove(&node);
        self.handle.kill(id);
        self.schedule(down, Recovery::Restart(node));
    }

    fn freeze(&mut self, node: Node, span: Millis) {
        let Some(id) = self.id_of(node) else { return };
        self.still.insert(node);
        self.cluster.recorder().judge.activity.suspend(node, now().plus(span));
        self.handle.pause(id);
        self.schedule(span, Recovery::Resume(node));
    }

    fn cut(&mut self, node: Node, direction: Direction, span: Millis) {
        let Some(id) = self.id_of(node) else { return };
        let network = NetSim::current();
        match direction {
            Direction::In => network.clog_node_in(id),
            Direction::Out => network.clog_node_out(id),
            Direction::Both => network.clog_node(id),
        }
        self.schedule(span, Recovery::Mend(node));
    }

    fn recover(&mut self, recovery: Recovery) {
        match recovery {
            Recovery::Restart(node) => {
                if self.down.remove(&node)
                    && let Some(id) = self.id_of(node)
                {
                    self.handle.restart(id);
                }
            }
            Recovery::Resume(node) => {
                if self.still.remove(&node)
                    && let Some(id) = self.id_of(node)
                {
                    self.handle.resume(id);
                }
            }
            Recovery::Mend(node) => {
                if let Some(id) = self.id_of(node) {
                    NetSim::current().unclog_node(id);
                }
            }
            Recovery::RestartEngine => {
                if std::mem::replace(&mut self.engine_down, false) {
                    self.handle.restart(self.dynamo.id());
                }
            }
        }
    }

    /// Ends all faults: nodes that are down restart, links that are cut work again.
    pub(crate) fn heal(&mut self) {
        self.cluster.injector.heal();
        self.cluster.ambushes.disarm();
        for Reverse((_, recovery)) in std::mem::take(&mut self.recoveries) {
            self.recover(recovery);
        }
        let mut recorder = self.cluster.recorder();
        recorder.judge.chronicle.note_healing(now());
        recorder.note(now(), "world", "all trouble ends".to_owned(), None);
    }

    /// Demands progress. P1: everything acknowledged is delivered to every group within the
    /// plan's patience. D2: by then every turn that was overtaken has shown its end.
    pub(crate) async fn await_progress(&mut self) {
        let plan = self.cluster.plan.clone();
        let until = now().plus(plan.patience);
        while !self.is_complete() || self.cluster.recorder().judge.turns.is_any_suspected() {
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
        let cluster = Arc::clone(&self.cluster);
        let ended = self.as_operator(async move { cluster::audit_at_last(&cluster).await }).await;
        if let Err(why) = ended.and_then(|audited| audited.map_err(|error| error.to_string()))
            && !self.is_over()
        {
            let what = format!("the final audit never came to its end: {why}");
            self.cluster.record_unexplained(self.cluster.plan.operator(), what);
        }
    }

    fn judge_standstill(&self, patience: Millis) -> Judgement {
        let (groups, unfinished) = (self.cluster.groups(), self.cluster.unfinished());
        let complete = self.is_complete();
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

/// Kills every process. Otherwise none of their tasks would ever be freed: a task that waits is held
/// by what would wake it, and holds that in turn. The runtime drops the killed ones before it returns.
impl Drop for Stage {
    fn drop(&mut self) {
        let services = [self.dynamo.id(), self.queue, self.network, self.operator.id()];
        for node in services.into_iter().chain(self.nodes.iter().map(NodeHandle::id)) {
            self.handle.kill(node);
        }
    }
}
