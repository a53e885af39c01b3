//! The stage on which a plan is played: its nodes, and what befalls them.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};
use std::sync::Arc;
use std::time::Duration;

use gapless_model::Invariant;
use madsim::net::NetSim;
use madsim::runtime::{Handle, NodeHandle};
use madsim::time::sleep;

use super::outcome::Outcome;
use crate::judge::Breach;
use crate::moment::now;
use crate::plan::{Act, Direction, Happening, Incident, Millis, Process};
use crate::world::{self, Store, World};

/// What ends later: a node comes back, a link is whole again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Later {
    Restart(Process),
    Resume(Process),
    Mend(Process),
    RestartEngine,
}

/// The stage.
pub(crate) struct Stage {
    world: Arc<World>,
    handle: Handle,
    dynamo: NodeHandle,
    operator: NodeHandle,
    processes: Vec<NodeHandle>,
    later: BinaryHeap<Reverse<(Millis, Later)>>,
    /// Who stands still, and who is down.
    still: BTreeSet<Process>,
    down: BTreeSet<Process>,
    engine_down: bool,
}

impl Stage {
    pub(crate) fn build(world: &Arc<World>, store: &Arc<Store>) -> Stage {
        let handle = Handle::current();
        let [dynamo, queue, network] = world::places();
        let shared = (Arc::clone(world), Arc::clone(store));
        let builder = handle.create_node().name(dynamo.0).ip(dynamo.1);
        let dynamo = builder
            .init(move || world::run_dynamo(Arc::clone(&shared.0), Arc::clone(&shared.1)))
            .build();
        let shared = (Arc::clone(world), Arc::clone(store));
        let builder = handle.create_node().name(queue.0).ip(queue.1);
        let queue = builder
            .init(move || world::run_queue(Arc::clone(&shared.0), Arc::clone(&shared.1)))
            .build();
        drop(queue);
        world.network_is(handle.create_node().name(network.0).ip(network.1).build());
        let operator = world.plan.operator();
        let operator = handle.create_node().name("operator").ip(world::address(operator)).build();
        Stage {
            world: Arc::clone(world),
            dynamo,
            operator,
            processes: Vec::new(),
            later: BinaryHeap::new(),
            still: BTreeSet::new(),
            down: BTreeSet::new(),
            engine_down: false,
            handle,
        }
    }

    pub(crate) fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// Runs this on the operator's node.
    ///
    /// # Errors
    /// What it panicked with.
    pub(crate) async fn as_operator<T: Send + 'static>(
        &self,
        run: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, String> {
        self.operator.spawn(run).await.map_err(|panic| panic.to_string())
    }

    /// Creates the stream, then everybody who uses it.
    pub(crate) async fn set(&mut self) -> bool {
        // The store's node must have bound its port.
        sleep(Duration::from_millis(1)).await;
        let world = Arc::clone(&self.world);
        let created = self.as_operator(async move { world::create(&world).await }).await;
        if !created.unwrap_or(false) || self.is_broken() {
            return false;
        }
        for index in 0..self.world.plan.producers.len() {
            let process = self.world.plan.producer(index);
            let shared = Arc::clone(&self.world);
            self.start(process, move || world::run_producer(Arc::clone(&shared), index));
        }
        for index in 0..self.world.plan.workers.len() {
            let process = self.world.plan.worker(index);
            let shared = Arc::clone(&self.world);
            self.start(process, move || world::run_worker(Arc::clone(&shared), index));
        }
        true
    }

    fn start<F>(&mut self, process: Process, run: impl Fn() -> F + Send + Sync + 'static)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let name = self.world.plan.name(process);
        let node = self.handle.create_node().name(name).ip(world::address(process));
        self.processes.push(node.init(run).build());
    }

    fn is_broken(&self) -> bool {
        self.world.book().violation.is_some()
    }

    /// Sleeps until then; ends early where something is broken.
    async fn until(&self, then: Millis) -> bool {
        const LOOK: Millis = Millis(40);
        while now() < then {
            if self.is_broken() {
                return false;
            }
            let left = Millis(then.0 - now().0);
            sleep(left.min(LOOK).duration()).await;
        }
        !self.is_broken()
    }

    /// The fault phase.
    pub(crate) async fn play(&mut self) {
        let plan = self.world.plan.clone();
        let mut incidents = plan.incidents.iter().peekable();
        loop {
            let next = incidents.peek().map_or(plan.heals, |incident| incident.at.min(plan.heals));
            let next = self.later.peek().map_or(next, |Reverse((at, _))| (*at).min(next));
            let next = next.min(Millis(now().0 + 250));
            if !self.until(next).await {
                return;
            }
            while let Some(Reverse((at, later))) = self.later.peek().copied()
                && at <= now()
            {
                self.later.pop();
                self.end(later);
            }
            while let Some(incident) = incidents.next_if(|incident| incident.at <= now()) {
                self.befall(incident);
            }
            if now() >= plan.heals {
                return;
            }
            // With nothing left to do or to break, there is nothing to wait for.
            if incidents.peek().is_none() && self.later.is_empty() && self.is_done() {
                return;
            }
        }
    }

    fn is_done(&self) -> bool {
        let groups = self.world.groups();
        self.world.unfinished().is_empty() && self.world.book().judge.missing(&groups).is_empty()
    }

