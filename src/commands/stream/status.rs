//! `gapless status`: heads, checkpoints, lag and leases.

use std::io::{Write as _, stdout};
use std::time::Duration;

use comfy_table::Cell;
use gapless::{PartitionId, PartitionStatus, Standing, Timestamp};
use serde_json::json;

use super::{READ_ONLY, block_on, open, use_failure};
use crate::cli::stream::LookArgs;
use crate::failure::Failure;
use crate::report::table;
use crate::status::Status;

/// Prints partitions, heads, checkpoints, lag, leases and ages.
pub fn run(args: &LookArgs) -> Result<Status, Failure> {
    block_on(async {
        let (stream, _store) = open(&args.place).await?;
        let status = stream.status().await;
        let status =
            status.map_err(|error| use_failure("the tables cannot be read", &error, READ_ONLY))?;
        let now = stream.now();
        let mut out = stdout().lock();
        if args.place.json {
            writeln!(out, "{}", json!({ "at": now, "partitions": status }))?;
        } else {
            writeln!(out, "{}", partition_table(&status, now))?;
        }
        Ok(Status::Holds)
    })
}

fn partition_table(status: &[PartitionStatus], now: Timestamp) -> comfy_table::Table {
    // Where nothing was split or merged, all are open.
    let has_states = status.iter().any(|partition| !partition.children.is_empty());
    let mut header = vec!["partition", "head"];
    header.extend(has_states.then_some("state"));
    let first = header.len();
    header.extend(["group", "checkpoint", "lag", "lease", "epoch", "owner", "note"]);
    let mut table = table::plain(header);
    for partition in status {
        let (name, head) = (partition.partition.to_string(), partition.head);
        let mut own = vec![name, head.to_string()];
        own.extend(has_states.then(|| state(partition)));
        if partition.groups.is_empty() {
            table.add_row(own.iter().map(String::as_str).chain(["-"]));
        }
        for standing in &partition.groups {
            let lease = &standing.lease;
            let lag = head.0.saturating_sub(lease.checkpoint.0);
            let cells = [
                standing.group.to_string(),
                lease.checkpoint.to_string(),
                lag.to_string(),
                lease_state(standing, now),
                lease.epoch.to_string(),
                lease.owner.to_string(),
                standing.failure.clone().unwrap_or_default(),
            ];
            table.add_row(own.iter().chain(&cells).map(Cell::new));
        }
    }
    table::right(&mut table, &[1, first + 1, first + 2, first + 4]);
    table
}

/// Whether it takes events, or what took its place.
fn state(partition: &PartitionStatus) -> String {
    if partition.children.is_empty() {
        return "open".to_owned();
    }
    let children = partition.children.iter().map(PartitionId::as_str).collect::<Vec<_>>();
    format!("sealed for {}", children.join(", "))
}

/// Whether the lease is held, and for how much longer, or since when it has lapsed.
fn lease_state(standing: &Standing, now: Timestamp) -> String {
    let lease = &standing.lease;
    let short = |span: Duration| {
        humantime::format_duration(Duration::from_millis(span.as_millis() as u64 / 100 * 100))
            .to_string()
    };
    match (lease.active, lease.until > now) {
        (false, _) => "free".to_owned(),
        (true, true) => format!("held, {} left", short(lease.until.since(now))),
        (true, false) => format!("lapsed {} ago", short(now.since(lease.until))),
    }
}
