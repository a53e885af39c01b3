//! Why no continuation without a fault helps (P1).

use super::super::action::Process;
use super::super::small::ProducerNo;
use super::names::name;
use super::outlook::Outlook;
use super::path::Path;
use crate::explanation::listed;

/// How many states can still be reached, what is left undone in each, and how it ends.
pub(super) fn nothing_helps(path: &Path, outlook: &Outlook) -> String {
    let rest = outlook.states - 1;
    let unmet = match unmet(path, outlook).as_slice() {
        [] => "something is left undone".to_owned(),
        unmet => listed(unmet),
    };
    let reached = match (rest, outlook.complete) {
        (0, _) => {
            return format!(
                "No step is left but another fault: nothing happens any more, and {unmet}."
            );
        }
        (1, true) => format!("only one other state can be reached, and in it {unmet}."),
        (_, true) => {
            format!("{rest} other states can be reached, and in every one of them {unmet}.")
        }
        (_, false) => {
            return format!(
                "Without another fault, more than {rest} other states can be reached, and \
                 in each of those {rest} {unmet}."
            );
        }
    };
    let ends = match (outlook.dead_ends > 0, outlook.repeated.is_empty()) {
        (true, true) => "In the end no step is left.".to_owned(),
        (true, false) => format!(
            "In the end no step is left, or some of these repeat for ever: {}.",
            handful(&outlook.repeated)
        ),
        (false, _) => {
            format!(
                "In the end some of these steps repeat for ever: {}.",
                handful(&outlook.repeated)
            )
        }
    };
    let before = match outlook.passing.as_slice() {
        [] => String::new(),
        passing => format!(" Before that: {}.", handful(passing)),
    };
    format!("Without another fault, {reached} {ends}{before}")
}

/// What is left undone in every state.
fn unmet(path: &Path, outlook: &Outlook) -> Vec<String> {
    let mut unmet = Vec::new();
    for place in path.end().places() {
        let slots = outlook.undelivered(place);
        let events: Vec<String> =
            slots.iter().map(|slot| outlook.events(place.at(*slot))).collect();
        let name = path.short_name(place);
        if !events.is_empty() {
            unmet.push(not_delivered(&events, &name));
        }
    }
    for (index, done) in outlook.done.iter().enumerate() {
        if !done {
            let producer = Process::Producer(ProducerNo(index as u8));
            unmet.push(format!("an append of {} is not answered", name(producer)));
        }
    }
    unmet
}

/// "A1 and B1 are not delivered to g1".
pub(super) fn not_delivered(events: &[String], group: &str) -> String {
    let are = if events.len() == 1 { "is" } else { "are" };
    format!("{} {are} not delivered to {group}", listed(events))
}

/// The first few of the steps.
fn handful(steps: &[String]) -> String {
    const MOST: usize = 5;
    let shown = steps.iter().take(MOST).cloned().collect::<Vec<_>>().join("; ");
    match steps.len().saturating_sub(MOST) {
        0 => shown,
        1 => format!("{shown}; and one other kind of step"),
        more => format!("{shown}; and {more} other kinds of step"),
    }
}
