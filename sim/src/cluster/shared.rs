//! What the nodes of one run share: the plan, the fault injector, the recorder, and what a
//! node keeps outside of itself.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use gapless::{Group, ProducerName, Stop, TableNames, Timestamp};
use madsim::runtime::NodeHandle;

use super::ambush::Ambushes;
use super::attempt::Attempt;
use super::clock::ClockOffsets;
use super::functions::Functions;
use super::gate::Gate;
use super::injector::Injector;
use super::pace::Pace;
use super::recorder::Recorder;
use crate::cell::Cell;
use crate::decode::Read;
use crate::judge::{Breach, Judgement};
use crate::moment::{lock, now};
use crate::plan::{CallKind, Fault, Incident, Millis, Node, Plan, Strike};

/// Everything that outlives a node, shared by all of them.
pub(crate) struct Cluster {
    pub(crate) plan: Plan,
    pub(super) producers: Vec<ProducerName>,
    pub(crate) injector: Injector,
    pub(crate) ambushes: Ambushes,
    pub(crate) functions: Functions,
    /// Where processes wait for the script, if the plan has one.
    pub(crate) gate: Option<Gate>,
    pub(crate) pace: Arc<Pace>,
    pub(super) offsets: Arc<ClockOffsets>,
    lives: Vec<AtomicU32>,
    /// How many events of each producer's input are appended. It survives a crash, as an
    /// offset in the producer's source would.
    appended: Vec<AtomicU32>,
    finished: Vec<AtomicBool>,
    stops: Mutex<HashMap<Node, (Stop, Millis)>>,
    /// What drops each worker's present run, and the appends that a producer waits for.
    drops: Mutex<HashMap<Node, Stop>>,
    network: OnceLock<NodeHandle>,
    /// How many operators are at work who move checkpoints.
    operations: Arc<AtomicU32>,
    recorder: Mutex<Recorder>,
}

/// An operator at work. Nothing is complete before it has ended.
pub(super) struct Operation(Arc<AtomicU32>);

impl Drop for Operation {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Cluster {
    pub(crate) fn new(plan: &Plan) -> Cluster {
        let nodes = usize::from(plan.nodes());
        let rules = plan.config().rules().expect("a plan is validated before it is run");
        let counters = || (0..nodes).map(|_| AtomicU32::new(0)).collect();
        Cluster {
            producers: (0..plan.producers.len()).map(producer_name).collect(),
            injector: Injector::new(plan),
            ambushes: Ambushes::default(),
            functions: Functions::default(),
            gate: plan.script.as_ref().map(|_| Gate::default()),
            pace: Arc::new(Pace::new(plan.nodes())),
            offsets: Arc::new(ClockOffsets::new(&plan.clocks, plan.script.is_some())),
            lives: counters(),
            appended: counters(),
            finished: (0..nodes).map(|_| AtomicBool::new(false)).collect(),
            stops: Mutex::default(),
            drops: Mutex::default(),
            network: OnceLock::new(),
            operations: Arc::default(),
            recorder: Mutex::new(Recorder::new(plan, rules)),
            plan: plan.clone(),
        }
    }

    pub(crate) fn recorder(&self) -> MutexGuard<'_, Recorder> {
        lock(&self.recorder)
    }

