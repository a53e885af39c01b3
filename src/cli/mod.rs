//! What can be typed.

#[cfg(madsim)]
pub mod sim;
#[cfg(not(madsim))]
#[path = "without_sim.rs"]
pub mod sim;
pub mod stream;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};
use gapless_model::Invariant;
use gapless_model::check::{Bounds, Clocks};

use sim::SimulationCommand;
use stream::{AppendArgs, BenchArgs, ConsumeArgs, InitArgs, LookArgs, ReadArgs, ServeArgs};

use crate::input::Input;

/// Ordered event streams on DynamoDB: run them, and check their protocol.
///
/// Without a command: checks the first draft of the protocol and the one that
/// ships, draws how the draft goes wrong, runs a small stream in this process, and a few
/// hundred clusters in simulation.
#[derive(Debug, Parser)]
#[command(name = "gapless", version, after_help = EXIT_STATUS)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What follows the help of commands that judge.
pub(crate) const EXIT_STATUS: &str = "Exit status: 0 all holds · 1 violated · 2 unusable input · \
                           3 a limit ended it before it was exhaustive";

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check designs, exhaustively within bounds.
    #[command(after_help = EXIT_STATUS)]
    Check(Box<CheckArgs>),
    /// Walk through a design's states in the browser.
    Explore(Box<ExploreArgs>),
    /// List what can be chosen, and the designs that have names.
    Designs(DesignsArgs),
    /// Those that simulate.
    #[command(flatten)]
    Simulation(SimulationCommand),
    /// Create a stream's tables, or verify those that are there.
    Init(InitArgs),
    /// Append events.
    Append(AppendArgs),
    /// Consume events for a group.
    Consume(ConsumeArgs),
    /// Read events without a group.
    Read(ReadArgs),
    /// Read events without a group, and go on as they come.
    Tail(ReadArgs),
    /// Show partitions, heads, checkpoints, lag and leases.
    Status(LookArgs),
    /// Prove or refute, from the tables alone, what the protocol promises.
    Audit(LookArgs),
    /// Serve a local DynamoDB on loopback.
    Serve(ServeArgs),
    /// Measure appends, with and without the protocol.
    Bench(BenchArgs),
}

/// `gapless check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Names of designs, or TOML files.
    #[arg(value_name = "DESIGN", default_value = "recommended")]
    pub designs: Vec<String>,
    /// Check every named design against its declared verdict.
    #[arg(long, conflicts_with_all = ["designs", "replay"])]
    pub all: bool,
    /// Step through a trace that `--trace` wrote, and check that its end is as it says.
    #[arg(long, value_name = "FILE", conflicts_with = "designs")]
    pub replay: Option<Input>,
    /// What clocks may do.
    #[arg(long, value_enum, default_value_t = ClocksArg::Timely)]
    pub clocks: ClocksArg,
    /// Check only this invariant; may be given several times.
    #[arg(long, value_name = "NAME", value_parser = invariant)]
    pub property: Vec<Invariant>,
    /// Threads to search with [default: the number of cores].
    #[arg(long)]
    pub threads: Option<NonZeroUsize>,
    /// End each check after this long, such as `90s` or `1h`.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// End each check when the process holds this much memory, such as `512MiB` or `16GiB`.
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub max_memory: Option<usize>,
    /// Write the results for machines.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results as a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write each counterexample as a decision log (NDJSON) into this folder.
    #[arg(long, value_name = "DIR")]
    pub trace: Option<PathBuf>,
    /// Write each counterexample as a sequence diagram into this folder.
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Fail if some kind of step, or some outcome of it, was never exercised.
    #[arg(long)]
    pub strict: bool,
    /// How much of everything there is.
    #[command(flatten)]
    pub bounds: BoundsArgs,
}

/// `gapless explore`
#[derive(Debug, Args)]
pub struct ExploreArgs {
    /// The name of a design, or a TOML file.
    #[arg(value_name = "DESIGN", default_value = "recommended")]
    pub design: String,
    /// The port on loopback.
    #[arg(long, default_value_t = 3000)]
    pub port: u16,
    /// What clocks may do.
    #[arg(long, value_enum, default_value_t = ClocksArg::Timely)]
    pub clocks: ClocksArg,
    /// How much of everything there is.
    #[command(flatten)]
    pub bounds: BoundsArgs,
}

/// `gapless designs`
#[derive(Debug, Args)]
pub struct DesignsArgs {
    /// What to show.
    #[command(subcommand)]
    pub show: Option<DesignsCommand>,
}

/// `gapless designs …`
#[derive(Debug, Subcommand)]
pub enum DesignsCommand {
    /// Print a design as a TOML file.
    Show {
        /// The design's name.
        name: String,
    },
}

/// What clocks may do, on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum ClocksArg {
    /// They keep their bound.
    Timely,
    /// They do as they like; nobody can promise L2 then.
    Unbounded,
}

impl From<ClocksArg> for Clocks {
    fn from(clocks: ClocksArg) -> Clocks {
        match clocks {
            ClocksArg::Timely => Clocks::Timely,
            ClocksArg::Unbounded => Clocks::Unbounded,
        }
    }
}

/// A set of bounds to start from.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum BoundsName {
    /// A second or less.
    Tiny,
    /// Ten seconds or less.
    #[default]
    Default,
    /// Everything at once: hundreds of millions of states, some twenty bytes each.
    Deep,
}

/// `--bounds`, and an option for every single bound.
#[derive(Clone, Debug)]
pub struct BoundsArgs(pub Bounds);

impl Args for BoundsArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        let set = Arg::new("bounds")
            .long("bounds")
            .value_name("SET")
            .value_parser(clap::value_parser!(BoundsName))
            .default_value("default")
            .help("Bounds to start from");
        let each = Bounds::ALL.iter().map(|bound| {
            let get = bound.get;
            let (tiny, default, deep) =
                (get(&Bounds::TINY), get(&Bounds::DEFAULT), get(&Bounds::DEEP));
            Arg::new(bound.name)
                .long(bound.name)
                .value_name("N")
                .value_parser(clap::value_parser!(u8))
                .help_heading("Bounds")
                .help(format!("{} [tiny {tiny}, default {default}, deep {deep}]", bound.doc.trim()))
        });
        command.arg(set).args(each)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for BoundsArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let set = matches.get_one::<BoundsName>("bounds").copied().unwrap_or_default();
        let mut bounds = match set {
            BoundsName::Tiny => Bounds::TINY,
            BoundsName::Default => Bounds::DEFAULT,
            BoundsName::Deep => Bounds::DEEP,
        };
        for bound in Bounds::ALL {
            if let Some(value) = matches.get_one::<u8>(bound.name) {
                (bound.set)(&mut bounds, *value);
            }
        }
        Ok(BoundsArgs(bounds))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

fn invariant(name: &str) -> Result<Invariant, String> {
    Invariant::named(name).ok_or_else(|| {
        let names: Vec<_> = Invariant::ALL.iter().map(|known| known.name()).collect();
        format!("the invariants are {}", names.join(", "))
    })
}

/// A size in bytes: a number and a unit.
fn memory(text: &str) -> Result<usize, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: usize =
        number.parse().map_err(|_| "a size is a number and a unit, such as 2GiB")?;
    let shift = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        _ => return Err("the units are KiB, MiB and GiB".to_owned()),
    };
    number.checked_mul(1 << shift).ok_or_else(|| "no machine has that much".to_owned())
}
