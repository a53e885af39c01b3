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

/// Steps, each with what it changed in the tables.
fn numbered(text: &mut String, told: &[Told]) {
    let width = told.iter().map(|told| told.who.chars().count()).max().unwrap_or(0);
    for (index, Told { who, did, answer, fault, changes }) in told.iter().enumerate() {
        let _ = write!(text, "{:>3}. {who:<width$}  {did}", index + 1);
        if let Some(answer) = answer {
            let _ = write!(text, " -> {answer}");
        }
        if let Some(fault) = fault {
            let _ = write!(text, "   [fault: {fault}]");
        }
        text.push('\n');
        for change in changes {
            let _ = writeln!(text, "     {:width$}      {change}", "");
        }
    }
}
