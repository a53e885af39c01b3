//! L2: in true time, at most one worker is active on a partition for a group, as long as
//! clocks keep their bound and no worker paused between reading its clock and acting.

use std::collections::{BTreeMap, HashMap};

use gapless_model::{Epoch, Invariant};

use super::chronicle::Chronicle;
use super::evidence::{LeaseKey, ObservedDelivery};
use super::judgement::{Finding, Judgement, broken};
use super::words::{events, partition_name, seconds};
use crate::plan::{Millis, Node};

/// A delivery that a handler is working on.
#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) node: Node,
    pub(super) epoch: Epoch,
    pub(super) since: Millis,
    /// The events, in words.
    pub(super) what: String,
}

/// The highest epoch of any delivery.
#[derive(Clone, Copy, Debug)]
struct Latest {
    epoch: Epoch,
    node: Node,
    at: Millis,
}

/// The deliveries that handlers are working on.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    active: HashMap<LeaseKey, Vec<(u64, Active)>>,
    latest: BTreeMap<LeaseKey, Latest>,
    /// Until when each node was paused last.
    still: HashMap<Node, Millis>,
    next: u64,
    /// Whether two handlers were at work on one partition for one group at once: one of them past its
    /// lease, paused or by a clock that was set.
    overlapped: bool,
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
        chronicle: &Chronicle,
    ) -> Judgement {
        let key = (delivery.group.clone(), delivery.partition.clone());
        let this = Latest { epoch: delivery.epoch, node: delivery.node, at };
        let latest = self.latest.entry(key.clone()).or_insert(this);
        let before = *latest;
        if delivery.epoch > before.epoch {
            *latest = this;
        }
        if !timely {
            return Ok(());
        }
        if delivery.epoch < before.epoch {
            let sentence = format!(
                "{} began to deliver {} at {} under epoch {}, although {} had delivered under \
                 epoch {} since {}.",
                chronicle.name(delivery.node),
                place(delivery),
                seconds(at),
                delivery.epoch,
                chronicle.name(before.node),
                before.epoch,
                seconds(before.at),
            );
            return broken(Invariant::L2, finding(sentence, delivery));
        }
        let others = self.active.get(&key).into_iter().flatten().map(|(_, active)| active);
        let mut moving = others.filter(|active| {
            let still = self.still.get(&active.node).copied().unwrap_or_default();
            still < active.since
        });
        let Some(other) = moving.next() else { return Ok(()) };
        let taken = chronicle.taking(&key, delivery.epoch).filter(|deed| deed.at >= other.since);
        let taken = taken.map_or(String::new(), |deed| {
            format!(", which took the lease at {},", seconds(deed.at))
        });
        let sentence = format!(
            "{one} and {two} were at work for {group} on {partition} at once: {one} had been \
             delivering {what} under epoch {epoch} since {since}, when {two}{taken} began to \
             deliver {} under epoch {} at {}.",
            events(&names(delivery)),
            delivery.epoch,
            seconds(at),
            one = chronicle.name(other.node),
            two = chronicle.name(delivery.node),
            group = delivery.group,
            partition = partition_name(&delivery.partition),
            what = other.what,
            epoch = other.epoch,
            since = seconds(other.since),
        );
        broken(Invariant::L2, finding(sentence, delivery))
    }

    /// The deliveries that a node's handlers are working on.
    pub(super) fn of(&self, node: Node) -> Vec<(&LeaseKey, &Active)> {
        let mut active: Vec<_> = self
            .active
            .iter()
            .flat_map(|(key, active)| active.iter().map(move |(number, one)| (*number, key, one)))
            .filter(|(_, _, active)| active.node == node)
            .collect();
        active.sort_unstable_by_key(|(number, ..)| *number);
        active.into_iter().map(|(_, key, active)| (key, active)).collect()
    }

    /// Adds an active delivery, and returns the number that removes it.
    pub(crate) fn enter(&mut self, at: Millis, delivery: &ObservedDelivery) -> u64 {
        self.next += 1;
        let what = events(&names(delivery));
        let active = Active { node: delivery.node, epoch: delivery.epoch, since: at, what };
        let key = (delivery.group.clone(), delivery.partition.clone());
        let all = self.active.entry(key).or_default();
        all.push((self.next, active));
        self.overlapped |= all.len() > 1;
        self.next
    }

    /// The coverage mark that deliveries have reached.
    pub(crate) fn mark(&self) -> Option<&'static str> {
        self.overlapped.then_some("two handlers are at work at once")
    }

    /// Removes a delivery whose handler has finished or was dropped.
    pub(crate) fn leave(&mut self, delivery: &ObservedDelivery, number: u64) {
        let key = (delivery.group.clone(), delivery.partition.clone());
        if let Some(active) = self.active.get_mut(&key) {
            active.retain(|(other, _)| *other != number);
        }
    }
}

fn names(delivery: &ObservedDelivery) -> Vec<String> {
    delivery.events.iter().map(|(_, event)| event.clone()).collect()
}

/// A delivery's events, group and partition.
fn place(delivery: &ObservedDelivery) -> String {
    let partition = partition_name(&delivery.partition);
    format!("{} of {partition} to {}", events(&names(delivery)), delivery.group)
}

fn finding(sentence: String, delivery: &ObservedDelivery) -> Finding {
    Finding::new(sentence).at(&delivery.partition, delivery.first())
}
