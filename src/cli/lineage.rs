//! The options of the commands that split and merge partitions, and draw the lineage.

use std::num::NonZeroU8;
use std::time::Duration;

use clap::Args;
use gapless::PartitionId;

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

/// Into how many partitions one can be split.
fn parts(text: &str) -> Result<NonZeroU8, String> {
    let parts = text.parse().ok().filter(|parts: &NonZeroU8| {
        let parts = parts.get();
        parts.is_power_of_two() && (2..=64).contains(&parts)
    });
    parts.ok_or_else(|| "write a power of two from 2 to 64".to_owned())
}
