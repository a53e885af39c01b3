//! P1 judged on what a search has explored.

use std::io;
use std::sync::atomic::Ordering;

use super::engine::{Explored, Space, Tally};
use super::progress::{Fate, Outlooks};
use super::report::Ended;
use super::supervisor::Supervisor;
use super::task::Task;

/// Judges P1 from every state. Nothing is found where a limit ended it.
///
/// Where states are passed through, the graph lacks them. It tells whether P1 holds, and if it does not,
/// the whole graph is made for the search for the shortest counterexample, which asks each state for its
/// fate. If a limit ends that, the first graph has to do.
pub(super) fn judged<'a>(
    task: &Task,
    supervisor: &mut Supervisor<'_>,
    space: &'a Space<'a>,
    tally: &Tally,
    explored: &mut Explored,
) -> io::Result<(Option<Outlooks<'a>>, Ended)> {
    let passes = task.passes();
    let (found, ended) = judged_once(task, supervisor, space, tally, explored, passes)?;
    let holds = found.as_ref().is_none_or(|outlooks| outlooks.worst() == Fate::Certain);
    if holds || !passes {
        return Ok((found, ended));
    }
    let (whole, ended) = judged_once(task, supervisor, space, tally, explored, false)?;
    Ok((whole.or(found), ended))
}

fn judged_once<'a>(
    task: &Task,
    supervisor: &mut Supervisor<'_>,
    space: &'a Space<'a>,
    tally: &Tally,
    explored: &mut Explored,
    passes: bool,
) -> io::Result<(Option<Outlooks<'a>>, Ended)> {
    let stop = || tally.stop.load(Ordering::Relaxed);
    let mut caches = std::mem::take(&mut explored.caches);
    let mut unread = None;
    let mut from =
        explored.pieces().map_while(|piece| piece.map_err(|error| unread = Some(error)).ok());
    let judge = || Outlooks::of(space, task.symmetric, passes, &mut from, &mut caches, &stop);
    let (found, limit) = supervisor.run(tally, false, judge);
    drop(from);
    explored.caches = caches;
    match (unread, &found, limit) {
        (Some(error), _, _) => Err(error),
        // A limit that was reached just then has ended nothing.
        (None, Some(_), _) => Ok((found, Ended::Exhausted)),
        (None, None, Ended::Exhausted) => Ok((None, Ended::Crowded)),
        (None, None, _) => Ok((None, limit)),
    }
}
