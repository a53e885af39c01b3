//! One check: an exhaustive search, the judgement of P1, and then a search for the shortest
//! counterexample of each violated invariant.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Serialize;
use stateright::{Checker, Model};

use super::action::Action;
use super::bounds::{Bounds, Clocks};
use super::engine::{
    Cache, Explored, Key, Limits, Scope, Space, Tally, explore as explore_all, nearest,
};
use super::progress::{Fate, Outlooks};
use super::protocol::Protocol;
use super::steps::Steps;
use super::trace::Trace;
use crate::design::Design;
use crate::invariant::Invariant;
use crate::mutant::Mutant;

/// What to check, and the limits of the search.
#[derive(Clone, Debug)]
pub struct Task {
    /// The name to report.
    pub name: String,
    /// The protocol.
    pub design: Design,
    /// The size of the world and the faults that may strike it.
    pub bounds: Bounds,
    /// What clocks may do.
    pub clocks: Clocks,
    /// The invariants to check; see [`Task::applicable`]. Default: all of those.
    pub checked: Vec<Invariant>,
    /// The protection that is taken out, if one is; see [`Mutant::is_in_model`]. Default: none.
    pub mutant: Option<Mutant>,
    /// Whether to leave out orders of steps that make no difference to any verdict. Default: yes.
    pub reduced: bool,
    /// Whether states that differ only in the names of producers, workers or groups are one.
    /// Default: yes.
    pub symmetric: bool,
    /// What searches. Default: the engine of this crate.
    pub engine: Engine,
    /// The number of threads of the exhaustive search. Default: the machine's parallelism.
    pub threads: NonZeroUsize,
    /// The time after which the search ends early. Default: no limit.
    pub timeout: Option<Duration>,
    /// The memory of the process, in bytes, beyond which the search ends early. Default: no limit.
    pub max_memory: Option<usize>,
}

impl Task {
    /// Returns a check of every applicable invariant, with the defaults of each field.
    #[must_use]
    pub fn new(name: &str, design: Design, bounds: Bounds, clocks: Clocks) -> Task {
        Task {
            name: name.to_owned(),
            design,
            bounds,
            clocks,
            checked: Task::applicable(clocks),
            mutant: None,
            reduced: true,
            symmetric: true,
            engine: Engine::Own,
            threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
            timeout: None,
            max_memory: None,
        }
    }

    /// Returns the invariants that a design can keep under these clocks: all of them, but under
    /// unbounded clocks not L2, since no design can promise one active worker there.
    #[must_use]
    pub fn applicable(clocks: Clocks) -> Vec<Invariant> {
        let all = Invariant::ALL.iter().copied();
        all.filter(|&invariant| invariant != Invariant::L2 || clocks == Clocks::Timely).collect()
    }
}

/// What searches the states.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Engine {
    /// The engine of this crate.
    Own,
    /// Stateright, as a reference: without symmetry, and without P1.
    Stateright,
}

/// The result of a check.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was checked.
    pub task: Task,
    /// The number of different states that were reached.
    pub unique: usize,
    /// The number of states that were generated, including those reached again.
    pub generated: usize,
    /// The number of steps to the states that are farthest from the first.
    pub depth: usize,
    /// The number of states without faults on which P1 was judged; 0 if it was not.
    pub outlooks: usize,
    /// The duration of the check, including the search for short counterexamples.
    pub elapsed: Duration,
    /// The largest amount of memory that the process held, in bytes.
    pub peak_memory: usize,
    /// The verdict on each invariant that was checked.
    pub verdicts: BTreeMap<Invariant, Verdict>,
    /// The number of kinds of step and outcome that can occur under the design and the bounds.
    pub reachable_marks: usize,
    /// The kinds among those that occurred on no path. If there are any, a verdict rests on less
    /// than it seems to.
    pub missed_marks: Vec<&'static str>,
    /// Why the exhaustive search ended.
    pub ended: Ended,
}

/// The verdict on an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The invariant holds in every state within the bounds.
    Holds,
    /// The invariant does not hold at the end of this trace.
    Violated(Box<Trace>),
    /// The search ended before it was exhaustive, and met no violation.
    Unknown,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// Every state within the bounds was searched.
    Exhausted,
    /// The time limit was reached.
    Timeout,
    /// The memory limit was reached.
    Memory,
    /// The [`Watch`] ended the search.
    Interrupted,
    /// A sequence number or an epoch outgrew the world, so some paths were cut short; or there
    /// were more different components than the engine has numbers for.
    Outgrown,
}

