//! One check: an exhaustive search, and then a search for the shortest counterexample of each
//! violated invariant.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde::Serialize;
use stateright::{Checker, Model};

use super::action::Action;
use super::bounds::{Bounds, Clocks};
use super::protocol::Protocol;
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

/// The result of a check.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was checked.
    pub task: Task,
    /// The number of different states that were reached.
    pub unique: usize,
    /// The number of states that were generated, including those reached again.
    pub generated: usize,
    /// The number of steps on the longest path.
    pub depth: usize,
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
    /// A sequence number or an epoch outgrew the world, so some paths were cut short.
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

    /// Estimates the probability, from 0 to 1, that two different states had the same fingerprint,
    /// so that one of them was never searched. Stateright keeps 64 bits of each state.
    #[must_use]
    pub fn collision_probability(&self) -> f64 {
        let states = self.unique as f64;
        states * states / 2_f64.powi(65)
    }
}

/// How far a search has come.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The number of different states that were reached so far.
    pub unique: usize,
    /// The number of states that were generated so far, including those reached again.
    pub generated: usize,
    /// The number of steps on the longest path so far.
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

/// Calls `$function` for the smallest world that holds the bounds.
///
/// A world of fixed size makes a state cheap to copy and to hash. A few sizes are enough.
macro_rules! in_world_of {
    ($bounds:expr, $function:ident($($argument:expr),*)) => {{
        let bounds: &Bounds = $bounds;
        let slots = bounds.producers * bounds.events;
        let fits = |producers, workers, groups, late, most| {
            bounds.producers <= producers
                && bounds.workers <= workers
                && bounds.groups <= groups
                && bounds.late <= late
                && slots <= most
        };
        if fits(2, 2, 1, 1, 2) {
            $function::<2, 2, 1, 8, 1>($($argument),*)
        } else if fits(3, 3, 2, 1, 6) {
            $function::<3, 3, 2, 12, 1>($($argument),*)
        } else {
            $function::<4, 4, 2, 32, 2>($($argument),*)
        }
    }};
}
pub(super) use in_world_of;

/// Checks a design for every invariant of the task.
///
/// It blocks until the search is exhausted, a limit is reached or the `watch` ends it. Then it
/// searches for the shortest counterexample of each violated invariant.
///
/// # Panics
/// If the task takes out a protection that the checked model does not have.
pub fn check(task: &Task, watch: &mut dyn Watch) -> Report {
    in_world_of!(&task.bounds, check_in(task, watch))
}

/// The protocol to search for a task.
pub(super) fn protocol<
    const P: usize,
    const W: usize,
    const G: usize,
    const S: usize,
    const L: usize,
>(
    task: &Task,
    bounds: Bounds,
    checked: Vec<Invariant>,
) -> Protocol<P, W, G, S, L> {
    let mut protocol = Protocol::new(task.design, bounds, task.clocks, checked);
    let in_model = task.mutant.is_none_or(Mutant::is_in_model);
    assert!(in_model, "the checked model does not have what {:?} takes out", task.mutant);
    protocol.mutant = task.mutant;
    protocol.reduced = task.reduced;
    protocol
}

fn check_in<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    task: &Task,
    watch: &mut dyn Watch,
) -> Report {
    let mut supervisor = Supervisor::new(task, watch);
    let searched = protocol::<P, W, G, S, L>(task, task.bounds, task.checked.clone());
    let checker = searched.checker().threads(task.threads.get()).spawn_dfs();
    let ended = supervisor.wait(&checker, false);
    let checker = checker.join();

    let model = checker.model();
    let ended = match ended {
        Ended::Exhausted if model.outgrown.load(Ordering::Relaxed) => Ended::Outgrown,
        ended => ended,
    };
    let (reachable_marks, missed_marks) =
        model.coverage.report(&task.design, &task.bounds, task.clocks);
    let mut found: BTreeMap<Invariant, Vec<Action>> = discoveries(&checker).collect();
    let (unique, generated) = (checker.unique_state_count(), checker.state_count());
    let depth = checker.max_depth();
    drop(checker);

    let violated = found.keys().copied().collect();
    let shortest = shorten::<P, W, G, S, L>(task, &mut supervisor, violated);
    let mut verdicts = BTreeMap::new();
    for &invariant in &task.checked {
        let verdict = match (found.remove(&invariant), shortest.get(&invariant), ended) {
            (_, Some((actions, bounds)), _) => {
                let trace = Trace::new(task, *bounds, invariant, actions.clone(), true);
                Verdict::Violated(Box::new(trace))
            }
            (Some(actions), None, _) => {
                let trace = Trace::new(task, task.bounds, invariant, actions, false);
                Verdict::Violated(Box::new(trace))
            }
            (None, None, Ended::Exhausted) => Verdict::Holds,
            (None, None, _) => Verdict::Unknown,
        };
        verdicts.insert(invariant, verdict);
    }
    Report {
        task: task.clone(),
        unique,
        generated,
        depth,
        elapsed: supervisor.began.elapsed(),
        peak_memory: supervisor.peak,
        verdicts,
        reachable_marks,
        missed_marks,
        ended,
    }
}

