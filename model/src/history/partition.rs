//! The items of one partition, with a journal, so that what was done can be undone.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

use crate::ids::Seq;
use crate::store::{FromSlots, Lease, Raiser, Record, Slot, Tables};
use crate::vocabulary::Vocabulary;

/// The items of one partition. Whatever partition they are asked for, they answer for this one.
pub(super) struct Partition<V: Vocabulary> {
    head: Seq,
    children: Vec<V::Partition>,
    raiser: Option<Raiser<V>>,
    records: BTreeMap<V::Name, Record>,
    slots: BTreeMap<Seq, Slot<V>>,
    leases: BTreeMap<V::Group, Lease<V>>,
    journal: Vec<Change<V>>,
    /// A hash of all items, which changes with each of them and comes back when that is undone.
    hash: u64,
}

/// What an item was before a change.
#[derive(Hash)]
enum Change<V: Vocabulary> {
    Head(Seq),
    Children(Vec<V::Partition>),
    Raiser(Option<Raiser<V>>),
    Record(V::Name, Option<Record>),
    Slot(Seq, Option<Slot<V>>),
    Lease(V::Group, Option<Lease<V>>),
}

impl<V: Vocabulary> Partition<V>
where
    V::Group: Ord,
    V::Name: Ord,
{
    /// A partition that is new.
    pub(super) fn new() -> Self {
        Partition {
            head: Seq::ZERO,
            children: Vec::new(),
            raiser: None,
            records: BTreeMap::new(),
            slots: BTreeMap::new(),
            leases: BTreeMap::new(),
            journal: Vec::new(),
            hash: 0,
        }
    }

    /// A place in the journal.
    pub(super) fn mark(&self) -> usize {
        self.journal.len()
    }

    /// Whether an item has changed since.
    pub(super) fn has_changed_since(&self, mark: usize) -> bool {
        self.journal.len() > mark
    }

    /// Undoes everything since a place in the journal.
    pub(super) fn undo_to(&mut self, mark: usize) {
        while self.journal.len() > mark {
            if let Some(change) = self.journal.pop() {
                self.swap(change);
            }
        }
    }

    /// How far the item has come: the head, or the epoch of the lease. Only one of them is there, since
    /// each item is searched by itself.
    pub(super) fn clock(&self) -> u64 {
        let epochs = self.leases.values().map(|lease| lease.epoch.0);
        epochs.fold(self.head.0, u64::max)
    }

    /// What a slot holds.
    pub(super) fn content(&self, slot: Seq) -> Slot<V> {
        self.slots.get(&slot).cloned().unwrap_or(Slot::Empty)
    }

    /// The last slot that is not empty, or zero.
    pub(super) fn last(&self) -> Seq {
        self.slots.keys().next_back().copied().unwrap_or(Seq::ZERO)
    }

    pub(super) fn hash(&self) -> u64 {
        self.hash
    }

    fn change(&mut self, to: Change<V>) {
        let was = self.swap(to);
        self.journal.push(was);
    }

    /// Makes an item what `to` says, and returns what it was.
    fn swap(&mut self, to: Change<V>) -> Change<V> {
        self.hash ^= hash_of(&to);
        let was = match to {
            Change::Head(head) => Change::Head(std::mem::replace(&mut self.head, head)),
            Change::Children(children) => {
                Change::Children(std::mem::replace(&mut self.children, children))
            }
            Change::Raiser(raiser) => Change::Raiser(std::mem::replace(&mut self.raiser, raiser)),
            Change::Record(name, record) => {
                let was = put(&mut self.records, name.clone(), record);
                Change::Record(name, was)
            }
            Change::Slot(seq, slot) => {
                let was = put(&mut self.slots, seq, slot);
                Change::Slot(seq, was)
            }
            Change::Lease(group, lease) => {
                let was = put(&mut self.leases, group.clone(), lease);
                Change::Lease(group, was)
            }
        };
        self.hash ^= hash_of(&was);
        was
    }
}

fn put<K: Ord, T>(map: &mut BTreeMap<K, T>, key: K, to: Option<T>) -> Option<T> {
    match to {
        Some(value) => map.insert(key, value),
        None => map.remove(&key),
    }
}

pub(super) fn hash_of(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

impl<V: Vocabulary> Tables<V> for Partition<V>
where
    V::Group: Ord,
    V::Name: Ord,
    V::Page: FromSlots<V>,
{
    fn head(&self, _: &V::Partition) -> Seq {
        self.head
    }

    fn set_head(&mut self, _: &V::Partition, head: Seq) {
        self.change(Change::Head(head));
    }

    fn raiser(&self, _: &V::Partition) -> Option<Raiser<V>> {
        self.raiser.clone()
    }

    fn set_raiser(&mut self, _: &V::Partition, raiser: Raiser<V>) {
        self.change(Change::Raiser(Some(raiser)));
    }

    fn create(&mut self, _: &V::Partition) {}

    fn children(&self, _: &V::Partition) -> Vec<V::Partition> {
        self.children.clone()
    }

    fn seal(&mut self, _: &V::Partition, children: Vec<V::Partition>) {
        self.change(Change::Children(children));
    }

    fn record(&self, _: &V::Partition, name: &V::Name) -> Option<Record> {
        self.records.get(name).copied()
    }

    fn set_record(&mut self, _: &V::Partition, name: &V::Name, record: Record) {
        self.change(Change::Record(name.clone(), Some(record)));
    }

    fn slot(&self, _: &V::Partition, slot: Seq) -> Slot<V> {
        self.content(slot)
    }

    fn put_slot(&mut self, _: &V::Partition, slot: Seq, content: Slot<V>) {
        self.change(Change::Slot(slot, Some(content)));
    }

    fn tail(&self, _: &V::Partition) -> Seq {
        self.last()
    }

    fn page(&self, _: &V::Partition, after: Seq, hidden: &dyn Fn(Seq) -> bool) -> V::Page {
        let present = self.slots.range(after.next()..).filter(|(seq, _)| !hidden(**seq));
        V::Page::from_slots(after, present.map(|(seq, slot)| (*seq, slot.clone())))
    }

    fn lease(&self, group: &V::Group, _: &V::Partition) -> Option<Lease<V>> {
        self.leases.get(group).cloned()
    }

    fn put_lease(&mut self, group: &V::Group, _: &V::Partition, lease: Lease<V>) {
        self.change(Change::Lease(group.clone(), Some(lease)));
    }
}
