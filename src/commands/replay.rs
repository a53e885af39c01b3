//! `gapless replay`: the same run again, from its plan or its log.

use std::io::{Write as _, stdout};
use std::path::Path;

use gapless_sim::{Counterexample, Plan, shrink};
use indicatif::ProgressBar;
use serde_json::Value;

use crate::cli::sim::ReplayArgs;
use crate::failure::Failure;
use crate::report::{diagram, simulation, story, svg};
use crate::status::Status;
use crate::{files, interrupt};

/// Repeats a run.
pub fn run(args: &ReplayArgs) -> Result<Status, Failure> {
    let text = files::read(&args.file)?;
    if source(&text).as_deref() == Some("check") {
        return play(&args.file, &text, args);
    }
    let plan = plan_of(&args.file, &text)?;
    let outcome = gapless_sim::run(&plan);
    let steps = story::of_run(&outcome);
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

/// Where a decision log comes from, if the file is one.
fn source(text: &str) -> Option<String> {
    let header: Value = serde_json::from_str(text.lines().next()?).ok()?;
    header.get("format")?;
    header.get("source")?.as_str().map(str::to_owned)
}

/// Plays a counterexample of the checker in the simulation.
fn play(path: &Path, text: &str, args: &ReplayArgs) -> Result<Status, Failure> {
    const SEEDS: u64 = 3000;
    let replayed = gapless_model::check::replay(text)
        .map_err(|source| Failure::Replay { path: path.to_owned(), source })?;
    let header = &replayed.header;
    let wrong =
        |what: String| Failure::Option(what, "it should name a value for each axis".to_owned());
    let design = serde_json::to_value(&header.design).and_then(serde_json::from_value);
    let counterexample = Counterexample {
        design: design.map_err(|error| wrong(format!("{}: line 1: {error}", path.display())))?,
        invariant: header.violates,
        producers: header.bounds.producers,
        events: header.bounds.events,
        batch: header.bounds.batch,
        workers: header.bounds.workers,
        groups: header.bounds.groups,
        faults: replayed
            .decisions
            .iter()
            .filter_map(|decision| decision.line.fault.clone())
            .collect(),
    };
    interrupt::listen();
    let bar = ProgressBar::new_spinner();
    let played = counterexample.reproduce(SEEDS, |seed| {
        bar.set_message(format!("playing it against the adapter: {seed} seeds"));
        bar.tick();
        !interrupt::asked()
    });
    bar.finish_and_clear();
    let mut out = stdout().lock();
    let (name, invariant) = (&header.name, header.violates);
    let Some((seed, plan, outcome)) = played else {
        writeln!(
            out,
            "{name} against the real adapter: {invariant} was not broken in {SEEDS} runs with the \
             counterexample's processes and kinds of fault"
        )?;
        // No run was the counterexample step by step.
        return Ok(Status::Unfinished);
    };
    let small = shrink(&plan, &outcome, 300, |_| !interrupt::asked());
    let (plan, outcome) = small.map_or((plan, outcome), |small| (small.plan, small.report));
    let steps = story::of_run(&outcome);
    writeln!(
        out,
        "{name} breaks {invariant} against the real adapter too (seed {seed}): {}\n",
        simulation::scale(&plan)
    )?;
    writeln!(out, "{}", diagram::text(&steps))?;
    if let Some(violation) = &outcome.violation {
        writeln!(out, "{} is broken after {}: {}", violation.breach, violation.at, violation.what)?;
    }
    if let Some(path) = &args.log {
        files::write(path, &outcome.log)?;
    }
    if let Some(path) = &args.svg {
        files::write(path, &svg::drawing(&format!("{name} breaks {invariant}"), &steps))?;
    }
    Ok(Status::Violated)
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
            None => Err(wrong("there is no plan in it".to_owned())),
        },
        _ => Plan::from_json(text).map_err(|error| wrong(error.to_string())),
    }
}
