//! `gapless producers`: the records of named producers.

use std::io::{Write as _, stdout};

use comfy_table::Cell;
use gapless::ProducerStatus;
use serde_json::json;

use super::{READ_ONLY, block_on, open, use_failure};
use crate::cli::stream::LookArgs;
use crate::failure::Failure;
use crate::report::table;
use crate::status::Status;

/// Prints who has a record, and where.
pub fn run(args: &LookArgs) -> Result<Status, Failure> {
    block_on(async {
        let (stream, _store) = open(&args.place).await?;
        let producers = stream.producers().await;
        let producers = producers
            .map_err(|error| use_failure("the tables cannot be read", &error, READ_ONLY))?;
        let mut out = stdout().lock();
        if args.place.json {
            writeln!(out, "{}", json!({ "producers": producers }))?;
        } else {
            writeln!(out, "{}", producer_table(&producers))?;
        }
        Ok(Status::Holds)
    })
}

fn producer_table(producers: &[ProducerStatus]) -> comfy_table::Table {
    let mut table = table::plain(["producer", "partition", "epoch", "event", "slot"]);
    for producer in producers {
        let ProducerStatus { name, partition, epoch, number, slot, .. } = producer;
        let cells = [
            name.to_string(),
            partition.to_string(),
            epoch.to_string(),
            number.to_string(),
            slot.to_string(),
        ];
        table.add_row(cells.map(Cell::new));
    }
    table::right(&mut table, &[2, 3, 4]);
    table
}
