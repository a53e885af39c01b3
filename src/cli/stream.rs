//! What can be typed to the commands that use a stream.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use gapless::{Layout, PartitionId, Position};

use crate::input::Input;

/// Which stream, and where it is.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Where the stream is")]
pub struct Place {
    /// A DynamoDB endpoint, such as http://localhost:8000; AWS itself if none is given.
    #[arg(long, value_name = "URL", conflicts_with = "embedded")]
    pub endpoint_url: Option<String>,
    /// The AWS region [default: as the AWS command line has it].
    #[arg(long)]
    pub region: Option<String>,
    /// The AWS profile [default: as the AWS command line has it].
    #[arg(long)]
    pub profile: Option<String>,
    /// What the names of the stream's tables begin with.
    #[arg(long, value_name = "PREFIX", default_value = "gapless-")]
    pub table_prefix: String,
    /// A DynamoDB in this process, kept in FILE; without FILE it is gone with the process.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "")]
    pub embedded: Option<PathBuf>,
    /// How long to go on trying while the store does not answer.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub patience: Duration,
    /// Write every request and its answer to FILE, as a decision log (NDJSON).
    #[arg(long, value_name = "FILE")]
    pub decisions: Option<PathBuf>,
    /// Results as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `gapless init`
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    /// How many partitions, a power of two; or `each-key`.
    #[arg(long, default_value = "1")]
    pub partitions: Layout,
    /// How long a worker may be silent before another takes over.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub lease: Duration,
    /// How long an empty slot may stand before a reader voids it.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    pub grace: Duration,
    /// The most by which two workers' clocks may differ.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub skew: Duration,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless append`
#[derive(Clone, Debug, Args)]
pub struct AppendArgs {
    /// NDJSON, an event a line; `-` is standard input. A file is checked before anything is
    /// appended.
    #[arg(value_name = "FILE", default_value = "-")]
    pub input: Input,
    /// The field that holds an event's key; without it all events have the same, empty key.
    #[arg(long, value_name = "FIELD")]
    pub key: Option<String>,
    /// A producer's name: a rerun of the same input appends nothing twice.
    #[arg(long, value_name = "NAME")]
    pub producer: Option<String>,
    /// How many events share a slot at the most.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub batch: u16,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless consume`
#[derive(Clone, Debug, Args)]
pub struct ConsumeArgs {
    /// The group to consume for.
    #[arg(long, value_name = "NAME")]
    pub group: String,
    /// Go on until interrupted.
    #[arg(long, conflicts_with = "until_caught_up")]
    pub follow: bool,
    /// End when the group has seen everything; this is so unless told otherwise.
    #[arg(long)]
    pub until_caught_up: bool,
    /// A command that handles deliveries: it is given them as NDJSON on its standard
    /// input, and GAPLESS_PARTITION, GAPLESS_EPOCH and GAPLESS_UPTO in its environment.
    #[arg(long, value_name = "COMMAND")]
    pub exec: Option<String>,
    /// How often a delivery is tried when the command fails.
    #[arg(long, default_value_t = 5)]
    pub attempts: u32,
    /// How many partitions to consume at once.
    #[arg(long, default_value_t = 16)]
    pub concurrency: usize,
    /// How often to look for work in the tables.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub sweep_every: Duration,
    /// Hand over and end after this long.
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub deadline: Option<Duration>,
    /// Read the Events table's own stream too, and so hear of events before the next sweep.
    #[arg(long)]
    pub table_stream: bool,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless read` and `gapless tail`
#[derive(Clone, Debug, Args)]
pub struct ReadArgs {
    /// The events of one key.
    #[arg(long, conflicts_with = "partition")]
    pub key: Option<String>,
    /// The events of one partition.
    #[arg(long)]
    pub partition: Option<PartitionId>,
    /// Where to begin: a slot, or a slot and a place in it, such as 17.0.
    #[arg(long, value_name = "POSITION", default_value = "0")]
    pub from: Position,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless status` and `gapless audit`
#[derive(Clone, Debug, Args)]
pub struct LookArgs {
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless serve`
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// The file to keep it in; without one it is gone with the process.
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The port on loopback; 0 takes any that is free, and says which.
    #[arg(long, default_value_t = 8000)]
    pub port: u16,
}

/// `gapless bench`
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// How long each measurement takes.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = humantime::parse_duration)]
    pub time: Duration,
    /// How many bytes an event has.
    #[arg(long, default_value_t = 100)]
    pub size: usize,
    /// Where it is; the embedded engine in memory if nothing is said.
    #[command(flatten)]
    pub place: Place,
}
