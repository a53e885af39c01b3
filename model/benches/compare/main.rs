//! The recommended design on Spin and on this crate's own checker, in one run.
//!
//! `stream.pml` is the same protocol in Promela. Where no reduction is at work, both searches
//! reach the same states by the same number of transitions, and the benchmark fails if they do
//! not. See `README.md` for what the columns mean.

mod budget;
mod ours;
mod pan;
mod table;

use std::process::ExitCode;

use budget::{Budget, Options, USAGE};
use ours::Look;
use pan::{Missing, Variant};
use table::{Row, Table};

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let Some(question) = ours::Question::parse(&arguments) {
        ours::answer(&question);
        return ExitCode::SUCCESS;
    }
    match Options::parse(&arguments) {
        Ok(Some(options)) => run(&options),
        Ok(None) => {
            println!("{USAGE}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("{problem}\n\n{USAGE}");
            ExitCode::FAILURE
        }
    }
}

/// Searches every budget and prints the table.
fn run(options: &Options) -> ExitCode {
    let missing = pan::missing();
    if let Some(Missing { program, package }) = &missing {
        println!(
            "{program} is not installed: the table has this checker's side only.\n\
             On Debian or Ubuntu, run: apt-get install {package}\n"
        );
    }
    let mut table = Table::new();
    let mut sound = true;
    for budget in &options.budgets {
        match compare(*budget, options, missing.is_none(), &mut table) {
            Ok(same) => sound &= same,
            Err(problem) => {
                eprintln!("{budget}: {problem}");
                sound = false;
            }
        }
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Searches one budget on both sides. Returns whether they reached the same states.
fn compare(
    budget: Budget,
    options: &Options,
    with_spin: bool,
    table: &mut Table,
) -> Result<bool, String> {
    let plain = fastest(options.runs, || ours::search(budget, Look::Plain, options.memory))?;
    let full = fastest(options.runs, || ours::search(budget, Look::Full, options.memory))?;
    let mut spin = None;
    if with_spin {
        let variants = Variant::ALL.iter().filter(|v| **v == Variant::Plain || options.variants);
        for &variant in variants {
            let pan = pan::build(budget, variant, options.memory)?;
            let row = fastest(options.runs, || pan.search(plain.states))?;
            table.print(budget, variant.name(), &row, spin.as_ref());
            if variant == Variant::Plain {
                spin = Some(row);
            }
        }
    }
    table.print(budget, "gapless, plain", &plain, spin.as_ref());
    table.print(budget, "gapless, as shipped", &full, spin.as_ref());
    let Some(spin) = spin else { return Ok(true) };
    let same = agree(spin.states, plain.states) && agree(spin.transitions, plain.transitions);
    if !same {
        eprintln!("{budget}: the two models differ: one of them was changed without the other");
    }
    Ok(same)
}

/// Whether two counts are the same, as far as Spin's can be told: it prints eight digits.
fn agree(spin: u64, plain: u64) -> bool {
    let unit = 10_u64.pow(plain.max(1).ilog10().saturating_sub(7));
    spin.abs_diff(plain) <= if unit > 1 { unit } else { 0 }
}

/// Searches several times, and returns the fastest search.
fn fastest(runs: u8, mut search: impl FnMut() -> Result<Row, String>) -> Result<Row, String> {
    let mut best = search()?;
    for _ in 1..runs {
        let row = search()?;
        if row.seconds < best.seconds {
            best = row;
        }
    }
    Ok(best)
}
