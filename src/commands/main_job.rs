//! `gapless` without a command: the draft and the design that ships, side by side,
//! how the draft goes wrong, a small stream in production, and clusters in simulation.

use std::io::{Write as _, stdout};

use gapless_model::check::{Bounds, Clocks, Task, check};
use gapless_model::design::named;

use super::stream::showcase;
use super::{simulation, unknown};
use crate::failure::Failure;
use crate::interrupt;
use crate::progress::Bar;
use crate::report::{diagram, story, table};
use crate::status::Status;

/// Checks `seed` and `recommended`, draws the first counterexample of `seed`, and runs a stream.
pub fn run() -> Result<Status, Failure> {
    interrupt::listen();
    let mut out = stdout().lock();
    writeln!(out, "gapless: ordered event streams on DynamoDB. Is the protocol sound?\n")?;
    let mut reports = Vec::new();
    for name in ["seed", "recommended"] {
        let known = named(name).ok_or_else(|| unknown(name))?;
        let bounds = Bounds::DEFAULT;
        let task = Task::new(known.name, known.design, bounds, Clocks::Timely);
        let mut bar = Bar::new(known.name);
        let report = check(&task, &mut bar);
        bar.finish();
        reports.push(report);
    }
    writeln!(out, "{}\n\n{}", table::results(&reports), table::legend(&reports))?;
    if let Some((invariant, trace)) = reports[0].violated().first() {
        writeln!(
            out,
            "\nThe shortest way for `seed` to break {invariant} ({}):\n",
            invariant.says()
        )?;
        writeln!(out, "{}", diagram::text(&story::of(&trace.decisions)))?;
    }
    writeln!(out, "The same machines in production, over the SDK and an embedded DynamoDB:\n")?;
    let ran = showcase::run(&mut out)?;
    let simulated = simulation::showcase(&mut out)?;
    writeln!(
        out,
        "\nNext: `gapless check --all` turns back each mechanism alone and shows what breaks;\n\
         `gapless designs` lists the design space; `gapless check my.toml` checks your own;\n\
         `gapless sim` runs as many seeds as you like, and `gapless sim seed` makes a failure small;\n\
         `gapless serve` and `gapless init` begin a stream of your own.",
    )?;
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
