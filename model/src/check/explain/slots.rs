//! What went wrong with slots: S1, S2, S3.

use super::super::action::{Action, Process};
use super::super::small::{Small, Token};
use super::path::{Path, Scene};
use crate::invariant::Invariant;
use crate::store::Slot;

/// S1: a slot changed that was not empty.
pub(super) fn changed(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::S1)?;
    let slot = path.deed(step).request.as_ref()?.slot()?.0 as usize;
    let (before, after) = (path.before(step), path.after(step));
    let put = path.written(slot, step)?;
    let (first, second) = (path.subject(put), path.subject(step));
    let acknowledged = if before.is_acknowledged(slot) { ", which was acknowledged," } else { "" };
    let new = match after.events(slot) {
        Some(events) => format!("event {events}"),
        None => "a void".to_owned(),
    };
    Some(match before.events(slot) {
        Some(old) => format!(
            "slot {slot} held event {old}{acknowledged} since step {put}, when {first} wrote it, \
             and {second} overwrote it with {new} at step {step}."
        ),
        None => format!(
            "{first} voided slot {slot} at step {put}, so that no event would ever be in it, and \
             {second} overwrote the void with {new} at step {step}."
        ),
    })
}

/// S2: an event is in two slots.
pub(super) fn twice(path: &Path) -> Option<String> {
    let end = path.end();
    let (event, slots) = (1..=end.last()).find_map(|second| {
        let shared = |first: usize| in_both(end.slot(first), end.slot(second));
        (1..second).find_map(|first| Some((shared(first)?, [first, second])))
    })?;
    let mut written: Vec<(usize, usize)> = slots
        .into_iter()
        .map(|slot| Some((path.written(slot, path.steps() + 1)?, slot)))
        .collect::<Option<_>>()?;
    written.sort_unstable();
    let &[(earlier, one), (later, other)] = written.as_slice() else { return None };
    let unheard = if is_heard(path, earlier) { "" } else { ", heard no reply" };
    let same = path.deed(earlier).who == path.deed(later).who && is_plain(path, later);
    let again = match (same, path.subject(later)) {
        (true, _) => "wrote it again".to_owned(),
        (false, subject) => format!("{subject} wrote it"),
    };
    Some(format!(
        "event {event} is in two slots: {} wrote it into slot {one} at step {earlier}{unheard}, \
         and {again} into slot {other} at step {later}.",
        path.subject(earlier)
    ))
}

/// The first event that is in two slots, by name.
fn in_both(one: &Slot<Small>, other: &Slot<Small>) -> Option<String> {
    let (Slot::Events { token, batch }, Slot::Events { token: again, batch: more }) = (one, other)
    else {
        return None;
    };
    if (token.producer, token.run) != (again.producer, again.run) {
        return None;
    }
    let held = token.number + 1 - batch.0..=token.number;
    let repeated = again.number + 1 - more.0..=again.number;
    let shared = held.into_iter().find(|number| repeated.contains(number))?;
    Some(Token { number: shared, ..*token }.to_string())
}

/// Whether the sender of a step's request heard the reply.
fn is_heard(path: &Path, step: usize) -> bool {
    !matches!(
        path.deed(step).action,
        Action::LoseReply { .. } | Action::Crash { .. } | Action::Arrive { .. }
    )
}

/// Whether a step's request arrived when it was sent.
fn is_plain(path: &Path, step: usize) -> bool {
    path.deed(step).sent.is_none()
}

/// S3: an append that began after another was acknowledged got the lower slot.
pub(super) fn out_of_order(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::S3)?;
    let Process::Producer(producer) = path.deed(step).who? else { return None };
    let (before, after) = (path.before(step), path.after(step));
    let given = (1..=after.room())
        .find(|&slot| after.is_acknowledged(slot) && !before.is_acknowledged(slot))?;
    // An append of one request begins and is answered in the same step.
    let since = |scene: &Scene| scene.producers[producer.index()].since;
    let began = path.last(|path, begun| {
        begun < step && since(path.before(begun)).is_none() && since(path.after(begun)).is_some()
    });
    let began = if since(before).is_some() { began? } else { step };
    let known = (1..=before.room()).rev().find(|&slot| before.is_acknowledged(slot));
    let higher = since(before).map(usize::from).or(known)?;
    let (late, early) = (after.events(given)?, after.events(higher)?);
    let acknowledged = path.acknowledged(higher)?;
    Some(format!(
        "event {late} was acknowledged in slot {given} at step {step}, below event {early} in slot \
         {higher}, although the append of {late} began only at step {began}, after {early} had \
         been acknowledged at step {acknowledged}."
    ))
}
