//! What a drawing is made of: the steps of a counterexample, or of a simulated run.

use gapless_model::check::{Decision, Told};
use gapless_model::log::Line;
#[cfg(madsim)]
use gapless_sim::{Entry, RunReport};

/// One step, as it is drawn.
pub struct Step {
    /// Who did what, and what came of it.
    pub line: Line,
    /// What is written below it.
    pub state: String,
}

/// The steps of a counterexample, each with what it changed in the tables.
pub fn of(decisions: &[Decision], told: &[Told]) -> Vec<Step> {
    let step = |(decision, told): (&Decision, &Told)| Step {
        line: Line { did: told.did.clone(), ..decision.line.clone() },
        state: told.changes.join(" · "),
    };
    decisions.iter().zip(told).map(step).collect()
}

/// The steps of a simulated run: what its machines did, and what befell them.
#[cfg(madsim)]
pub fn of_run(report: &RunReport) -> Vec<Step> {
    let lines = report.log.lines().skip(1);
    let entries = lines.filter_map(|line| serde_json::from_str::<Entry>(line).ok());
    let told = entries.filter(|entry| !entry.looks && entry.line.who != "judge");
    // What only looked is left out, so the steps are counted anew.
    let step = |(index, entry): (usize, Entry)| Step {
        line: Line { step: index + 1, did: shortened(&entry.line.did), ..entry.line },
        state: entry.at.to_string(),
    };
    told.enumerate().map(step).collect()
}

/// A text with the first digits alone of the hash in the id of a key's own partition.
#[cfg(madsim)]
fn shortened(text: &str) -> String {
    const DIGITS: usize = gapless_model::HASH_BITS as usize;
    const SHOWN: usize = 7;
    let mut shown = String::new();
    let mut rest = text;
    while let Some(colon) = rest.find(':') {
        let (before, after) = rest.split_at(colon);
        let digits = before.bytes().rev().take_while(|byte| matches!(byte, b'0' | b'1')).count();
        let hash = before.len() - digits;
        if digits == DIGITS && before[..hash].ends_with('p') {
            shown.push_str(&before[..hash + SHOWN]);
            shown.push('…');
        } else {
            shown.push_str(before);
        }
        shown.push(':');
        rest = &after[1..];
    }
    shown + rest
}
