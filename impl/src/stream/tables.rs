//! The three tables: created where they are missing, and verified.

use std::time::Duration;

use crate::vocabulary::{Backoff, Clock, SetupError};
use crate::wire::Wire;

/// How long a table may take to become active. On AWS it takes some seconds.
const MOST: Duration = Duration::from_secs(300);

/// Creates the tables that do not exist, waits until all three are active, and verifies them. The
/// Events table gets a stream if that is wanted; one that it has stays.
pub(super) async fn create(
    wire: &Wire,
    clock: &Clock,
    table_stream: bool,
) -> Result<(), SetupError> {
    for schema in wire.schemas(table_stream) {
        if wire.describe_table(&schema).await?.is_none() {
            wire.create_table(&schema).await?;
        }
    }
    for schema in wire.schemas(table_stream) {
        let mut backoff = Backoff::new(Duration::from_millis(100));
        let began = clock.now();
        loop {
            let waited = clock.now().since(began);
            if waited > MOST {
                let table = schema.table().to_owned();
                return Err(SetupError::NotActive { table, waited });
            }
            match wire.describe_table(&schema).await? {
                Some(table) if table.is_active() => {
                    table.verify(&schema)?;
                    if !schema.lacks_stream(&table) {
                        break;
                    }
                    wire.add_stream(&schema).await?;
                }
                Some(_) | None => {}
            }
            clock.sleep(backoff.next()).await;
        }
    }
    Ok(())
}

/// Verifies the schemas of the three tables.
pub(super) async fn verify(wire: &Wire) -> Result<(), SetupError> {
    for schema in wire.schemas(false) {
        let table = wire.describe_table(&schema).await?;
        let missing = || SetupError::NoTable { table: schema.table().to_owned() };
        table.ok_or_else(missing)?.verify(&schema)?;
    }
    Ok(())
}
