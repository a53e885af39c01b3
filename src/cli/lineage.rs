//! The options of the commands that split and merge partitions, and draw the lineage.

use std::num::{NonZeroU8, NonZeroUsize};
use std::time::Duration;

use clap::Args;
use gapless::PartitionId;
use gapless::scale::Rate;

use super::stream::{Place, group_name, some_time};

/// `gapless split`
#[derive(Clone, Debug, Args)]
pub struct SplitArgs {
    /// The partition, such as p01.
    #[arg(value_name = "PARTITION")]
    pub partition: PartitionId,
    /// How many partitions take its place: a power of two from 2 to 64. Halves are halved again until
    /// there are that many.
    #[arg(long, value_name = "N", default_value = "2", value_parser = parts)]
    pub into: NonZeroU8,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless merge`
#[derive(Clone, Debug, Args)]
pub struct MergeArgs {
    /// The partitions, two or more, such as p0 and p1. Together they must be all that came of one
    /// partition: p0 and p1 are merged into p~, and so are p00, p01 and p1.
    #[arg(value_name = "PARTITION", num_args = 2.., required = true)]
    pub partitions: Vec<PartitionId>,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless partitions`
#[derive(Clone, Debug, Args)]
pub struct PartitionsArgs {
    /// Show this group's lag, and whether it has begun and drained each partition; may be repeated.
    /// Each costs a query of the group's items [default: all groups, by a scan of the Consumers table;
    /// with --dot, none].
    #[arg(long, value_name = "NAME", value_parser = group_name)]
    pub group: Vec<String>,
    /// Measure how fast the partitions grow: read the heads twice, this far apart, such as `5s`.
    #[arg(long, value_name = "DURATION", value_parser = some_time)]
    pub over: Option<Duration>,
    /// Print the lineage as a Graphviz digraph, for `dot -Tsvg`.
    #[arg(long, conflicts_with = "json")]
    pub dot: bool,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// `gapless scale`
#[derive(Clone, Debug, Args)]
pub struct ScaleArgs {
    /// Show what would be done, and why, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Look again and again, until the command is interrupted.
    #[arg(long)]
    pub follow: bool,
    /// How long to wait between two looks.
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = some_time, requires = "follow")]
    pub every: Duration,
    /// Look twice, this far apart, before anything is decided: only then is it known whether a group's lag
    /// grows [default: look once, and with --follow over 2m].
    #[arg(long, value_name = "TIME", value_parser = some_time)]
    pub over: Option<Duration>,
    /// The groups whose lag matters; may be repeated. Each costs a query of the group's items [default: all
    /// groups, by a scan of the Consumers table].
    #[arg(long, value_name = "NAME", value_parser = group_name)]
    pub group: Vec<String>,
    /// Split a partition with more than this many units a second over 10 minutes, with 1.25 times as many
    /// over 5, or with 1.6 times as many over 2. DynamoDB allows 1000.
    #[arg(long, value_name = "UNITS", default_value = "500", value_parser = rate)]
    pub split_above: Rate,
    /// Merge two halves that have together at most this many, over 10, 5 and 2 minutes: at most a quarter of
    /// --split-above.
    #[arg(long, value_name = "UNITS", default_value = "100", value_parser = rate)]
    pub merge_below: Rate,
    /// How many open partitions there are at most [default: 64, or as many as the stream began with].
    #[arg(long, value_name = "N")]
    pub most: Option<NonZeroUsize>,
    /// How many open partitions there are at least [default: as many as the stream began with].
    #[arg(long, value_name = "N")]
    pub least: Option<NonZeroUsize>,
    /// How old a partition is at least before it is split.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    pub split_cooldown: Duration,
    /// How old halves are at least before they are merged; each time that they are merged again, twice as
    /// old.
    #[arg(long, value_name = "TIME", default_value = "20m", value_parser = humantime::parse_duration)]
    pub merge_cooldown: Duration,
    /// How far behind a group is, in time, whose growing lag lets its partition be split.
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = humantime::parse_duration)]
    pub behind: Duration,
    /// Let no group's lag matter.
    #[arg(long, conflicts_with_all = ["behind", "group", "over"])]
    pub ignore_lag: bool,
    /// How many splits and merges there are at most in one look.
    #[arg(long, value_name = "N", default_value = "4")]
    pub at_once: NonZeroUsize,
    /// Where it is.
    #[command(flatten)]
    pub place: Place,
}

/// Units a second.
fn rate(text: &str) -> Result<Rate, String> {
    let rate = text.parse().ok().filter(|units: &f64| units.is_finite() && *units >= 0.0);
    rate.map(Rate::per_second).ok_or_else(|| "write units a second, such as 500".to_owned())
}

/// Into how many partitions one can be split.
fn parts(text: &str) -> Result<NonZeroU8, String> {
    let parts = text.parse().ok().filter(|parts: &NonZeroU8| {
        let parts = parts.get();
        parts.is_power_of_two() && (2..=64).contains(&parts)
    });
    parts.ok_or_else(|| "write a power of two from 2 to 64".to_owned())
}
