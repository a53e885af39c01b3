//! The table of searches.

use gapless_model_bench::{Measured, Outcome, grouped};

/// The table, printed row by row.
pub struct Table;

impl Table {
    /// Prints the head of the table.
    pub fn new() -> Table {
        println!("crashes + lost replies + expiries; `of Spin` is Spin's seconds over the row's");
        println!(
            "{:<10} {:<24} {:>12} {:>13} {:>9} {:>13} {:>13} {:>8}",
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
    pub fn print(&mut self, faults: &str, search: &str, row: &Measured, spin: Option<&Measured>) {
        if row.outcome != Outcome::Exhaustive {
            println!("{faults:<10} {search:<24} the limit of memory ended it");
            return;
        }
        let rate = grouped((row.transitions as f64 / row.seconds) as u64);
        let bytes = row.memory as f64 / row.states as f64;
        let speed = spin.map_or(String::new(), |spin| format!("{:.2}", spin.seconds / row.seconds));
        println!(
            "{faults:<10} {search:<24} {:>12} {:>13} {:>9.2} {rate:>13} {bytes:>13.1} {speed:>8}",
            grouped(row.states),
            grouped(row.transitions),
            row.seconds,
        );
    }
}
