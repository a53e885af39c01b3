//! What went wrong with leases: L1, L2, L3.

use super::super::action::Process;
use super::super::bounds::Clocks;
use super::super::small::{Owner, WorkerNo};
use super::names::name;
use super::path::Path;
use super::phrase::ticks;
use super::place::Place;
use super::scene::Scene;
use crate::explanation::listed;
use crate::ids::Epoch;
use crate::invariant::Invariant;
use crate::store::Request;

/// L1: an epoch got a second owner, or epochs went back.
pub(super) fn shared_epoch(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::L1)?;
    let place = Place::of(path.deed(step).applied()?)?;
    let lease = path.lease_name(place);
    let (before, after) = (path.before(step).lease(place)?, path.after(step).lease(place)?);
    if after.epoch < before.epoch {
        return Some(format!(
            "the epoch of {lease} fell from {} to {} at step {step}, when {} took the lease.",
            before.epoch,
            after.epoch,
            taker(path, step, step),
        ));
    }
    let taken = path.last(|path, taken| {
        let (was, is) = (holder(path.before(taken), place), holder(path.after(taken), place));
        taken < step && was != is && is == Some((before.epoch, before.owner))
    })?;
    let other = match path.deed(taken).who == path.deed(step).who {
        true => format!("another turn of {}", taker(path, step, taken)),
        false => taker(path, step, taken),
    };
    Some(format!(
        "epoch {} of {lease} has two owners, so that it cannot tell their requests apart: {} took \
         the lease under it at step {taken}, and {other} took it at step {step}.",
        after.epoch,
        path.subject(taken),
    ))
}

/// A lease's epoch and owner.
fn holder(scene: &Scene, place: Place) -> Option<(Epoch, Owner)> {
    scene.lease(place).map(|lease| (lease.epoch, lease.owner))
}

