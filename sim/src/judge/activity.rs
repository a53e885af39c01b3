//! L2: in true time, at most one worker is active on a partition for a group, as long as
//! clocks keep their bound and no worker paused between reading its clock and acting.

use std::collections::{BTreeMap, HashMap};

use gapless_model::{Epoch, Invariant};

use super::evidence::{LeaseKey, ObservedDelivery};
use super::judgement::{Judgement, broken};
use crate::plan::{Millis, Node};

/// A delivery that a handler is working on.
#[derive(Clone, Copy, Debug)]
struct Active {
    node: Node,
    epoch: Epoch,
    since: Millis,
}

/// The deliveries that handlers are working on.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    active: HashMap<LeaseKey, Vec<(u64, Active)>>,
    latest: BTreeMap<LeaseKey, Epoch>,
    /// Until when each node was paused last.
    still: HashMap<Node, Millis>,
    next: u64,
}

impl Activity {
    /// Notes that a node is paused until then.
    pub(crate) fn suspend(&mut self, node: Node, until: Millis) {
        let still = self.still.entry(node).or_default();
        *still = (*still).max(until);
    }

    /// Judges a delivery that a handler begins. Nothing is promised for clocks out of bounds.
    pub(crate) fn judge_start(
        &mut self,
        at: Millis,
        delivery: &ObservedDelivery,
        timely: bool,
    ) -> Judgement {
        let key = (delivery.group.clone(), delivery.partition.clone());
        let latest = self.latest.entry(key.clone()).or_default();
        let before = *latest;
        *latest = before.max(delivery.epoch);
        if !timely {
            return Ok(());
        }
        let whose = format!("{} on {}", delivery.group, delivery.partition);
        if delivery.epoch < before {
            return broken(
                Invariant::L2,
                format!(
                    "{whose}: a delivery under epoch {} begins after one under {before}",
                    delivery.epoch
                ),
            );
        }
        let others = self.active.get(&key).into_iter().flatten().map(|(_, active)| active);
        let mut moving = others.filter(|active| {
            let still = self.still.get(&active.node).copied().unwrap_or_default();
            active.node != delivery.node && still < active.since
        });
        match moving.next() {
            None => Ok(()),
            Some(other) => broken(
                Invariant::L2,
                format!(
                    "{whose}: process {} begins under epoch {} at {at}, and process {} is active under epoch {} since {}",
                    delivery.node.0, delivery.epoch, other.node.0, other.epoch, other.since
                ),
            ),
        }
    }

    /// Adds an active delivery, and returns the number that removes it.
    pub(crate) fn enter(&mut self, at: Millis, delivery: &ObservedDelivery) -> u64 {
        self.next += 1;
        let active = Active { node: delivery.node, epoch: delivery.epoch, since: at };
        let key = (delivery.group.clone(), delivery.partition.clone());
        self.active.entry(key).or_default().push((self.next, active));
        self.next
    }

    /// Removes a delivery whose handler has finished or was dropped.
    pub(crate) fn leave(&mut self, delivery: &ObservedDelivery, number: u64) {
        let key = (delivery.group.clone(), delivery.partition.clone());
        if let Some(active) = self.active.get_mut(&key) {
            active.retain(|(other, _)| *other != number);
        }
    }
}
