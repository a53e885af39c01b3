//! A counterexample as plain text: the sentence, the steps, the end, and why nothing helps.

use std::fmt::Write as _;

use super::told::Told;
use crate::explanation::{Explanation, ending, paragraph};

/// Tells a path from its first step to its last, and explains its end where that breaks something.
#[must_use]
pub fn story(told: &[Told], explanation: Option<&Explanation>) -> String {
    let mut text = String::new();
    if let Some(explanation) = explanation {
        text.push_str(&paragraph("", &explanation.sentence));
        text.push('\n');
    }
    numbered(&mut text, told);
    if let Some(explanation) = explanation {
        let _ = write!(text, "\n{}", ending(explanation));
    }
    text
}

/// A line for a step, or for ticks in a row.
struct Entry<'a> {
    /// The number of the step, or the numbers of the first and the last tick.
    number: String,
    did: String,
    told: &'a Told,
}

/// The lines of a path. Ticks that only let time pass are told with the tick after them.
fn entries(told: &[Told]) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    let mut waited = 0;
    for (index, step) in told.iter().enumerate() {
        let last = index + 1;
        if step.is_plain_tick() && told.get(last).is_some_and(Told::is_tick) {
            waited += 1;
            continue;
        }
        let number =
            if waited == 0 { last.to_string() } else { format!("{}-{last}", last - waited) };
        entries.push(Entry { number, did: step.after_ticks(waited), told: step });
        waited = 0;
    }
    entries
}

/// Steps, each with what it changed in the tables.
fn numbered(text: &mut String, told: &[Told]) {
    let entries = entries(told);
    let width = told.iter().map(|told| told.who.chars().count()).max().unwrap_or(0);
    let digits = entries.iter().map(|entry| entry.number.len()).max().unwrap_or(0).max(3);
    for Entry { number, did, told } in entries {
        let Told { who, did: _, answer, fault, changes } = told;
        let _ = write!(text, "{number:>digits$}. {who:<width$}  {did}");
        if let Some(answer) = answer {
            let _ = write!(text, " -> {answer}");
        }
        if let Some(fault) = fault {
            let _ = write!(text, "   [fault: {fault}]");
        }
        text.push('\n');
        for change in changes {
            let _ = writeln!(text, "{:digits$}  {:width$}      {change}", "", "");
        }
    }
}