    /// The recorder, unless the run is using it. For a thread outside of the run.
    pub(crate) fn recorder_if_free(&self) -> Option<MutexGuard<'_, Recorder>> {
        self.recorder.try_lock().ok()
    }

    pub(super) fn group(&self, index: u8) -> Group {
        Group::from(Plan::group_name(index))
    }

    pub(crate) fn groups(&self) -> Vec<Group> {
        (0..self.plan.groups).map(|index| self.group(index)).collect()
    }

    /// Begins the next life of a node, and returns its number, from 1.
    pub(super) fn begin_life(&self, node: Node) -> u32 {
        self.recorder().judge.chronicle.note_life(now(), node);
        self.lives[usize::from(node.0)].fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn life(&self, node: Node) -> u32 {
        self.lives[usize::from(node.0)].load(Ordering::Relaxed)
    }

    pub(super) fn appended(&self, producer: usize) -> u32 {
        self.appended[producer].load(Ordering::Relaxed)
    }

    pub(super) fn set_appended(&self, producer: usize, events: u32) {
        self.appended[producer].store(events, Ordering::Relaxed);
    }

    /// Notes that a producer has appended its whole input.
    pub(super) fn note_everything_appended(&self, producer: usize) {
        self.expect_nothing_of(producer);
        let node = self.plan.producer(producer);
        let mut recorder = self.recorder();
        recorder.judge.chronicle.note_everything_appended(node);
        recorder.note(now(), &self.plan.name(node), "has appended everything".to_owned(), None);
    }

    /// Notes that a producer has nothing more to append.
    pub(super) fn expect_nothing_of(&self, producer: usize) {
        self.finished[producer].store(true, Ordering::Relaxed);
    }

    /// The producers that have not appended everything yet.
    pub(crate) fn unfinished(&self) -> Vec<Node> {
        let all = 0..self.plan.producers.len();
        // Twins do their input together: one that is fenced leaves it to the other.
        let done = all.clone().filter(|index| self.finished[*index].load(Ordering::Relaxed));
        let done: BTreeSet<_> = done.map(|index| self.plan.input_of(index)).collect();
        let open = all.filter(|index| !done.contains(&self.plan.input_of(*index)));
        open.map(|index| self.plan.producer(index)).collect()
    }

    /// Whether nothing is left to append, to deliver or to read.
    pub(crate) fn is_complete(&self) -> bool {
        let done = self.unfinished().is_empty() && self.operations.load(Ordering::Relaxed) == 0;
        let groups = self.groups();
        let judge = &self.recorder().judge;
        done && judge.undelivered(&groups).is_empty() && judge.unread().is_empty()
    }

    /// Notes that an operator is at work, until what this returns is dropped.
    pub(super) fn begin_operation(&self) -> Operation {
        self.operations.fetch_add(1, Ordering::Relaxed);
        Operation(Arc::clone(&self.operations))
    }

    /// Draws the fault that strikes an attempt, and records it.
    pub(super) fn draw_fault(
        &self,
        node: Node,
        attempt: u32,
        kind: CallKind,
        read: Option<Read>,
    ) -> Option<Fault> {
        let fault = self.injector.fault_for(node, attempt, kind, read)?;
        self.recorder().record_strike(Strike { node, attempt, fault });
        Some(fault)
    }

    pub(crate) fn slow_down(&self, partition: u8, by: Millis, until: Millis) {
        if let Some(id) = self.partition(partition) {
            self.injector.slow_down(id, by, until);
        }
    }

    pub(crate) fn heat(&self, partition: u8, until: Millis) {
        if let Some(id) = self.partition(partition) {
            self.injector.heat(id, until);
        }
    }

    /// The id of a partition of the layout, by its index modulo their number.
    fn partition(&self, index: u8) -> Option<String> {
        let all = self.plan.layout().all().unwrap_or_default();
        all.get(usize::from(index) % all.len().max(1)).map(ToString::to_string)
    }

    /// What a node's clock shows now.
    pub(super) fn clock(&self, node: Node) -> Timestamp {
        Timestamp::from_millis(self.offsets.read(node))
    }

    pub(crate) fn set_clock(&self, node: Node, offset: i64) {
        self.offsets.set(node, offset, now());
    }

    /// Registers the handle that asks a worker to stop.
    pub(super) fn register_stop(&self, node: Node, stop: Stop) {
        lock(&self.stops).insert(node, (stop, Millis(0)));
    }

    /// Asks a worker to stop, and to start again after `down`.
    pub(crate) fn ask_to_stop(&self, node: Node, down: Millis) {
        if let Some((stop, away)) = lock(&self.stops).get_mut(&node) {
            stop.request();
            *away = down;
        }
    }

    /// Returns what is requested when a worker's run, or a producer's appends, are to be dropped.
    pub(super) fn register_drop(&self, node: Node) -> Stop {
        let dropped = Stop::new();
        lock(&self.drops).insert(node, dropped.clone());
        dropped
    }

    /// Drops a worker's run, or the appends that a producer waits for.
    pub(crate) fn drop_run(&self, node: Node) {
        if let Some(run) = lock(&self.drops).get(&node) {
            run.request();
        }
    }

    pub(super) fn time_away(&self, node: Node) -> Millis {
        lock(&self.stops).get(&node).map(|(_, away)| *away).unwrap_or_default()
    }

    pub(super) fn network(&self) -> Option<&NodeHandle> {
        self.network.get()
    }

    pub(crate) fn set_network(&self, node: NodeHandle) {
        let _ = self.network.set(node);
    }

    /// Records a call that was never applied, because of a fault.
    pub(super) fn record_lost(&self, call: &Attempt, tables: &TableNames, fault: &'static str) {
        let request = call.request(tables);
        let did = call.describe(request.as_ref());
        let mut recorder = self.recorder();
        recorder.cells.extend(request.map(|request| Cell::lost(&request, fault)));
        recorder.note_lost(now(), &self.plan.name(call.node), did, fault);
    }

    /// Records a violation, if the judgement is one.
    pub(crate) fn record_judgement(&self, judgement: Judgement) {
        if let Err((breach, finding)) = judgement {
            self.recorder().record_violation(now(), breach, finding);
        }
    }

    /// Records an error that no fault explains.
    pub(crate) fn record_unexplained(&self, node: Node, what: String) {
        let name = self.plan.name(node);
        let sentence = format!("{name} met an error that no fault explains: {what}.");
        let finding = self.recorder().judge.finding_on(node, sentence);
        self.record_judgement(Err((Breach::Error, finding)));
    }

    /// Records an incident.
    pub(crate) fn record_incident(&self, incident: &Incident) {
        self.recorder().record_incident(now(), incident, &self.plan);
    }
}

/// The name of a named producer.
pub(super) fn producer_name(index: usize) -> ProducerName {
    ProducerName::from(format!("p{}", index + 1))
}
