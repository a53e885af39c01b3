//! `gapless` without a command: the draft and the design that ships, side by side,
//! how the draft goes wrong, a small stream in production, and clusters in simulation.

use std::io::{Write, stdout};

use gapless_model::Invariant;
use gapless_model::check::{Bounds, Clocks, Report, Task, Trace, check, glossary};
use gapless_model::design::named;
use gapless_model::explanation::{ending, paragraph};

use super::stream::showcase;
use super::{simulation, unknown};
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Bar;
use crate::report::{diagram, story, table};
use crate::status::Status;

/// Checks `seed` and `recommended`, explains one counterexample of `seed`, runs a stream, and
/// simulates clusters.
pub fn run() -> Result<Status, Failure> {
    interrupt::install_handler();
    let mut out = stdout().lock();
    announce(&mut out)?;
    let reports =
        ["seed", "recommended"].map(checked).into_iter().collect::<Result<Vec<_>, _>>()?;
    writeln!(out, "{}\n\n{}", table::results(&reports), table::legend(&reports))?;
    explain(&mut out, &reports[0])?;
    writeln!(out, "\nThe protocol at work: the shipped crate on an embedded DynamoDB\n")?;
    let ran = showcase::run(&mut out)?;
    let simulated = simulation::showcase(&mut out)?;
    suggest(&mut out)?;
    let exhaustive = reports.iter().all(|report| report.is_exhaustive());
    let sound = reports[1].violated().is_empty();
    let parts = [ran, simulated];
    if !sound || parts.contains(&Status::Violated) {
        Ok(Status::Violated)
    } else if exhaustive && parts.iter().all(|part| *part == Status::Holds) {
        Ok(Status::Holds)
    } else {
        Ok(Status::Unfinished)
    }
}

/// Says what to try next, as far as this build can.
fn suggest(out: &mut impl Write) -> Result<(), Failure> {
    let before = [
        ("check --all", "disables one mechanism at a time and shows what breaks"),
        ("designs", "lists the design space"),
        ("check my.toml", "checks a design of your own"),
    ];
    let after = [("serve", "serves a local DynamoDB; `gapless init` creates a stream there")];
    writeln!(out, "\nNext:")?;
    for (command, what) in before.into_iter().chain(simulation::suggestion()).chain(after) {
        writeln!(out, "  gapless {command:<16} {what}")?;
    }
    Ok(())
}

/// Says at once what will happen, and how long it takes.
fn announce(out: &mut impl Write) -> Result<(), Failure> {
    let parts = [
        "check two designs of the protocol: the first draft (`seed`) and the one that ships \
         (`recommended`)",
        "explain how the first draft goes wrong",
        "run a small stream on an embedded DynamoDB",
    ];
    let parts = parts.map(str::to_owned).into_iter().chain(simulation::announcement());
    writeln!(out, "gapless: ordered event streams on DynamoDB.\n")?;
    writeln!(out, "This takes about half a minute on two cores:")?;
    for (number, part) in (1..).zip(parts) {
        writeln!(out, "  {number}. {part}")?;
    }
    writeln!(out)?;
    out.flush()?;
    Ok(())
}

fn checked(name: &str) -> Result<Report, Failure> {
    let known = named(name).ok_or_else(|| unknown(name))?;
    let task = Task::new(known.name, known.design, Bounds::DEFAULT, Clocks::Timely);
    let mut bar = Bar::new(known.name);
    let report = check(&task, &mut bar);
    bar.finish();
    Ok(report)
}

/// Explains the counterexample that teaches most, and names the others.
fn explain(out: &mut impl Write, report: &Report) -> Result<(), Failure> {
    let mut violated = report.counterexamples();
    violated.sort_by_key(|(invariant, _)| lesson(*invariant));
    let Some(((invariant, trace), others)) = violated.split_first() else { return Ok(()) };
    let (name, steps) = (&report.task.name, trace.actions.len());
    writeln!(out, "\nHow `{name}` breaks {invariant} ({}) in {steps} steps\n", invariant.says())?;
    write!(out, "{}", paragraph("", &trace.explanation.sentence))?;
    let drawn = diagram::text(&story::of(&trace.decisions, &trace.told));
    writeln!(out, "\n{drawn}\n{}\n{}", ending(&trace.explanation), glossary(&trace.story()))?;
    let also = |(invariant, trace): &(Invariant, &Trace)| {
        format!("{invariant} ({} steps)", trace.actions.len())
    };
    let also: Vec<String> = others.iter().map(also).collect();
    if !also.is_empty() {
        writeln!(
            out,
            "`{name}` also breaks {}: `gapless check {name}` explains each.",
            also.join(", ")
        )?;
    }
    Ok(())
}

/// The order in which counterexamples teach, the best first. An acknowledged event that is lost
/// (D3) or two workers that act at once (L2) are plain damage, and why they happen can be seen in
/// the steps. Then a log that is wrong in itself (S1 to S4, P2), then what leads to such damage
/// (L3, L1), then deliveries that handlers may be able to bear (D4, D2, D1). P1 comes last: its
/// counterexample ends before any damage is done, and needs an argument about everything that can
/// still happen.
fn lesson(invariant: Invariant) -> u8 {
    match invariant {
        Invariant::D3 => 0,
        Invariant::L2 => 1,
        Invariant::S1 => 2,
        Invariant::S2 => 3,
        Invariant::S3 => 4,
        Invariant::S4 => 5,
        Invariant::P2 => 6,
        Invariant::L3 => 7,
        Invariant::L1 => 8,
        Invariant::D4 => 9,
        Invariant::D2 => 10,
        Invariant::D1 => 11,
        Invariant::P1 => 12,
    }
}
