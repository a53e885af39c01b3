//! DynamoDB's limits, checked before a call. Sizes are in bytes, counted as DynamoDB does.

use gapless_model::store::Write;

use super::names;
use crate::vocabulary::{Event, Live, StoreError};

/// The most that an item may have: 400 KB.
pub const MOST_ITEM: usize = 400 * 1024;

/// What a slot's item has beside its events: names, keys, token, numbers.
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

/// What an event takes in its slot: two elements of a list.
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

/// Whether an event fits into a slot of its own.
///
/// # Errors
/// [`StoreError::TooLarge`] where it does not.
pub fn check_event(event: &Event) -> Result<(), StoreError> {
    // A kilobyte is more than ids and names take, keys of partitions apart.
    let size = item_size(event) + event.key.len() + 1024;
    if size <= MOST_ITEM {
        return Ok(());
    }
    Err(StoreError::TooLarge { what: "an event".to_owned(), size, limit: MOST_ITEM })
}
