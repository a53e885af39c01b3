//! One check: an exhaustive search, and the shortest way to whatever it found.

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

/// What to check, and how much it may take.
#[derive(Clone, Debug)]
pub struct Task {
    /// The name to report.
    pub name: String,
    /// The protocol.
    pub design: Design,
    /// How much of everything there is.
    pub bounds: Bounds,
    /// What clocks may do.
    pub clocks: Clocks,
    /// The invariants to check; [`Task::applicable`] tells which make sense.
    pub checked: Vec<Invariant>,
    /// What is broken on purpose.
    pub mutant: Option<Mutant>,
    /// Whether to leave out orders of steps that make no difference.
    pub reduced: bool,
    /// How many threads search.
    pub threads: NonZeroUsize,
    /// How long it may take.
    pub timeout: Option<Duration>,
    /// How much memory the process may hold, in bytes.
    pub max_memory: Option<usize>,
}

impl Task {
    /// A check of every invariant that the clocks allow to hold.
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

    /// The invariants that can be asked for: where clocks are unbounded nobody can
    /// promise that only one worker is active (L2).
    #[must_use]
    pub fn applicable(clocks: Clocks) -> Vec<Invariant> {
        let all = Invariant::ALL.iter().copied();
        all.filter(|&invariant| invariant != Invariant::L2 || clocks == Clocks::Timely).collect()
    }
}

/// What a check found.
#[derive(Clone, Debug)]
pub struct Report {
    /// What was checked.
    pub task: Task,
    /// Different states reached.
    pub unique: usize,
    /// States generated, those reached again included.
    pub generated: usize,
    /// The longest path followed.
    pub depth: usize,
    /// How long it took, the search for short counterexamples included.
    pub elapsed: Duration,
    /// The most memory that the process held, in bytes.
    pub peak_memory: usize,
    /// What is known of each invariant.
    pub verdicts: BTreeMap<Invariant, Verdict>,
    /// How many kinds of step and outcome the bounds allow.
    pub reachable_marks: usize,
    /// Those that no path exercised.
    pub missed_marks: Vec<&'static str>,
    /// Why the search ended.
    pub ended: Ended,
}

/// What is known of an invariant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It holds in every state within the bounds.
    Holds,
    /// It does not hold at the end of this trace.
    Violated(Trace),
    /// The search ended before it was exhaustive, and met no violation.
    Unknown,
}

/// Why a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    /// There was nothing left to search.
    Exhausted,
    /// Time was up.
    Timeout,
    /// Memory was up.
    Memory,
    /// Somebody asked it to end.
    Interrupted,
    /// A sequence number outgrew the world, so that some paths were cut short.
    Outgrown,
}

impl Report {
    /// The invariants that are violated, the shortest counterexample first.
    #[must_use]
    pub fn violated(&self) -> Vec<(Invariant, &Trace)> {
        let mut found: Vec<_> = self
            .verdicts
            .iter()
            .filter_map(|(invariant, verdict)| match verdict {
                Verdict::Violated(trace) => Some((*invariant, trace)),
                Verdict::Holds | Verdict::Unknown => None,
            })
            .collect();
        found.sort_by_key(|(invariant, trace)| (trace.actions.len(), *invariant));
        found
    }

    /// Whether everything that was asked is known.
    #[must_use]
    pub fn is_exhaustive(&self) -> bool {
        self.verdicts.values().all(|verdict| *verdict != Verdict::Unknown)
            && self.ended == Ended::Exhausted
    }

    /// The probability that two different states had the same fingerprint, so that
    /// one of them was never looked at: Stateright keeps 64 bits of each.
    #[must_use]
    pub fn collision_probability(&self) -> f64 {
        let states = self.unique as f64;
        states * states / 2_f64.powi(65)
    }
}

/// How far a search is.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Different states reached.
    pub unique: usize,
    /// States generated.
    pub generated: usize,
    /// The longest path followed.
    pub depth: usize,
    /// Memory held by the process, in bytes.
    pub memory: usize,
    /// Whether this is the search for a short counterexample.
    pub shortening: bool,
}

/// Watches a search, and may end it.
pub trait Observer {
    /// Called several times a second. Returns whether the search should go on.
    fn proceed(&mut self, progress: Progress) -> bool;
}

impl<F: FnMut(Progress) -> bool> Observer for F {
    fn proceed(&mut self, progress: Progress) -> bool {
        self(progress)
    }
}

