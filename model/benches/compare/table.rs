//! The table of searches.

use super::budget::Budget;

/// A search that was exhaustive.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The number of different states.
    pub states: u64,
    /// The number of transitions: states generated, including those reached again.
    pub transitions: u64,
    /// From the start of the process to its end.
    pub seconds: f64,
    /// The memory that the process took, in bytes.
    pub memory: u64,
}

/// The table, printed row by row.
pub struct Table;

impl Table {
    /// Prints the head of the table.
    pub fn new() -> Table {
        println!("crashes + lost replies + expiries; `of Spin` is Spin's seconds over the row's");
        println!(
            "{:<10} {:<20} {:>12} {:>13} {:>9} {:>13} {:>13} {:>8}",
            "faults",
            "search",
            "states",
            "transitions",
            "seconds",
            "transitions/s",
            "bytes a state",
            "of Spin"
        );
        Table
    }

    /// Prints a row, and how it compares with Spin's plain search.
    pub fn print(&mut self, budget: Budget, search: &str, row: &Row, spin: Option<&Row>) {
        let rate = row.transitions as f64 / row.seconds;
        let bytes = row.memory as f64 / row.states as f64;
        let speed = spin.map_or(String::new(), |spin| format!("{:.2}", spin.seconds / row.seconds));
        println!(
            "{:<10} {:<20} {:>12} {:>13} {:>9.2} {:>13.0} {:>13.1} {:>8}",
            budget.to_string(),
            search,
            grouped(row.states),
            grouped(row.transitions),
            row.seconds,
            rate,
            bytes,
            speed
        );
    }
}

/// A number with commas.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
