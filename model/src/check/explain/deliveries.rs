//! What went wrong with deliveries: D1, D2, D3.

use super::super::action::{Action, Process};
use super::super::small::WorkerNo;
use super::path::Path;
use super::place::{Place, Position};
use super::scene::Scene;
use crate::ids::Seq;
use crate::invariant::Invariant;
use crate::store::Slot;
use crate::vocabulary::{Page, Seen};

/// A delivery: the step, its worker and its place, and the slots in their order.
pub(super) struct Delivered {
    step: usize,
    pub(super) worker: WorkerNo,
    pub(super) place: Place,
    /// The reader took the slots after this one.
    after: u64,
    pub(super) slots: Vec<u64>,
}

/// What a step delivered.
pub(super) fn delivered(path: &Path, step: usize) -> Option<Delivered> {
    let (worker, most) = match path.deed(step).action {
        Action::Deliver { worker } => (worker, None),
        Action::Fail { worker, delivered } => (worker, Some(u64::from(delivered))),
        _ => return None,
    };
    let turn = path.before(step).turn(worker)?;
    let delivery = turn.machine.wants(&path.rules).deliver?;
    let (after, upto) = (delivery.after.0, delivery.upto.0);
    let last = most.map_or(upto, |most| upto.min(after + most));
    let shown = (after + 1..=last).filter(|slot| delivery.page.seen(Seq(*slot)) == Seen::Events);
    Some(Delivered { step, worker, place: Place::of_turn(turn), after, slots: shown.collect() })
}

/// D1: something was delivered that was not appended.
pub(super) fn never_appended(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::D1)?;
    let Delivered { worker, place, slots, .. } = delivered(path, step)?;
    let group = path.group_name(place);
    slots.into_iter().find_map(|slot| {
        let holds = unappended(path, step, place.at(slot))?;
        Some(format!(
            "worker {worker} delivered slot {slot} to {group} at step {step} as an event, but slot \
             {slot} {holds}."
        ))
    })
}

/// What a slot holds instead of an event that was appended; `None` if it holds one.
fn unappended(path: &Path, step: usize, position: Position) -> Option<String> {
    let scene = path.before(step);
    let refused = |scene: &Scene, token| scene.world().was_refused(token);
    match scene.slot(position) {
        Slot::Empty => Some("is empty".to_owned()),
        Slot::Void => Some(match path.written(position, step) {
            Some(voided) => format!("is void since step {voided}: it never held an event"),
            None => "is void: it never held an event".to_owned(),
        }),
        Slot::Events { token, .. } => {
            let told = path.last(|path, told| {
                let before = refused(path.before(told), token);
                told < step && !before && refused(path.after(told), token)
            })?;
            refused(scene, token).then(|| {
                format!(
                    "holds {token}, and {} was told at step {told} that its append was refused",
                    path.subject(told)
                )
            })
        }
    }
}

/// D2: a delivery out of order, or again without an excuse.
pub(super) fn out_of_order(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::D2)?;
    let found = delivered(path, step)?;
    let before = path.before(step);
    let seat = before.seat(found.place);
    let mut last = u64::from(before.turn(found.worker)?.delivered);
    for &slot in &found.slots {
        if slot <= last {
            return under_one_lease(path, &found, slot, last);
        }
        let mut later = slot + 1..=before.last(found.place.partition);
        if seat.was_delivered(slot) {
            if seat.excused & 1 << slot == 0 {
                return without_excuse(path, &found, slot);
            }
        } else if let Some(later) = later.find(|later| seat.was_delivered(*later)) {
            return overtook(path, &found, slot, later);
        }
        last = slot;
    }
    None
}

fn under_one_lease(path: &Path, found: &Delivered, slot: u64, last: u64) -> Option<String> {
    let Delivered { step, worker, place, .. } = found;
    let (events, group) = (path.before(*step).events(place.at(slot))?, path.group_name(*place));
    let after = if slot == last {
        "which it had delivered already".to_owned()
    } else {
        format!("after slot {last}")
    };
    Some(format!(
        "worker {worker} delivered {events} (slot {slot}) to {group} at step {step}, {after} under \
         the same lease."
    ))
}

