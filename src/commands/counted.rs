//! Counts in words.

use indicatif::HumanCount;

/// A count and its noun: `1 event`, `2,000 events`.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", HumanCount(count))
}
