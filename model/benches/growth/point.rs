//! What one search came to.

use std::fmt;
use std::path::Path;

use gapless_model_bench::{Measured, Outcome, grouped};
use serde::{Deserialize, Serialize};

use super::series::Series;

/// What one search came to: a line of the table and of `searches.ndjson`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Point {
    /// The budget that was raised.
    pub budget: String,
    /// What is different from the other series, if anything is.
    pub note: Option<String>,
    /// The budget's value.
    pub value: u8,
    /// What was measured.
    #[serde(flatten)]
    pub measured: Measured,
}

impl Point {
    /// The head of the table.
    pub const HEAD: &'static str = "\
budget              value       states   transitions   seconds       MiB  ended by";

    /// Returns the point of a search.
    pub fn new(series: &Series, value: u8, measured: &Measured) -> Point {
        let (budget, note) = (series.budget.to_owned(), series.note.map(str::to_owned));
        Point { budget, note, value, measured: *measured }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Measured { states, transitions, seconds, memory, outcome } = self.measured;
        let ended = match outcome {
            Outcome::Exhaustive => "",
            Outcome::Time => "  the limit of time",
            Outcome::Memory => "  the limit of memory",
        };
        write!(
            f,
            "{:<18} {:>6} {:>12} {:>13} {seconds:>9.3} {:>9.1}{ended}",
            self.budget,
            self.value,
            grouped(states),
            grouped(transitions),
            memory as f64 / f64::from(1 << 20),
        )
    }
}

/// Writes a line of JSON for each point.
///
/// # Errors
/// The file cannot be written.
pub fn write(file: &Path, points: &[Point]) -> Result<(), String> {
    let lines: Result<Vec<String>, _> = points.iter().map(serde_json::to_string).collect();
    let text = lines.map_err(|error| error.to_string())?.join("\n") + "\n";
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

/// Reads what [`write`] has written.
///
/// # Errors
/// The file cannot be read, or has no points.
pub fn read(file: &Path) -> Result<Vec<Point>, String> {
    let text = std::fs::read_to_string(file);
    let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
    let lines = text.lines().enumerate();
    let points: Result<Vec<Point>, String> = lines
        .map(|(index, line)| {
            let point = serde_json::from_str(line);
            point.map_err(|error| format!("{}:{}: {error}", file.display(), index + 1))
        })
        .collect();
    points.and_then(|points| match points.is_empty() {
        true => Err(format!("{} has no points", file.display())),
        false => Ok(points),
    })
}
