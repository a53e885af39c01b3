//! Whether some order of calls explains their answers.

use std::collections::BTreeMap;

use super::call::{Call, Doubts, Unexplained};
use super::pieces;
use super::search::Search;
use crate::store::{FromSlots, ToSlots};
use crate::vocabulary::Vocabulary;

/// Looks for an order of calls that explains every answer.
///
/// It takes memory and time in proportion to the calls where each has one explanation, and far more
/// where many calls on one item overlap that have none. `most` limits the steps for each item.
///
/// # Errors
/// The first call, by the time of its answer, that no order explains.
pub fn explain<V: Vocabulary>(
    calls: &[Call<V>],
    doubts: &Doubts<V>,
    most: u64,
) -> Result<(), Unexplained<V>>
where
    V::Partition: Ord,
    V::Group: Ord,
    V::Name: Ord,
    V::Page: FromSlots<V> + ToSlots<V>,
{
    let mut partitions: BTreeMap<&V::Partition, Vec<usize>> = BTreeMap::new();
    for (index, call) in calls.iter().enumerate() {
        partitions.entry(call.request.partition()).or_default().push(index);
    }
    let items = partitions
        .into_values()
        .flat_map(|indices| pieces::of(calls, &indices, doubts.hidden_retries).into_values());
    let searched = items.filter_map(|pieces| Search::of(&pieces, doubts.skew, most).run());
    // What is certain comes before what was given up.
    let order = |(heard, found): &(V::Time, Unexplained<V>)| {
        (matches!(found, Unexplained::GivenUp { .. }), *heard)
    };
    match searched.min_by_key(order) {
        None => Ok(()),
        Some((_, unexplained)) => Err(unexplained),
    }
}
