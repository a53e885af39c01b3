//! The options of the commands that use a stream.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use gapless::wire::{check_group, check_producer};
use gapless::{Group, Layout, PartitionId, Position, ProducerName, SeekTo, Seq, Timestamp};

use crate::input::Input;

/// Which stream, where it is, and what all these commands share.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Where the stream is")]
pub struct Place {
    /// A DynamoDB endpoint, such as http://localhost:8000 [default: AWS].
    #[arg(long, value_name = "URL", conflicts_with = "embedded")]
    pub endpoint_url: Option<String>,
    /// The AWS region [default: the AWS command line's].
    #[arg(long, value_name = "NAME")]
    pub region: Option<String>,
    /// The AWS profile, for credentials and region [default: the AWS command line's].
    #[arg(long, value_name = "NAME")]
    pub profile: Option<String>,
    /// The prefix of the stream's table names; each prefix is a stream of its own.
    #[arg(long, value_name = "PREFIX", default_value = "gapless-")]
    pub table_prefix: String,
    /// Use a DynamoDB inside this process, kept in FILE, one process at a time; without FILE
    /// it is kept in memory and lost at the end.
    #[arg(long, value_name = "FILE", num_args = 0..=1, default_missing_value = "")]
    pub embedded: Option<PathBuf>,
    /// How long to keep trying while DynamoDB does not answer, before the command fails.
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = humantime::parse_duration)]
    pub patience: Duration,
    /// Add requests and their answers to FILE as a decision log (NDJSON) for `gapless validate`,
    /// without sweeps and status, and with digests in place of events [default: none].
    #[arg(long, value_name = "FILE")]
    pub decisions: Option<PathBuf>,
    /// Write keys and data of events to the decision log, too.
    #[arg(long, requires = "decisions")]
    pub payloads: bool,
    /// Print results as JSON.
    #[arg(long)]
    pub json: bool,
}

/// `gapless init`
#[derive(Clone, Debug, Args)]
pub struct InitArgs {
    /// How many partitions share the keys, a power of two; or `each-key` for a partition of its
    /// own for every key. Events are ordered within a partition.
    #[arg(long, value_name = "N", default_value = "1")]
    pub partitions: Layout,
    /// How long a worker may be silent before another one takes over its partition. A
    /// shorter lease recovers faster from a crash, and costs more renewals.
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = humantime::parse_duration)]
    pub lease: Duration,
    /// How long a slot may stay empty, with later slots written, before a worker voids it.
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = humantime::parse_duration)]
    pub grace: Duration,
    /// How far apart two workers' clocks may be. At most one worker is active as long as they
    /// are not further apart.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub skew: Duration,
    /// Give the Events table a stream of its own, keys only, which `gapless consume --table-stream`
    /// reads. It is added to a stream that exists: give the options that it was created with.
    #[arg(long)]
    pub table_stream: bool,
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
    /// The field that holds an event's key: a string, number or boolean. Events of one key keep
    /// their order [default: all events share the empty key].
    #[arg(long, value_name = "FIELD")]
    pub key: Option<String>,
    /// A producer's name. A rerun with the same name and input appends only what is missing;
    /// without a name it appends everything again.
    #[arg(long, value_name = "NAME", value_parser = producer_name)]
    pub producer: Option<String>,
    /// How many named producers may have a record in a partition before a new name is refused there.
    /// Each append to the partition pays for all of them: some fifty bytes and the name.
    #[arg(long, value_name = "N", default_value_t = 16, requires = "producer")]
    pub most_producers: u32,
    /// How many events may share a slot, 1 to 1000. Larger batches cost fewer requests.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub batch: u16,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless consume`
