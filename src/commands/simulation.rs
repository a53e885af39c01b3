//! What simulates: three commands, and a part of the main job.

use std::io::Write;

use gapless_model::design::Design;
use gapless_sim::{Campaign, Profile};

use super::{mutants, replay, sim};
use crate::cli::sim::SimulationCommand;
use crate::failure::Failure;
use crate::report::{run_text, simulation};
use crate::status::Status;

/// How many seeds the main job runs.
const SEEDS: u64 = 300;

/// What the main job says of its last part beforehand.
pub fn announcement() -> Option<String> {
    Some(format!("simulate {SEEDS} clusters, under faults drawn from seeds"))
}

/// What the main job suggests to try next: a command, and what it does.
pub fn suggestion() -> Option<(&'static str, &'static str)> {
    Some(("sim", "simulates as many seeds as you like; `gapless sim seed` shrinks a failure"))
}

/// Runs one of the commands.
pub fn run(command: &SimulationCommand) -> Result<Status, Failure> {
    match command {
        SimulationCommand::Sim(args) => sim::run(args),
        SimulationCommand::Replay(args) => replay::run(args),
        SimulationCommand::Mutants(args) => mutants::run(args),
    }
}

/// The main job's part: the recommended design under a swarm of faults.
pub fn showcase(out: &mut impl Write) -> Result<Status, Failure> {
    writeln!(out, "\nSimulating {SEEDS} clusters, under faults drawn from as many seeds:\n")?;
    let campaign = Campaign::new(Design::RECOMMENDED, Profile::Swarm, SEEDS);
    let simulated = sim::run_campaign(&campaign, "recommended");
    writeln!(out, "{}", simulation::summary("recommended", &campaign, &simulated))?;
    for failed in &simulated.failures {
        let title = run_text::title(&format!("seed {}", failed.seed), &failed.violation);
        writeln!(out, "\n{title}\n\n{}", run_text::sentence(&failed.violation))?;
        writeln!(out, "\n{}", run_text::end(&failed.violation))?;
    }
    Ok(match (simulated.failures.is_empty(), simulated.interrupted) {
        (false, _) => Status::Violated,
        (true, true) => Status::Unfinished,
        (true, false) => Status::Holds,
    })
}
