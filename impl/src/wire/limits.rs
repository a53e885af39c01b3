//! DynamoDB's limits, checked before a request is sent. Sizes are in bytes, counted as
//! DynamoDB counts them.

use gapless_model::PartitionId;
use gapless_model::store::Write;

use super::names::{self, KEY_LEASE};
use crate::vocabulary::{Event, EventBatch, Group, Live, ProducerName, StoreError};

/// The largest size of an item in bytes: 400 KB.
pub const MOST_ITEM: usize = 400 * 1024;

/// The most bytes of a table's partition key. Consumers has a group's name there.
const MOST_HASH_KEY: usize = 2048;

/// The most bytes of a table's sort key. Consumers has a partition's id there.
pub(crate) const MOST_SORT_KEY: usize = 1024;

/// The most bytes of an attribute's name, which a header's is.
const MOST_ATTRIBUTE: usize = 65_535;

/// The most bytes of a producer's name. DynamoDB would store more; the kilobyte of names that
/// [`check_event`] allows for would not do then.
const MOST_PRODUCER: usize = 512;

/// How many named producers have a record in a partition, unless something else is chosen. With
/// names of up to twelve bytes they keep the item at about 1 KB.
pub(crate) const MOST_PRODUCERS: u32 = 16;

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

/// The bytes of an event in its slot: two elements of a list, and a third if it has headers, a map.
pub(crate) fn item_size(event: &Event) -> usize {
    let headers = event.headers.iter().map(|(name, value)| name.len() + value.len() + 1);
    let headers = if event.headers.is_empty() { 0 } else { 4 + headers.sum::<usize>() };
    event.key.len() + event.data.len() + 2 + headers
}

/// Checks that a batch fits into a slot, before a number is taken for it. `token` is as long as its
/// token will be.
pub(crate) fn check_batch(
    partition: &PartitionId,
    token: &str,
    batch: &EventBatch,
) -> Result<(), StoreError> {
    let events = batch.events();
    let size = overhead(partition.as_str(), token) + events.iter().map(item_size).sum::<usize>();
    if size <= MOST_ITEM {
        return Ok(());
    }
    let what = format!("the slot of {} events in {partition}", events.len());
    Err(StoreError::TooLarge { what, size, limit: MOST_ITEM })
}

pub(super) fn check_write(write: &Write<Live>) -> Result<(), StoreError> {
    check_batch(&write.partition, write.token.as_str(), &write.batch)
}

/// Checks that an event can be stored, in a slot of its own if need be.
///
/// Every way to append checks this before it sends anything. The check allows for 1 KB of
/// names and ids, and for the key once more, as it can be part of the partition's id.
///
/// # Errors
/// Returns [`StoreError::TooLarge`] if it does not fit, and [`StoreError::Name`] if the name of a header
/// is empty or has more than 65,535 bytes.
pub fn check_event(event: &Event) -> Result<(), StoreError> {
    for name in event.headers.keys() {
        check_name("the name of a header", name, MOST_ATTRIBUTE)?;
    }
    // Names and ids take less than a kilobyte, but for the key in a partition's id.
    let size = item_size(event) + event.key.len() + 1024;
    if size <= MOST_ITEM {
        return Ok(());
    }
    let what = "an event, with its key once more and a kilobyte for names and ids,".to_owned();
    Err(StoreError::TooLarge { what, size, limit: MOST_ITEM })
}

/// Checks that a group's name can be stored: it takes 1 to 2048 bytes, and does not begin with
/// `#lease/`.
///
/// A worker checks this before it sends anything.
///
/// # Errors
/// Returns [`StoreError::Name`] if it is empty or longer, and [`StoreError::Reserved`] if it begins so.
pub fn check_group(group: &Group) -> Result<(), StoreError> {
    if group.as_str().starts_with(KEY_LEASE) {
        return Err(StoreError::Reserved { prefix: KEY_LEASE });
    }
    check_name("the name of a group", group.as_str(), MOST_HASH_KEY)
}

/// Checks that the lease on a key can be stored.
pub(crate) fn check_key_lease(set: &Group, key: &PartitionId) -> Result<(), StoreError> {
    check_name("the set of a lease, with its prefix,", set.as_str(), MOST_HASH_KEY)?;
    check_name("the key of a lease, with its hash,", key.as_str(), MOST_SORT_KEY)
}

/// Checks that a producer's name can be stored: it takes 1 to 512 bytes.
///
/// A producer checks this before it sends anything.
///
/// # Errors
/// Returns [`StoreError::Name`] if it is empty or longer.
pub fn check_producer(producer: &ProducerName) -> Result<(), StoreError> {
    check_name("the name of a producer", producer.as_str(), MOST_PRODUCER)
}

/// Checks that a partition can be consumed: where each key has its own, a long key makes a long id.
pub(crate) fn check_partition(partition: &PartitionId) -> Result<(), StoreError> {
    check_name("the id of a partition, with the key in it,", partition.as_str(), MOST_SORT_KEY)
}

fn check_name(what: &'static str, name: &str, limit: usize) -> Result<(), StoreError> {
    let size = name.len();
    if (1..=limit).contains(&size) {
        return Ok(());
    }
    Err(StoreError::Name { what, size, limit })
}
