//! The commands that simulate, and their options.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use gapless_model::Mutant;
use gapless_sim::{EngineKind, Profile};

use crate::input::Input;
use crate::status::EXIT_STATUS;

/// The commands that simulate.
#[derive(Debug, Subcommand)]
pub enum SimulationCommand {
    /// Simulate whole clusters, under faults drawn from seeds.
    #[command(after_help = EXIT_STATUS)]
    Sim(Box<SimArgs>),
    /// Repeat a simulated run, or play a checker's counterexample against the real adapter.
    #[command(after_help = EXIT_STATUS)]
    Replay(ReplayArgs),
    /// Break the traffic or the protocol on purpose, and report what notices.
    #[command(after_help = EXIT_STATUS)]
    Mutants(MutantsArgs),
}

/// `gapless sim`
#[derive(Debug, Args)]
pub struct SimArgs {
    /// The name of a design, or a TOML file; `-` is standard input.
    #[arg(value_name = "DESIGN", default_value = "recommended")]
    pub design: String,
    /// How many seeds to run, a cluster each.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub seeds: u64,
    /// The first seed.
    #[arg(long, value_name = "SEED", default_value_t = 0)]
    pub from: u64,
    /// Run only one of N shares of the seeds, such as `1/4`, the first of four.
    #[arg(long, value_name = "I/N", default_value = "1/1")]
    pub shard: Shard,
    /// How many seeds run at the same time [default: the number of cores].
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Stop after this time, such as `10m`, and report what was run [default: no limit].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub time_budget: Option<Duration>,
    /// Which faults strike: `swarm` draws some for each seed; `calm` has none; `hostile` has
    /// all, and clocks out of bounds; `lambda` has short-lived workers.
    #[arg(long, value_name = "NAME", default_value = "swarm")]
    pub profile: Profile,
    /// Break the traffic between adapter and engine on purpose; `gapless mutants` lists the
    /// ways [default: none].
    #[arg(long, value_name = "NAME", value_parser = mutant)]
    pub mutant: Option<Mutant>,
    /// Watch only the invariants, not whether the adapter refines the model.
    #[arg(long)]
    pub invariants_only: bool,
    /// What stores the tables: `light` keeps them in maps; `dynoxide` is a whole DynamoDB;
    /// `both` runs the two side by side and compares their answers.
    #[arg(long, value_name = "NAME", default_value = "light")]
    pub engine: EngineKind,
    /// Hunt for what is rare: once some seeds are run, three of four change a plan that met
    /// something that few others did.
    #[arg(long)]
    pub hunt: bool,
    /// Run the remaining seeds after a violation.
    #[arg(long)]
    pub keep_going: bool,
    /// How many runs may be spent on shrinking the first failure; 0 leaves it as it is.
    #[arg(long, value_name = "RUNS", default_value_t = 1500)]
    pub shrink: usize,
    /// The folder for a failure's decision log and plan.
    #[arg(long, value_name = "DIR", default_value = "gapless-failures")]
    pub out: PathBuf,
    /// Write the summary to FILE as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the summary to FILE as a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write the first failure to the folder DIR as a sequence diagram (SVG).
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Exit with 1 if a coverage mark was never reached, or a kind of fault never injected.
    #[arg(long)]
    pub strict: bool,
}

/// `gapless replay`
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// A plan or decision log from `gapless sim`, or a decision log from `gapless check
    /// --trace`; `-` is standard input.
    #[arg(value_name = "FILE")]
    pub input: Input,
    /// Write the run's decision log to FILE.
    #[arg(long, value_name = "FILE")]
    pub log: Option<PathBuf>,
    /// Write the run to FILE as a sequence diagram (SVG).
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// `gapless mutants`
#[derive(Debug, Args)]
pub struct MutantsArgs {
    /// The mutants to run [default: all].
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// How many seeds to try on each mutant before it counts as a survivor.
    #[arg(long, value_name = "N", default_value_t = 1000)]
    pub seeds: u64,
    /// How many seeds run at the same time [default: the number of cores].
    #[arg(long, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Write the table to FILE as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// One share of the seeds.
#[derive(Clone, Copy, Debug)]
pub struct Shard {
    /// Which share, from 0.
    pub index: u64,
    /// How many shares there are.
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
            _ => Err("a shard is its number and how many there are, from 1/4 to 4/4 for example"
                .to_owned()),
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
