//! The tables of a measurement, which are its own.

use std::error::Error;

use gapless::Stream;

use crate::commands::stream::use_failure;
use crate::failure::Failure;

/// Deletes a measurement's tables.
pub async fn delete_tables(stream: &Stream) -> Result<(), Failure> {
    let client = stream.wire().client();
    let tables = stream.wire().tables();
    for table in [&tables.partitions, &tables.events, &tables.consumers] {
        let deleted = client.delete_table().table_name(table).send().await;
        deleted.map_err(|error| failure("a table of the measurement cannot be deleted", &error))?;
    }
    Ok(())
}

/// What failed in a measurement. Its tables may be left over.
pub fn failure(what: &'static str, error: &(dyn Error + 'static)) -> Failure {
    let help = "tables with `bench` in their names may be left over: delete them, and run the \
                command again";
    use_failure(what, error, help)
}
