//! DynamoDB's limits, checked before a request is sent. Sizes are in bytes, counted as
//! DynamoDB counts them.

use gapless_model::store::Write;

use super::names;
use crate::vocabulary::{Event, Live, StoreError};

/// The largest size of an item in bytes: 400 KB.
pub const MOST_ITEM: usize = 400 * 1024;

/// The bytes of a slot's item beside its events: names, keys, token and numbers.
pub(crate) fn overhead(partition: &str, token: &str) -> usize {
    let name = |name: &str| name.len();
    let numbers = 2 * 21;
    name(names::PARTITION)
        + partition.len()
        + name(names::SEQ)
        + name(names::TOKEN)
        + token.len()
        + name(names::AT)
        + numbers
        + name(names::EVENTS)
        + 3
}

/// The bytes of an event in its slot: two elements of a list.
pub(crate) fn item_size(event: &Event) -> usize {
    event.key.len() + event.data.len() + 2
}

pub(super) fn check_write(write: &Write<Live>) -> Result<(), StoreError> {
    let events: usize = write.batch.events().iter().map(item_size).sum();
    let size = overhead(write.partition.as_str(), write.token.as_str()) + events;
    if size <= MOST_ITEM {
        return Ok(());
    }
    let what = format!("the item of slot {} in {}", write.slot, write.partition);
    Err(StoreError::TooLarge { what, size, limit: MOST_ITEM })
}

/// Checks that an event fits into a slot of its own.
///
/// Every way to append checks this before it sends anything. The check allows for 1 KB of
/// names and ids, and for the key once more, as it can be part of the partition's id.
///
/// # Errors
/// Returns [`StoreError::TooLarge`] if it does not fit.
pub fn check_event(event: &Event) -> Result<(), StoreError> {
    // Names and ids take less than a kilobyte, but for the key in a partition's id.
    let size = item_size(event) + event.key.len() + 1024;
    if size <= MOST_ITEM {
        return Ok(());
    }
    Err(StoreError::TooLarge { what: "an event".to_owned(), size, limit: MOST_ITEM })
}
