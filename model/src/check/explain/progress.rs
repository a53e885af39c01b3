//! What went wrong with progress (P1), where no step that is left leads out of it.

use super::super::action::Process;
use super::super::small::{PartitionNo, ProducerNo};
use super::super::world::Work;
use super::cause::cause;
use super::names::name;
use super::outlook::Outlook;
use super::path::Path;
use super::place::{Place, Position};
use crate::explanation::listed;
use crate::invariant::Invariant;
use crate::store::Slot;

/// P1: something is left undone, and no step that is left does it.
pub(super) fn stuck(path: &Path, outlook: Option<&Outlook>) -> Option<String> {
    if let Some(step) = path.broke(Invariant::P1) {
        return acknowledged_and_lost(path, step);
    }
    // What is true of some of the states that are left need not be true of all.
    let outlook = outlook.filter(|outlook| outlook.complete)?;
    let undelivered = path.end().places().find_map(|place| {
        let slots = outlook.undelivered(place);
        (!slots.is_empty()).then_some((place, slots))
    });
    if let Some((place, slots)) = undelivered {
        return Some(never_delivered(path, outlook, place, &slots));
    }
    let producer = outlook.unanswered()?;
    Some(format!(
        "{} is never answered: no step that is left leads to an answer.",
        append_name(path, producer)
    ))
}

/// The append that a producer is at: "producer A's append of A1".
pub(super) fn append_name(path: &Path, producer: ProducerNo) -> String {
    let name = name(Process::Producer(producer));
    match &path.end().world().producers[producer.index()].work {
        Work::Append(append) => format!("{name}'s append of {}", append.token()),
        Work::Claim(_)
        | Work::Between(_)
        | Work::Finished
        | Work::Fenced
        | Work::Dead
        | Work::Asleep => format!("{name}'s append"),
    }
}

/// An append was acknowledged, and its event is not in the slot.
fn acknowledged_and_lost(path: &Path, step: usize) -> Option<String> {
    let Process::Producer(producer) = path.deed(step).who? else { return None };
    let who = name(Process::Producer(producer));
    let partition = path.end().route(producer);
    let (before, after) = (path.before(step), path.after(step));
    let Work::Append(append) = &before.world().producers[producer.index()].work else {
        return None;
    };
    let event = append.token();
    let asked = path.deed(step).applied().and_then(Position::of);
    let position = match asked {
        Some(position) => position,
        None => Position { partition, slot: path.acknowledged_then(step, partition)? },
    };
    let (slot, short) = (path.slot_name(position), position.slot);
    let holds = match (after.slot(position), after.events(position)) {
        (_, Some(events)) => format!("holds {events}"),
        (Slot::Void, None) => "is void".to_owned(),
        (_, None) => "is empty".to_owned(),
    };
    Some(format!(
        "{who} was told at step {step} that event {event} is in {slot}, but slot {short} {holds}, \
         so {event} can never be delivered from there."
    ))
}

/// Events are acknowledged, now or later, and no step that is left delivers them.
fn never_delivered(path: &Path, outlook: &Outlook, place: Place, slots: &[u64]) -> String {
    let end = path.end();
    let (now, later): (Vec<u64>, Vec<u64>) =
        slots.iter().partition(|slot| end.is_acknowledged(place.at(**slot)));
    // What is acknowledged already says more than what is still to be written.
    let (events, first) = match now.first() {
        Some(&first) => (listed_events(path, place.partition, &now), first),
        None => {
            let certain = later.iter().copied().find(|slot| outlook.is_certain(place.at(*slot)));
            let slot = certain.unwrap_or(later[0]);
            let coming = if certain.is_some() { "is still to" } else { "may still" };
            let event = match end.events(place.at(slot)) {
                Some(events) => format!("event {events} (slot {slot}, not acknowledged yet)"),
                None => format!(
                    "event {}, which {coming} be written into slot {slot} and acknowledged,",
                    outlook.events(place.at(slot))
                ),
            };
            (event, slot)
        }
    };
    let cause = cause(path, outlook, place, first);
    let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
    format!("{events} will never be delivered to {}{cause}.", path.group_name(place))
}

/// Acknowledged events: "events A1 (slot 1, acknowledged at step 6) and B1 (slot 2)".
pub(super) fn listed_events(path: &Path, partition: PartitionNo, slots: &[u64]) -> String {
    let told = |slot: &u64| {
        let position = Position { partition, slot: *slot };
        let events = path.end().events(position).unwrap_or_default();
        match path.acknowledged(position) {
            Some(step) => format!("{events} (slot {slot}, acknowledged at step {step})"),
            None => format!("{events} (slot {slot})"),
        }
    };
    let noun = if slots.len() == 1 { "event" } else { "events" };
    format!("{noun} {}", listed(&slots.iter().map(told).collect::<Vec<_>>()))
}
