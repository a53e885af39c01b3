//! What went wrong with deliveries: D1, D2, D3.

use super::super::action::{Action, Process};
use super::super::small::{GroupNo, WorkerNo};
use super::path::{Path, Scene};
use crate::ids::Seq;
use crate::invariant::Invariant;
use crate::store::Slot;
use crate::vocabulary::{Page, Seen};

/// A delivery: the step, its worker and group, and the slots in their order.
struct Delivered {
    step: usize,
    worker: WorkerNo,
    group: GroupNo,
    /// The reader took the slots after this one.
    after: usize,
    slots: Vec<usize>,
}

/// What a step delivered.
fn delivered(path: &Path, step: usize) -> Option<Delivered> {
    let Action::Deliver { worker } = path.deed(step).action else { return None };
    let turn = path.before(step).turn(worker)?;
    let delivery = turn.machine.wants(&path.rules).deliver?;
    let shown = (delivery.after.0 + 1..=delivery.upto.0)
        .filter(|slot| delivery.page.seen(Seq(*slot)) == Seen::Events)
        .map(|slot| slot as usize);
    let after = delivery.after.0 as usize;
    Some(Delivered { step, worker, group: turn.group, after, slots: shown.collect() })
}

/// D1: something was delivered that was not appended.
pub(super) fn never_appended(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::D1)?;
    let Delivered { worker, group, slots, .. } = delivered(path, step)?;
    let scene = path.before(step);
    slots.into_iter().find_map(|slot| {
        let holds = match scene.slot(slot) {
            Slot::Empty => "is empty".to_owned(),
            Slot::Void => match path.written(slot, step) {
                Some(voided) => format!("is void since step {voided}: it never held an event"),
                None => "is void: it never held an event".to_owned(),
            },
            Slot::Events { token, .. } => {
                let refused = scene.refused[token.producer.index()] & 1 << token.number != 0;
                let told = path.first(|path, told| {
                    path.after(told).refused[token.producer.index()] & 1 << token.number != 0
                })?;
                if !refused {
                    return None;
                }
                let producer = token.producer;
                format!(
                    "holds {token}, and producer {producer} was told at step {told} that its \
                     append was refused"
                )
            }
        };
        Some(format!(
            "worker {worker} delivered slot {slot} to group {group} at step {step} as an event, \
             but slot {slot} {holds}."
        ))
    })
}

/// D2: a delivery out of order, or again without an excuse.
pub(super) fn out_of_order(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::D2)?;
    let found = delivered(path, step)?;
    let before = path.before(step);
    let mut last = usize::from(before.turn(found.worker)?.delivered);
    for &slot in &found.slots {
        if slot <= last {
            return under_one_lease(path, &found, slot, last);
        }
        if !before.is_delivered(found.group, slot) {
            let overtaken = (slot + 1..=before.room()).find(|&later| {
                before.is_delivered(found.group, later) && !found.comes(last, later)
            });
            if let Some(later) = overtaken {
                return overtook(path, &found, slot, later);
            }
        }
        last = slot;
    }
    let again = found.slots.iter().find(|slot| before.is_delivered(found.group, **slot))?;
    without_excuse(path, &found, *again)
}

impl Delivered {
    /// Whether a slot is one that this delivery itself delivered up to `last`.
    fn comes(&self, last: usize, slot: usize) -> bool {
        slot <= last && self.slots.contains(&slot)
    }
}

fn under_one_lease(path: &Path, found: &Delivered, slot: usize, last: usize) -> Option<String> {
    let Delivered { step, worker, group, .. } = found;
    let events = path.before(*step).events(slot)?;
    let after = if slot == last {
        "which it had delivered already".to_owned()
    } else {
        format!("after slot {last}")
    };
    Some(format!(
        "worker {worker} delivered {events} (slot {slot}) to group {group} at step {step}, {after} \
         under the same lease."
    ))
}

fn overtook(path: &Path, found: &Delivered, slot: usize, later: usize) -> Option<String> {
    let Delivered { step, worker, group, .. } = found;
    let before = path.before(*step);
    let (events, first) = (before.events(slot)?, before.events(later)?);
    let when = path.delivered(*group, later)?;
    let whose = path.subject(when);
    let why = missed(path, when, slot).map_or(String::new(), |why| format!(": {why}"));
    Some(format!(
        "group {group} was given {first} (slot {later}) at step {when}, by {whose}, and {events} \
         (slot {slot}) only at step {step}, by worker {worker}{why}."
    ))
}

