//! The interface of the tables, and an implementation of any size.
//!
//! The specification, [`apply`](fn@super::apply), is written against [`Tables`]. The checker keeps
//! the tables in a few fixed bytes, [`MemoryTables`] in maps. A property test compares the two.

use std::collections::BTreeMap;

use super::item::{Lease, Raiser, Record, Slot};
use crate::ids::Seq;
use crate::vocabulary::Vocabulary;

/// The three tables. Every method reads or writes one item without a condition, except for
/// [`tail`](Tables::tail) and [`page`](Tables::page), which read several.
pub trait Tables<V: Vocabulary> {
    /// Returns the highest sequence number that was given out; [`Seq::ZERO`] for a new partition.
    fn head(&self, partition: &V::Partition) -> Seq;
    /// Sets the highest sequence number that was given out.
    fn set_head(&mut self, partition: &V::Partition, head: Seq);
    /// Returns what the last raise by an anonymous append that expected a head has left.
    fn raiser(&self, partition: &V::Partition) -> Option<Raiser<V>>;
    /// Replaces what [`raiser`](Tables::raiser) returns.
    fn set_raiser(&mut self, partition: &V::Partition, raiser: Raiser<V>);
    /// Enters a partition, unless it is there.
    fn create(&mut self, partition: &V::Partition);
    /// Returns the partitions that take a sealed one's place; none if it is open.
    fn children(&self, partition: &V::Partition) -> Vec<V::Partition>;
    /// Seals a partition, and names what takes its place.
    fn seal(&mut self, partition: &V::Partition, children: Vec<V::Partition>);
    /// Returns a producer's record, if it has claimed its name in the partition.
    fn record(&self, partition: &V::Partition, name: &V::Name) -> Option<Record>;
    /// Replaces a producer's record.
    fn set_record(&mut self, partition: &V::Partition, name: &V::Name, record: Record);
    /// Returns what a slot holds.
    fn slot(&self, partition: &V::Partition, slot: Seq) -> Slot<V>;
    /// Replaces what a slot holds, whatever that was.
    fn put_slot(&mut self, partition: &V::Partition, slot: Seq, content: Slot<V>);
    /// Returns the last slot that is not empty, or [`Seq::ZERO`].
    fn tail(&self, partition: &V::Partition) -> Seq;
    /// Returns the slots after `after` that hold an item, as many as a page takes, without those
    /// for which `hidden` is true.
    fn page(&self, partition: &V::Partition, after: Seq, hidden: &dyn Fn(Seq) -> bool) -> V::Page;
    /// Returns a group's lease on a partition, if it was ever taken.
    fn lease(&self, group: &V::Group, partition: &V::Partition) -> Option<Lease<V>>;
    /// Replaces a group's lease on a partition.
    fn put_lease(&mut self, group: &V::Group, partition: &V::Partition, lease: Lease<V>);
}

/// The tables in maps of any size, for a vocabulary whose ids have an order. New tables are empty.
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
    children: Vec<V::Partition>,
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
            children: Vec::new(),
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

/// A page that can be built from the slots that it is to show.
pub trait FromSlots<V: Vocabulary> {
    /// Builds a page of the slots after `after` from those that hold an item, in order. It shows
    /// as many as it has room for.
    fn from_slots(after: Seq, slots: impl Iterator<Item = (Seq, Slot<V>)>) -> Self;
}

/// A page whose slots can be looked at.
pub trait ToSlots<V: Vocabulary> {
    /// Returns the slots that the page shows, in order. None of them is empty.
    fn to_slots(&self) -> Vec<(Seq, Slot<V>)>;
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

    fn create(&mut self, partition: &V::Partition) {
        self.partition(partition);
    }

    fn children(&self, partition: &V::Partition) -> Vec<V::Partition> {
        self.partitions.get(partition).map(|p| p.children.clone()).unwrap_or_default()
    }

    fn seal(&mut self, partition: &V::Partition, children: Vec<V::Partition>) {
        self.partition(partition).children = children;
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