/// Runs `$body` with `$protocol` bound to a constructor for the smallest world that holds the bounds.
///
/// A world of fixed size is what makes a state cheap; a few sizes are enough.
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

/// Checks a design.
pub fn check(task: &Task, observer: &mut dyn Observer) -> Report {
    in_world_of!(&task.bounds, check_in(task, observer))
}

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
    protocol.mutant = task.mutant;
    protocol.reduced = task.reduced;
    protocol
}

fn check_in<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    task: &Task,
    observer: &mut dyn Observer,
) -> Report {
    let mut watch = Watch::new(task, observer);
    let searched = protocol::<P, W, G, S, L>(task, task.bounds, task.checked.clone());
    let checker = searched.checker().threads(task.threads.get()).spawn_dfs();
    let ended = watch.until_done(&checker, false);
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

    let shortest = shorten::<P, W, G, S, L>(task, &mut watch, found.keys().copied().collect());
    let mut verdicts = BTreeMap::new();
    for &invariant in &task.checked {
        let verdict = match (found.remove(&invariant), shortest.get(&invariant), ended) {
            (_, Some((actions, bounds)), _) => {
                let trace = Trace::new(task, *bounds, invariant, actions.clone(), true);
                Verdict::Violated(trace)
            }
            (Some(actions), None, _) => {
                Verdict::Violated(Trace::new(task, task.bounds, invariant, actions, false))
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
        elapsed: watch.began.elapsed(),
        peak_memory: watch.peak,
        verdicts,
        reachable_marks,
        missed_marks,
        ended,
    }
}

/// What a search found, and the way there. The way is walked again, so the states of a
/// search that was ended early must have successors once more.
fn discoveries<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    checker: &impl Checker<Protocol<P, W, G, S, L>>,
) -> impl Iterator<Item = (Invariant, Vec<Action>)> {
    checker.model().stop.store(false, Ordering::Relaxed);
    let found = checker.discoveries().into_iter();
    found.filter_map(|(name, path)| Some((Invariant::named(name)?, path.into_actions())))
}

/// How much memory the search for the shortest counterexample may take, in bytes.
const SHORTENING_MEMORY: usize = 2 << 30;

/// Finds, for each violated invariant, a counterexample with the fewest faults,
/// and of those one with the fewest steps: one search in breadth for each number
/// of faults, on one thread, so that what it finds first is nearest.
fn shorten<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    task: &Task,
    watch: &mut Watch<'_>,
    mut open: Vec<Invariant>,
) -> BTreeMap<Invariant, (Vec<Action>, Bounds)> {
    let mut shortest = BTreeMap::new();
    for faults in 0..=task.bounds.faults {
        if open.is_empty() {
            break;
        }
        let bounds = Bounds { faults, ..task.bounds };
        // A search in breadth keeps whole states: it is not worth all the memory there is.
        let spare = watch.peak + SHORTENING_MEMORY;
        let given = watch.max_memory.replace(task.max_memory.map_or(spare, |most| most.min(spare)));
        let searched = protocol::<P, W, G, S, L>(task, bounds, open.clone()).shortest();
        let checker = searched.checker().threads(1).spawn_bfs();
        let ended = watch.until_done(&checker, true);
        watch.max_memory = given;
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

/// Waits for a search, and ends it where a limit says so.
struct Watch<'a> {
    began: Instant,
    peak: usize,
    timeout: Option<Duration>,
    max_memory: Option<usize>,
    observer: &'a mut dyn Observer,
}

impl<'a> Watch<'a> {
    fn new(task: &Task, observer: &'a mut dyn Observer) -> Self {
        let (timeout, max_memory) = (task.timeout, task.max_memory);
        Watch { began: Instant::now(), peak: 0, timeout, max_memory, observer }
    }

    fn until_done<
        const P: usize,
        const W: usize,
        const G: usize,
        const S: usize,
        const L: usize,
    >(
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
            let limit = if !self.observer.proceed(progress) {
                Some(Ended::Interrupted)
            } else if self.timeout.is_some_and(|most| self.began.elapsed() > most) {
                Some(Ended::Timeout)
            } else if self.max_memory.is_some_and(|most| memory > most) {
                Some(Ended::Memory)
            } else {
                None
            };
            if let Some(limit) = limit {
                // The search drains: from now on no state has successors.
                checker.model().stop.store(true, Ordering::Relaxed);
                ended = limit;
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }
}

/// Serves Stateright's Explorer for a design at `address`, until the process ends.
///
/// # Panics
/// If it cannot listen there.
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
