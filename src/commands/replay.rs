//! `gapless replay`: repeats a simulated run, or plays a counterexample of the checker.

use std::io::Write;

use gapless_model::check::{Action, Clocks, Decision, Replayed};
use gapless_model::explanation::listed;
use gapless_sim::{
    Breach, CheckedFault, Counterexample, Divergence, Plan, RunReport, Violation, shrink,
};
use indicatif::ProgressBar;
use serde_json::Value;

use super::script;
use crate::cli::sim::ReplayArgs;
use crate::failure::Failure;
use crate::input::Input;
use crate::report::{diagram, run_text, simulation, story};
use crate::status::Status;
use crate::{files, interrupt, output};

/// Repeats a run.
pub fn run(args: &ReplayArgs) -> Result<Status, Failure> {
    let text = files::read(&args.input)?;
    files::try_files([&args.log, &args.svg].into_iter().flatten())?;
    if log_source(&text).as_deref() == Some("check") {
        return play(&args.input, &text, args);
    }
    let plan = plan_of(&args.input, &text)?;
    let outcome = gapless_sim::run(&plan);
    let mut out = output::verdict();
    let who = if is_drawn(&plan) {
        format!("seed {}, profile {},", plan.seed, plan.profile)
    } else {
        format!("the plan in {}", args.input)
    };
    let title = match &outcome.violation {
        Some(violation) => run_text::title(&who, violation),
        None => format!("{who} breaks nothing"),
    };
    write(args, &title, &outcome)?;
    writeln!(out, "{title}\n({})\n", simulation::scale(&plan))?;
    match &outcome.violation {
        Some(violation) => write!(out, "{}", run_text::story(violation, &outcome))?,
        None => {
            writeln!(out, "{}", diagram::text(&story::of_run(&outcome)))?;
            if let Some(Divergence { step, says, instead }) =
                outcome.followed.as_ref().and_then(|followed| followed.diverges.as_ref())
            {
                writeln!(
                    out,
                    "the run diverges from its script at step {step} (`{says}`): {instead}"
                )?;
                return Ok(Status::Unfinished);
            }
            writeln!(out, "nothing is broken in {}", outcome.simulated)?;
        }
    }
    // A log records its run, which must repeat to the byte.
    if text.lines().count() > 1 && text.starts_with("{\"format\"") && text != outcome.log {
        let differs = text.lines().zip(outcome.log.lines()).position(|(was, is)| was != is);
        let line = differs.map_or(outcome.log.lines().count(), |line| line + 1);
        return Err(Failure::Usage {
            what: format!("{}: line {line} is not what happens now", args.input),
            help: "the log was written by another version, or for another design".to_owned(),
        });
    }
    Ok(if outcome.violation.is_some() { Status::Violated } else { Status::Holds })
}

/// Whether a plan is what its seed draws. One that was shrunk has a seed for its latencies alone.
fn is_drawn(plan: &Plan) -> bool {
    let Plan { mutant, invariants_only, watched, .. } = plan.clone();
    let drawn = plan.profile.plan(plan.seed, plan.design);
    *plan == Plan { mutant, invariants_only, watched, ..drawn }
}

/// The `source` of a decision log, if the text is one.
fn log_source(text: &str) -> Option<String> {
    let header: Value = serde_json::from_str(text.lines().next()?).ok()?;
    header.get("format")?;
    header.get("source")?.as_str().map(str::to_owned)
}