fn overtook(path: &Path, found: &Delivered, slot: u64, later: u64) -> Option<String> {
    let Delivered { step, worker, place, .. } = found;
    let before = path.before(*step);
    let (events, first) = (before.events(place.at(slot))?, before.events(place.at(later))?);
    let when = path.delivered(*place, later)?;
    let (group, whose) = (path.group_name(*place), path.subject(when));
    let why = missed(path, when, place.at(slot)).map_or(String::new(), |why| format!(": {why}"));
    Some(format!(
        "{group} was given {first} (slot {later}) at step {when}, by {whose}, and {events} (slot \
         {slot}) only at step {step}, by worker {worker}{why}."
    ))
}

fn without_excuse(path: &Path, found: &Delivered, slot: u64) -> Option<String> {
    let Delivered { step, worker, place, .. } = found;
    let before = path.before(*step);
    let (events, group) = (before.events(place.at(slot))?, path.group_name(*place));
    // An earlier redelivery used its excuse up, so the last one before this one counts.
    let first = path.last(|path, earlier| {
        let delivers = |found: Delivered| found.place == *place && found.slots.contains(&slot);
        earlier < *step && delivered(path, earlier).is_some_and(delivers)
    })?;
    let ended = last_end(path, *place, first, *step);
    let settled = match ended {
        Some(ended) => format!("{}, so", settled(path, *place, first, ended)),
        None if is_still_at_work(path, first, *step) => " and is still at work, so".to_owned(),
        None => ", and".to_owned(),
    };
    let behind = behind(path, found, slot);
    Some(format!(
        "worker {worker} delivered {events} (slot {slot}) to {group} again at step {step}: {} had \
         delivered it at step {first}{settled} neither a crash, a failed handler nor a lost \
         lease excuses it{behind}.",
        path.subject(first)
    ))
}

/// Whether the worker that took a step is in the same turn until another one.
fn is_still_at_work(path: &Path, from: usize, to: usize) -> bool {
    let Some(Process::Worker(worker)) = path.deed(from).who else { return false };
    let holds = |step: usize| {
        let turn = path.after(step).turn(worker);
        turn.is_some_and(|turn| turn.machine.holds_lease())
    };
    (from..to).all(holds)
}

/// Why a worker read a slot again: it read on from a slot before the checkpoint, or the checkpoint
/// had gone back.
fn behind(path: &Path, found: &Delivered, slot: u64) -> String {
    let Delivered { step, worker, place, after, .. } = found;
    let checkpoint = path.before(*step).checkpoint(*place);
    if *after < checkpoint {
        return format!(
            "; worker {worker} read on from slot {after}, although the checkpoint was at slot \
             {checkpoint}"
        );
    }
    let back = path.last(|path, back| {
        let (from, to) = (path.before(back), path.after(back));
        back < *step && from.checkpoint(*place) >= slot && to.checkpoint(*place) < slot
    });
    back.map_or(String::new(), |back| {
        let to = path.after(back).checkpoint(*place);
        format!("; the checkpoint had gone back to slot {to} at step {back}")
    })
}

/// The last step between two others at which a turn gave up its lease.
fn last_end(path: &Path, place: Place, first: usize, until: usize) -> Option<usize> {
    path.last(|path, ended| {
        let (held, holds) = (path.before(ended).turns(place), path.after(ended));
        let gave_up = held.filter(|(worker, turn)| {
            let still = holds.turn(*worker).is_some_and(|turn| turn.machine.holds_lease());
            turn.machine.holds_lease() && !still
        });
        ended < until && ended > first && gave_up.count() > 0
    })
}

