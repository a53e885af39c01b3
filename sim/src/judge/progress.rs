//! P1: when faults stop, every acknowledged event is delivered to every group within a bound
//! of simulated time.

use gapless::Group;

use super::deliveries::Deliveries;
use super::order::Order;

/// The acknowledged events that are not delivered yet, with their groups.
pub(crate) fn undelivered(
    order: &Order,
    deliveries: &Deliveries,
    groups: &[Group],
) -> Vec<(String, Group)> {
    let lacks = |group: &Group| {
        let unseen = order
            .acknowledged_events()
            .iter()
            .filter(|event| !deliveries.has_delivered(group, event));
        unseen.map(|event| (event.clone(), group.clone())).collect::<Vec<_>>()
    };
    groups.iter().flat_map(lacks).collect()
}
