//! One check: an exhaustive search, the judgement of P1, and then a search for the shortest
//! counterexample of each violated invariant.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use stateright::{Checker, Model};

use super::action::Action;
use super::bounds::Bounds;
use super::checkpoint::{CheckpointError, Checkpointing, Keeper};
use super::engine::{
    Cache, Disk, Explored, Key, Limits, Pauses, Scope, Space, Tally, explore as explore_all,
    nearest,
};
use super::judged::judged;
use super::progress::{Fate, Outlooks};
use super::report::{Ended, Report, Resumed, Verdict, Watch};
use super::steps::Steps;
use super::supervisor::Supervisor;
use super::task::{Engine, Task, protocol};
use super::trace::Trace;
use crate::invariant::Invariant;

/// Checks a design for every invariant of the task.
///
/// It blocks until the search is exhausted, a limit is reached or the `watch` ends it. Then it
/// searches for the shortest counterexample of each violated invariant.
///
/// # Panics
/// If the task takes out a protection that the checked model does not have.
pub fn check(task: &Task, watch: &mut dyn Watch) -> Report {
    match task.engine {
        Engine::Own => check_here(task, watch, &mut None).expect("no file is read"),
        Engine::Stateright => check_with_stateright(task, watch),
    }
}

/// Checks a design like [`check`], and keeps the search in a file while it is unfinished.
///
/// If the file has a search, it goes on from there, and finds what an uninterrupted one finds. The
/// limits of the task are those of this run. The file has the states that were explored: what
/// follows, the judgement of P1 and the search for counterexamples, begins anew in each run.
///
/// The file stays when the check is done. [`Report::is_final`] says whether it has served its
/// purpose.
///
/// # Errors
/// The search in the file is another one, or it cannot be read. Then nothing was searched or written.
///
/// # Panics
/// If the task takes out a protection that the checked model does not have.
pub fn check_resumably(
    task: &Task,
    checkpointing: Checkpointing<'_>,
    watch: &mut dyn Watch,
) -> Result<Resumed, CheckpointError> {
    match task.engine {
        Engine::Own => {}
        Engine::Stateright => return Err(CheckpointError::Engine),
    }
    if task.disk.is_some() {
        return Err(CheckpointError::Disk);
    }
    let mut keeper = Some(Keeper::new(task, checkpointing));
    let report = check_here(task, watch, &mut keeper)?;
    let (from, unsaved) = keeper.map_or((None, None), |keeper| (keeper.resumed, keeper.unsaved));
    Ok(Resumed { report, from, unsaved })
}

/// Explores every state, from the first one or from what is kept.
fn explored(
    task: &Task,
    supervisor: &mut Supervisor<'_>,
    space: &Space<'_>,
    tally: &Tally,
    keeper: &mut Option<Keeper<'_>>,
) -> Result<(Explored, Ended), CheckpointError> {
    let scope = Scope {
        which: Steps::All,
        reduced: task.reduced,
        symmetric: task.symmetric,
        passes: task.passes(),
    };
    let limits = Limits { threads: task.threads, caches: remembered(task), scope };
    let mut kept = None;
    if let Some(keeper) = keeper {
        // A limit that is reached meanwhile ends the search that follows.
        let (read, _) = supervisor.run(tally, false, || keeper.resume(space, tally));
        kept = read?;
        tally.stop.store(false, Ordering::Relaxed);
        supervisor.spent_before = keeper.spent;
    }
    let mut begun = kept.unwrap_or_else(|| Explored::begin(space, scope, tally));
    begun.disk = task.disk.clone().map(Disk::new);
    let every = keeper.as_ref().map(|keeper| keeper.every);
    let mut keep = |explored: &Explored| {
        if let Some(keeper) = keeper {
            keeper.keep(space, tally, explored);
        }
    };
    let pauses = every.map(|every| Pauses { every, keep: &mut keep });
    Ok(supervisor.run(tally, false, || explore_all(space, limits, tally, begun, pauses)))
}

