//! Whether some order of calls explains their answers.

use std::collections::BTreeMap;

use super::call::{Call, Doubts, Unexplained};
use super::partition::Partition;
use super::pieces::{self, Piece, Pieces, Says};
use super::search::{Found, Search};
use crate::store::{FromSlots, Reply, Slot, ToSlots, View, apply};
use crate::vocabulary::{SpanOf, Vocabulary};

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
    let searched = items.filter_map(|pieces| first_unexplained(&pieces, doubts.skew, most));
    // What is certain comes before what was given up.
    let order = |(heard, found): &(V::Time, Unexplained<V>)| {
        (matches!(found, Unexplained::GivenUp { .. }), *heard)
    };
    match searched.min_by_key(order) {
        None => Ok(()),
        Some((_, unexplained)) => Err(unexplained),
    }
}

/// The first answer of an item that no order gives, with the time at which it was heard.
fn first_unexplained<V: Vocabulary>(
    pieces: &Pieces<V>,
    skew: SpanOf<V>,
    most: u64,
) -> Option<(V::Time, Unexplained<V>)>
where
    V::Group: Ord,
    V::Name: Ord,
    V::Page: FromSlots<V>,
{
    match Search::of(pieces, skew, most).run() {
        Found::Order(_) => return None,
        Found::GivenUp(piece) => {
            let Piece { heard, call, .. } = pieces.heard[piece];
            return Some((heard, Unexplained::GivenUp { call }));
        }
        Found::None => {}
    }
    let order = pieces.in_order();
    let items_after =
        |heard: usize| match Search::of(&pieces.only(&order[..heard], skew), skew, most).run() {
            Found::Order(items) => Some(items),
            Found::None | Found::GivenUp(_) => None,
        };
    // What has no order has none with more answers either.
    let counts: Vec<usize> = (1..=order.len()).collect();
    let before = counts.partition_point(|&heard| items_after(heard).is_some());
    let culprit = &pieces.heard[*order.get(before)?];
    let mut items = items_after(before).unwrap_or_else(Partition::new);
    let instead = match &culprit.says {
        Says::Answer(request, _) | Says::Releasable(request) => {
            apply(&mut items, request, View::Latest)
        }
        Says::Slot(seq, _) | Says::Filled(seq) => Reply::Slot(items.content(*seq)),
        Says::Never => Reply::Slot(Slot::Empty),
    };
    let answer = Unexplained::Answer { call: culprit.call, instead: Box::new(instead) };
    Some((culprit.heard, answer))
}
