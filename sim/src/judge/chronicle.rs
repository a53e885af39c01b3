//! What happened in a run, kept so that a violation can be told from its beginning.

use std::collections::{BTreeMap, BTreeSet};

use gapless::{Group, Live};
use gapless_model::store::{Reply, Request};
use gapless_model::{Epoch, Page as _, PartitionId, Seen, Seq};

use super::evidence::{AppliedCall, LeaseKey, SlotKey};
use crate::plan::{Happening, Millis, Node, Plan};

/// A request that reached the tables.
#[derive(Debug)]
pub(super) struct Deed {
    pub(super) at: Millis,
    pub(super) node: Node,
    pub(super) request: Request<Live>,
    pub(super) reply: Option<Reply<Live>>,
    /// Whether the reply reached the sender.
    pub(super) heard: bool,
}

impl Deed {
    fn writes(&self, (partition, slot): &SlotKey) -> bool {
        self.request.slot() == Some(*slot)
            && self.request.partition() == partition
            && self.reply.as_ref().is_some_and(Reply::wrote)
    }

    pub(super) fn is_about(&self, (group, partition): &LeaseKey) -> bool {
        self.request.group() == Some(group) && self.request.partition() == partition
    }

    /// The slots that a read of events showed, with the last slot before them.
    pub(super) fn page(&self, partition: &PartitionId) -> Option<(Seq, &gapless::Slots)> {
        match (&self.request, &self.reply) {
            (Request::ReadEvents { partition: read, after, .. }, Some(Reply::Page(page)))
                if read == partition =>
            {
                Some((*after, page))
            }
            _ => None,
        }
    }
}

/// What last happened to a node by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Crashed(Millis),
    Restarted(Millis),
    /// It was ended at its limit, and began anew.
    Ended(Millis),
    Paused {
        since: Millis,
        until: Millis,
    },
    Cut {
        since: Millis,
        until: Millis,
    },
}

/// The chronicle of a run.
#[derive(Debug)]
pub(crate) struct Chronicle {
    names: Vec<String>,
    producers: usize,
    /// The workers' groups.
    groups: Vec<Group>,
    deeds: Vec<Deed>,
    /// When the append of an event first began.
    begun: BTreeMap<String, Millis>,
    acknowledged: BTreeMap<String, (Millis, Node)>,
    finished: BTreeSet<Node>,
    fates: BTreeMap<Node, Fate>,
    healed: Option<Millis>,
}

impl Chronicle {
    pub(crate) fn new(plan: &Plan) -> Chronicle {
        let group = |group: u8| Group::from(Plan::group_name(group));
        Chronicle {
            names: (0..plan.nodes()).map(|node| plan.name(Node(node))).collect(),
            producers: plan.producers.len(),
            groups: plan.workers.iter().map(|worker| group(worker.group)).collect(),
            deeds: Vec::new(),
            begun: BTreeMap::new(),
            acknowledged: BTreeMap::new(),
            finished: BTreeSet::new(),
            fates: BTreeMap::new(),
            healed: None,
        }
    }

    pub(crate) fn note_call(&mut self, call: &AppliedCall<'_>) {
        self.deeds.push(Deed {
            at: call.at,
            node: call.node,
            request: call.request.clone(),
            reply: call.reply.cloned(),
            heard: call.heard,
        });
    }

    pub(crate) fn note_start(&mut self, at: Millis, event: &str) {
        if !self.begun.contains_key(event) {
            self.begun.insert(event.to_owned(), at);
        }
    }

    pub(crate) fn note_acknowledgement(&mut self, at: Millis, node: Node, event: &str) {
        self.acknowledged.entry(event.to_owned()).or_insert((at, node));
    }

    pub(crate) fn note_everything_appended(&mut self, node: Node) {
        self.finished.insert(node);
    }

    pub(super) fn note_incident(&mut self, at: Millis, happening: Happening) {
        let (node, fate) = match happening {
            Happening::Crash { node, .. } => (node, Fate::Crashed(at)),
            Happening::Freeze { node, span } => {
                (node, Fate::Paused { since: at, until: at.plus(span) })
            }
            Happening::Cut { node, span, .. } => {
                (node, Fate::Cut { since: at, until: at.plus(span) })
            }
            Happening::Stop { .. }
            | Happening::Drop { .. }
            | Happening::SetClock { .. }
            | Happening::Storm { .. }
            | Happening::SlowPartition { .. }
            | Happening::RestartEngine { .. }
            | Happening::LockOut { .. }
            | Happening::HotPartition { .. }
            | Happening::HotIndex { .. }
            | Happening::Outage { .. }
            | Happening::SlowProcess { .. }
            | Happening::Operate { .. } => return,
        };
        self.fates.insert(node, fate);
    }

