//! What went wrong with progress (P1), where steps can go round for ever although every process
//! gets its turn.
//!
//! The path ends in a state to which the steps of the cycle lead back. What is acknowledged,
//! delivered and answered there is so in every state of the cycle, because none of it is ever
//! taken back.

use super::super::small::ProducerNo;
use super::path::Path;
use super::phrase::does;
use super::place::Place;
use super::progress::{append_name, listed_events};
use super::why::not_delivered;
use crate::explanation::listed;

/// P1: something may be left undone for ever.
pub(super) fn endless(path: &Path) -> Option<String> {
    let lack = undelivered(path).first().map(|(place, slots)| {
        let events = listed_events(path, place.partition, slots);
        format!("{events} may never be delivered to {}", path.group_name(*place))
    });
    let lack = lack.or_else(|| {
        let producer = unanswered(path).first().copied()?;
        Some(format!("{} may never be answered", append_name(path, producer)))
    })?;
    Some(format!(
        "{lack}: from here on the steps can go round for ever, although every process gets its turn."
    ))
}

/// The steps that repeat, a line for each. They come as "who: what", in the words of the decision
/// log.
pub(super) fn lines(cycle: &[String]) -> Vec<String> {
    if cycle.is_empty() {
        return Vec::new();
    }
    let told = |step: &String| match step.split_once(": ") {
        Some(("world", did)) => format!("  {did}"),
        Some((who, did)) => format!("  {who} {}", does(did)),
        None => format!("  {step}"),
    };
    let steps = cycle.iter().map(told);
    std::iter::once("steps that can repeat for ever:".to_owned()).chain(steps).collect()
}

/// Why nothing ends a cycle of so many steps.
pub(super) fn why(path: &Path, steps: usize) -> String {
    let mut unmet = Vec::new();
    for (place, slots) in undelivered(path) {
        let events = slots.iter().filter_map(|slot| path.end().events(place.at(*slot)));
        unmet.push(not_delivered(&events.collect::<Vec<_>>(), &path.short_name(place)));
    }
    for producer in unanswered(path) {
        unmet.push(format!("{} is not answered", append_name(path, producer)));
    }
    let leads = match steps {
        1 => "The step that is listed last leads back to this state, so it can repeat".to_owned(),
        steps => {
            format!(
                "The {steps} steps that are listed last lead back to this state, so they can repeat"
            )
        }
    };
    format!(
        "{leads} for ever. Every process that can act gets its turn among them, and all the while \
         {}.",
        listed(&unmet)
    )
}

/// Every place with the slots whose acknowledged events were not delivered there.
fn undelivered(path: &Path) -> Vec<(Place, Vec<u64>)> {
    let end = path.end();
    let lacking = end.places().map(|place| (place, end.undelivered(place)));
    lacking.filter(|(_, slots)| !slots.is_empty()).collect()
}

/// The producers that wait for an answer.
fn unanswered(path: &Path) -> Vec<ProducerNo> {
    let producers = path.end().world().producers.iter().enumerate();
    let waiting = producers.filter(|(_, producer)| producer.work.is_unanswered());
    waiting.map(|(index, _)| ProducerNo(index as u8)).collect()
}
