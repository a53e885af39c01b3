//! L2: at most one worker is active on a partition for a group, in true time, where
//! clocks keep their bound and no worker stood still between its clock and its act.

use std::collections::{BTreeMap, HashMap};

use gapless_model::{Epoch, Invariant};

use super::evidence::{LeaseKey, ObservedDelivery};
use super::judgement::{Judgement, broken};
use crate::plan::{Millis, Node};

/// A delivery that a handler is at.
#[derive(Clone, Copy, Debug)]
struct Active {
    node: Node,
    epoch: Epoch,
    since: Millis,
}

/// Who is at what.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    active: HashMap<LeaseKey, Vec<(u64, Active)>>,
    latest: BTreeMap<LeaseKey, Epoch>,
    /// When each process last stood still, until when.
    still: HashMap<Node, Millis>,
    next: u64,
}

impl Activity {
    /// A process stands still until then, or stood still till now.
    pub(crate) fn suspend(&mut self, node: Node, until: Millis) {
        let still = self.still.entry(node).or_default();
        *still = (*still).max(until);
    }

    /// A handler begins. Under clocks out of bounds only the epochs' order is promised.
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

    /// Enters a delivery; the number takes it out again.
    pub(crate) fn enter(&mut self, at: Millis, delivery: &ObservedDelivery) -> u64 {
        self.next += 1;
        let active = Active { node: delivery.node, epoch: delivery.epoch, since: at };
        let key = (delivery.group.clone(), delivery.partition.clone());
        self.active.entry(key).or_default().push((self.next, active));
        self.next
    }

    /// Its handler is done, or was dropped.
    pub(crate) fn leave(&mut self, delivery: &ObservedDelivery, number: u64) {
        let key = (delivery.group.clone(), delivery.partition.clone());
        if let Some(active) = self.active.get_mut(&key) {
            active.retain(|(other, _)| *other != number);
        }
    }
}
