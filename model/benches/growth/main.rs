//! How the effort of `gapless check` grows with each of its budgets: states, time and memory.
//!
//! From a small base, one budget after the other is raised from its least value, until a search
//! reaches a limit. Each search is a process of its own, on one thread, and judges all invariants.

mod options;
mod picture;
mod point;
mod series;

use std::io::{IsTerminal, Write, stderr};
use std::process::ExitCode;

use gapless_model_bench::{Outcome, Protocol, Search, Way, measure};

use options::{Options, USAGE};
use point::Point;

fn main() -> ExitCode {
    gapless_model_bench::main(USAGE, Options::parse, run)
}

/// Searches, or reads what was searched before, and draws.
fn run(options: &Options) -> Result<(), String> {
    std::fs::create_dir_all(&options.out)
        .map_err(|error| format!("{}: {error}", options.out.display()))?;
    let points = match &options.draw {
        Some(file) => point::read(file)?,
        None => {
            let points = search(options)?;
            point::write(&options.out.join("searches.ndjson"), &points)?;
            points
        }
    };
    for quantity in &picture::QUANTITIES {
        let file = options.out.join(quantity.file);
        picture::draw(&file, quantity, &points)
            .map_err(|problem| format!("{}: {problem}", file.display()))?;
        println!("{}", file.display());
    }
    Ok(())
}

/// Raises each budget, and prints the table row by row.
fn search(options: &Options) -> Result<Vec<Point>, String> {
    println!("{}", Point::HEAD);
    let mut points = Vec::new();
    for series in &options.series {
        for (value, bounds) in series.steps() {
            show_progress(&format!("searching: {} {value}", series.budget));
            let search = Search::Protocol(Protocol {
                design: series.design,
                bounds,
                way: Way::Shipped,
                memory: options.memory,
                seconds: Some(options.limit),
            });
            let measured = measure(&search);
            show_progress("");
            let measured =
                measured.map_err(|problem| format!("{} {value}: {problem}", series.budget))?;
            let point = Point::new(series, value, &measured);
            println!("{point}");
            points.push(point);
            if measured.outcome != Outcome::Exhaustive {
                break;
            }
        }
    }
    Ok(points)
}

/// Shows what is going on, if a person is looking.
fn show_progress(text: &str) {
    let mut err = stderr();
    if err.is_terminal() {
        // A line that cannot be shown is no reason to end a search.
        let _ = write!(err, "\r\x1b[K{text}").and_then(|()| err.flush());
    }
}
