//! What the judges of a delivery look at.

use gapless_model::Seq;

use super::chronicle::Chronicle;
use super::evidence::ObservedDelivery;
use super::slots::SlotContents;
use super::words::{events, seconds, slot_name};
use crate::plan::Millis;

/// What the judges of a delivery look at beside it.
#[derive(Clone, Copy)]
pub(super) struct Sight<'a> {
    pub(super) at: Millis,
    pub(super) slots: &'a SlotContents,
    pub(super) chronicle: &'a Chronicle,
}

impl Sight<'_> {
    /// The start of a sentence on a delivery, as in "worker 1 was given event p1.1.1 of slot 1".
    pub(super) fn given(&self, delivery: &ObservedDelivery, slot: Seq) -> String {
        let of_slot = delivery.events.iter().filter(|(position, _)| position.slot == slot);
        let names: Vec<_> = of_slot.map(|(_, event)| event.clone()).collect();
        format!(
            "{} was given {} of {} for {} at {} under epoch {}",
            self.chronicle.name(delivery.node),
            events(&names),
            slot_name(&delivery.partition, slot),
            delivery.group,
            seconds(self.at),
            delivery.epoch,
        )
    }
}