impl Report {
    /// Returns the violated invariants with their counterexamples, the shortest first.
    #[must_use]
    pub fn violated(&self) -> Vec<(Invariant, &Trace)> {
        let mut found: Vec<_> = self
            .verdicts
            .iter()
            .filter_map(|(invariant, verdict)| match verdict {
                Verdict::Violated(trace) => Some((*invariant, &**trace)),
                Verdict::Holds | Verdict::Unknown => None,
            })
            .collect();
        found.sort_by_key(|(invariant, trace)| (trace.actions.len(), *invariant));
        found
    }

    /// Returns whether the search covered every state within the bounds and every verdict is known.
    #[must_use]
    pub fn is_exhaustive(&self) -> bool {
        self.verdicts.values().all(|verdict| *verdict != Verdict::Unknown)
            && self.ended == Ended::Exhausted
    }
}

/// How far a search has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The number of different states that were reached so far.
    pub unique: usize,
    /// The number of states that were generated so far, including those reached again.
    pub generated: usize,
    /// The number of steps to the states that are reached now.
    pub depth: usize,
    /// The memory that the process holds, in bytes.
    pub memory: usize,
    /// Whether this is the search for a short counterexample.
    pub shortening: bool,
}

/// Watches a search, and may end it. Closures from [`Progress`] to `bool` are watches.
pub trait Watch {
    /// Returns whether the search is to go on. It is called several times a second.
    fn proceed(&mut self, progress: Progress) -> bool;
}

impl<F: FnMut(Progress) -> bool> Watch for F {
    fn proceed(&mut self, progress: Progress) -> bool {
        self(progress)
    }
}

/// Checks a design for every invariant of the task.
///
/// It blocks until the search is exhausted, a limit is reached or the `watch` ends it. Then it
/// searches for the shortest counterexample of each violated invariant.
///
/// # Panics
/// If the task takes out a protection that the checked model does not have.
pub fn check(task: &Task, watch: &mut dyn Watch) -> Report {
    match task.engine {
        Engine::Own => check_here(task, watch),
        Engine::Stateright => check_with_stateright(task, watch),
    }
}

/// The protocol to search for a task.
pub(super) fn protocol(task: &Task, bounds: Bounds, checked: Vec<Invariant>) -> Protocol {
    let mut protocol = Protocol::new(task.design, bounds, task.clocks, checked);
    let in_model = task.mutant.is_none_or(Mutant::is_in_model);
    assert!(in_model, "the checked model does not have what {:?} takes out", task.mutant);
    protocol.mutant = task.mutant;
    if task.mutant == Some(Mutant::SkewIgnored) {
        protocol.rules.skew = 0;
    }
    protocol.reduced = task.reduced;
    protocol
}

fn check_here(task: &Task, watch: &mut dyn Watch) -> Report {
    let mut supervisor = Supervisor::new(task, watch);
    let searched = protocol(task, task.bounds, task.checked.clone());
    let space = Space::new(&searched);
    let tally = Tally::default();
    let scope = Scope { which: Steps::All, reduced: task.reduced, symmetric: task.symmetric };
    let limits = Limits { threads: task.threads, scope };
    let (explored, ended) = supervisor.run(&tally, false, || explore_all(&space, limits, &tally));
    let crowded = tally.crowded.load(Ordering::Relaxed);
    let mut ended = match ended {
        Ended::Exhausted if crowded || searched.outgrown.load(Ordering::Relaxed) => Ended::Outgrown,
        ended => ended,
    };

    let mut outlooks = Outlooks::new(&space);
    let judged = task.checked.contains(&Invariant::P1) && ended == Ended::Exhausted;
    if judged {
        let judge = || add_all(&space, &explored, &mut outlooks, &tally);
        let (closed, limit) = supervisor.run(&tally, false, judge);
        ended = if limit == Ended::Exhausted && !closed { Ended::Outgrown } else { limit };
    }
    let mut violated: Vec<Invariant> = explored.violated.keys().copied().collect();
    violated.retain(|invariant| task.checked.contains(invariant));
    let fate = if judged && ended == Ended::Exhausted { outlooks.worst() } else { Fate::Certain };
    if fate != Fate::Certain && !violated.contains(&Invariant::P1) {
        violated.push(Invariant::P1);
    }
    supervisor.allow_again(task, ended);
    let counterexamples = shorten(task, &mut supervisor, violated, &space, &outlooks, fate);

    let (reachable_marks, missed_marks) =
        searched.coverage.report(&task.design, &task.bounds, task.clocks);
    let verdict = |invariant: Invariant| match counterexamples.get(&invariant) {
        Some(trace) => Verdict::Violated(Box::new(trace.clone())),
        None if ended == Ended::Exhausted => Verdict::Holds,
        None => Verdict::Unknown,
    };
    Report {
        task: task.clone(),
        unique: tally.unique.load(Ordering::Relaxed),
        generated: tally.generated.load(Ordering::Relaxed),
        depth: tally.depth.load(Ordering::Relaxed),
        outlooks: outlooks.len(),
        elapsed: supervisor.began.elapsed(),
        peak_memory: supervisor.peak,
        verdicts: task.checked.iter().map(|&invariant| (invariant, verdict(invariant))).collect(),
        reachable_marks,
        missed_marks,
        ended,
    }
}