fn without_excuse(path: &Path, found: &Delivered, slot: usize) -> Option<String> {
    let Delivered { step, worker, group, after, .. } = found;
    let before = path.before(*step);
    let events = before.events(slot)?;
    let first = path.delivered(*group, slot)?;
    let ended = path.last(|path, ended| {
        let (held, holds) = (path.before(ended).turns(*group), path.after(ended));
        let gave_up = held.filter(|(worker, turn)| {
            let still = holds.turn(*worker).is_some_and(|turn| turn.machine.holds_lease());
            turn.machine.holds_lease() && !still
        });
        ended < *step && ended > first && gave_up.count() > 0
    });
    let settled = ended.map_or(String::new(), |ended| {
        if path.deed(ended).who == path.deed(first).who {
            format!(" and ended its turn in good order at step {ended}")
        } else {
            format!(", {} ended a turn in good order at step {ended}", path.subject(ended))
        }
    });
    let checkpoint = before.checkpoint(*group);
    let behind = if *after < checkpoint {
        format!(
            "; worker {worker} read on from slot {after}, although the checkpoint was at slot \
             {checkpoint}"
        )
    } else {
        String::new()
    };
    Some(format!(
        "worker {worker} delivered {events} (slot {slot}) to group {group} again at step {step}: \
         {} had delivered it at step {first}{settled}, so neither a crash nor a lost lease excuses \
         it{behind}.",
        path.subject(first)
    ))
}

/// D3: a checkpoint is at or past an event that was never delivered.
pub(super) fn skipped(path: &Path) -> Option<String> {
    let end = path.end();
    let (group, slot) = path.groups.iter().find_map(|&group| {
        let passed = |slot: &usize| is_skipped(end, group, *slot);
        Some((group, (1..=end.checkpoint(group)).find(passed)?))
    })?;
    let events = end.events(slot)?;
    let passed = path.passed(group, slot)?;
    let written = path.written(slot, path.steps() + 1)?;
    let acknowledged = if end.is_acknowledged(slot) { "acknowledged " } else { "" };
    if written > passed {
        let seen = seen(path, passed, slot).map_or(String::new(), |seen| format!(" ({seen})"));
        return Some(format!(
            "{} wrote event {events} into slot {slot} at step {written}, but group {group}'s \
             checkpoint had passed slot {slot} at step {passed}{seen}, so the {acknowledged}event is \
             behind the checkpoint and was never delivered to {group}.",
            path.subject(written)
        ));
    }
    let checkpoint = path.after(passed).checkpoint(group);
    let why = missed(path, passed, slot).map_or(String::new(), |why| format!(": {why}"));
    Some(format!(
        "{} moved group {group}'s checkpoint to slot {checkpoint} at step {passed}, past the \
         {acknowledged}event {events} in slot {slot}, which was never delivered to {group}{why}.",
        path.subject(passed)
    ))
}

fn is_skipped(scene: &Scene, group: GroupNo, slot: usize) -> bool {
    slot <= scene.room() && scene.events(slot).is_some() && !scene.is_delivered(group, slot)
}

/// Why the worker that took a step did not see the events in a slot.
pub(super) fn missed(path: &Path, step: usize, slot: usize) -> Option<String> {
    let (worker, read, shown) = look(path, step, slot)?;
    let written = path.written(slot, path.steps() + 1)?;
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
        (Seen::Void, _) => seen(path, step, slot),
    }
}

/// What the worker that took a step had seen of a slot without events.
fn seen(path: &Path, step: usize, slot: usize) -> Option<String> {
    let (worker, read, shown) = look(path, step, slot)?;
    let what = match shown {
        Seen::Nothing => "empty",
        Seen::Void => "void",
        Seen::Events => return None,
    };
    Some(format!("worker {worker} had read slot {slot} as {what} at step {read}"))
}

/// The worker that took a step, its last read before that, and what it showed of a slot.
fn look(path: &Path, step: usize, slot: usize) -> Option<(WorkerNo, usize, Seen)> {
    let Process::Worker(worker) = path.deed(step).who? else { return None };
    let read = path.read(worker, path.deed(step).sent.unwrap_or(step))?;
    Some((worker, read, path.saw(read, worker, slot)?))
}
