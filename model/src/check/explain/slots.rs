//! What went wrong with slots: S1, S2, S3, S4.

use super::super::action::{Action, Process};
use super::super::small::{PartitionNo, Small, Token};
use super::names::name;
use super::path::Path;
use super::place::Position;
use super::progress::listed_events;
use super::scene::Scene;
use crate::invariant::Invariant;
use crate::store::Slot;

/// S1: a slot changed that was not empty.
pub(super) fn changed(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::S1)?;
    let position = Position::of(path.deed(step).applied()?)?;
    let slot = path.slot_name(position);
    let (before, after) = (path.before(step), path.after(step));
    let put = path.written(position, step)?;
    let (first, second) = (path.subject(put), path.subject(step));
    let acknowledged =
        if before.is_acknowledged(position) { ", which was acknowledged," } else { "" };
    let new = match after.events(position) {
        Some(events) => format!("event {events}"),
        None => "a void".to_owned(),
    };
    Some(match before.events(position) {
        Some(old) => format!(
            "{slot} held event {old}{acknowledged} since step {put}, when {first} wrote it, and \
             {second} overwrote it with {new} at step {step}."
        ),
        None => format!(
            "{first} voided {slot} at step {put}, so that no event would ever be in it, and \
             {second} overwrote the void with {new} at step {step}."
        ),
    })
}

/// S2: an event is in two slots.
pub(super) fn twice(path: &Path) -> Option<String> {
    let end = path.end();
    let positions: Vec<Position> = end.positions().collect();
    let (event, slots) = positions.iter().enumerate().find_map(|(index, &second)| {
        let shared = |first: Position| in_both(end.slot(first), end.slot(second));
        positions[..index].iter().find_map(|&first| Some((shared(first)?, [first, second])))
    })?;
    let mut written: Vec<(usize, Position)> = slots
        .into_iter()
        .map(|position| Some((path.written(position, path.steps() + 1)?, position)))
        .collect::<Option<_>>()?;
    written.sort_unstable_by_key(|(step, _)| *step);
    let &[(earlier, one), (later, other)] = written.as_slice() else { return None };
    let unheard = if is_heard(path, earlier) { "" } else { ", heard no reply" };
    let same = path.deed(earlier).who == path.deed(later).who && is_plain(path, later);
    let again = match (same, path.subject(later)) {
        (true, _) => "wrote it again".to_owned(),
        (false, subject) => format!("{subject} wrote it"),
    };
    Some(format!(
        "event {event} is in two slots: {} wrote it into {} at step {earlier}{unheard}, and {again} \
         into {} at step {later}.",
        path.subject(earlier),
        path.slot_name(one),
        path.slot_name(other)
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
    let partition = path.before(step).route(producer);
    let at = |slot: u64| Position { partition, slot };
    let (before, after) = (path.before(step), path.after(step));
    let given = path.acknowledged_then(step, partition)?;
    // An append of one request begins and is answered in the same step.
    let known = |scene: &Scene| {
        let mut began = scene.world().logs.iter().map(|log| log.began[producer.first().index()]);
        began.find_map(|began| began)
    };
    let began = path.last(|path, begun| {
        begun < step && known(path.before(begun)).is_none() && known(path.after(begun)).is_some()
    });
    let began = if known(before).is_some() { began? } else { step };
    let last = before.world().log(partition).last_acknowledged();
    let began_at = path.before(began).world();
    // In the same partition, or in one that comes after it.
    let higher = u64::from(known(before).map_or(last, |began| began.after[partition.index()]));
    let above = match higher >= given {
        true => at(higher),
        false => {
            let partition = PartitionNo(known(before)?.reached);
            let events = began_at.log(partition).acknowledged_events();
            let own = events.filter(|(_, token)| path.have_one_key(producer, token.producer));
            Position { partition, slot: own.last()?.0.0 }
        }
    };
    let (late, early) = (after.events(at(given))?, after.events(above)?);
    let acknowledged = path.acknowledged(above)?;
    Some(format!(
        "event {late} was acknowledged in {} at step {step}, below event {early} in {}, \
         although the append of {late} began only at step {began}, after {early} had been \
         acknowledged at step {acknowledged}.",
        path.slot_name(at(given)),
        path.slot_name(above)
    ))
}

/// S4: something is acknowledged between the position that an append expected and its own.
pub(super) fn between(path: &Path) -> Option<String> {
    let step = path.broke(Invariant::S4)?;
    let Process::Producer(producer) = path.deed(step).who? else { return None };
    let partition = path.end().route(producer);
    let at = |slot: u64| Position { partition, slot };
    let log = path.after(step).world().log(partition);
    let (pair, others) = log.expected.iter().find_map(|&(expected, own)| {
        let range = u64::from(expected) + 1..u64::from(own);
        let others: Vec<u64> = range.filter(|slot| log.was_acknowledged(*slot)).collect();
        (!others.is_empty()).then_some(((expected, own), others))
    })?;
    let (expected, own) = (u64::from(pair.0), u64::from(pair.1));
    let answered = path.first(|path, answered| {
        let count = |scene: &Scene| {
            let expected = &scene.world().log(partition).expected;
            expected.iter().filter(|known| **known == pair).count()
        };
        count(path.after(answered)) > count(path.before(answered))
    })?;
    let who = path.deed(answered).who.map(name)?;
    let hoped = match expected {
        0 => format!("no slot{} to be taken", path.of_partition(partition)),
        slot => format!("{} to be the last", path.slot_name(at(slot))),
    };
    let known = listed_events(path, partition, &others);
    let are = if others.len() == 1 { "is" } else { "are" };
    let there = if expected == 0 { "before it" } else { "between them" };
    Some(format!(
        "{who} expected {hoped} and was acknowledged with slot {own} at step {answered}, although \
         {known} {are} {there}."
    ))
}
