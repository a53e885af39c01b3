//! Queries that are read to their end, page by page.

use aws_sdk_dynamodb::operation::query::builders::QueryFluentBuilder;

use super::attributes::Item;
use super::failure::failure;
use crate::vocabulary::StoreError;

/// Takes every item of a query on a table, however many pages that are.
pub(super) async fn every_item(
    table: &str,
    query: QueryFluentBuilder,
    mut take: impl FnMut(&Item) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let mut from = None;
    loop {
        let page = query.clone().set_exclusive_start_key(from).send().await;
        let page = page.map_err(|error| failure(table, error))?;
        page.items().iter().try_for_each(&mut take)?;
        from = page.last_evaluated_key;
        if from.is_none() {
            return Ok(());
        }
    }
}