/// Adds every state that was reached to the graph of states without faults, and closes the graph.
fn add_all(
    space: &Space<'_>,
    explored: &Explored,
    outlooks: &mut Outlooks<'_>,
    tally: &Tally,
) -> bool {
    let mut cache = Cache::default();
    for (index, key) in explored.visited.keys().into_iter().enumerate() {
        if index % 1024 == 0 && tally.stop.load(Ordering::Relaxed) {
            return false;
        }
        if !space.is_ruined(key) && !outlooks.add(key, &mut cache) {
            return false;
        }
    }
    outlooks.close(&mut cache, &|| tally.stop.load(Ordering::Relaxed))
}

/// The memory that the search for the shortest counterexample may take, in bytes.
const SHORTENING_MEMORY: usize = 2 << 30;

/// Finds, for each violated invariant, a counterexample with the fewest faults, and among those
/// one with the fewest steps. For each number of faults it searches in breadth, on one thread, so
/// that the first violation it finds is a nearest one, and the same one each time.
fn shorten(
    task: &Task,
    supervisor: &mut Supervisor<'_>,
    mut open: Vec<Invariant>,
    space: &Space<'_>,
    outlooks: &Outlooks<'_>,
    fate: Fate,
) -> BTreeMap<Invariant, Trace> {
    let mut found = BTreeMap::new();
    let scope = Scope { which: Steps::All, reduced: task.reduced, symmetric: task.symmetric };
    for faults in 0..=task.bounds.faults {
        if open.is_empty() {
            break;
        }
        let bounds = Bounds { faults, ..task.bounds };
        let spare = supervisor.peak + SHORTENING_MEMORY;
        let most = task.max_memory.map_or(spare, |most| most.min(spare));
        let given = supervisor.max_memory.replace(most);
        let searched = protocol(task, bounds, open.clone());
        let near = Space::new(&searched);
        let tally = Tally::default();
        let (paths, ended) = supervisor.run(&tally, true, || {
            let cache = std::cell::RefCell::new(Cache::default());
            let is_lost = |key: Key| {
                fate != Fate::Certain && {
                    // This search numbers components its own way.
                    let (world, cache) = (near.world(key).after_faults(), &mut *cache.borrow_mut());
                    let key = space.key(&world, false, cache);
                    key.is_some_and(|key| outlooks.fate(key, cache) == fate)
                }
            };
            nearest(&near, scope, &tally, &open, &is_lost)
        });
        supervisor.max_memory = given;
        for (invariant, path) in paths {
            open.retain(|&wanted| wanted != invariant);
            let actions = actions(&near, scope, &path);
            found.insert(invariant, Trace::new(task, bounds, invariant, actions, true));
        }
        if ended != Ended::Exhausted {
            break;
        }
    }
    found
}

/// The actions that lead from the first state along these states.
fn actions(space: &Space<'_>, scope: Scope, path: &[Key]) -> Vec<Action> {
    let protocol = space.protocol;
    let mut cache = Cache::default();
    let mut world = protocol.untouched();
    let mut actions = Vec::new();
    for &key in &path[1..] {
        let mut way = None;
        // The search may have followed a state with other names, and another process's steps alone.
        protocol.all_steps(&world, Steps::All, &mut |action| {
            if way.is_some() {
                return;
            }
            let Some(next) = protocol.raw_step(&world, action) else { return };
            if space.key(&protocol.normal(&next), scope.symmetric, &mut cache) == Some(key) {
                way = Some((action, next));
            }
        });
        let Some((action, next)) = way else { break };
        actions.push(action);
        world = next;
    }
    actions
}

