//! What readers without a group are to be given, what they were given, and what a follower still
//! lacks.

use std::collections::{BTreeMap, BTreeSet};

use gapless::Position;
use gapless_model::{PartitionId, Seq};

use super::chronicle::Chronicle;
use super::judgement::{Breach, Finding};
use super::lineage::Lineage;
use super::order::Order;
use super::slots::SlotContents;
use super::words::{seconds, slot_name};
use crate::plan::{Home, Millis, Node, Plan, Reading};

/// What a reader is to be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Readable {
    /// Every event.
    Everything,
    /// The events of the partitions that an index lists. It may lag, so some may be missing.
    Listed,
    /// The events of a partition, and of what came of it those whose keys were its own.
    Partition(PartitionId),
    /// The events of a key.
    Key(String),
}

impl Readable {
    /// Whether a partition is read before those that took its place.
    fn waits_for(&self, before: &PartitionId) -> bool {
        match self {
            Readable::Everything | Readable::Listed => true,
            Readable::Partition(first) => first <= before && first.overlaps(before),
            Readable::Key(key) => Home::Hashed.is_of(key, before),
        }
    }

    pub(super) fn has(&self, partition: &PartitionId, key: &str) -> bool {
        match self {
            Readable::Everything | Readable::Listed => true,
            Readable::Partition(wanted) => {
                wanted == partition || (wanted < partition && Home::Hashed.is_of(key, wanted))
            }
            Readable::Key(wanted) => wanted == key,
        }
    }
}

/// One read, from its beginning to its end or its failure.
#[derive(Debug)]
pub(crate) struct Session {
    pub(super) began: Millis,
    pub(super) node: Node,
    pub(super) readable: Readable,
    /// The position of each partition behind which it goes on.
    pub(super) behind: BTreeMap<PartitionId, Position>,
    /// The last slot of each partition before which none was empty when it began.
    pub(super) due: BTreeMap<PartitionId, Seq>,
    /// The position that was given last.
    pub(super) last: BTreeMap<PartitionId, Position>,
    /// The place of the last event of each key.
    pub(super) keys: BTreeMap<String, (PartitionId, Position)>,
}

impl Session {
    /// Up to where the events of a partition are not to be given, or not any more.
    pub(super) fn given_upto(&self, partition: &PartitionId) -> Option<Position> {
        self.last.get(partition).or_else(|| self.behind.get(partition)).copied()
    }

    /// Whether a partition comes before one in which the read goes on.
    pub(super) fn is_before(&self, partition: &PartitionId) -> bool {
        self.behind.keys().any(|begun| partition < begun && partition.overlaps(begun))
    }

    /// The first event of a partition, up to a slot, that this read is to be given next.
    pub(super) fn next(
        &self,
        slots: &SlotContents,
        partition: &PartitionId,
        upto: Seq,
    ) -> Option<(Position, String)> {
        if self.is_before(partition) {
            return None;
        }
        let last = self.given_upto(partition);
        let first = last.map_or(1, |last| last.slot.0);
        (first..=upto.0).find_map(|slot| {
            let key = (partition.clone(), Seq(slot));
            let events = slots.events_in(&key).into_iter().zip(slots.keys_in(&key));
            let mut events = (0_u32..)
                .zip(events)
                .map(|(index, event)| (Position { slot: Seq(slot), index }, event));
            let (position, (event, _)) = events.find(|(position, (_, key))| {
                let behind = last.is_none_or(|last| *position > last);
                behind && self.readable.has(partition, key)
            })?;
            Some((position, event))
        })
    }
}

/// What readers were given.
#[derive(Debug, Default)]
pub(crate) struct Readings {
    /// What each follower is to be given; nothing before it has begun.
    followers: BTreeMap<Node, Option<Readable>>,
    pub(super) given: BTreeMap<Node, BTreeSet<String>>,
    last_receipt: Option<(PartitionId, Position)>,
    pub(super) marks: BTreeSet<&'static str>,
}

