//! The tables of a measurement, which nobody else uses.

use gapless::Stream;

use crate::commands::stream::unused;
use crate::failure::Failure;

/// Deletes a measurement's tables.
pub async fn delete_tables(stream: &Stream) -> Result<(), Failure> {
    let client = stream.wire().client();
    let tables = stream.wire().tables();
    for table in [&tables.partitions, &tables.events, &tables.consumers] {
        let deleted = client.delete_table().table_name(table).send().await;
        deleted.map_err(|error| unused("a table of the measurement cannot be deleted", error))?;
    }
    Ok(())
}