    /// Notes that a node begins its first life, or another one.
    pub(crate) fn note_life(&mut self, at: Millis, node: Node) {
        if let Some(Fate::Crashed(_)) = self.fates.get(&node) {
            self.fates.insert(node, Fate::Restarted(at));
        }
    }

    pub(super) fn note_limit(&mut self, at: Millis, node: Node) {
        self.fates.insert(node, Fate::Ended(at));
    }

    pub(crate) fn note_healing(&mut self, at: Millis) {
        self.healed = Some(at);
    }

    /// A node's name, as in "worker 2".
    pub(super) fn name(&self, node: Node) -> &str {
        self.names.get(usize::from(node.0)).map_or("a process", String::as_str)
    }

    /// The producers, then the workers with their groups.
    pub(super) fn processes(&self) -> impl Iterator<Item = (Node, Option<&Group>)> {
        let count = self.producers + self.groups.len();
        (0..count).map(|index| {
            let group =
                index.checked_sub(self.producers).and_then(|worker| self.groups.get(worker));
            (Node(u16::try_from(index).unwrap_or(u16::MAX)), group)
        })
    }

    /// The groups, each once.
    pub(super) fn groups(&self) -> BTreeSet<&Group> {
        self.groups.iter().collect()
    }

    pub(super) fn fate(&self, node: Node) -> Option<Fate> {
        self.fates.get(&node).copied()
    }

    pub(super) fn has_appended_everything(&self, node: Node) -> bool {
        self.finished.contains(&node)
    }

    pub(super) fn healed(&self) -> Option<Millis> {
        self.healed
    }

    pub(super) fn begun(&self, event: &str) -> Option<Millis> {
        self.begun.get(event).copied()
    }

    /// When an event was acknowledged, and to which node.
    pub(super) fn acknowledged(&self, event: &str) -> Option<(Millis, Node)> {
        self.acknowledged.get(event).copied()
    }

    /// The last of the deeds that `wanted` picks.
    pub(super) fn last(&self, wanted: impl Fn(&Deed) -> bool) -> Option<&Deed> {
        self.deeds.iter().rev().find(|deed| wanted(deed))
    }

    pub(super) fn count(&self, wanted: impl Fn(&Deed) -> bool) -> usize {
        self.deeds.iter().filter(|deed| wanted(deed)).count()
    }

    /// The request that the tables got last.
    pub(super) fn latest(&self) -> Option<&Deed> {
        self.deeds.last()
    }

    /// The writes of a slot, in the order of time.
    pub(super) fn writes(&self, slot: &SlotKey) -> Vec<&Deed> {
        self.deeds.iter().filter(|deed| deed.writes(slot)).collect()
    }

    /// The request that took a lease under an epoch.
    pub(super) fn taking(&self, key: &LeaseKey, epoch: Epoch) -> Option<&Deed> {
        self.deeds.iter().find(|deed| match (&deed.request, &deed.reply) {
            (Request::Acquire { .. } | Request::SetLease { .. }, Some(Reply::Leased(lease))) => {
                deed.is_about(key) && lease.epoch == epoch
            }
            _ => false,
        })
    }

    /// The request by which a checkpoint first reached a slot.
    pub(super) fn passing(&self, key: &LeaseKey, slot: Seq) -> Option<&Deed> {
        self.deeds.iter().find(|deed| match (&deed.request, &deed.reply) {
            (Request::Checkpoint { .. }, Some(Reply::Leased(lease))) => {
                deed.is_about(key) && lease.checkpoint >= slot
            }
            (Request::Release { to: Some(to), .. }, Some(Reply::Released)) => {
                deed.is_about(key) && *to >= slot
            }
            _ => false,
        })
    }

    /// The last read by which a node saw slots behind this one, or the end, and nothing in it.
    pub(super) fn overlooking(&self, node: Node, (partition, slot): &SlotKey) -> Option<&Deed> {
        self.last(|deed| {
            deed.node == node
                && deed.page(partition).is_some_and(|(after, page)| {
                    let is_behind = page.last().is_some_and(|last| last > *slot);
                    after < *slot
                        && (is_behind || !page.is_full())
                        && page.seen(*slot) == Seen::Nothing
                })
        })
    }

    /// The highest number that was given out in a partition, as far as the replies say.
    pub(super) fn head(&self, partition: &PartitionId) -> Option<Seq> {
        let given = |deed: &Deed| match &deed.reply {
            Some(Reply::Raised(slot) | Reply::Appended(slot)) => Some(*slot),
            _ => None,
        };
        let raises = self.deeds.iter().filter(|deed| deed.request.partition() == partition);
        raises.filter_map(given).max()
    }
}