impl Readings {
    pub(crate) fn new(plan: &Plan) -> Readings {
        let readers = plan.readers.iter().enumerate();
        let followers = readers.filter_map(|(index, reader)| match reader.reading {
            Reading::Follow { .. } => Some((plan.reader(index), None)),
            Reading::Again { .. } => None,
        });
        Readings { followers: followers.collect(), ..Readings::default() }
    }

    /// The marks that readers have reached.
    pub(crate) fn marks(&self) -> &BTreeSet<&'static str> {
        &self.marks
    }

    /// Notes where an event is that was acknowledged.
    pub(super) fn note_receipt(&mut self, partition: &PartitionId, position: Position) {
        self.last_receipt = Some((partition.clone(), position));
    }

    /// The position of the event that was acknowledged last.
    pub(crate) fn last_receipt(&self) -> Option<(PartitionId, Position)> {
        self.last_receipt.clone()
    }

    /// Begins a read.
    pub(crate) fn begin(
        &mut self,
        (began, node): (Millis, Node),
        readable: Readable,
        behind: BTreeMap<PartitionId, Position>,
        (slots, lineage): (&SlotContents, &Lineage),
    ) -> Session {
        if let Some(follower) = self.followers.get_mut(&node) {
            *follower = Some(readable.clone());
        }
        // An empty slot keeps back what comes behind it, in other partitions too.
        let is_read = |before: &PartitionId| readable.waits_for(before);
        let is_reached = |at: &&PartitionId| lineage.is_settled_before(at, slots, is_read);
        let tails = slots.tails().keys().filter(is_reached);
        let due = tails.map(|partition| (partition.clone(), slots.last_settled(partition)));
        let due = due.collect();
        let (last, keys) = (BTreeMap::new(), BTreeMap::new());
        Session { began, node, readable, behind, due, last, keys }
    }

    /// The events that followers are still to be given.
    pub(crate) fn unread(&self, order: &Order, slots: &SlotContents) -> Vec<(Node, String)> {
        let wants = |readable: &Readable, event: &str| {
            let Some(place) = slots.position_of(event) else { return false };
            let mut events = slots.events_in(&place).into_iter().zip(slots.keys_in(&place));
            events.any(|(name, key)| name == event && readable.has(&place.0, &key))
        };
        let lacks = |(node, readable): (&Node, &Option<Readable>)| {
            let given = self.given.get(node);
            let all = order.acknowledged_events().iter();
            let left = all.filter(|event| !given.is_some_and(|given| given.contains(*event)));
            let due = |event: &&String| readable.as_ref().is_none_or(|it| wants(it, event));
            left.filter(due).map(|event| (*node, event.clone())).collect::<Vec<_>>()
        };
        self.followers.iter().flat_map(lacks).collect()
    }
}

/// The violation that a follower was not given everything in time.
pub(super) fn left_out(
    unread: &[(Node, String)],
    patience: Millis,
    slots: &SlotContents,
    chronicle: &Chronicle,
) -> Option<(Breach, Finding)> {
    let (node, event) = unread.first()?;
    let place = slots.position_of(event);
    let stored = place.as_ref().map_or(String::new(), |(partition, slot)| {
        format!(", stored in {},", slot_name(partition, *slot))
    });
    let others = match unread.len() - 1 {
        0 => String::new(),
        1 => ", nor was one other event to its reader".to_owned(),
        more => format!(", nor were {more} other events to their readers"),
    };
    let sentence = format!(
        "event {event}{stored} was not given to {}, which follows, within {} after all trouble \
         ended{others}.",
        chronicle.name(*node),
        seconds(patience),
    );
    let finding = Finding::new(sentence);
    let place = place.iter();
    let finding = place.fold(finding, |finding, (partition, slot)| finding.at(partition, *slot));
    Some((Breach::Reader, finding))
}
