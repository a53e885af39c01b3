//! What a carrier of the tables must offer, and one that holds any number of items.
//!
//! The specification, [`apply`](super::apply), is written against [`Tables`]. The
//! checker carries the tables in a few fixed bytes, [`MemoryTables`] in maps; a
//! property test holds the two together.

use std::collections::BTreeMap;

use super::item::{Lease, Raiser, Record, Slot};
use crate::ids::Seq;
use crate::vocabulary::Vocabulary;

/// The three tables.
pub trait Tables<V: Vocabulary> {
    /// The highest sequence number given out; [`Seq::ZERO`] for a new partition.
    fn head(&self, partition: &V::Partition) -> Seq;
    /// Sets the head.
    fn set_head(&mut self, partition: &V::Partition, head: Seq);
    /// The last increment that demanded a head.
    fn raiser(&self, partition: &V::Partition) -> Option<Raiser<V>>;
    /// Sets it.
    fn set_raiser(&mut self, partition: &V::Partition, raiser: Raiser<V>);
    /// A producer's record.
    fn record(&self, partition: &V::Partition, name: &V::Name) -> Option<Record>;
    /// Sets it.
    fn set_record(&mut self, partition: &V::Partition, name: &V::Name, record: Record);
    /// One slot.
    fn slot(&self, partition: &V::Partition, slot: Seq) -> Slot<V>;
    /// Puts an item into a slot, whatever was there.
    fn put_slot(&mut self, partition: &V::Partition, slot: Seq, content: Slot<V>);
    /// The last slot that is not empty, or [`Seq::ZERO`].
    fn tail(&self, partition: &V::Partition) -> Seq;
    /// The slots after `after` that hold an item, as many as a page takes, without those that `hidden` names.
    fn page(&self, partition: &V::Partition, after: Seq, hidden: &dyn Fn(Seq) -> bool) -> V::Page;
    /// A group's lease on a partition, if it ever had one.
    fn lease(&self, group: &V::Group, partition: &V::Partition) -> Option<Lease<V>>;
    /// Puts it.
    fn put_lease(&mut self, group: &V::Group, partition: &V::Partition, lease: Lease<V>);
}

/// The tables in maps, for any vocabulary whose ids have an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryTables<V: Vocabulary>
where
    V::Partition: Ord,
    V::Group: Ord,
    V::Name: Ord,
{
    partitions: BTreeMap<V::Partition, Partition<V>>,
    leases: BTreeMap<(V::Group, V::Partition), Lease<V>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Partition<V: Vocabulary>
where
    V::Name: Ord,
{
    head: Seq,
    raiser: Option<Raiser<V>>,
    records: BTreeMap<V::Name, Record>,
    slots: BTreeMap<Seq, Slot<V>>,
}

impl<V: Vocabulary> Default for Partition<V>
where
    V::Name: Ord,
{
    fn default() -> Self {
        Partition {
            head: Seq::ZERO,
            raiser: None,
            records: BTreeMap::new(),
            slots: BTreeMap::new(),
        }
    }
}

impl<V: Vocabulary> Default for MemoryTables<V>
where
    V::Partition: Ord,
    V::Group: Ord,
    V::Name: Ord,
{
    fn default() -> Self {
        MemoryTables { partitions: BTreeMap::new(), leases: BTreeMap::new() }
    }
}

/// Builds a page from the slots it shows, in order.
pub trait FromSlots<V: Vocabulary> {
    /// A page of the slots after `after`; it takes as many as it has room for.
    fn from_slots(after: Seq, slots: impl Iterator<Item = (Seq, Slot<V>)>) -> Self;
}

impl<V: Vocabulary> MemoryTables<V>
where
    V::Partition: Ord,
    V::Group: Ord,
    V::Name: Ord,
{
    fn partition(&mut self, partition: &V::Partition) -> &mut Partition<V> {
        self.partitions.entry(partition.clone()).or_default()
    }
}

impl<V: Vocabulary> Tables<V> for MemoryTables<V>
where
    V::Partition: Ord,
    V::Group: Ord,
    V::Name: Ord,
    V::Page: FromSlots<V>,
{
    fn head(&self, partition: &V::Partition) -> Seq {
        self.partitions.get(partition).map_or(Seq::ZERO, |p| p.head)
    }

    fn set_head(&mut self, partition: &V::Partition, head: Seq) {
        self.partition(partition).head = head;
    }

    fn raiser(&self, partition: &V::Partition) -> Option<Raiser<V>> {
        self.partitions.get(partition)?.raiser.clone()
    }

    fn set_raiser(&mut self, partition: &V::Partition, raiser: Raiser<V>) {
        self.partition(partition).raiser = Some(raiser);
    }

    fn record(&self, partition: &V::Partition, name: &V::Name) -> Option<Record> {
        self.partitions.get(partition)?.records.get(name).copied()
    }

    fn set_record(&mut self, partition: &V::Partition, name: &V::Name, record: Record) {
        self.partition(partition).records.insert(name.clone(), record);
    }

    fn slot(&self, partition: &V::Partition, slot: Seq) -> Slot<V> {
        let found = self.partitions.get(partition).and_then(|p| p.slots.get(&slot));
        found.cloned().unwrap_or(Slot::Empty)
    }

    fn put_slot(&mut self, partition: &V::Partition, slot: Seq, content: Slot<V>) {
        self.partition(partition).slots.insert(slot, content);
    }

    fn tail(&self, partition: &V::Partition) -> Seq {
        let last = self.partitions.get(partition).and_then(|p| p.slots.keys().next_back());
        last.copied().unwrap_or(Seq::ZERO)
    }

    fn page(&self, partition: &V::Partition, after: Seq, hidden: &dyn Fn(Seq) -> bool) -> V::Page {
        let slots = self.partitions.get(partition).map(|p| &p.slots);
        let present = slots.into_iter().flat_map(|slots| slots.range(after.next()..));
        let shown = present.filter(|(seq, _)| !hidden(**seq));
        V::Page::from_slots(after, shown.map(|(seq, slot)| (*seq, slot.clone())))
    }

    fn lease(&self, group: &V::Group, partition: &V::Partition) -> Option<Lease<V>> {
        self.leases.get(&(group.clone(), partition.clone())).cloned()
    }

    fn put_lease(&mut self, group: &V::Group, partition: &V::Partition, lease: Lease<V>) {
        self.leases.insert((group.clone(), partition.clone()), lease);
    }
}