/// Checks with Stateright: every invariant but P1, and no search for a short counterexample.
fn check_with_stateright(task: &Task, watch: &mut dyn Watch) -> Report {
    let mut supervisor = Supervisor::new(task, watch);
    let checked = task.checked.iter().copied().filter(|&invariant| invariant != Invariant::P1);
    let checked: Vec<Invariant> = checked.collect();
    let checker = protocol(task, task.bounds, checked.clone())
        .checker()
        .threads(task.threads.get())
        .spawn_bfs();
    let tally = Tally::default();
    let (checker, ended) = supervisor.run(&tally, false, || {
        while !checker.is_done() && !tally.stop.load(Ordering::Relaxed) {
            tally.unique.store(checker.unique_state_count(), Ordering::Relaxed);
            tally.generated.store(checker.state_count(), Ordering::Relaxed);
            tally.depth.store(checker.max_depth(), Ordering::Relaxed);
            std::thread::sleep(Duration::from_millis(5));
        }
        checker
    });
    let model = checker.model();
    let (reachable_marks, missed_marks) =
        model.coverage.report(&task.design, &task.bounds, task.clocks);
    let found = checker.discoveries();
    let verdict = |invariant: Invariant| match found.get(invariant.name()) {
        Some(path) => {
            let actions = path.clone().into_actions();
            let trace = Trace::new(task, task.bounds, invariant, actions, false);
            Verdict::Violated(Box::new(trace))
        }
        None if ended == Ended::Exhausted => Verdict::Holds,
        None => Verdict::Unknown,
    };
    Report {
        task: task.clone(),
        unique: checker.unique_state_count(),
        generated: checker.state_count(),
        depth: checker.max_depth(),
        outlooks: 0,
        elapsed: supervisor.began.elapsed(),
        peak_memory: supervisor.peak,
        verdicts: checked.iter().map(|&invariant| (invariant, verdict(invariant))).collect(),
        reachable_marks,
        missed_marks,
        ended,
    }
}

/// Waits for searches, and ends them when a limit is reached.
struct Supervisor<'a> {
    began: Instant,
    peak: usize,
    timeout: Option<Duration>,
    max_memory: Option<usize>,
    /// Whether the watch has ended a search before, and need not say so again.
    interrupted: bool,
    watch: &'a mut dyn Watch,
}

impl<'a> Supervisor<'a> {
    fn new(task: &Task, watch: &'a mut dyn Watch) -> Self {
        let (timeout, max_memory) = (task.timeout, task.max_memory);
        Supervisor {
            began: Instant::now(),
            peak: 0,
            timeout,
            max_memory,
            interrupted: false,
            watch,
        }
    }

    /// Lets the search for counterexamples take the time that it needs, though the search before it
    /// was cut short: what that search found is to be shown. A search on one thread, once for each
    /// number of faults, meets it again within this time.
    fn allow_again(&mut self, task: &Task, ended: Ended) {
        let spent = self.began.elapsed();
        let again = task.threads.get() as u32 * (u32::from(task.bounds.faults) + 1);
        match ended {
            Ended::Timeout | Ended::Interrupted => {
                self.timeout = Some(spent + spent * again + Duration::from_secs(5));
            }
            Ended::Exhausted | Ended::Memory | Ended::Outgrown => {}
        }
        self.interrupted = ended == Ended::Interrupted;
    }

    /// Runs a search on a thread of its own until it is done. Returns what it returns, and why it
    /// ended.
    fn run<T: Send>(
        &mut self,
        tally: &Tally,
        shortening: bool,
        search: impl FnOnce() -> T + Send,
    ) -> (T, Ended) {
        let mut ended = Ended::Exhausted;
        let mut pause = Duration::from_micros(200);
        std::thread::scope(|scope| {
            let search = scope.spawn(search);
            while !search.is_finished() {
                if let Some(limit) = self.limit(tally, shortening) {
                    tally.stop.store(true, Ordering::Relaxed);
                    ended = limit;
                }
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            self.limit(tally, shortening);
            (search.join().expect("a search does not panic"), ended)
        })
    }

    /// The limit that is reached, if one is.
    fn limit(&mut self, tally: &Tally, shortening: bool) -> Option<Ended> {
        let memory = memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem);
        self.peak = self.peak.max(memory);
        let progress = Progress {
            unique: tally.unique.load(Ordering::Relaxed),
            generated: tally.generated.load(Ordering::Relaxed),
            depth: tally.depth.load(Ordering::Relaxed),
            memory,
            shortening,
        };
        if !self.watch.proceed(progress) && !self.interrupted {
            Some(Ended::Interrupted)
        } else if self.timeout.is_some_and(|most| self.began.elapsed() > most) {
            Some(Ended::Timeout)
        } else if self.max_memory.is_some_and(|most| memory > most) {
            Some(Ended::Memory)
        } else {
            None
        }
    }
}

/// Serves Stateright's Explorer for a design at `address`. It does not return.
///
/// # Panics
/// If it cannot listen at the address.
pub fn explore(task: &Task, address: std::net::SocketAddr) {
    drop(protocol(task, task.bounds, task.checked.clone()).checker().serve(address));
}
