//! P1 for short-lived workers: one that says that it has caught up leaves nothing behind that was
//! acknowledged before it began. Its caller counts on that, and deletes what woke it.

use gapless::Group;
use gapless_model::Invariant;

use super::chronicle::Chronicle;
use super::deliveries::Deliveries;
use super::judgement::{Finding, Judgement, broken};
use super::slots::SlotContents;
use super::words::{seconds, slot_name};
use crate::plan::{Millis, Node};

/// What a worker had before it when it began: the events that were acknowledged and not yet
/// delivered to its group.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) at: Millis,
    pub(crate) group: Group,
    pub(crate) due: Vec<String>,
}

/// Judges what a worker says that has caught up.
pub(super) fn judge_caught_up(
    (at, node): (Millis, Node),
    begun: &Begun,
    deliveries: &Deliveries,
    slots: &SlotContents,
    chronicle: &Chronicle,
) -> Judgement {
    let Begun { group, due, .. } = begun;
    // What an operator has taken back meanwhile may have been delivered before that.
    let taken_back = |event: &str| {
        slots.position_of(event).is_some_and(|(partition, _)| {
            deliveries.is_moved_back_since(&(group.clone(), partition), begun.at)
        })
    };
    let is_left = |event: &&String| !deliveries.has_delivered(group, event) && !taken_back(event);
    let Some(left) = due.iter().find(is_left) else { return Ok(()) };
    let who = chronicle.name(node);
    let place = slots.position_of(left);
    let stored = place.as_ref().map_or(String::new(), |(partition, slot)| {
        format!(" and is stored in {}", slot_name(partition, *slot))
    });
    let known = chronicle.acknowledged(left);
    let known = known.map_or(String::new(), |(at, _)| format!(" at {}", seconds(at)));
    let mut finding = Finding::new(format!(
        "{who} said at {} that it had caught up for {group}, although event {left}, which was \
         acknowledged{known}, before it began at {}{stored}, was not delivered to {group}.",
        seconds(at),
        seconds(begun.at),
    ));
    if let Some((partition, slot)) = place {
        finding = finding.at(&partition, slot);
    }
    finding.why = Some(format!(
        "The caller of {who} counts on it that nothing is left which was acknowledged before, and \
         deletes what woke it."
    ));
    broken(Invariant::P1, finding)
}
