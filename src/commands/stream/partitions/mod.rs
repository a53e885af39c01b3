//! `gapless partitions`: the lineage of the partitions, drawn.

mod dot;
mod rows;
mod table;

use std::io::{Write as _, stdout};
use std::time::{Duration, Instant};

use gapless::{Group, Lineage, Seq, StoreError, Stream};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use self::rows::{Leases, Rates, Row, rows};
use super::lineage::read_lineage;
use super::{READ_ONLY, block_on, open, use_failure};
use crate::cli::lineage::PartitionsArgs;
use crate::failure::Failure;
use crate::status::Status;

/// Draws the lineage, or prints it for machines.
pub fn run(args: &PartitionsArgs) -> Result<Status, Failure> {
    block_on(async {
        let (stream, _store) = open(&args.place).await?;
        let (lineage, rates) = look(&stream, args.over).await?;
        // After the heads: a checkpoint that has passed its head by now is no lag.
        let leases = leases(&stream, args).await;
        let leases =
            leases.map_err(|error| use_failure("the tables cannot be read", &error, READ_ONLY))?;
        let rows = rows(&lineage, rates.as_ref(), &leases);
        let mut out = stdout().lock();
        if args.place.json {
            writeln!(out, "{}", array(&rows, lineage.unread()))?;
        } else if args.dot {
            write!(out, "{}", dot::digraph(&rows, lineage.unread()))?;
        } else {
            writeln!(out, "{}", table::drawn(&rows, rates.is_some(), leases.keys()))?;
            for (index, why) in lineage.unread().iter().enumerate() {
                let begin = if index == 0 { "\ncannot be read:\n" } else { "" };
                writeln!(out, "{begin}  {why}")?;
            }
        }
        Ok(Status::Holds)
    })
}

/// Reads the lineage; where rates are asked for, twice.
async fn look(
    stream: &Stream,
    over: Option<Duration>,
) -> Result<(Lineage, Option<Rates>), Failure> {
    let first = read_lineage(stream).await?;
    let Some(over) = over else { return Ok((first, None)) };
    let began = Instant::now();
    wait(over).await;
    let second = read_lineage(stream).await?;
    let seconds = began.elapsed().as_secs_f64();
    let rates = second.partitions().iter().map(|(partition, member)| {
        let before = first.partitions().get(partition).map_or(Seq::ZERO, |member| member.head);
        let slots = member.head.0.saturating_sub(before.0);
        (partition.clone(), slots as f64 / seconds)
    });
    let rates = rates.collect();
    Ok((second, Some(rates)))
}

/// Waits under a progress bar, which is drawn on standard error if that is a terminal.
async fn wait(over: Duration) {
    const TICK: Duration = Duration::from_millis(100);
    let bar = ProgressBar::new(over.as_millis() as u64);
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_bar} {msg}") {
        bar.set_style(style);
    }
    bar.set_message(format!("measuring for {}", humantime::format_duration(over)));
    let began = Instant::now();
    while let Some(left) = over.checked_sub(began.elapsed()).filter(|left| !left.is_zero()) {
        bar.set_position(began.elapsed().as_millis() as u64);
        tokio::time::sleep(left.min(TICK)).await;
    }
    bar.finish_and_clear();
}

/// Reads the leases of the groups that are asked for.
async fn leases(stream: &Stream, args: &PartitionsArgs) -> Result<Leases, StoreError> {
    let mut leases = Leases::new();
    if args.group.is_empty() && !args.dot {
        for (partition, standings) in stream.all_standings().await? {
            for standing in standings {
                let of_group = leases.entry(standing.group).or_default();
                of_group.insert(partition.clone(), standing.lease);
            }
        }
    }
    for name in &args.group {
        let group = Group::from(name.as_str());
        if leases.contains_key(&group) {
            continue;
        }
        let standings = stream.standings(&group).await?.into_iter();
        let of_group = standings.map(|(partition, it)| (partition, it.lease)).collect();
        leases.insert(group, of_group);
    }
    Ok(leases)
}

/// An array of the partitions, and behind them what cannot be read.
fn array(rows: &[Row<'_>], unread: &[String]) -> Value {
    let unread = unread.iter().map(|why| json!({ "unread": why }));
    rows.iter().map(|row| json!(row)).chain(unread).collect()
}
