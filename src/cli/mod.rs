//! The command line: commands, their options, and what `--help` says of them.

pub mod lineage;
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
use gapless_model::check::{Bounds, Clocks, Engine};

use lineage::{MergeArgs, PartitionsArgs, ScaleArgs, SplitArgs};
use sim::SimulationCommand;
use stream::{
    AppendArgs, BenchArgs, ConsumeArgs, InitArgs, LookArgs, ReadArgs, SeekArgs, ServeArgs,
};

use crate::input::Input;
use crate::status::EXIT_STATUS;

/// Ordered event streams on DynamoDB: run them, and check their protocol.
///
/// Without a command, gapless checks the first draft of the protocol and the design that
/// ships, draws how the draft goes wrong, runs a small stream on an embedded DynamoDB, and
/// simulates 300 clusters.
#[derive(Debug, Parser)]
#[command(name = "gapless", version, after_help = EXIT_STATUS)]
pub struct Cli {
    /// The command.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check designs of the protocol exhaustively, within bounds.
    #[command(after_help = EXIT_STATUS)]
    Check(Box<CheckArgs>),
    /// Explore a design's states in the browser.
    Explore(Box<ExploreArgs>),
    /// List the design space and the named designs.
    Designs(DesignsArgs),
    /// Those that simulate.
    #[command(flatten)]
    Simulation(SimulationCommand),
    /// Create a stream's tables, or verify existing ones.
    Init(InitArgs),
    /// Append events from NDJSON.
    Append(AppendArgs),
    /// Consume events as a worker of a group.
    Consume(ConsumeArgs),
    /// Print a stream's events, without a group.
    Read(ReadArgs),
    /// Print a stream's events, and new ones as they come.
    Tail(ReadArgs),
    /// Show partitions, heads, checkpoints, lag and leases.
    Status(LookArgs),
    /// Draw the lineage of the partitions, with heads, and each group's lag.
    ///
    /// It has a row for each partition, indented by how often its keys were divided, and a merged one names
    /// those that it took the place of. A partition is sealed once others took its place. A group has drained
    /// it when it has begun it and finished its last slot; only then does the group begin what comes after it.
    ///
    /// It reads a head for each open partition, strongly consistently, and each sealed one once: a read unit
    /// each. The groups' items cost a read unit for each 4 KB. With --json, a partition that cannot be read is
    /// an object with the reason as its one field, `unread`.
    Partitions(PartitionsArgs),
    /// Split a partition: halves take its place.
    ///
    /// The partition takes no more events. Producers go on in the halves by themselves, and each group
    /// finishes the partition before it begins them. Run again, by anyone, it recognises what was done, and
    /// completes what was left half done. Every process that uses the stream must know of splits.
    Split(SplitArgs),
    /// Merge partitions into the one that they make up.
    ///
    /// They take no more events. Producers go on in the merged partition by themselves, and each group finishes
    /// all of them before it begins that one. Run again, by anyone, it recognises what was done, and
    /// completes what was left half done. Every process that uses the stream must know of merges.
    Merge(MergeArgs),
    /// Split partitions that are busy, and merge those that are quiet.
    ///
    /// It measures what each open partition was written over 2, 5 and 10 minutes, by when its slots were written,
    /// and in which group's lag grows. Then it splits and merges, and prints each decision with its reason. A unit
    /// is a write unit of a partition's slots; three read units count as one. Cooldowns are counted from the
    /// seals in the tables, so the command can be run again at any time, and from several places.
    ///
    /// It reads the lineage, the groups' items, and for each busy partition some 20 read units.
    Scale(ScaleArgs),
    /// Show which named producers have a record, and where.
    Producers(LookArgs),
    /// Move a group's checkpoints, to skip events or to be given them again.
    Seek(SeekArgs),
    /// Check the tables against what the protocol promises.
    Audit(LookArgs),
    /// Look whether the decision logs of several processes fit together.
    #[command(after_help = EXIT_STATUS)]
    Validate(ValidateArgs),
    /// Serve a local DynamoDB.
    Serve(ServeArgs),
    /// Measure appends and takeovers, beside bare calls of the SDK.
    ///
    /// Without --endpoint-url, --profile or --embedded, the tables are in this process's memory.
    Bench(BenchArgs),
}

/// `gapless validate`
///
/// The logs are those of `--decisions`. They have to be whole: of every process that wrote to the
/// stream, from its creation on. Some order of their requests must exist in which the store, as it is
/// specified, gives exactly these answers, each between the request and the answer.
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Decision logs. A file can have those of several runs, one after the other.
    #[arg(required = true, value_name = "LOG")]
    pub logs: Vec<Input>,
    /// By how much the clocks of two processes may differ.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub skew: Duration,
    /// The processes' SDK never sends a request again by itself. Without this, an answer can be
    /// explained by the effects of attempts that no process has heard an answer to.
    #[arg(long)]
    pub no_hidden_retries: bool,
    /// Give up an item (a head, a slot or a lease) after so many steps.
    #[arg(long, value_name = "N", default_value_t = 10_000_000)]
    pub most_steps: u64,
    /// Write the result to FILE as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
}

