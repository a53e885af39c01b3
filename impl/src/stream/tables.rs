//! The three tables: created where they are missing, and verified.

use std::time::Duration;

use crate::vocabulary::{Backoff, Clock, SetupError};
use crate::wire::{ExistingTable, Schema, Wire};

/// How long a table may take to become active. On AWS it takes some seconds.
const MOST: Duration = Duration::from_secs(300);

/// Creates the tables that do not exist, the Events table with a stream if that is wanted; waits until
/// all three are active, and verifies them. Returns whether a stream is still to be added.
pub(super) async fn create(
    wire: &Wire,
    clock: &Clock,
    table_stream: bool,
) -> Result<bool, SetupError> {
    for schema in wire.schemas(table_stream) {
        if wire.describe_table(&schema).await?.is_none() {
            wire.create_table(&schema).await?;
        }
    }
    let mut lacks_stream = false;
    for schema in wire.schemas(table_stream) {
        let table = active(wire, clock, &schema).await?;
        table.verify(&schema)?;
        lacks_stream |= schema.lacks_stream(&table);
    }
    Ok(lacks_stream)
}

/// Gives the Events table a stream, and waits until the table can be used.
pub(super) async fn add_stream(wire: &Wire, clock: &Clock) -> Result<(), SetupError> {
    let [_, events, _] = wire.schemas(true);
    wire.add_stream(&events).await?;
    active(wire, clock, &events).await.map(drop)
}

/// Whether the Events table has a stream.
#[cfg(feature = "table-stream")]
pub(super) async fn has_stream(wire: &Wire) -> Result<bool, SetupError> {
    let [_, events, _] = wire.schemas(true);
    Ok(!events.lacks_stream(&existing(wire, &events).await?))
}

/// Waits until a table is active.
async fn active(
    wire: &Wire,
    clock: &Clock,
    schema: &Schema<'_>,
) -> Result<ExistingTable, SetupError> {
    let (mut backoff, mut patience) = (Backoff::new(Duration::from_millis(100)), clock.timer(MOST));
    loop {
        if patience.is_over() {
            let table = schema.table().to_owned();
            return Err(SetupError::NotActive { table, waited: MOST });
        }
        match wire.describe_table(schema).await? {
            Some(table) if table.is_active() => return Ok(table),
            Some(_) | None => clock.sleep(backoff.next()).await,
        }
    }
}

/// Verifies the schemas of the three tables.
pub(super) async fn verify(wire: &Wire) -> Result<(), SetupError> {
    for schema in wire.schemas(false) {
        existing(wire, &schema).await?.verify(&schema)?;
    }
    Ok(())
}

async fn existing(wire: &Wire, schema: &Schema<'_>) -> Result<ExistingTable, SetupError> {
    let missing = || SetupError::NoTable { table: schema.table().to_owned() };
    wire.describe_table(schema).await?.ok_or_else(missing)
}
