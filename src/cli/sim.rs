//! What can be typed about the simulation.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use gapless_model::Mutant;
use gapless_sim::{EngineKind, Profile};

use super::EXIT_STATUS;
use crate::input::Input;

/// The commands that simulate.
#[derive(Debug, Subcommand)]
pub enum SimulationCommand {
    /// Run whole clusters in simulation, under faults drawn from seeds.
    #[command(after_help = EXIT_STATUS)]
    Sim(Box<SimArgs>),
    /// Repeat a simulated run, or play a counterexample of the checker against the real adapter.
    #[command(after_help = EXIT_STATUS)]
    Replay(ReplayArgs),
    /// Break the traffic or the protocol on purpose, and see what notices.
    #[command(after_help = EXIT_STATUS)]
    Mutants(MutantsArgs),
}

/// `gapless sim`
#[derive(Debug, Args)]
pub struct SimArgs {
    /// The name of a design, or a TOML file.
    #[arg(value_name = "DESIGN", default_value = "recommended")]
    pub design: String,
    /// How many seeds.
    #[arg(long, default_value_t = 1000)]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    pub from: u64,
    /// Run only this part of the seeds: `1/4` is the first of four.
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    pub shard: Shard,
    /// How many seeds at a time [default: the number of cores].
    #[arg(long)]
    pub jobs: Option<NonZeroUsize>,
    /// Stop after this long, such as `10m`; what was run by then counts.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub time_budget: Option<Duration>,
    /// swarm: each seed another part of the faults; calm: none; hostile: all, and clocks out of bounds; lambda: short-lived workers.
    #[arg(long, default_value = "swarm")]
    pub profile: Profile,
    /// Break the traffic between adapter and engine on purpose; `gapless mutants` lists how.
    #[arg(long, value_name = "NAME", value_parser = mutant)]
    pub mutant: Option<Mutant>,
    /// Watch only the invariants, and not that the adapter refines the model.
    #[arg(long)]
    pub invariants_only: bool,
    /// What stores: light, the three tables in maps; dynoxide, a whole DynamoDB; both, side by side, to see that they answer alike.
    #[arg(long, default_value = "light")]
    pub engine: EngineKind,
    /// Go on after a violation.
    #[arg(long)]
    pub keep_going: bool,
    /// How many runs to spend on making a failure small; 0 leaves it as it is.
    #[arg(long, value_name = "RUNS", default_value_t = 1500)]
    pub shrink: usize,
    /// Where to write a failure's decision log and plan.
    #[arg(long, value_name = "DIR", default_value = "gapless-failures")]
    pub out: PathBuf,
    /// Write the summary for machines.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the summary as a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Draw the failure as a sequence diagram into this folder.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Fail if a coverage mark was never reached, or a kind of fault never injected.
    #[arg(long)]
    pub strict: bool,
}

/// `gapless replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A plan or a decision log that `gapless sim` wrote, or a decision log that `gapless check --trace` wrote.
    #[arg(value_name = "FILE")]
    pub input: Input,
    /// Write the decision log here.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Draw it as a sequence diagram into this file.
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// `gapless mutants`
#[derive(Debug, Args)]
pub struct MutantsArgs {
    /// Only these.
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// How many seeds each may survive at the most.
    #[arg(long, default_value_t = 1000)]
    pub seeds: u64,
    /// How many seeds at a time [default: the number of cores].
    #[arg(long)]
    pub jobs: Option<NonZeroUsize>,
    /// Write the table for machines.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// One part of several.
#[derive(Clone, Copy, Debug)]
pub struct Shard {
    /// From 0.
    pub index: u64,
    /// Of how many.
    pub of: u64,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text
            .split_once('/')
            .and_then(|(index, of)| Some((index.parse::<u64>().ok()?, of.parse::<u64>().ok()?)));
        match parts {
            Some((index, of)) if (1..=of).contains(&index) => Ok(Shard { index: index - 1, of }),
            _ => Err("a shard is its number and how many there are, such as 1/4 to 4/4".to_owned()),
        }
    }
}

fn mutant(name: &str) -> Result<Mutant, String> {
    let mut known = Mutant::ALL.iter().copied().filter(|mutant| mutant.is_in_traffic());
    known.clone().find(|mutant| mutant.name() == name).ok_or_else(|| {
        let first = known.next().map_or("", Mutant::name).to_owned();
        let names = known.fold(first, |names, mutant| names + ", " + mutant.name());
        format!("the mutants are {names}")
    })
}