/// `gapless check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Names of designs, or TOML files; `-` is standard input.
    #[arg(value_name = "DESIGN", default_value = "recommended")]
    pub designs: Vec<String>,
    /// Check every named design, and compare each verdict with the declared one.
    #[arg(long, conflicts_with_all = ["designs", "replay"])]
    pub all: bool,
    /// Replay a decision log that `--trace` wrote, and check that it ends in the violation it
    /// names; `-` is standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "designs")]
    pub replay: Option<Input>,
    /// What clocks may do.
    #[arg(long, value_enum, default_value_t = ClocksArg::Timely)]
    pub clocks: ClocksArg,
    /// Check only this invariant, such as S1; may be repeated [default: all].
    #[arg(long, value_name = "NAME", value_parser = invariant)]
    pub property: Vec<Invariant>,
    /// What searches the states.
    #[arg(long, value_enum, default_value_t = EngineArg::Own)]
    pub engine: EngineArg,
    /// Search states that differ only in the names of producers, workers or groups one by one,
    /// and not as one state. Verdicts stay the same.
    #[arg(long)]
    pub no_symmetry: bool,
    /// How many threads search [default: the number of cores].
    #[arg(long, value_name = "N")]
    pub threads: Option<NonZeroUsize>,
    /// End each search after this time, such as `90s` or `1h`. To show what it found violated may
    /// take several times as long [default: no limit].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub timeout: Option<Duration>,
    /// End each check when the process uses this much memory, such as `512MiB` or `16GiB`
    /// [default: no limit].
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub max_memory: Option<usize>,
    /// Move visited states to files in the folder DIR when they take an eighth of --max-memory. P1
    /// is judged only if what it takes fits in memory.
    #[arg(long, value_name = "DIR", requires = "max_memory")]
    #[arg(conflicts_with_all = ["checkpoint", "replay"])]
    pub disk: Option<PathBuf>,
    /// Keep the search in FILE while it is unfinished, and go on from there if FILE has it. A
    /// finished search's FILE is removed.
    #[arg(long, value_name = "FILE", conflicts_with = "replay")]
    pub checkpoint: Option<PathBuf>,
    /// How often to write FILE while the search goes on. It is also written when a limit or Ctrl-C
    /// ends the search.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    #[arg(default_value = "5m", requires = "checkpoint")]
    pub checkpoint_every: Duration,
    /// Write the results to FILE as JSON.
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// Write the results to FILE as a JUnit report.
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Write each counterexample to the folder DIR as a decision log (NDJSON).
    #[arg(long, value_name = "DIR")]
    pub trace: Option<PathBuf>,
    /// Write each counterexample to the folder DIR as a sequence diagram (SVG).
    #[arg(long, value_name = "DIR")]
    pub svg: Option<PathBuf>,
    /// Exit with 1 if a kind of step, or one of its outcomes, was never exercised.
    #[arg(long)]
    pub strict: bool,
    /// The bounds of the search.
    #[command(flatten)]
    pub bounds: BoundsArgs,
}

/// `gapless explore`
#[derive(Debug, Args)]
pub struct ExploreArgs {
    /// The name of a design, or a TOML file; `-` is standard input.
    #[arg(value_name = "DESIGN", default_value = "recommended")]
    pub design: String,
    /// The port to listen on, on loopback.
    #[arg(long, value_name = "PORT", default_value_t = 3000)]
    pub port: u16,
    /// What clocks may do.
    #[arg(long, value_enum, default_value_t = ClocksArg::Timely)]
    pub clocks: ClocksArg,
    /// The bounds of the search.
    #[command(flatten)]
    pub bounds: BoundsArgs,
}

/// `gapless designs`
#[derive(Debug, Args)]
pub struct DesignsArgs {
    /// What to print.
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
    /// Clocks keep the bound on skew, and an owner looks at its clock before it acts.
    Timely,
    /// Clocks break the bound, and an owner may act past the end of its lease. L2 cannot hold
    /// then, and is not checked.
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

/// What searches, on the command line.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum EngineArg {
    /// The engine of gapless: it knows a state by its content, and finds the shortest
    /// counterexamples.
    Own,
    /// Stateright, as a reference: without symmetry and without P1. It knows a state by a hash, and
    /// its counterexamples may not be the shortest.
    Stateright,
}

impl From<EngineArg> for Engine {
    fn from(engine: EngineArg) -> Engine {
        match engine {
            EngineArg::Own => Engine::Own,
            EngineArg::Stateright => Engine::Stateright,
        }
    }
}

/// A named set of bounds.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum BoundsName {
    /// For a first look: at most a second.
    Tiny,
    /// For every change: some ten seconds.
    #[default]
    Default,
    /// For a build server: producers that append twice, and expect positions.
    Ci,
    /// For a night: two groups, two events a producer, and batches.
    Deep,
    /// A partition that is split and merged again, each by two operators at once: ten minutes.
    Lineage,
    /// The same with one worker and one operator each, to tell designs apart: half a minute.
    Family,
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
            .help("The bounds of the search; each option below changes one of them");
        let each = Bounds::ALL.iter().map(|bound| {
            let get = bound.get;
            let [tiny, default, ci, deep, lineage, family] = [
                Bounds::TINY,
                Bounds::DEFAULT,
                Bounds::CI,
                Bounds::DEEP,
                Bounds::LINEAGE,
                Bounds::FAMILY,
            ]
            .map(|set| get(&set));
            Arg::new(bound.name)
                .long(bound.name)
                .value_name("N")
                .value_parser(clap::value_parser!(u8))
                .help_heading("Bounds")
                .help(format!(
                    "{} [tiny: {tiny}, default: {default}, ci: {ci}, deep: {deep}, \
                     lineage: {lineage}, family: {family}]",
                    bound.doc.trim()
                ))
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
            BoundsName::Ci => Bounds::CI,
            BoundsName::Deep => Bounds::DEEP,
            BoundsName::Lineage => Bounds::LINEAGE,
            BoundsName::Family => Bounds::FAMILY,
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
    number.checked_mul(1 << shift).ok_or_else(|| "the size is too large".to_owned())
}
