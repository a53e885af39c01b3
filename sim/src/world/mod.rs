//! The world of one run: its processes, its network, its store, and everything that is seen of it.

mod book;
mod client;
mod clock;
mod connector;
mod dynamo;
mod history;
mod operator;
mod producer;
mod queue;
mod store;
mod stream;
mod watcher;
mod worker;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use gapless::{Config, Group, ProducerName, Stop, TableNames};
use madsim::runtime::NodeHandle;
use madsim::time::TimeHandle;

pub(crate) use book::Book;
pub use book::Entry;
pub(crate) use client::client;
// What each node runs, again after each crash.
pub(crate) use dynamo::serve as run_dynamo;
pub(crate) use operator::{audit, create};
pub(crate) use producer::run as run_producer;
pub(crate) use queue::serve as run_queue;
pub(crate) use worker::run as run_worker;

use crate::engine::EngineKind;
use crate::fault::{Fault, Incident, Nature, Strike};
use crate::judge::{Breach, Verdict};
use crate::plan::{Millis, Plan, Process};
pub(crate) use clock::BEGINNING;
use clock::Offsets;
use store::Store;

/// The prefix of the stream's tables.
pub(crate) const PREFIX: &str = "s-";
const DYNAMO: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 1);
const QUEUE: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 2);
const NETWORK: Ipv4Addr = Ipv4Addr::new(10, 0, 1, 3);
const PORT: u16 = 1;

/// Everything that the nodes of a run share, as the outside of a process is shared.
pub(crate) struct World {
    pub(crate) plan: Plan,
    producers: Vec<ProducerName>,
    store: Store,
    offsets: Offsets,
    attempts: Vec<AtomicU32>,
    lives: Vec<AtomicU32>,
    /// How far each producer's input is appended, as it would be kept outside of it.
    offset: Vec<AtomicU32>,
    finished: Vec<AtomicBool>,
    stops: Mutex<HashMap<Process, (Stop, Millis)>>,
    strikes: Option<Mutex<HashMap<(Process, u32), Fault>>>,
    healed: AtomicBool,
    storm_until: Mutex<Millis>,
    slow: Mutex<Vec<SlowPartition>>,
    network: OnceLock<NodeHandle>,
    book: Mutex<Book>,
}

/// A partition whose calls take longer, until then.
struct SlowPartition {
    partition: String,
    by: Millis,
    until: Millis,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Everything runs on one thread; what panicked has ended the run already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The time since the run began.
pub(crate) fn now() -> Millis {
    Millis::from(TimeHandle::current().elapsed())
}

impl World {
    pub(crate) fn new(plan: &Plan, engine: EngineKind) -> World {
        let processes = usize::from(plan.processes());
        let rules = config(plan).rules().expect("a plan is validated before it is run");
        let counters = || (0..processes).map(|_| AtomicU32::new(0)).collect();
        let listed = plan.strikes.as_ref().map(|strikes| {
            let all = strikes.iter().map(|strike| ((strike.process, strike.attempt), strike.fault));
            Mutex::new(all.collect())
        });
        World {
            producers: (0..plan.producers.len()).map(producer_name).collect(),
            store: Store::new(engine, TableNames::prefixed(PREFIX)),
            offsets: Offsets::new(&plan.clocks),
            attempts: counters(),
            lives: counters(),
            offset: counters(),
            finished: (0..processes).map(|_| AtomicBool::new(false)).collect(),
            stops: Mutex::default(),
            strikes: listed,
            healed: AtomicBool::new(false),
            storm_until: Mutex::default(),
            slow: Mutex::default(),
            network: OnceLock::new(),
            book: Mutex::new(Book::new(plan, rules)),
            plan: plan.clone(),
        }
    }

