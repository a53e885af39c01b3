//! The recommended design on Spin, on Stateright and on this crate's own checker, beside two-phase
//! commit on Stateright, in one run.
//!
//! `promela/` is the same protocol for Spin. Where no reduction is at work, all searches reach the
//! same states by the same number of transitions, and the benchmark fails if they do not. See
//! `README.md` for what the columns mean.

mod budget;
mod pan;
mod self_check;
mod table;

use std::process::ExitCode;

use gapless_model::design::{Design, Finish, Release};
use gapless_model_bench::{Measured, Outcome, Protocol, Search, Way, measure};

use budget::{Budget, Options, Part, USAGE};
use pan::{Missing, Variant};
use table::Table;

/// The design that the Promela model describes.
const MODELLED: Design =
    Design { release: Release::NextEmpty, finish: Finish::TwoWrites, ..Design::RECOMMENDED };

fn main() -> ExitCode {
    gapless_model_bench::main(USAGE, Options::parse, run)
}

/// Does what the options ask for.
fn run(options: &Options) -> Result<(), String> {
    let missing = pan::missing();
    if let Some(Missing { program, package }) = &missing {
        let advice = format!("on Debian or Ubuntu, run: apt-get install {package}");
        if options.part == Part::SelfCheck {
            return Err(format!("{program} is not installed; {advice}"));
        }
        println!("{program} is not installed: the table is without Spin.\n{advice}\n");
    }
    if options.part != Part::Table && missing.is_none() {
        self_check::run()?;
    }
    if options.part != Part::SelfCheck {
        print_table(options, missing.is_none())?;
    }
    Ok(())
}

/// Searches every budget and the yardstick, and prints the table.
fn print_table(options: &Options, with_spin: bool) -> Result<(), String> {
    let mut table = Table::new();
    let mut problems = Vec::new();
    for budget in &options.budgets {
        if let Err(problem) = compare(*budget, options, with_spin, &mut table) {
            problems.push(format!("{budget}: {problem}"));
        }
    }
    if options.only.is_none()
        && let Err(problem) = print_yardstick(options.runs, &mut table)
    {
        problems.push(problem);
    }
    if problems.is_empty() { Ok(()) } else { Err(problems.join("\n")) }
}

/// Searches two-phase commit.
fn print_yardstick(runs: u8, table: &mut Table) -> Result<(), String> {
    // The number that is published for five participants.
    if measure(&Search::TwoPhaseCommit(5))?.states != 8_832 {
        return Err("two-phase commit is not the model that it should be".to_owned());
    }
    let row = fastest(runs, || measure(&Search::TwoPhaseCommit(8)))?;
    table.print("", "two-phase commit, of 8", &row, None);
    Ok(())
}

/// Searches one budget in every way.
///
/// # Errors
/// A search fails, or two reached different states.
fn compare(
    budget: Budget,
    options: &Options,
    with_spin: bool,
    table: &mut Table,
) -> Result<(), String> {
    let name = budget.to_string();
    let search = |way| {
        let (design, bounds, memory) = (MODELLED, budget.bounds(), options.memory);
        let search = Search::Protocol(Protocol { design, bounds, way, memory, seconds: None });
        fastest(options.runs, || measure(&search))
    };
    if let Some(way) = options.only {
        table.print(&name, way.name(), &search(way)?, None);
        return Ok(());
    }
    let plain = search(Way::Plain)?;
    if plain.outcome != Outcome::Exhaustive {
        return Err("the plain search needs more memory; see --memory".to_owned());
    }
    let spin = match with_spin {
        true => Some(search_with_spin(budget, options, plain.states, table)?),
        false => None,
    };
    let stateright = search(Way::Stateright)?;
    let rows = [
        ("Stateright", stateright),
        ("gapless, plain", plain),
        ("gapless, reduced", search(Way::Reduced)?),
        ("gapless, as shipped", search(Way::Shipped)?),
    ];
    for (search, row) in &rows {
        table.print(&name, search, row, spin.as_ref());
    }
    let differs = |other: &Measured| {
        !(agree(other.states, plain.states) && agree(other.transitions, plain.transitions))
    };
    if spin.as_ref().is_some_and(differs) {
        return Err("the two models differ: one of them was changed without the other".to_owned());
    }
    if stateright.outcome == Outcome::Exhaustive && differs(&stateright) {
        return Err("the two engines reach different states of one model".to_owned());
    }
    Ok(())
}

/// Searches one budget with Spin. Returns its plain search.
fn search_with_spin(
    budget: Budget,
    options: &Options,
    states: u64,
    table: &mut Table,
) -> Result<Measured, String> {
    let search = |variant| {
        let pan = pan::verifier(budget, variant, options.memory)?;
        fastest(options.runs, || pan.search(states))
    };
    let spin = search(Variant::Plain)?;
    table.print(&budget.to_string(), Variant::Plain.name(), &spin, None);
    if options.variants {
        for variant in [Variant::Reduced, Variant::Collapsed] {
            let row = search(variant)?;
            table.print(&budget.to_string(), variant.name(), &row, Some(&spin));
        }
    }
    Ok(spin)
}

/// Whether two counts are the same, as far as Spin's can be told: it prints eight digits.
fn agree(other: u64, plain: u64) -> bool {
    let unit = 10_u64.pow(plain.max(1).ilog10().saturating_sub(7));
    other.abs_diff(plain) <= if unit > 1 { unit } else { 0 }
}

/// Searches several times, and returns the fastest search.
fn fastest(
    runs: u8,
    mut search: impl FnMut() -> Result<Measured, String>,
) -> Result<Measured, String> {
    let mut best = search()?;
    for _ in 1..runs {
        let row = search()?;
        if row.seconds < best.seconds {
            best = row;
        }
    }
    Ok(best)
}