#[derive(Clone, Debug, Args)]
pub struct ConsumeArgs {
    /// The group to consume for. Each group sees every event, and has its own checkpoints.
    #[arg(long, value_name = "NAME", value_parser = group_name)]
    pub group: String,
    /// Wait for new events, until the command is interrupted.
    #[arg(long, conflicts_with = "until_caught_up")]
    pub follow: bool,
    /// End when the group has seen every event. This is the default.
    #[arg(long)]
    pub until_caught_up: bool,
    /// Run COMMAND in a shell for each delivery, instead of printing it. The command gets the
    /// events as NDJSON on standard input, and GAPLESS_PARTITION, GAPLESS_EPOCH and GAPLESS_UPTO
    /// in its environment. The checkpoint moves when it exits with 0.
    #[arg(long, value_name = "COMMAND")]
    pub exec: Option<String>,
    /// How often a delivery is tried while COMMAND fails, before its partition has failed. The others go on.
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub attempts: u32,
    /// How many partitions to consume at the same time.
    #[arg(long, value_name = "N", default_value_t = 16)]
    pub concurrency: usize,
    /// How often to look for work in the tables. A look reads at most one read unit for each
    /// partition, and the group's items.
    #[arg(long, value_name = "TIME", default_value = "500ms", value_parser = humantime::parse_duration)]
    pub sweep_every: Duration,
    /// Wait for new events until this time is over, such as `15m`; the leases are released in
    /// its last tenth [default: no limit].
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub deadline: Option<Duration>,
    /// Also read the Events table's own stream, which shows new events before the next look at
    /// the tables. `gapless init --table-stream` gives it one.
    #[arg(long)]
    pub table_stream: bool,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless read` and `gapless tail`
#[derive(Clone, Debug, Args)]
pub struct ReadArgs {
    /// Print only the events of one key.
    #[arg(long, value_name = "KEY", conflicts_with = "partition")]
    pub key: Option<String>,
    /// Print only the events of one partition, such as p01, and of what came of it by splits and merges.
    #[arg(long, value_name = "ID")]
    pub partition: Option<PartitionId>,
    /// Begin at this position: a slot, or a slot and a place in it, such as 17.0. What came of a
    /// partition by a split or a merge is read from its beginning.
    #[arg(long, value_name = "POSITION", default_value = "0")]
    pub from: Position,
    /// Print only so many events of each partition, the newest, in their order: also such as are behind
    /// an empty slot, where `read` ends otherwise. Not for `tail`.
    #[arg(long, value_name = "N", conflicts_with = "from")]
    pub last: Option<NonZeroUsize>,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless status`, `gapless producers` and `gapless audit`
#[derive(Clone, Debug, Args)]
pub struct LookArgs {
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless seek`
#[derive(Clone, Debug, Args)]
pub struct SeekArgs {
    /// The group whose checkpoints are moved.
    #[arg(long, value_name = "NAME", value_parser = group_name)]
    pub group: String,
    /// Where to: `start`, `end`, behind a slot such as `17`, or before what was written at a time such
    /// as `2026-11-30T10:00:00Z` or later.
    #[arg(long, value_name = "PLACE", value_parser = seek_to)]
    pub to: SeekTo,
    /// Only this partition, such as p01, and if it is moved back what came of it by splits and merges;
    /// a slot needs one [default: every partition].
    #[arg(long, value_name = "ID")]
    pub partition: Option<PartitionId>,
    /// Only where the group has never had a lease: a new group begins there.
    #[arg(long, conflicts_with_all = ["partition", "dry_run"])]
    pub new: bool,
    /// Show what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless serve`
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// The file that keeps the tables [default: memory, lost at the end].
    #[arg(value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// The port to listen on, on loopback; 0 takes a free one and prints it.
    #[arg(long, value_name = "PORT", default_value_t = 8000)]
    pub port: u16,
}

/// `gapless bench`
#[derive(Clone, Debug, Args)]
pub struct BenchArgs {
    /// How long each of the nine measurements of appends takes.
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = some_time)]
    pub time: Duration,
    /// The size of an event, in bytes.
    #[arg(long, value_name = "BYTES", default_value_t = 100)]
    pub size: usize,
    /// Where it is. Without an endpoint, profile or file: the embedded engine, in memory.
    #[command(flatten)]
    pub place: Place,
}

/// The name of a group that DynamoDB can store.
pub(super) fn group_name(text: &str) -> Result<String, String> {
    let checked = check_group(&Group::from(text));
    checked.map(|()| text.to_owned()).map_err(|error| error.to_string())
}

/// The name of a producer that DynamoDB can store.
fn producer_name(text: &str) -> Result<String, String> {
    let checked = check_producer(&ProducerName::from(text));
    checked.map(|()| text.to_owned()).map_err(|error| error.to_string())
}

/// A place in a partition.
fn seek_to(text: &str) -> Result<SeekTo, String> {
    match text {
        "start" => return Ok(SeekTo::Start),
        "end" => return Ok(SeekTo::End),
        _ => {}
    }
    if let Ok(slot) = text.parse() {
        return Ok(SeekTo::Behind(Seq(slot)));
    }
    let time = humantime::parse_rfc3339_weak(text);
    let time = time.map_err(|_| "write `start`, `end`, a slot or a time in UTC".to_owned())?;
    Ok(SeekTo::Time(Timestamp::from(time)))
}

/// A length of time in which something can be measured.
pub(super) fn some_time(text: &str) -> Result<Duration, String> {
    const LEAST: Duration = Duration::from_millis(10);
    let time = humantime::parse_duration(text).map_err(|error| error.to_string())?;
    if time < LEAST {
        return Err(format!("a measurement takes at least {LEAST:?}"));
    }
    Ok(time)
}
