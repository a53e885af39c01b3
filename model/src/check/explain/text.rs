//! A counterexample as plain text: the sentence, the steps, the end, and why nothing helps.

use std::fmt::Write as _;

use super::explanation::Explanation;
use super::told::Told;

/// How wide a line of prose may be.
const WIDTH: usize = 100;

/// Tells a path from its first step to its last, and explains its end where that breaks something.
#[must_use]
pub fn story(told: &[Told], explanation: Option<&Explanation>) -> String {
    let mut text = String::new();
    if let Some(explanation) = explanation {
        paragraph(&mut text, "", &explanation.sentence);
        text.push('\n');
    }
    numbered(&mut text, told);
    if let Some(explanation) = explanation {
        let _ = write!(text, "\n{}", ending(explanation));
    }
    text
}

/// The state at the end, and why nothing more helps.
#[must_use]
pub fn ending(explanation: &Explanation) -> String {
    let mut text = String::from("At the end:\n");
    for line in &explanation.end {
        let _ = writeln!(text, "  {line}");
    }
    if let Some(why) = &explanation.why {
        text.push_str("\nWhy it stays so:\n");
        paragraph(&mut text, "  ", why);
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

fn paragraph(text: &mut String, indent: &str, prose: &str) {
    for line in wrapped(prose, WIDTH - indent.len()) {
        let _ = writeln!(text, "{indent}{line}");
    }
}

/// Breaks prose into lines of at most `width` characters, unless a single word is longer.
#[must_use]
pub fn wrapped(prose: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in prose.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
