//! `gapless init`: creates the tables, or verifies those that are there.

use std::io::{Write as _, stdout};

use gapless::Stream;
use serde_json::json;

use super::{Store, block_on, config, open_failure};
use crate::cli::stream::InitArgs;
use crate::failure::Failure;
use crate::status::Status;

/// Creates a stream.
pub fn run(args: &InitArgs) -> Result<Status, Failure> {
    block_on(async {
        let place = &args.place;
        let store = Store::open(place).await?;
        let mut config = config(place)
            .layout(args.partitions)
            .lease(args.lease)
            .grace(args.grace)
            .skew(args.skew);
        if args.table_stream {
            config = config.table_stream(true);
        }
        let created = Stream::create(store.client(), config).await;
        let stream = created.map_err(|error| open_failure(&error, place))?;
        let tables = stream.wire().tables();
        let names = [&tables.partitions, &tables.events, &tables.consumers];
        let mut out = stdout().lock();
        if place.json {
            let layout = stream.layout().to_string();
            writeln!(out, "{}", json!({ "tables": names, "partitions": layout }))?;
        } else {
            let [partitions, events, consumers] = names;
            writeln!(out, "the stream is ready: {partitions}, {events}, {consumers}")?;
        }
        Ok(Status::Holds)
    })
}
