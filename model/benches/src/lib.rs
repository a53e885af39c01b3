//! What the benchmarks of the checker share: searches that are measured, and how numbers are
//! written.

mod measure;
mod search;
mod two_phase_commit;

pub use measure::{Answer, answer, measure};
pub use search::{Measured, Outcome, Protocol, Search, Way};

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