/// Plays a counterexample of the checker against the adapter, in the simulation.
fn play(log: &Input, text: &str, args: &ReplayArgs) -> Result<Status, Failure> {
    const SEEDS: u64 = 3000;
    let replayed =
        gapless_model::check::replay(text).map_err(|error| Failure::replay(log, &error))?;
    let header = &replayed.header;
    let (name, invariant) = (&header.name, header.violates);
    let mut out = output::verdict();
    let incomplete = |error: serde_json::Error| Failure::Usage {
        what: format!("{log}: line 1: {error}"),
        help: "`design` names a value for each axis; `gapless designs` lists them".to_owned(),
    };
    let design = serde_json::to_value(&header.design).and_then(serde_json::from_value);
    let counterexample = Counterexample {
        design: design.map_err(incomplete)?,
        invariant: header.violates,
        producers: header.bounds.producers,
        events: header.bounds.events + u8::from(replayed.decisions.iter().any(lengthens)),
        batch: header.bounds.batch,
        expected: header.bounds.expected > 0,
        partitions: header.bounds.partitions,
        workers: header.bounds.workers,
        groups: header.bounds.groups,
        timely: header.clocks == Clocks::Timely,
        faults: replayed.decisions.iter().filter_map(fault).collect(),
    };
    interrupt::install_handler();
    if play_steps(&counterexample, &replayed, args, &mut out)? == Status::Violated {
        return Ok(Status::Violated);
    }
    let bar = ProgressBar::new_spinner();
    let played = counterexample.reproduce(SEEDS, |seed| {
        bar.set_message(format!("playing the counterexample against the adapter: {seed} seeds"));
        bar.tick();
        !interrupt::is_requested()
    });
    bar.finish_and_clear();
    let Some((seed, plan, outcome)) = played else {
        writeln!(
            out,
            "{name} against the real adapter: {invariant} was not broken in {SEEDS} runs with the \
             counterexample's processes and kinds of fault"
        )?;
        write!(out, "{}", obstacles(&replayed.decisions))?;
        return Ok(Status::Unfinished);
    };
    let small = shrink(&plan, &outcome, 300, |_| !interrupt::is_requested());
    let (plan, outcome) = small.map_or((plan, outcome), |small| (small.plan, small.report));
    let title = format!("{name} breaks {invariant} against the real adapter too (seed {seed})");
    write(args, &title, &outcome)?;
    writeln!(out, "{title}\n({})", simulation::scale(&plan))?;
    writeln!(out, "{}", obstacles(&replayed.decisions))?;
    if let Some(violation) = &outcome.violation {
        write!(out, "{}", run_text::story(violation, &outcome))?;
    }
    Ok(Status::Violated)
}

/// Plays a counterexample step by step, and says what came of it.
fn play_steps(
    counterexample: &Counterexample,
    replayed: &Replayed,
    args: &ReplayArgs,
    out: &mut impl Write,
) -> Result<Status, Failure> {
    let plan = match script::plan(counterexample, replayed) {
        Ok(plan) => plan,
        Err(why) => {
            writeln!(out, "it cannot be played step by step: {why}\n")?;
            return Ok(Status::Unfinished);
        }
    };
    let outcome = gapless_sim::run(&plan);
    let (name, invariant) = (&replayed.header.name, replayed.header.violates);
    let all = replayed.decisions.len();
    let Some(followed) = outcome.followed.clone() else {
        let why =
            outcome.violation.as_ref().map_or("it was cut off", |it| &it.explanation.sentence);
        writeln!(out, "played step by step, the run itself failed: {why}\n")?;
        return Ok(Status::Unfinished);
    };
    if let Some(Divergence { step, says, instead }) = &followed.diverges {
        let place = format!("diverges at step {step} of {all} (`{says}`)");
        writeln!(out, "played step by step, it {place}: {instead}\n")?;
        return Ok(Status::Unfinished);
    }
    let is_it = |found: &&Violation| found.breach == Breach::Invariant(invariant);
    let Some(violation) = outcome.violation.as_ref().filter(is_it) else {
        let steps = followed.steps;
        match followed.is_whole {
            true => {
                writeln!(out, "played step by step, its {all} steps do not break {invariant}\n")?
            }
            false => {
                writeln!(out, "played step by step, the run ended at step {steps} of {all}\n")?
            }
        }
        return Ok(Status::Unfinished);
    };
    let place = match followed.is_whole {
        false => format!("at step {} of {all}", followed.steps),
        true => format!("behind its {all} steps"),
    };
    let title =
        format!("{name} breaks {invariant} against the real adapter too, step by step: {place}");
    write(args, &title, &outcome)?;
    writeln!(out, "{title}\n({})", simulation::scale(&plan))?;
    if !followed.detours.is_empty() {
        let steps = followed.detours.iter().map(usize::to_string).collect::<Vec<_>>();
        let steps = listed(&steps);
        writeln!(out, "(before step {steps} a worker asked for more than the trace says)")?;
    }
    write!(out, "\n{}", run_text::story(violation, &outcome))?;
    Ok(Status::Violated)
}