    fn node(&self, process: Process) -> Option<&NodeHandle> {
        self.processes.get(usize::from(process.0))
    }

    fn after(&mut self, span: Millis, later: Later) {
        self.later.push(Reverse((Millis(now().0 + span.0), later)));
    }

    fn befall(&mut self, incident: &Incident) {
        let world = Arc::clone(&self.world);
        match incident.happening {
            Happening::Crash { process, down } => {
                let Some(node) = self.node(process).map(NodeHandle::id) else { return };
                if !self.down.insert(process) {
                    return;
                }
                world.happened(incident);
                self.still.remove(&process);
                self.handle.kill(node);
                self.after(down, Later::Restart(process));
            }
            Happening::Freeze { process, span } => {
                let Some(node) = self.node(process).map(NodeHandle::id) else { return };
                if self.down.contains(&process) || !self.still.insert(process) {
                    return;
                }
                world.happened(incident);
                let until = Millis(now().0 + span.0);
                world.book().judge.activity.stood_still(process, until);
                self.handle.pause(node);
                self.after(span, Later::Resume(process));
            }
            Happening::Stop { process, down } => {
                world.happened(incident);
                world.ask_to_stop(process, down);
            }
            Happening::Cut { process, direction, span } => {
                let Some(node) = self.node(process).map(NodeHandle::id) else { return };
                world.happened(incident);
                let network = NetSim::current();
                match direction {
                    Direction::In => network.clog_node_in(node),
                    Direction::Out => network.clog_node_out(node),
                    Direction::Both => network.clog_node(node),
                }
                self.after(span, Later::Mend(process));
            }
            Happening::SetClock { process, offset } => {
                world.happened(incident);
                world.set_clock(process, offset);
            }
            Happening::Storm { span } => {
                world.happened(incident);
                world.injector.begin_storm(Millis(now().0 + span.0));
            }
            Happening::SlowPartition { partition, by, span } => {
                world.happened(incident);
                world.slow_down(partition, by, Millis(now().0 + span.0));
            }
            Happening::RestartEngine { down } => {
                if std::mem::replace(&mut self.engine_down, true) {
                    return;
                }
                world.happened(incident);
                self.handle.kill(self.dynamo.id());
                self.after(down, Later::RestartEngine);
            }
            Happening::Operate { act } => {
                world.happened(incident);
                drop(self.operator.spawn(async move {
                    match act {
                        Act::Audit => world::audit(&world).await,
                        Act::Create => drop(world::create(&world).await),
                    }
                }));
            }
        }
    }

    fn end(&mut self, later: Later) {
        match later {
            Later::Restart(process) => {
                if self.down.remove(&process)
                    && let Some(node) = self.node(process).map(NodeHandle::id)
                {
                    self.handle.restart(node);
                }
            }
            Later::Resume(process) => {
                if self.still.remove(&process)
                    && let Some(node) = self.node(process).map(NodeHandle::id)
                {
                    self.handle.resume(node);
                }
            }
            Later::Mend(process) => {
                if let Some(node) = self.node(process).map(NodeHandle::id) {
                    NetSim::current().unclog_node(node);
                }
            }
            Later::RestartEngine => {
                if std::mem::replace(&mut self.engine_down, false) {
                    self.handle.restart(self.dynamo.id());
                }
            }
        }
    }

    /// All trouble ends: what is down comes back, what is cut is whole again.
    pub(crate) fn heal(&mut self) {
        self.world.injector.heal();
        for Reverse((_, later)) in std::mem::take(&mut self.later) {
            self.end(later);
        }
        self.world.book().note(now(), "world", "all trouble ends".to_owned(), None);
    }

    /// P1: everything acknowledged is delivered to every group, within the bound.
    pub(crate) async fn await_progress(&mut self) {
        let plan = self.world.plan.clone();
        let until = Millis(now().0 + plan.patience.0);
        while !self.is_done() {
            if now() >= until {
                let missing = self.world.book().judge.missing(&self.world.groups());
                let unfinished = self.world.unfinished();
                let what = format!(
                    "{} after all trouble ended: undelivered [{}], not done [{}]",
                    plan.patience,
                    missing.join(", "),
                    unfinished.join(", "),
                );
                self.world.judged(Err((Breach::Invariant(Invariant::P1), what)));
                return;
            }
            let next = Millis(now().0 + 100);
            if !self.until(next).await {
                return;
            }
        }
        // Late copies may still be under way: what is settled must stand them too.
        let quiet = Millis(now().0 + plan.trouble.span.0);
        if plan.trouble.ppm > 0 && !self.until(quiet).await {
            return;
        }
        let world = Arc::clone(&self.world);
        // An audit that panics is told by the run's end.
        let _ = self.as_operator(async move { world::audit(&world).await }).await;
    }

    pub(crate) fn outcome(&self) -> Outcome {
        let simulated = now();
        let mut book = self.world.book();
        let standing = book.judge.standing();
        book.note(simulated, "world", format!("the end: {standing}"), None);
        let seen = book.judge.machines.seen().clone();
        Outcome {
            violation: book.violation.clone(),
            log: book.log(),
            strikes: book.strikes.clone(),
            faults: book.faults,
            happenings: book.happenings,
            marks: book.marks.union(&seen).copied().collect(),
            requests: book.requests,
            simulated,
        }
    }
}
