//! The checked world: tables, processes, triggers, requests under way, clocks, and what the judges
//! of the invariants remember.
//!
//! A state is a tuple of components. A step changes few of them, and a component has few values
//! although there are many states; the engine keeps each value once. No component knows how many
//! others there are.

mod dead_letters;
mod done;
mod left;
mod log;
mod network;
mod normal;
mod process;
mod renaming;
mod seat;
mod tables;
#[cfg(test)]
mod tests;

pub(super) use left::{Fault, Left};
pub(super) use log::{Began, LAST, Log, PARTITIONS};
pub(super) use network::{Late, Network};
pub(super) use normal::Norm;
pub(super) use process::{Flight, Operator, Producer, Turn, Work, Worker};
pub(super) use renaming::{Renamed, Renaming};
pub(super) use seat::Seat;

use serde::{Deserialize, Serialize};

use super::bounds::Bounds;
use super::small::{GroupNo, Owner, PartitionNo, ProducerNo, Small, Tick, Token, WorkerNo};
use crate::ids::Seq;
use crate::invariant::Invariant;
use crate::store::{Lease, Slot};

/// A state of the checked world. `Debug` prints it for people, over several lines.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct World {
    /// The time of the world, which the clocks of processes may be ahead of.
    pub(super) now: Tick,
    /// The partitions' items and slots, by partition.
    pub(super) logs: Vec<Log>,
    /// The groups' places in the partitions, by group and then by partition.
    pub(super) seats: Vec<Seat>,
    /// The producers, then the second runs of each.
    pub(super) producers: Vec<Producer>,
    pub(super) workers: Vec<Worker>,
    /// Those who split, then those who merge.
    pub(super) operators: Vec<Operator>,
    /// Triggers that wait to be taken, for each seat.
    pub(super) triggers: Vec<u8>,
    /// Copies of requests that arrive later, or never.
    pub(super) network: Network,
    pub(super) left: Left,
    pub(super) broken: Broken,
}

/// A set of invariants that some step broke.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(super) struct Broken(u16);

impl Broken {
    pub(super) fn insert(&mut self, invariant: Invariant) {
        self.0 |= 1 << invariant as u16;
    }

    pub(super) fn contains(self, invariant: Invariant) -> bool {
        self.0 & 1 << invariant as u16 != 0
    }

    /// Each invariant in the set.
    pub(super) fn each(self) -> impl Iterator<Item = Invariant> {
        Invariant::ALL.iter().copied().filter(move |&invariant| self.contains(invariant))
    }

    /// Forgets what is not asked for.
    pub(super) fn keep(&mut self, invariants: &[Invariant]) {
        let asked = invariants.iter().fold(0, |bits, &invariant| bits | 1 << invariant as u16);
        self.0 &= asked;
    }
}

impl World {
    /// The world before the first step. `first` is what a producer does first.
    pub(super) fn new(bounds: &Bounds, first: impl Fn(ProducerNo, &Producer) -> Work) -> Self {
        let names = bounds.producers;
        let runs = if bounds.twins > 0 { ProducerNo::MOST + names } else { names };
        let partitions = bounds.all_partitions();
        let seats = usize::from(bounds.groups) * usize::from(partitions);
        let asleep = |run: u8| Producer {
            work: Work::Asleep,
            run: 0,
            answered: 0,
            longer: false,
            route: bounds.home(ProducerNo(run)),
            expected: None,
        };
        let producer = |run: u8| match run < names {
            true => Producer { work: first(ProducerNo(run), &asleep(run)), ..asleep(run) },
            false => asleep(run),
        };
        World {
            now: Tick(0),
            logs: vec![Log::new(names); partitions.into()],
            seats: vec![Seat::default(); seats],
            producers: (0..runs).map(producer).collect(),
            workers: vec![Worker::default(); bounds.workers.into()],
            operators: vec![Operator::Asleep; bounds.operators().into()],
            triggers: vec![0; seats],
            network: Network::default(),
            left: Left::all(bounds),
            broken: Broken::default(),
        }
    }

    /// The place of a seat.
    pub(super) fn seat_index(&self, group: GroupNo, partition: PartitionNo) -> usize {
        group.index() * self.logs.len() + partition.index()
    }

    pub(super) fn seat(&self, group: GroupNo, partition: PartitionNo) -> &Seat {
        &self.seats[self.seat_index(group, partition)]
    }

    pub(super) fn seat_mut(&mut self, group: GroupNo, partition: PartitionNo) -> &mut Seat {
        let index = self.seat_index(group, partition);
        &mut self.seats[index]
    }

    pub(super) fn log(&self, partition: PartitionNo) -> &Log {
        &self.logs[partition.index()]
    }

    /// The group and the partition of each seat, in order.
    pub(super) fn places(&self) -> impl Iterator<Item = (GroupNo, PartitionNo)> + use<> {
        let partitions = self.logs.len();
        (0..self.seats.len()).map(move |seat| {
            (GroupNo((seat / partitions) as u8), PartitionNo((seat % partitions) as u8))
        })
    }

    pub(super) fn lease(&self, group: GroupNo, partition: PartitionNo) -> Option<&Lease<Small>> {
        self.seat(group, partition).lease.as_ref()
    }

    /// The name by which a worker's turn owns its lease: the one under way, or the next.
    pub(super) fn owner(&self, worker: WorkerNo) -> Owner {
        Owner { worker, turn: self.workers[worker.index()].names }
    }

    /// Notes that no other turn of a worker goes by its present name.
    pub(super) fn end_name(&mut self, worker: WorkerNo) {
        let names = &mut self.workers[worker.index()].names;
        *names = names.wrapping_add(1);
    }

    /// What a worker's clock shows.
    pub(super) fn clock(&self, worker: WorkerNo) -> Tick {
        Tick(self.now.0 + i16::from(self.workers[worker.index()].ahead))
    }

    /// What a slot holds.
    pub(super) fn slot(&self, partition: PartitionNo, slot: u64) -> &Slot<Small> {
        self.log(partition).slot(Seq(slot))
    }

    /// Adds a trigger of a group.
    pub(super) fn trigger(&mut self, group: GroupNo, partition: PartitionNo) {
        let seat = self.seat_index(group, partition);
        self.triggers[seat] += 1;
    }

    /// Adds a trigger of a group, unless one waits.
    pub(super) fn trigger_once(&mut self, group: GroupNo, partition: PartitionNo) {
        let seat = self.seat_index(group, partition);
        self.triggers[seat] = self.triggers[seat].max(1);
    }

    /// Whether an append was refused, and the run that was told so is still alive (D1).
    pub(super) fn was_refused(&self, token: &Token) -> bool {
        // It is remembered where the producer began.
        self.logs.iter().any(|log| log.refused.contains(token))
    }

    /// Whether a group has slots with events that it has not finished.
    pub(super) fn lags(&self, group: GroupNo, partition: PartitionNo) -> bool {
        let log = self.log(partition);
        (self.seat(group, partition).checkpoint() + 1..=log.len())
            .any(|slot| log.holds_events(slot))
    }

    /// The state as far as it matters once faults are over: without requests under way, and without
    /// what the judges of safety remember.
    pub(super) fn after_faults(&self) -> World {
        World {
            logs: self.logs.iter().map(Log::after_faults).collect(),
            seats: self.seats.iter().map(Seat::after_faults).collect(),
            producers: self.producers.iter().map(Producer::after_faults).collect(),
            network: Network::default(),
            left: Left::none(),
            broken: Broken::default(),
            ..self.clone()
        }
    }
}
