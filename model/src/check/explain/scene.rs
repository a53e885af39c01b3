//! One state of a path, and questions about it.

use super::super::lineage;
use super::super::small::{PartitionNo, ProducerNo, Small, Tick, WorkerNo};
use super::super::world::{Seat, Turn, World};
use super::place::{Place, Position};
use crate::invariant::Invariant;
use crate::store::{Lease, Slot, Spoken};

/// One state of a path, as it is: with real epochs, turns and times.
#[derive(Clone)]
pub(in crate::check) struct Scene(World);

impl Scene {
    pub(super) fn new(world: &World) -> Scene {
        Scene(world.clone())
    }

    pub(super) fn world(&self) -> &World {
        &self.0
    }

    /// Whether an invariant that steps break was broken before.
    pub(super) fn broke(&self, invariant: Invariant) -> bool {
        self.0.broken.contains(invariant)
    }

    pub(super) fn partitions(&self) -> impl Iterator<Item = PartitionNo> + use<> {
        (0..self.0.logs.len() as u8).map(PartitionNo)
    }

    /// Every group's place in every partition.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        self.0.places().map(|(group, partition)| Place { group, partition })
    }

    /// Whether anything is to be told of a partition: it is made, or a seal names it.
    pub(super) fn is_told(&self, partition: PartitionNo) -> bool {
        let is_fixed = self.0.operators.is_empty();
        is_fixed || lineage::is_made(&self.0, partition) || lineage::is_named(&self.0, partition)
    }

    /// The partition to which a producer appends, as far as it knows.
    pub(super) fn route(&self, producer: ProducerNo) -> PartitionNo {
        self.0.producers[producer.index()].route
    }

    pub(super) fn head(&self, partition: PartitionNo) -> u64 {
        self.0.log(partition).head.0
    }

    /// The last slot that was given out or written.
    pub(super) fn last(&self, partition: PartitionNo) -> u64 {
        self.0.log(partition).len().max(self.head(partition))
    }

    /// Every slot that was given out or written.
    pub(super) fn positions(&self) -> impl Iterator<Item = Position> + use<'_> {
        self.partitions().flat_map(|partition| {
            (1..=self.last(partition)).map(move |slot| Position { partition, slot })
        })
    }

    pub(super) fn slot(&self, position: Position) -> &Slot<Small> {
        self.0.slot(position.partition, position.slot)
    }

    /// The events in a slot, by name, if it holds any.
    pub(super) fn events(&self, position: Position) -> Option<String> {
        events(self.slot(position))
    }

    pub(super) fn is_acknowledged(&self, position: Position) -> bool {
        self.0.log(position.partition).was_acknowledged(position.slot)
    }

    pub(super) fn seat(&self, place: Place) -> &Seat {
        self.0.seat(place.group, place.partition)
    }

    pub(super) fn is_delivered(&self, place: Place, slot: u64) -> bool {
        self.seat(place).was_delivered(slot)
    }

    /// The slots whose events are acknowledged, and not delivered to a group.
    pub(super) fn undelivered(&self, place: Place) -> Vec<u64> {
        let slots = 1..=self.last(place.partition);
        let lacks =
            |slot: &u64| self.is_acknowledged(place.at(*slot)) && !self.is_delivered(place, *slot);
        slots.filter(lacks).collect()
    }

    pub(super) fn lease(&self, place: Place) -> Option<&Lease<Small>> {
        self.seat(place).lease.as_ref()
    }

    pub(super) fn checkpoint(&self, place: Place) -> u64 {
        self.seat(place).checkpoint()
    }

    /// Whether a lease has ended, by the time of the world.
    pub(super) fn has_ended(&self, lease: &Lease<Small>) -> bool {
        lease.active && lease.until <= self.0.now
    }

    /// Whether a lease is held and has not ended.
    pub(super) fn is_held(&self, place: Place) -> bool {
        self.lease(place).is_some_and(|lease| lease.active && !self.has_ended(lease))
    }

    pub(super) fn triggers(&self, place: Place) -> u8 {
        self.0.triggers[self.0.seat_index(place.group, place.partition)]
    }

    pub(super) fn turn(&self, worker: WorkerNo) -> Option<&Turn> {
        self.0.workers[worker.index()].turn.as_ref()
    }

    /// The turns for a group in a partition, each with its worker.
    pub(super) fn turns(&self, place: Place) -> impl Iterator<Item = (WorkerNo, &Turn)> {
        let workers = (0..self.0.workers.len() as u8).map(WorkerNo);
        let turns = workers.filter_map(|worker| Some((worker, self.turn(worker)?)));
        turns.filter(move |(_, turn)| Place::of_turn(turn) == place)
    }

    /// By how many ticks a worker's clock is ahead.
    pub(super) fn ahead(&self, worker: WorkerNo) -> u8 {
        self.0.workers[worker.index()].ahead
    }

    pub(super) fn clock(&self, worker: WorkerNo) -> Tick {
        self.0.clock(worker)
    }

    /// Whether a worker holds a lease that has ended by its clock.
    pub(super) fn is_over(&self, worker: WorkerNo) -> bool {
        self.turn(worker).is_some_and(|turn| turn.is_over(self.clock(worker)))
    }
}

/// Events by name, if a slot holds any.
pub(super) fn events(slot: &Slot<Small>) -> Option<String> {
    match slot {
        Slot::Empty | Slot::Void => None,
        Slot::Events { token, batch } => Some(Small::events(token, batch)),
    }
}
