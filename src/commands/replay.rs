//! `gapless replay`: the same run again, from its plan or its log.

use std::io::{Write as _, stdout};
use std::path::Path;

use gapless_sim::Plan;
use serde_json::Value;

use crate::cli::sim::ReplayArgs;
use crate::failure::Failure;
use crate::report::{diagram, simulation, story, svg};
use crate::{Status, files};

/// Repeats a run.
pub fn run(args: &ReplayArgs) -> Result<Status, Failure> {
    let text = files::read(&args.file)?;
    let plan = plan_of(&args.file, &text)?;
    let outcome = gapless_sim::run(&plan);
    let steps = story::of_run(&simulation::entries(&outcome.log));
    let mut out = stdout().lock();
    writeln!(out, "seed {}, profile {}: {}\n", plan.seed, plan.profile, simulation::scale(&plan))?;
    writeln!(out, "{}", diagram::text(&steps))?;
    if let Some(path) = &args.log {
        files::write(path, &outcome.log)?;
    }
    let said = outcome.violation.as_ref().map_or_else(
        || "nothing is broken".to_owned(),
        |violation| format!("{} is broken", violation.breach),
    );
    if let Some(path) = &args.svg {
        files::write(path, &svg::drawing(&format!("seed {}: {said}", plan.seed), &steps))?;
    }
    // A log says how it went: this must be the same to the byte.
    if text.lines().count() > 1 && text.starts_with("{\"format\"") && text != outcome.log {
        let differs = text.lines().zip(outcome.log.lines()).position(|(was, is)| was != is);
        let line = differs.map_or(outcome.log.lines().count(), |line| line + 1);
        return Err(Failure::Option(
            format!("{}: line {line} is not what happens now", args.file.display()),
            "the log was written by another version, or for another design".to_owned(),
        ));
    }
    match &outcome.violation {
        Some(violation) => {
            writeln!(out, "{said} after {}: {}", violation.at, violation.what)?;
            Ok(Status::Violated)
        }
        None => {
            writeln!(out, "{said} in {}", outcome.simulated)?;
            Ok(Status::Holds)
        }
    }
}

/// The plan in a file: the file itself, or the first line of a log.
fn plan_of(path: &Path, text: &str) -> Result<Plan, Failure> {
    let wrong = |what: String| {
        let help = "a plan or a log that `gapless sim` wrote is repeated".to_owned();
        Failure::Option(format!("{} cannot be replayed: {what}", path.display()), help)
    };
    let first = text.lines().next().unwrap_or_default();
    match serde_json::from_str::<Value>(first) {
        Ok(header) if header.get("format").is_some() => match header.get("plan") {
            Some(plan) => {
                Plan::from_json(&plan.to_string()).map_err(|error| wrong(error.to_string()))
            }
            None => Err(wrong(
                "it is a counterexample of the checker: `gapless check --replay` steps through it"
                    .to_owned(),
            )),
        },
        _ => Plan::from_json(text).map_err(|error| wrong(error.to_string())),
    }
}
