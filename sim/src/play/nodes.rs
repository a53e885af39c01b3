//! The nodes of a run, what happens to them, and what ends it later.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;

use madsim::net::NetSim;
use madsim::runtime::{Handle, NodeHandle};
use madsim::task::{JoinHandle, NodeId};

use crate::cluster::{self, Change, Cluster, Reset, Store};
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

/// The nodes of a run, and the state of what has happened to them.
pub(super) struct Nodes {
    cluster: Arc<Cluster>,
    handle: Handle,
    dynamo: NodeHandle,
    queue: NodeId,
    network: NodeId,
    operator: NodeHandle,
    processes: Vec<NodeHandle>,
    recoveries: BinaryHeap<Reverse<(Millis, Recovery)>>,
    /// The nodes that are paused, and those that have crashed.
    still: BTreeSet<Node>,
    down: BTreeSet<Node>,
    engine_down: bool,
}

impl Nodes {
    pub(super) fn build(cluster: &Arc<Cluster>, store: &Arc<Store>) -> Nodes {
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
        Nodes {
            cluster: Arc::clone(cluster),
            dynamo,
            queue,
            network,
            operator,
            processes: Vec::new(),
            recoveries: BinaryHeap::new(),
            still: BTreeSet::new(),
            down: BTreeSet::new(),
            engine_down: false,
            handle,
        }
    }

    /// Runs a future on the operator's node.
    ///
    /// # Errors
    /// The message that it panicked with, or that it was ended.
    pub(super) async fn as_operator<T: Send + 'static>(
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

    pub(super) fn start<F>(&mut self, node: Node, run: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = self.cluster.plan.name(node);
        let builder = self.handle.create_node().name(name).ip(cluster::address(node));
        let cluster = Arc::clone(&self.cluster);
        let init = move || cluster::paced(Arc::clone(&cluster), node, run());
        self.processes.push(builder.init(init).build());
    }

    fn id_of(&self, node: Node) -> Option<NodeId> {
        self.processes.get(usize::from(node.0)).map(NodeHandle::id)
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
        if !cluster.is_complete() {
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
            Happening::SlowProcess { node, by, span } => {
                cluster.injector.slow_process(node, by, now().plus(span));
            }
            Happening::LockOut { node, span } => cluster.injector.lock_out(node, now().plus(span)),
            Happening::HotPartition { partition, span } => {
                cluster.heat(partition, now().plus(span));
            }
            Happening::HotIndex { span } => cluster.injector.heat_index(now().plus(span)),
            Happening::Outage { part, span } => {
                cluster.injector.begin_outage(part, now().plus(span));
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
                        OperatorAction::OpenOtherwise => cluster::open_otherwise(&cluster).await,
                        OperatorAction::Split { leaf, dies } => {
                            cluster::reshape(&cluster, Change::Split, leaf, dies).await;
                        }
                        OperatorAction::Merge { leaf, dies } => {
                            cluster::reshape(&cluster, Change::Merge, leaf, dies).await;
                        }
                        OperatorAction::Reset { group, partition, keeps, dies } => {
                            let reset = Reset { group, partition, keeps };
                            cluster::reset(&cluster, reset, dies).await;
                        }
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
            | Happening::LockOut { .. }
            | Happening::HotPartition { .. }
            | Happening::HotIndex { .. }
            | Happening::SlowProcess { .. }
            | Happening::Outage { .. }
            | Happening::Operate { .. } => true,
        }
    }

    fn crash(&mut self, node: Node, down: Millis) {
        let Some(id) = self.id_of(node) else { return };
        self.down.insert(node);
        self.still.remove(&node);
        self.cluster.functions.forget(node);
        self.handle.kill(id);
        self.schedule(down, Recovery::Restart(node));
    }

    fn freeze(&mut self, node: Node, span: Millis) {
        let Some(id) = self.id_of(node) else { return };
        self.still.insert(node);
        self.cluster.functions.hold(node, true);
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
                    self.cluster.functions.hold(node, false);
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

    /// Starts a process again that is down.
    pub(super) fn restart(&mut self, node: Node) {
        self.recover(Recovery::Restart(node));
    }

    /// The producers that are down.
    pub(super) fn dead_producers(&self) -> Vec<Node> {
        let producers = self.cluster.plan.producers.len();
        self.down.iter().copied().filter(|node| usize::from(node.0) < producers).collect()
    }

    /// Whether a process stays down that a script has left dead.
    fn stays_down(&self, node: Node) -> bool {
        let plan = &self.cluster.plan;
        plan.script.is_some() && usize::from(node.0) < plan.producers.len()
    }

    /// When something ends next.
    pub(super) fn next_recovery(&self) -> Option<Millis> {
        self.recoveries.peek().map(|Reverse((at, _))| *at)
    }

    /// Ends what is to end by now.
    pub(super) fn recover_due(&mut self) {
        while let Some(Reverse((at, recovery))) = self.recoveries.peek().copied()
            && at <= now()
        {
            self.recoveries.pop();
            self.recover(recovery);
        }
    }

    /// Ends everything that has happened: nodes that are down restart, links that are cut work again.
    pub(super) fn recover_all(&mut self) {
        for Reverse((_, recovery)) in std::mem::take(&mut self.recoveries) {
            match recovery {
                // In the checked world nothing demands that a producer runs again.
                Recovery::Restart(node) if self.stays_down(node) => {}
                recovery => self.recover(recovery),
            }
        }
    }
}

/// Kills every process. Otherwise none of their tasks would ever be freed: a task that waits is held
/// by what would wake it, and holds that in turn. The runtime drops the killed ones before it returns.
impl Drop for Nodes {
    fn drop(&mut self) {
        let services = [self.dynamo.id(), self.queue, self.network, self.operator.id()];
        for node in services.into_iter().chain(self.processes.iter().map(NodeHandle::id)) {
            self.handle.kill(node);
        }
    }
}