/// The violations that a search found, each with the path to it. Stateright replays the paths, so
/// after a search that was ended early, states must have successors again.
fn discoveries<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    checker: &impl Checker<Protocol<P, W, G, S, L>>,
) -> impl Iterator<Item = (Invariant, Vec<Action>)> {
    checker.model().stop.store(false, Ordering::Relaxed);
    let found = checker.discoveries().into_iter();
    found.filter_map(|(name, path)| Some((Invariant::named(name)?, path.into_actions())))
}

/// The memory that the search for the shortest counterexample may take, in bytes.
const SHORTENING_MEMORY: usize = 2 << 30;

/// Finds, for each violated invariant, a counterexample with the fewest faults, and among those
/// one with the fewest steps. For each number of faults it searches in breadth, on one thread, so
/// that the first violation it finds is a nearest one.
fn shorten<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    task: &Task,
    supervisor: &mut Supervisor<'_>,
    mut open: Vec<Invariant>,
) -> BTreeMap<Invariant, (Vec<Action>, Bounds)> {
    let mut shortest = BTreeMap::new();
    for faults in 0..=task.bounds.faults {
        if open.is_empty() {
            break;
        }
        let bounds = Bounds { faults, ..task.bounds };
        // A search in breadth keeps whole states, and is not worth all of the machine's memory.
        let spare = supervisor.peak + SHORTENING_MEMORY;
        let most = task.max_memory.map_or(spare, |most| most.min(spare));
        let given = supervisor.max_memory.replace(most);
        let searched = protocol::<P, W, G, S, L>(task, bounds, open.clone()).shortest();
        let checker = searched.checker().threads(1).spawn_bfs();
        let ended = supervisor.wait(&checker, true);
        supervisor.max_memory = given;
        let checker = checker.join();
        for (invariant, actions) in discoveries(&checker) {
            open.retain(|&wanted| wanted != invariant);
            shortest.insert(invariant, (actions, bounds));
        }
        if ended != Ended::Exhausted {
            break;
        }
    }
    shortest
}

/// Waits for searches, and ends them when a limit is reached.
struct Supervisor<'a> {
    began: Instant,
    peak: usize,
    timeout: Option<Duration>,
    max_memory: Option<usize>,
    watch: &'a mut dyn Watch,
}

impl<'a> Supervisor<'a> {
    fn new(task: &Task, watch: &'a mut dyn Watch) -> Self {
        let (timeout, max_memory) = (task.timeout, task.max_memory);
        Supervisor { began: Instant::now(), peak: 0, timeout, max_memory, watch }
    }

    /// Waits until the search is done. Returns why it ended.
    fn wait<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
        &mut self,
        checker: &impl Checker<Protocol<P, W, G, S, L>>,
        shortening: bool,
    ) -> Ended {
        let mut pause = Duration::from_micros(200);
        let mut ended = Ended::Exhausted;
        loop {
            let memory = memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem);
            self.peak = self.peak.max(memory);
            if checker.is_done() {
                return ended;
            }
            let progress = Progress {
                unique: checker.unique_state_count(),
                generated: checker.state_count(),
                depth: checker.max_depth(),
                memory,
                shortening,
            };
            let limit = if !self.watch.proceed(progress) {
                Some(Ended::Interrupted)
            } else if self.timeout.is_some_and(|most| self.began.elapsed() > most) {
                Some(Ended::Timeout)
            } else if self.max_memory.is_some_and(|most| memory > most) {
                Some(Ended::Memory)
            } else {
                None
            };
            if let Some(limit) = limit {
                // From now on no state has successors, so the search runs dry.
                checker.model().stop.store(true, Ordering::Relaxed);
                ended = limit;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

/// Serves Stateright's Explorer for a design at `address`. It does not return.
///
/// # Panics
/// If it cannot listen at the address.
pub fn explore(task: &Task, address: std::net::SocketAddr) {
    in_world_of!(&task.bounds, explore_in(task, address));
}

fn explore_in<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    task: &Task,
    address: std::net::SocketAddr,
) {
    let explored: Protocol<P, W, G, S, L> = protocol(task, task.bounds, task.checked.clone());
    drop(explored.checker().serve(address));
}