/// How a turn ended at a step; `first` is the step of a delivery, perhaps by the same worker.
fn settled(path: &Path, place: Place, first: usize, ended: usize) -> String {
    let deserted = |scene: &Scene| scene.seat(place).deserted;
    let left = deserted(path.after(ended)) && !deserted(path.before(ended));
    let same = path.deed(ended).who == path.deed(first).who;
    let who = if same { String::new() } else { path.subject(ended) };
    match (left, same) {
        (false, true) => format!(" and ended its turn in good order at step {ended}"),
        (false, false) => format!(", {who} ended a turn in good order at step {ended}"),
        (true, true) => {
            format!(" and took its lease for lost at step {ended}, although it still held it")
        }
        (true, false) => {
            format!(", {who} took its lease for lost at step {ended}, although it still held it")
        }
    }
}

/// D3: a checkpoint is at or past an event that was never delivered.
pub(super) fn skipped(path: &Path) -> Option<String> {
    let end = path.end();
    let (place, slot) = end.places().find_map(|place| {
        let passed = |slot: &u64| is_skipped(end, place, *slot);
        Some((place, (1..=end.checkpoint(place)).find(passed)?))
    })?;
    let (name, group, position) = (path.checkpoint_name(place), place.group, place.at(slot));
    let events = end.events(position)?;
    let passed = path.passed(place, slot)?;
    let written = path.written(position, path.steps() + 1)?;
    let acknowledged = if end.is_acknowledged(position) { "acknowledged " } else { "" };
    if written > passed {
        let seen = seen(path, passed, position).map_or(String::new(), |seen| format!(" ({seen})"));
        return Some(format!(
            "{} wrote event {events} into slot {slot} at step {written}, but {name} had passed slot \
             {slot} at step {passed}{seen}, so the {acknowledged}event is behind the checkpoint and \
             was never delivered to {group}.",
            path.subject(written)
        ));
    }
    let checkpoint = path.after(passed).checkpoint(place);
    let why = missed(path, passed, position).map_or(String::new(), |why| format!(": {why}"));
    Some(format!(
        "{} moved {name} to slot {checkpoint} at step {passed}, past the {acknowledged}event \
         {events} in slot {slot}, which was never delivered to {group}{why}.",
        path.subject(passed)
    ))
}

fn is_skipped(scene: &Scene, place: Place, slot: u64) -> bool {
    scene.events(place.at(slot)).is_some() && !scene.is_delivered(place, slot)
}

/// Why the worker that took a step did not see the events in a slot.
pub(super) fn missed(path: &Path, step: usize, position: Position) -> Option<String> {
    let (worker, read, shown) = look(path, step, position)?;
    let written = path.written(position, path.steps() + 1)?;
    let slot = position.slot;
    match (shown, path.deed(read).action) {
        (Seen::Events, _) => None,
        (Seen::Nothing, _) if written > read => Some(format!(
            "worker {worker} had read slot {slot} at step {read}, when it was still empty, and {} \
             wrote it at step {written}",
            path.subject(written)
        )),
        (Seen::Nothing, Action::StaleRead { .. }) => {
            Some(format!("worker {worker}'s stale read at step {read} did not show slot {slot}"))
        }
        (Seen::Nothing, _) => {
            Some(format!("worker {worker}'s read at step {read} did not show slot {slot}"))
        }
        (Seen::Void, _) => seen(path, step, position),
    }
}

/// What the worker that took a step had seen of a slot without events.
fn seen(path: &Path, step: usize, position: Position) -> Option<String> {
    let (worker, read, shown) = look(path, step, position)?;
    let what = match shown {
        Seen::Nothing => "empty",
        Seen::Void => "void",
        Seen::Events => return None,
    };
    Some(format!("worker {worker} had read slot {} as {what} at step {read}", position.slot))
}

/// The worker that took a step, its last read before that, and what it showed of a slot.
fn look(path: &Path, step: usize, position: Position) -> Option<(WorkerNo, usize, Seen)> {
    let Process::Worker(worker) = path.deed(step).who? else { return None };
    let read = path.read(worker, path.deed(step).sent.unwrap_or(step), position.slot)?;
    Some((worker, read, path.saw(read, worker, position.slot)?))
}