/// Who took the lease at a step, and that it had found it free before `other`, if it had.
fn taker(path: &Path, step: usize, other: usize) -> String {
    let who = path.deed(step).who;
    let looked = path.last(|path, looked| {
        let deed = path.deed(looked);
        let reads = matches!(deed.applied(), Some(Request::ReadLease { .. }));
        looked < step && deed.who == who && reads
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
    let acts = |worker: WorkerNo| match path.clocks {
        Clocks::Timely => !end.is_over(worker),
        Clocks::Unbounded => true,
    };
    let (place, mut active) = end.places().find_map(|place| {
        let turns = end.turns(place);
        let active = turns.filter(|(worker, turn)| turn.machine.is_active() && acts(*worker));
        let taken: Option<Vec<(usize, WorkerNo)>> =
            active.map(|(worker, _)| Some((took(path, worker)?, worker))).collect();
        taken.filter(|taken| taken.len() > 1).map(|taken| (place, taken))
    })?;
    active.sort_unstable();
    let &[(first, one), (second, other), ..] = active.as_slice() else { return None };
    let epoch = |worker| end.turn(worker).map(|turn| turn.machine.epoch());
    let (old, new) = (epoch(one)?, epoch(other)?);
    let mut since = lost(path, place, one, first, second);
    let (taker, ahead) = (taker(path, second, first), ahead(path, place, other, second));
    let own = |worker, step| match is_anothers(path, place, worker, step) {
        true => " for its own",
        false => "",
    };
    let (kept, taken) = (own(one, first), own(other, second));
    since.push(format!("{taker}{ahead} took it{taken} at step {second} (epoch {new})"));
    let on = match path.of_partition(place.partition).as_str() {
        "" => " on the same partition".to_owned(),
        _ => String::new(),
    };
    Some(format!(
        "workers {one} and {other} are at work for {}{on} at once: worker {one} took the lease{kept} \
         at step {first} (epoch {old}) and still acts on it, although {}.",
        path.group_name(place),
        listed(&since)
    ))
}

/// The step at which a worker took the lease that it acts on.
fn took(path: &Path, worker: WorkerNo) -> Option<usize> {
    let epoch = |scene: &Scene| {
        let turn = scene.turn(worker).filter(|turn| turn.machine.holds_lease());
        turn.map(|turn| turn.machine.epoch())
    };
    let learned = path.last(|path, step| {
        epoch(path.after(step)).is_some() && epoch(path.before(step)) != epoch(path.after(step))
    });
    learned.map(|step| path.landed(step))
}

/// Whether a worker took for its own at a step what another turn had taken: the table shows the
/// same lease as before, and none of the turn's own requests made it so.
fn is_anothers(path: &Path, place: Place, worker: WorkerNo, step: usize) -> bool {
    let stays = holder(path.before(step), place) == holder(path.after(step), place);
    let made = path.last(|path, made| {
        made < step && holder(path.before(made), place) != holder(path.after(made), place)
    });
    let own = made.is_some_and(|made| {
        let began = path.began(worker, step);
        path.deed(made).who == Some(Process::Worker(worker)) && began.is_some_and(|b| b < made)
    });
    stays && !own
}

/// How far a worker's clock was ahead when it took a lease that had not ended, if it was.
fn ahead(path: &Path, place: Place, worker: WorkerNo, taken: usize) -> String {
    let before = path.before(taken);
    match before.ahead(worker) {
        ahead @ 1.. if before.is_held(place) => {
            format!(", whose clock was {} ahead,", ticks(usize::from(ahead)))
        }
        _ => String::new(),
    }
}

/// How a worker's lease came to an end between two steps, without its stopping.
fn lost(path: &Path, place: Place, worker: WorkerNo, from: usize, to: usize) -> Vec<String> {
    let holds = |step: usize| path.after(step).is_held(place);
    let Some(ended) = (from + 1..to).find(|&step| holds(step - 1) && !holds(step)) else {
        return Vec::new();
    };
    let deed = path.deed(ended);
    let own = deed.who == Some(Process::Worker(worker));
    let began = path.began(worker, to);
    let sent = deed.sent.filter(|sent| began.is_some_and(|began| *sent < began));
    vec![match (deed.applied(), own) {
        (Some(Request::Release { .. }), true) if let Some(sent) = sent => {
            format!(
                "the release that its last turn had sent at step {sent} was applied at step {ended}"
            )
        }
        (Some(Request::Release { .. }), true) => {
            format!("its own release was applied at step {ended} (it heard no reply)")
        }
        (Some(Request::Release { .. }), false) => {
            format!("{} released it at step {ended}", path.subject(ended))
        }
        (Some(_), _) => format!("{} brought its end forward at step {ended}", path.subject(ended)),
        (None, _) => format!("it ended at step {ended}"),
    }]
}

/// L3: a checkpoint moved back, or a worker moved it that does not own the lease.
pub(super) fn moved_back(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::L3)?;
    let deed = path.deed(step);
    let place = Place::of(deed.applied()?)?;
    let checkpoint = path.checkpoint_name(place);
    let before = path.before(step).lease(place)?;
    let (from, to) = (path.before(step).checkpoint(place), path.after(step).checkpoint(place));
    if to < from {
        let reached = path
            .passed(place, from)
            .map_or(String::new(), |reached| format!(", which it had reached at step {reached}"));
        let how = match (deed.who, deed.sent) {
            (Some(who), Some(sent)) => {
                let who = name(who);
                format!("{who}'s request of step {sent} to move it to {to} arrived only then")
            }
            _ => format!("{} moved it", path.subject(step)),
        };
        return Some(format!(
            "{checkpoint} went back from slot {from}{reached}, to slot {to} at step {step}: {how}."
        ));
    }
    let taken = path.last(|path, taken| {
        taken < step && holder(path.before(taken), place) != holder(path.after(taken), place)
    })?;
    Some(format!(
        "{} moved {checkpoint} from slot {from} to slot {to} at step {step} under epoch {}, \
         although the lease has belonged to {} since step {taken} (epoch {}).",
        path.subject(step),
        deed.epoch,
        before.owner,
        before.epoch
    ))
}