    pub(crate) fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.book)
    }

    pub(crate) fn group(&self, index: u8) -> Group {
        Group::from(Plan::group(index))
    }

    pub(crate) fn groups(&self) -> Vec<Group> {
        (0..self.plan.groups).map(|index| self.group(index)).collect()
    }

    /// The address of a process.
    pub(crate) fn address(process: Process) -> IpAddr {
        let [high, low] = process.0.to_be_bytes();
        Ipv4Addr::new(10, 0, 2 + high, low.wrapping_add(1)).into()
    }

    /// A process begins a life.
    pub(crate) fn born(&self, process: Process) -> u32 {
        self.lives[usize::from(process.0)].fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn life(&self, process: Process) -> u32 {
        self.lives[usize::from(process.0)].load(Ordering::Relaxed)
    }

    fn next_attempt(&self, process: Process) -> u32 {
        self.attempts[usize::from(process.0)].fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn appended(&self, producer: usize) -> u32 {
        self.offset[producer].load(Ordering::Relaxed)
    }

    pub(crate) fn set_appended(&self, producer: usize, events: u32) {
        self.offset[producer].store(events, Ordering::Relaxed);
    }

    pub(crate) fn finish(&self, producer: usize) {
        self.finished[producer].store(true, Ordering::Relaxed);
    }

    /// The producers that have not appended everything yet.
    pub(crate) fn unfinished(&self) -> Vec<String> {
        let all = 0..self.plan.producers.len();
        let open = all.filter(|index| !self.finished[*index].load(Ordering::Relaxed));
        open.map(|index| self.plan.name(self.plan.producer(index))).collect()
    }

    /// What strikes this attempt. After the run is healed nothing does.
    fn strikes(&self, process: Process, attempt: u32, nature: Nature) -> Option<Fault> {
        if self.healed.load(Ordering::Relaxed) {
            return None;
        }
        let fault = match &self.strikes {
            Some(listed) => lock(listed).get(&(process, attempt)).copied(),
            None => self.plan.trouble.strikes(self.plan.seed, process, attempt, nature),
        }?;
        self.book().struck(Strike { process, attempt, fault });
        Some(fault)
    }

    /// What strikes the next attempt of a process, where the plan lists what does.
    pub(crate) fn strike_next(&self, process: Process, fault: Fault) {
        let next = self.attempts[usize::from(process.0)].load(Ordering::Relaxed);
        if let Some(listed) = &self.strikes {
            lock(listed).insert((process, next), fault);
        }
    }

    /// All trouble ends.
    pub(crate) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
        *lock(&self.storm_until) = Millis(0);
        lock(&self.slow).clear();
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    pub(crate) fn begin_storm(&self, until: Millis) {
        *lock(&self.storm_until) = until;
    }

    pub(crate) fn slow_down(&self, partition: u8, by: Millis, until: Millis) {
        let all = self.plan.layout().all().unwrap_or_default();
        if let Some(id) = all.get(usize::from(partition) % all.len().max(1)) {
            lock(&self.slow).push(SlowPartition { partition: id.to_string(), by, until });
        }
    }

    pub(crate) fn set_clock(&self, process: Process, offset: i64) {
        self.offsets.set(process, offset, now());
    }

    /// A worker can be asked to stop from now on.
    pub(crate) fn can_stop(&self, process: Process, stop: Stop) {
        lock(&self.stops).insert(process, (stop, Millis(0)));
    }

    /// Asks a worker to stop, and to stay away for a while.
    pub(crate) fn ask_to_stop(&self, process: Process, down: Millis) {
        if let Some((stop, away)) = lock(&self.stops).get_mut(&process) {
            stop.ask();
            *away = down;
        }
    }

    pub(crate) fn stays_away(&self, process: Process) -> Millis {
        lock(&self.stops).get(&process).map(|(_, away)| *away).unwrap_or_default()
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
    pub(crate) fn unexplained(&self, process: Process, what: String) {
        let name = self.plan.name(process);
        self.judged(Err((Breach::Error, format!("{name}: {what}"))));
    }

    /// Something that befell somebody.
    pub(crate) fn happened(&self, incident: &Incident) {
        self.book().happened(now(), incident, &self.plan);
    }
}

/// The stream's configuration under a plan, as every process has it.
pub(crate) fn config(plan: &Plan) -> Config {
    Config::new(PREFIX)
        .layout(plan.layout())
        .lease(plan.lease.duration())
        .grace(plan.grace.duration())
        .skew(plan.skew.duration())
        // Short, so that it runs out now and then.
        .patience(plan.lease.duration())
        .attempt(plan.read_timeout.duration() * 4)
        .refuted_design(plan.design)
}

/// What a named producer is called.
fn producer_name(index: usize) -> ProducerName {
    ProducerName::from(format!("p{}", index + 1))
}

/// Where the nodes of the world are.
pub(crate) fn places() -> [(&'static str, IpAddr); 3] {
    [("dynamodb", DYNAMO.into()), ("queue", QUEUE.into()), ("network", NETWORK.into())]
}

fn dynamo_address() -> SocketAddr {
    (DYNAMO, PORT).into()
}

fn queue_address() -> SocketAddr {
    (QUEUE, PORT).into()
}