fn check_here(
    task: &Task,
    watch: &mut dyn Watch,
    keeper: &mut Option<Keeper<'_>>,
) -> Result<Report, CheckpointError> {
    let mut supervisor = Supervisor::new(task, watch);
    let searched = protocol(task, task.bounds, task.checked.clone());
    let space = Space::new(&searched);
    let tally = Tally::default();
    let (mut explored, ended) = explored(task, &mut supervisor, &space, &tally, keeper)?;
    let crowded = tally.crowded.load(Ordering::Relaxed);
    let disk_failed = explored.disk.as_mut().and_then(|disk| disk.failed.take());
    let mut disk_failed = disk_failed.map(|error| error.to_string());
    let mut ended = match ended {
        Ended::Exhausted if disk_failed.is_some() => Ended::Disk,
        Ended::Exhausted if searched.outgrown.load(Ordering::Relaxed) => Ended::Outgrown,
        Ended::Exhausted if crowded => Ended::Crowded,
        ended => ended,
    };

    let explored_all = ended == Ended::Exhausted;
    let mut outlooks = None;
    if task.checked.contains(&Invariant::P1) && ended == Ended::Exhausted {
        (outlooks, ended) = match judged(task, &mut supervisor, &space, &tally, &mut explored) {
            Ok(judged) => judged,
            Err(error) => {
                disk_failed = Some(error.to_string());
                (None, Ended::Disk)
            }
        };
    }
    let mut violated: Vec<Invariant> = explored.violated.keys().copied().collect();
    violated.retain(|invariant| task.checked.contains(invariant));
    let on_disk = explored.disk.as_ref().map_or(0, |disk| disk.len() as usize);
    // The states that were reached have told all, and what follows needs their memory.
    drop(explored);
    let fate = outlooks.as_ref().map_or(Fate::Certain, Outlooks::worst);
    if fate != Fate::Certain && !violated.contains(&Invariant::P1) {
        violated.push(Invariant::P1);
    }
    supervisor.allow_again(task, ended);
    let (open, outlooks) = (violated.clone(), outlooks.as_ref());
    let counterexamples = shorten(task, &mut supervisor, open, &space, outlooks, fate);

    let (reachable_marks, missed_marks) =
        searched.coverage.report(&task.design, &task.bounds, task.clocks);
    let verdict = |invariant: Invariant| match counterexamples.get(&invariant) {
        Some(trace) => Verdict::Violated(Box::new(trace.clone())),
        None if violated.contains(&invariant) => Verdict::Unshown,
        // Only P1 rests on more than the states that were reached.
        None if ended == Ended::Exhausted => Verdict::Holds,
        None if explored_all && invariant != Invariant::P1 => Verdict::Holds,
        None => Verdict::Unknown,
    };
    Ok(Report {
        task: task.clone(),
        unique: tally.unique.load(Ordering::Relaxed),
        generated: tally.generated.load(Ordering::Relaxed),
        depth: tally.depth.load(Ordering::Relaxed),
        outlooks: outlooks.map_or(0, Outlooks::len),
        reached_all: explored_all,
        on_disk,
        disk_failed,
        elapsed: supervisor.elapsed(),
        peak_memory: supervisor.peak,
        verdicts: task.checked.iter().map(|&invariant| (invariant, verdict(invariant))).collect(),
        reachable_marks,
        missed_marks,
        ended,
    })
}

/// How much may be remembered so that it need not be computed again, in bytes.
fn remembered(task: &Task) -> usize {
    task.max_memory.map_or(usize::MAX, |most| most / 4)
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
    outlooks: Option<&Outlooks<'_>>,
    fate: Fate,
) -> BTreeMap<Invariant, Trace> {
    let mut found = BTreeMap::new();
    let scope = Scope {
        which: Steps::All,
        reduced: task.reduced,
        symmetric: task.symmetric,
        passes: false,
    };
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
            let cache = || Cache::within(remembered(task) / 2);
            let here = std::cell::RefCell::new(cache());
            let is_lost = |key: Key| {
                fate != Fate::Certain
                    && outlooks.is_some_and(|outlooks| {
                        // This search numbers components its own way.
                        let (world, cache) =
                            (near.world(key).after_faults(), &mut *here.borrow_mut());
                        cache.trim_maps();
                        let key = space.key(&world, false, cache);
                        key.is_some_and(|key| outlooks.fate(key, cache) == fate)
                    })
            };
            nearest(&near, scope, &tally, &open, cache(), &is_lost)
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
    let ended = match ended {
        Ended::Exhausted if model.outgrown.load(Ordering::Relaxed) => Ended::Outgrown,
        ended => ended,
    };
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
        reached_all: ended == Ended::Exhausted,
        on_disk: 0,
        disk_failed: None,
        elapsed: supervisor.elapsed(),
        peak_memory: supervisor.peak,
        verdicts: checked.iter().map(|&invariant| (invariant, verdict(invariant))).collect(),
        reachable_marks,
        missed_marks,
        ended,
    }
}

/// Serves Stateright's Explorer for a design at `address`. It does not return.
///
/// # Panics
/// If it cannot listen at the address.
pub fn explore(task: &Task, address: std::net::SocketAddr) {
    drop(protocol(task, task.bounds, task.checked.clone()).checker().serve(address));
}

#[cfg(test)]
mod tests {
    use super::super::bounds::Clocks;
    use super::super::report::Progress;
    use super::super::task::OnDisk;
    use super::*;
    use crate::design::Design;

    #[test]
    fn p1_is_not_judged_on_states_that_cannot_be_read() {
        let bounds = Bounds { faults: 0, ..Bounds::TINY };
        let mut task = Task::new("damaged", Design::RECOMMENDED, bounds, Clocks::Timely);
        task.disk = Some(OnDisk { folder: std::env::temp_dir(), beyond: 0 });
        let mut watch = |_: Progress| true;
        let mut supervisor = Supervisor::new(&task, &mut watch);
        let searched = protocol(&task, task.bounds, task.checked.clone());
        let (space, tally) = (Space::new(&searched), Tally::default());
        let found = explored(&task, &mut supervisor, &space, &tally, &mut None);
        let (mut explored, ended) = found.expect("no file is read");
        assert_eq!(ended, Ended::Exhausted);
        let mut judge = || judged(&task, &mut supervisor, &space, &tally, &mut explored);
        assert!(matches!(judge(), Ok((Some(_), Ended::Exhausted))));
        explored.disk.as_ref().expect("it was given").damage();
        assert!(judged(&task, &mut supervisor, &space, &tally, &mut explored).is_err());
    }
}
