//! What the benchmarks of the checker share: searches that are measured, and how numbers are
//! written.

mod measure;
mod search;
mod two_phase_commit;

use std::process::ExitCode;

pub use measure::measure;
pub use search::{Measured, Outcome, Protocol, Search, Way};

/// Runs a benchmark: reads its options, and does what they ask for. `parse` returns `None` where
/// they ask for help. A process that was started to search does only that.
pub fn main<T>(
    usage: &str,
    parse: impl Fn(&[String]) -> Result<Option<T>, String>,
    run: impl Fn(&T) -> Result<(), String>,
) -> ExitCode {
    // Cargo adds the one that is left out.
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    if measure::answer(&arguments) == measure::Answer::Given {
        return ExitCode::SUCCESS;
    }
    let done = match parse(&arguments) {
        Ok(Some(options)) => run(&options),
        Ok(None) => {
            println!("{usage}");
            Ok(())
        }
        Err(problem) => Err(format!("{problem}\n\n{usage}")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("{problem}");
            ExitCode::FAILURE
        }
    }
}

/// Writes a number with commas.
#[must_use]
pub fn grouped(number: u64) -> String {
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

/// Reads the value of an option.
///
/// # Errors
/// The value is missing, no number, or out of range.
pub fn number<T>(option: &str, given: Option<&String>, least: T, most: T) -> Result<T, String>
where
    T: std::str::FromStr + PartialOrd + std::fmt::Display,
{
    let number = given.and_then(|given| given.parse().ok());
    number
        .filter(|number| (&least..=&most).contains(&number))
        .ok_or_else(|| format!("{option} takes a number from {least} to {most}"))
}
