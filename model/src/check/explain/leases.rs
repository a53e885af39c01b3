//! What went wrong with leases: L1, L2, L3.

use super::super::action::Process;
use super::super::small::{GroupNo, Tick, WorkerNo};
use super::path::Path;
use crate::explanation::listed;
use crate::invariant::Invariant;
use crate::store::Request;

/// L1: an epoch got a second owner, or epochs went back.
pub(super) fn shared_epoch(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::L1)?;
    let group = *path.deed(step).request.as_ref()?.group()?;
    let (before, after) = (path.before(step).lease(group)?, path.after(step).lease(group)?);
    if after.epoch < before.epoch {
        return Some(format!(
            "the epoch of group {group}'s lease fell from {} to {} at step {step}, when {} took \
             the lease.",
            before.epoch,
            after.epoch,
            taker(path, step, step),
        ));
    }
    let taken = path.last(|path, taken| {
        let epoch = |lease: Option<&crate::store::Lease<_>>| lease.map(|l| (l.epoch, l.owner));
        let was = epoch(path.before(taken).lease(group));
        let is = epoch(path.after(taken).lease(group));
        taken < step && was != is && is == Some((before.epoch, before.owner))
    })?;
    Some(format!(
        "epoch {} of group {group}'s lease has two owners, so that it cannot tell their requests \
         apart: {} took the lease under it at step {taken}, and {} took it at step {step}.",
        after.epoch,
        path.subject(taken),
        taker(path, step, taken),
    ))
}

/// Who took the lease at a step, and that it had found it free before `other`, if it had.
fn taker(path: &Path, step: usize, other: usize) -> String {
    let who = path.deed(step).who;
    let looked = path.last(|path, looked| {
        let deed = path.deed(looked);
        looked < step && deed.who == who && matches!(deed.request, Some(Request::ReadLease { .. }))
    });
    let subject = path.subject(step);
    match looked {
        Some(looked) if looked < other => {
            format!("{subject}, which had found it free at step {looked},")
        }
        _ => subject,
    }
}

/// L2: two workers act as the owner of one lease.
pub(super) fn two_at_work(path: &Path) -> Option<String> {
    let end = path.end();
    let (group, mut active) = path.groups.iter().find_map(|&group| {
        let active = end.turns(group).filter(|(_, turn)| turn.machine.is_active() && !turn.late);
        let taken: Option<Vec<(usize, WorkerNo)>> =
            active.map(|(worker, _)| Some((took(path, worker)?, worker))).collect();
        taken.filter(|taken| taken.len() > 1).map(|taken| (group, taken))
    })?;
    active.sort_unstable();
    let &[(first, one), (second, other), ..] = active.as_slice() else { return None };
    let epoch = |worker| end.turn(worker).map(|turn| turn.machine.epoch());
    let (old, new) = (epoch(one)?, epoch(other)?);
    let mut since = lost(path, group, one, first, second);
    since.push(format!("{} took it at step {second} (epoch {new})", taker(path, second, first)));
    Some(format!(
        "workers {one} and {other} are at work for group {group} on the same partition at once: \
         worker {one} took the lease at step {first} (epoch {old}) and still acts on it, although \
         {}.",
        listed(&since)
    ))
}

/// The step at which a worker took the lease that it acts on.
fn took(path: &Path, worker: WorkerNo) -> Option<usize> {
    let epoch = |scene: &super::path::Scene| {
        let turn = scene.turn(worker).filter(|turn| turn.machine.holds_lease());
        turn.map(|turn| turn.machine.epoch())
    };
    path.last(|path, step| {
        epoch(path.after(step)).is_some() && epoch(path.before(step)) != epoch(path.after(step))
    })
}

/// How a worker's lease came to an end between two steps, without its stopping.
fn lost(path: &Path, group: GroupNo, worker: WorkerNo, from: usize, to: usize) -> Vec<String> {
    let holds = |step: usize| {
        path.after(step).lease(group).is_some_and(|lease| lease.active && lease.until != Tick::NOW)
    };
    let Some(ended) = (from + 1..to).find(|&step| holds(step - 1) && !holds(step)) else {
        return Vec::new();
    };
    let deed = path.deed(ended);
    let own = deed.who == Some(Process::Worker(worker));
    vec![match (&deed.request, own) {
        (Some(Request::Release { .. }), true) => {
            format!("its own release was applied at step {ended} (it heard no reply)")
        }
        (Some(Request::Release { .. }), false) => {
            format!("{} released it at step {ended}", path.subject(ended))
        }
        _ => format!("it ended at step {ended}"),
    }]
}

/// L3: a checkpoint moved back, or somebody moved it who does not own the lease.
pub(super) fn moved_back(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::L3)?;
    let group = *path.deed(step).request.as_ref()?.group()?;
    let before = path.before(step).lease(group)?;
    let (from, to) = (path.before(step).checkpoint(group), path.after(step).checkpoint(group));
    let deed = path.deed(step);
    if to < from {
        let reached = path
            .passed(group, from)
            .map_or(String::new(), |reached| format!(", which it had reached at step {reached}"));
        let how = match (deed.who, deed.sent) {
            (Some(who), Some(sent)) => {
                format!("{who}'s request of step {sent} to move it to {to} arrived only then")
            }
            _ => format!("{} moved it", path.subject(step)),
        };
        return Some(format!(
            "group {group}'s checkpoint went back from slot {from}{reached}, to slot {to} at step \
             {step}: {how}."
        ));
    }
    let taken = path.last(|path, taken| {
        let owner = |scene: &super::path::Scene| scene.lease(group).map(|lease| lease.owner);
        taken < step && owner(path.before(taken)) != owner(path.after(taken))
    })?;
    Some(format!(
        "{} moved group {group}'s checkpoint from slot {from} to slot {to} at step {step}, although \
         the lease has belonged to {} since step {taken} (epoch {}).",
        path.subject(step),
        before.owner,
        before.epoch
    ))
}
