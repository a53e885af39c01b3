//! The tables in a few fixed bytes.

use super::small::{Count, GroupNo, PartitionNo, ProducerNo, Run, Small, Tick, Token, Window};
use crate::ids::{Epoch, Number, Seq};
use crate::store::{FromSlots, Lease, Raiser, Record, Slot, Tables};

/// The tables of one partition in a few fixed bytes, for `P` producers, `G` groups and `S` slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Packed<const P: usize, const G: usize, const S: usize> {
    head: u8,
    raiser: Option<(Token, u8)>,
    records: [[u8; 4]; P],
    slots: [Cell; S],
    leases: [Option<PackedLease>; G],
}

/// A slot in two bytes: 0 is empty, 1 is a void, and events have the top bit set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Cell(u16);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct PackedLease {
    checkpoint: u8,
    active: bool,
    owner: Run,
    epoch: u8,
    until: Tick,
    beat: u8,
    wake: u8,
}

impl Cell {
    const EMPTY: Cell = Cell(0);
    const VOID: Cell = Cell(1);

    fn pack(slot: &Slot<Small>) -> Cell {
        match slot {
            Slot::Empty => Cell::EMPTY,
            Slot::Void => Cell::VOID,
            Slot::Events { token, batch } => {
                let (producer, run) = (u16::from(token.producer.0), u16::from(token.run));
                let (number, count) = (u16::from(token.number), u16::from(batch.0));
                debug_assert!(producer < 8 && run < 16 && number < 64 && count < 4);
                Cell(1 << 15 | producer << 12 | run << 8 | number << 2 | count)
            }
        }
    }

    pub(super) fn unpack(self) -> Slot<Small> {
        match self {
            Cell::EMPTY => Slot::Empty,
            Cell::VOID => Slot::Void,
            Cell(bits) => Slot::Events {
                token: Token {
                    producer: ProducerNo((bits >> 12 & 7) as u8),
                    run: (bits >> 8 & 15) as u8,
                    number: (bits >> 2 & 63) as u8,
                },
                batch: Count((bits & 3) as u8),
            },
        }
    }

    /// Whether the slot is not empty.
    pub(super) fn holds_something(self) -> bool {
        self != Cell::EMPTY
    }

    /// Whether the slot holds events.
    pub(super) fn holds_events(self) -> bool {
        self.0 >= 1 << 15
    }
}

/// A number of the checked world as a byte. It fits, because the world ends a path before a number
/// outgrows it.
fn byte(number: u64) -> u8 {
    debug_assert!(number <= u64::from(u8::MAX));
    number as u8
}

impl<const P: usize, const G: usize, const S: usize> Packed<P, G, S> {
    /// The tables of a new stream.
    pub const EMPTY: Self = Packed {
        head: 0,
        raiser: None,
        records: [[0; 4]; P],
        slots: [Cell::EMPTY; S],
        leases: [None; G],
    };

    /// The highest sequence number for which there is room.
    pub const LAST: Seq = Seq(S as u64);

    /// The slots as cells, slot 1 first.
    pub(super) fn cells(&self) -> &[Cell; S] {
        &self.slots
    }

    /// The checkpoint of a group.
    pub(super) fn checkpoint(&self, group: usize) -> usize {
        self.leases[group].map_or(0, |lease| usize::from(lease.checkpoint))
    }

    /// Lets time pass until a group's lease has ended.
    pub(super) fn lapse(&mut self, group: usize) {
        if let Some(lease) = &mut self.leases[group] {
            lease.until = Tick::NOW;
        }
    }
}

impl<const P: usize, const G: usize, const S: usize> Tables<Small> for Packed<P, G, S> {
    fn head(&self, _: &PartitionNo) -> Seq {
        Seq(u64::from(self.head))
    }

    fn set_head(&mut self, _: &PartitionNo, head: Seq) {
        self.head = byte(head.0);
    }

    fn raiser(&self, _: &PartitionNo) -> Option<Raiser<Small>> {
        self.raiser.map(|(token, slot)| Raiser { token, slot: Seq(u64::from(slot)) })
    }

    fn set_raiser(&mut self, _: &PartitionNo, raiser: Raiser<Small>) {
        self.raiser = Some((raiser.token, byte(raiser.slot.0)));
    }

    fn record(&self, _: &PartitionNo, name: &ProducerNo) -> Option<Record> {
        // The epoch of a record is at least 1, so 0 means that there is no record.
        let [epoch, number, count, slot] = self.records[name.index()].map(u64::from);
        let record = Record { epoch: Epoch(epoch), number: Number(number), count, slot: Seq(slot) };
        (epoch > 0).then_some(record)
    }

    fn set_record(&mut self, _: &PartitionNo, name: &ProducerNo, record: Record) {
        let Record { epoch, number, count, slot } = record;
        self.records[name.index()] = [byte(epoch.0), byte(number.0), byte(count), byte(slot.0)];
    }

    fn slot(&self, _: &PartitionNo, slot: Seq) -> Slot<Small> {
        let index = slot.0.wrapping_sub(1) as usize;
        self.slots.get(index).map_or(Slot::Empty, |cell| cell.unpack())
    }

    fn put_slot(&mut self, _: &PartitionNo, slot: Seq, content: Slot<Small>) {
        self.slots[slot.0 as usize - 1] = Cell::pack(&content);
    }

    fn tail(&self, _: &PartitionNo) -> Seq {
        let last = self.slots.iter().rposition(|&cell| cell != Cell::EMPTY);
        Seq(last.map_or(0, |index| index as u64 + 1))
    }

    fn page(&self, _: &PartitionNo, after: Seq, hidden: &dyn Fn(Seq) -> bool) -> Window {
        let slots = self.slots.iter().enumerate().skip(after.0 as usize);
        let present = slots.filter(|(_, cell)| **cell != Cell::EMPTY);
        let numbered = present.map(|(index, cell)| (Seq(index as u64 + 1), cell.unpack()));
        Window::from_slots(after, numbered.filter(|(seq, _)| !hidden(*seq)))
    }

    fn lease(&self, group: &GroupNo, _: &PartitionNo) -> Option<Lease<Small>> {
        self.leases[group.index()].map(|lease| Lease {
            checkpoint: Seq(u64::from(lease.checkpoint)),
            active: lease.active,
            owner: lease.owner,
            epoch: Epoch(u64::from(lease.epoch)),
            until: lease.until,
            beat: u64::from(lease.beat),
            wake: u64::from(lease.wake),
        })
    }

    fn put_lease(&mut self, group: &GroupNo, _: &PartitionNo, lease: Lease<Small>) {
        self.leases[group.index()] = Some(PackedLease {
            checkpoint: byte(lease.checkpoint.0),
            active: lease.active,
            owner: lease.owner,
            epoch: byte(lease.epoch.0),
            until: lease.until,
            beat: byte(lease.beat),
            wake: byte(lease.wake),
        });
    }
}