/// Writes the files, before anything is printed: the reader of the output may close it early,
/// as `head` does.
fn write(args: &ReplayArgs, title: &str, outcome: &RunReport) -> Result<(), Failure> {
    if let Some(path) = &args.log {
        files::write(path, &outcome.log)?;
    }
    if let Some(path) = &args.svg {
        files::write(path, &run_text::drawing(title, outcome))?;
    }
    Ok(())
}

/// Whether a producer turns out to have one event more.
fn lengthens(decision: &Decision) -> bool {
    matches!(decision.action, Action::Lengthen { .. })
}

/// The fault that struck in a step, if one did.
fn fault(decision: &Decision) -> Option<CheckedFault> {
    match decision.action {
        Action::Crash { .. } => Some(CheckedFault::Crash),
        Action::LoseReply { .. } => Some(CheckedFault::LostReply),
        Action::Delay { .. } => Some(CheckedFault::LateRequest),
        Action::Depart { .. } => Some(CheckedFault::SlowRequest),
        Action::StaleRead { .. } => Some(CheckedFault::StaleRead),
        // Time passes without a fault, unless it ends the lease of an owner that is alive.
        Action::Tick => decision.line.fault.is_some().then_some(CheckedFault::Expiry),
        Action::SetClock { .. } => Some(CheckedFault::ClockSet),
        Action::Fail { .. } => Some(CheckedFault::HandlerFailed),
        Action::Drop { .. } => Some(CheckedFault::TurnDropped),
        Action::Stop { .. } => Some(CheckedFault::TimeLimit),
        Action::Twin { .. } => Some(CheckedFault::SecondRun),
        Action::LoseTrigger { .. } => Some(CheckedFault::LostTrigger),
        Action::DuplicateTrigger { .. } => Some(CheckedFault::RepeatedTrigger),
        Action::Lengthen { .. }
        | Action::Begin { .. }
        | Action::Send { .. }
        | Action::Arrive { .. }
        | Action::Land { .. }
        | Action::Hear { .. }
        | Action::Restart { .. }
        | Action::Operate { .. }
        | Action::Take { .. }
        | Action::Deliver { .. }
        | Action::Clock { .. }
        | Action::Sweep { .. } => None,
    }
}

/// The faults of a counterexample that the simulation has to do without, a line each.
fn obstacles(decisions: &[Decision]) -> String {
    let sentence = |decision: &Decision| {
        let why = fault(decision)?.obstacle()?;
        let step = decision.line.step;
        let name = decision.line.fault.as_deref().unwrap_or("fault");
        Some(format!("the simulation cannot strike with step {step}'s fault `{name}`: {why}\n"))
    };
    decisions.iter().filter_map(sentence).collect()
}

/// The plan in an input: the whole of it, or the first line of a log.
fn plan_of(input: &Input, text: &str) -> Result<Plan, Failure> {
    let unusable = |what: String| Failure::Usage {
        what: format!("cannot replay {input}: {what}"),
        help: "a plan or a decision log comes from `gapless sim`, and a counterexample's log from \
               `gapless check --trace DIR`"
            .to_owned(),
    };
    if text.trim().is_empty() {
        return Err(unusable("it is empty".to_owned()));
    }
    let first = text.lines().next().unwrap_or_default();
    match serde_json::from_str::<Value>(first) {
        Ok(header) if header.get("format").is_some() => match header.get("plan") {
            Some(plan) => {
                let plan = Plan::from_json(&plan.to_string());
                plan.map_err(|error| unusable(format!("line 1: {error}")))
            }
            None => Err(unusable("line 1: there is no plan in it".to_owned())),
        },
        _ => Plan::from_json(text).map_err(|error| unusable(error.to_string())),
    }
}
