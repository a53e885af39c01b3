//! The tables of the checked world, as the specification of the store sees them.

use super::super::small::{GroupNo, PartitionNo, ProducerNo, Small, Window};
use super::World;
use crate::ids::Seq;
use crate::store::{FromSlots, Lease, Raiser, Record, Slot, Tables};

impl Tables<Small> for World {
    fn head(&self, partition: &PartitionNo) -> Seq {
        self.log(*partition).head
    }

    fn set_head(&mut self, partition: &PartitionNo, head: Seq) {
        self.logs[partition.index()].head = head;
    }

    fn raiser(&self, partition: &PartitionNo) -> Option<Raiser<Small>> {
        self.log(*partition).raiser.clone()
    }

    fn set_raiser(&mut self, partition: &PartitionNo, raiser: Raiser<Small>) {
        self.logs[partition.index()].raiser = Some(raiser);
    }

    fn create(&mut self, partition: &PartitionNo) {
        self.logs[partition.index()].created = true;
    }

    fn children(&self, partition: &PartitionNo) -> Vec<PartitionNo> {
        self.log(*partition).children.clone()
    }

    fn seal(&mut self, partition: &PartitionNo, children: Vec<PartitionNo>) {
        self.logs[partition.index()].children = children;
    }

    fn record(&self, partition: &PartitionNo, name: &ProducerNo) -> Option<Record> {
        self.log(*partition).records[name.index()]
    }

    fn set_record(&mut self, partition: &PartitionNo, name: &ProducerNo, record: Record) {
        self.logs[partition.index()].records[name.index()] = Some(record);
    }

    fn slot(&self, partition: &PartitionNo, slot: Seq) -> Slot<Small> {
        self.log(*partition).slot(slot).clone()
    }

    fn put_slot(&mut self, partition: &PartitionNo, slot: Seq, content: Slot<Small>) {
        self.logs[partition.index()].put_slot(slot, content);
    }

    fn tail(&self, partition: &PartitionNo) -> Seq {
        Seq(self.log(*partition).len())
    }

    fn page(&self, partition: &PartitionNo, after: Seq, hidden: &dyn Fn(Seq) -> bool) -> Window {
        let items =
            self.log(*partition).items().filter(|(slot, _)| *slot > after && !hidden(*slot));
        Window::from_slots(after, items.map(|(slot, content)| (slot, content.clone())))
    }

    fn lease(&self, group: &GroupNo, partition: &PartitionNo) -> Option<Lease<Small>> {
        self.seat(*group, *partition).lease.clone()
    }

    fn put_lease(&mut self, group: &GroupNo, partition: &PartitionNo, lease: Lease<Small>) {
        self.seat_mut(*group, *partition).lease = Some(lease);
    }
}
