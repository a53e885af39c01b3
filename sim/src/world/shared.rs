//! What the nodes of one run share: the plan, what is injected, what is written down,
//! and what a process keeps outside of itself.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use gapless::{Group, ProducerName, Stop};
use madsim::runtime::NodeHandle;

use super::book::Book;
use super::clock::Offsets;
use super::injector::Injector;
use crate::judge::{Breach, Verdict};
use crate::moment::{lock, now};
use crate::plan::{Fault, Incident, Millis, Nature, Plan, Process, Strike};

/// Everything that the nodes of a run share, as the outside of a process is shared.
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(super) producers: Vec<ProducerName>,
    pub(crate) injector: Injector,
    pub(super) offsets: Arc<Offsets>,
    lives: Vec<AtomicU32>,
    /// How many events of each producer's input are appended, as it would be kept outside of it.
    appended: Vec<AtomicU32>,
    finished: Vec<AtomicBool>,
    stops: Mutex<HashMap<Process, (Stop, Millis)>>,
    network: OnceLock<NodeHandle>,
    book: Mutex<Book>,
}

impl World {
    pub(crate) fn new(plan: &Plan) -> World {
        let processes = usize::from(plan.processes());
        let rules = plan.config().rules().expect("a plan is validated before it is run");
        let counters = || (0..processes).map(|_| AtomicU32::new(0)).collect();
        World {
            producers: (0..plan.producers.len()).map(producer_name).collect(),
            injector: Injector::new(plan),
            offsets: Arc::new(Offsets::new(&plan.clocks)),
            lives: counters(),
            appended: counters(),
            finished: (0..processes).map(|_| AtomicBool::new(false)).collect(),
            stops: Mutex::default(),
            network: OnceLock::new(),
            book: Mutex::new(Book::new(plan, rules)),
            plan: plan.clone(),
        }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    pub(super) fn group(&self, index: u8) -> Group {
        Group::from(Plan::group(index))
    }

    pub(crate) fn groups(&self) -> Vec<Group> {
        (0..self.plan.groups).map(|index| self.group(index)).collect()
    }

    /// A process begins a life.
    pub(super) fn born(&self, process: Process) -> u32 {
        self.lives[usize::from(process.0)].fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(super) fn life(&self, process: Process) -> u32 {
        self.lives[usize::from(process.0)].load(Ordering::Relaxed)
    }

    pub(super) fn appended(&self, producer: usize) -> u32 {
        self.appended[producer].load(Ordering::Relaxed)
    }

    pub(super) fn set_appended(&self, producer: usize, events: u32) {
        self.appended[producer].store(events, Ordering::Relaxed);
    }

    pub(super) fn finish(&self, producer: usize) {
        self.finished[producer].store(true, Ordering::Relaxed);
    }

    /// The producers that have not appended everything yet.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let all = 0..self.plan.producers.len();
        let open = all.filter(|index| !self.finished[*index].load(Ordering::Relaxed));
        open.map(|index| self.plan.name(self.plan.producer(index))).collect()
    }

    /// What strikes this attempt, on the record.
    pub(super) fn strikes(&self, process: Process, attempt: u32, nature: Nature) -> Option<Fault> {
        let fault = self.injector.fault(process, attempt, nature)?;
        self.book().struck(Strike { process, attempt, fault });
        Some(fault)
    }

    pub(crate) fn slow_down(&self, partition: u8, by: Millis, until: Millis) {
        let all = self.plan.layout().all().unwrap_or_default();
        if let Some(id) = all.get(usize::from(partition) % all.len().max(1)) {
            self.injector.slow_down(id.to_string(), by, until);
        }
    }

    pub(crate) fn set_clock(&self, process: Process, offset: i64) {
        self.offsets.set(process, offset, now());
    }

    /// A worker can be asked to stop from now on.
    pub(super) fn can_stop(&self, process: Process, stop: Stop) {
        lock(&self.stops).insert(process, (stop, Millis(0)));
    }

    /// Asks a worker to stop, and to stay away for a while.
    pub(crate) fn ask_to_stop(&self, process: Process, down: Millis) {
        if let Some((stop, away)) = lock(&self.stops).get_mut(&process) {
            stop.ask();
            *away = down;
        }
    }

    pub(super) fn stays_away(&self, process: Process) -> Millis {
        lock(&self.stops).get(&process).map(|(_, away)| *away).unwrap_or_default()
    }

    pub(super) fn network(&self) -> Option<&NodeHandle> {
        self.network.get()
    }

    pub(crate) fn network_is(&self, node: NodeHandle) {
        let _ = self.network.set(node);
    }

    /// A checker's verdict, on the record.
    pub(crate) fn judged(&self, verdict: Verdict) {
        if let Err((breach, what)) = verdict {
            self.book().violated(now(), breach, what);
        }
    }

    /// A process met what no fault explains.
    pub(super) fn unexplained(&self, process: Process, what: String) {
        let name = self.plan.name(process);
        self.judged(Err((Breach::Error, format!("{name}: {what}"))));
    }

    /// Something that befell somebody.
    pub(crate) fn happened(&self, incident: &Incident) {
        self.book().happened(now(), incident, &self.plan);
    }
}

/// What a named producer is called.
pub(super) fn producer_name(index: usize) -> ProducerName {
    ProducerName::from(format!("p{}", index + 1))
}
