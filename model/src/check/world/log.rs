//! A partition: its item, its slots, and what the judges remember of it.

use serde::{Deserialize, Serialize};

use super::super::small::{PartitionNo, ProducerNo, Small, Token};
use crate::ids::Seq;
use crate::store::{Raiser, Record, Slot};

/// The highest slot for which a log has room: the judges keep a bit for each.
pub(in crate::check) const LAST: Seq = Seq(62);

/// The most partitions that a world has.
pub(in crate::check) const PARTITIONS: usize = 5;

/// A partition's item and slots.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) struct Log {
    pub(in crate::check) head: Seq,
    /// Whether an operator created it.
    pub(in crate::check) created: bool,
    /// The partitions that take its place, if it is sealed.
    pub(in crate::check) children: Vec<PartitionNo>,
    pub(in crate::check) raiser: Option<Raiser<Small>>,
    /// The producers' records, by name.
    pub(in crate::check) records: Vec<Option<Record>>,
    /// The slots up to the last that is not empty.
    slots: Vec<Slot<Small>>,
    /// Bit `n` if slot `n` was acknowledged.
    pub(in crate::check) acknowledged: u64,
    /// For each acknowledged append that expected a position: that position, and its own (S4).
    pub(in crate::check) expected: Vec<(u8, u8)>,
    /// For each name: the first append that is not acknowledged yet, if it has sent a request (S3).
    /// A named producer's append is one and the same in all of its runs.
    pub(in crate::check) began: Vec<Option<Began>>,
    /// Appends of which their present run was told that they are refused (D1).
    pub(in crate::check) refused: Vec<Token>,
    /// Bit `n` if two runs of name `n` were alive at once: what one is refused, the other may append.
    pub(in crate::check) twins: u8,
}

/// How things stood when an append sent its first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(in crate::check) struct Began {
    /// The number of the append's first event, in its producer's count.
    pub(in crate::check) first: u8,
    /// For each partition that it may get to: the last slot there that was acknowledged to anybody, or 0.
    pub(in crate::check) after: [u8; PARTITIONS],
    /// The last of these partitions in which an event of its key was acknowledged; 0 where none is.
    pub(in crate::check) reached: u8,
}

impl Began {
    /// Whether a position is below one that was acknowledged before: of any key in the same partition,
    /// of its own key in a later one (S3).
    pub(in crate::check) fn is_after(&self, partition: PartitionNo, slot: u8) -> bool {
        slot <= self.after[partition.index()] || self.reached > partition.0
    }
}

impl Log {
    /// An empty partition with room for the records of so many names.
    pub(super) fn new(names: u8) -> Log {
        Log {
            head: Seq::ZERO,
            created: false,
            children: Vec::new(),
            raiser: None,
            records: vec![None; names.into()],
            slots: Vec::new(),
            acknowledged: 0,
            expected: Vec::new(),
            began: vec![None; names.into()],
            refused: Vec::new(),
            twins: 0,
        }
    }

    /// Whether others take its place.
    pub(in crate::check) fn is_sealed(&self) -> bool {
        !self.children.is_empty()
    }

    pub(in crate::check) fn slot(&self, slot: Seq) -> &Slot<Small> {
        let index = slot.0.wrapping_sub(1) as usize;
        self.slots.get(index).unwrap_or(&Slot::Empty)
    }

    pub(super) fn put_slot(&mut self, slot: Seq, content: Slot<Small>) {
        let index = slot.0 as usize - 1;
        if index >= self.slots.len() {
            self.slots.resize(index + 1, Slot::Empty);
        }
        self.slots[index] = content;
        while self.slots.last() == Some(&Slot::Empty) {
            self.slots.pop();
        }
    }

    pub(super) fn slots_mut(&mut self) -> impl Iterator<Item = &mut Slot<Small>> {
        self.slots.iter_mut()
    }

    /// The last slot that is not empty, or 0.
    pub(in crate::check) fn len(&self) -> u64 {
        self.slots.len() as u64
    }

    /// The slots that hold an item, ascending.
    pub(in crate::check) fn items(&self) -> impl Iterator<Item = (Seq, &Slot<Small>)> {
        let numbered =
            self.slots.iter().enumerate().map(|(index, slot)| (Seq(index as u64 + 1), slot));
        numbered.filter(|(_, slot)| **slot != Slot::Empty)
    }

    pub(in crate::check) fn holds_events(&self, slot: u64) -> bool {
        matches!(self.slot(Seq(slot)), Slot::Events { .. })
    }

    pub(in crate::check) fn was_acknowledged(&self, slot: u64) -> bool {
        self.acknowledged & 1 << slot != 0
    }

    /// The highest slot that was acknowledged, or 0.
    pub(in crate::check) fn last_acknowledged(&self) -> u8 {
        (u64::BITS - self.acknowledged.leading_zeros()).saturating_sub(1) as u8
    }

    /// The slots with events that were acknowledged, ascending, each with its append.
    pub(in crate::check) fn acknowledged_events(&self) -> impl Iterator<Item = (Seq, &Token)> {
        self.items().filter_map(|(slot, content)| match content {
            Slot::Events { token, .. } => self.was_acknowledged(slot.0).then_some((slot, token)),
            Slot::Void | Slot::Empty => None,
        })
    }

    /// The number of a producer's last event that was acknowledged.
    pub(in crate::check) fn last_number(&self, name: ProducerNo) -> u8 {
        let own = self.acknowledged_events().filter(|(_, token)| token.producer == name);
        own.map(|(_, token)| token.number).max().unwrap_or(0)
    }

    /// The log without what the judges of safety remember.
    pub(in crate::check) fn after_faults(&self) -> Log {
        Log {
            expected: Vec::new(),
            began: vec![None; self.began.len()],
            refused: Vec::new(),
            twins: 0,
            ..self.clone()
        }
    }

    /// Forgets what a run of a producer was told, because it is gone.
    pub(in crate::check) fn forget_refusals(&mut self, name: ProducerNo) {
        self.refused.retain(|token| token.producer != name);
    }
}
