//! An explanation of a broken invariant: what the checker says of a path, and the simulation of
//! a run; and how it is put into lines and sentences.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

/// How wide a line of prose may be.
const WIDTH: usize = 100;

/// Why the end of a path or of a run breaks something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Explanation {
    /// What went wrong, in one sentence.
    pub sentence: String,
    /// The state at the end, a line for each slot, group and process concerned.
    pub end: Vec<String>,
    /// Why nothing that can follow helps, where that is what went wrong (P1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
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
        text.push_str(&paragraph("  ", why));
    }
    text
}

/// Prose in lines that begin with `indent` and have at most 100 characters.
#[must_use]
pub fn paragraph(indent: &str, prose: &str) -> String {
    let lines = wrapped(prose, WIDTH - indent.len());
    lines.iter().fold(String::new(), |text, line| text + indent + line + "\n")
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

/// A sentence with its first letter in upper case.
#[must_use]
pub fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Things in a row: "a, b and c".
#[must_use]
pub fn listed(things: &[String]) -> String {
    match things {
        [] => String::new(),
        [only] => only.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_fills_lines_of_at_most_a_hundred_characters() {
        for indent in ["", "  ", "        "] {
            let text = paragraph(indent, &"word ".repeat(100));
            assert!(text.lines().all(|line| line.starts_with(indent)));
            let longest = text.lines().map(|line| line.chars().count()).max();
            assert!(longest.is_some_and(|longest| (96..=100).contains(&longest)), "{text}");
        }
    }
}
