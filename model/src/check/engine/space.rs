//! The space of states: components by number, and states by their components.

use super::super::protocol::Protocol;
use super::super::small::{GroupNo, PartitionNo};
use super::super::world::{
    Broken, Left, Log, Network, Operator, Producer, Renaming, Seat, Worker, World,
};
use super::intern::Interner;
use super::visited::Key;
use crate::invariant::Invariant;

/// The most components that a world has, in each part of a state.
pub(super) const WIDEST: usize = 20;

/// The numbers of the components of one part of a state, and zeros.
pub(super) type Part = [u32; WIDEST];

/// The components of a state by number: logs and producers, seats and workers, the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Numbers(pub(super) [Part; 3]);

/// Every component that a search has met, and every part of a state.
pub(in crate::check) struct Space<'a> {
    pub(in crate::check) protocol: &'a Protocol,
    pub(super) partitions: usize,
    pub(super) producers: usize,
    pub(super) seats: usize,
    pub(super) workers: usize,
    /// Whether L2 is checked, which only several workers together can violate.
    pub(super) checks_l2: bool,
    /// A world in which nothing happened, for everything that asks for a place.
    pub(super) names: World,
    pub(super) quiet: u32,
    /// Whether no renaming moves what both of the first two parts depend on.
    pub(super) parts_are_apart: bool,
    pub(super) renamings: Vec<Renaming>,
    pub(super) logs: Interner<Log>,
    pub(super) writers: Interner<Producer>,
    pub(super) places: Interner<Seat>,
    pub(super) readers: Interner<Worker>,
    pub(super) operators: Interner<Vec<Operator>>,
    pub(super) triggers: Interner<Vec<u8>>,
    pub(super) networks: Interner<Network>,
    pub(super) faults: Interner<(Left, Broken)>,
    pub(super) parts: [Interner<Part>; 3],
}

impl<'a> Space<'a> {
    /// An empty space.
    pub(in crate::check) fn new(protocol: &'a Protocol) -> Self {
        let mut names = protocol.normal(&protocol.untouched());
        // Faults and the other run of a name are looked at when a remembered move is taken.
        names.left = Left::plenty();
        let networks = Interner::new();
        Space {
            protocol,
            partitions: names.logs.len(),
            producers: names.producers.len(),
            seats: names.seats.len(),
            workers: names.workers.len(),
            checks_l2: protocol.checked.contains(&Invariant::L2),
            names,
            quiet: networks.number(&Network::default()),
            parts_are_apart: protocol.bounds.groups == 1,
            renamings: Renaming::all(&protocol.bounds),
            logs: Interner::new(),
            writers: Interner::new(),
            places: Interner::new(),
            readers: Interner::new(),
            operators: Interner::new(),
            triggers: Interner::new(),
            networks,
            faults: Interner::new(),
            parts: std::array::from_fn(|_| Interner::new()),
        }
    }

    /// The state of a key.
    pub(in crate::check) fn world(&self, key: Key) -> World {
        self.state(&self.unpack(key))
    }

    pub(super) fn unpack(&self, key: Key) -> Numbers {
        let parts = key.parts();
        Numbers(std::array::from_fn(|part| *self.parts[part].value(parts[part])))
    }

    pub(super) fn state(&self, Numbers([a, b, c]): &Numbers) -> World {
        let (left, broken) = *self.faults.value(c[2]);
        World {
            now: super::super::small::Tick(0),
            logs: collect(&a[..self.partitions], &self.logs),
            producers: collect(
                &a[self.partitions..self.partitions + self.producers],
                &self.writers,
            ),
            seats: collect(&b[..self.seats], &self.places),
            workers: collect(&b[self.seats..self.seats + self.workers], &self.readers),
            operators: self.operators.value(c[3]).clone(),
            triggers: self.triggers.value(c[0]).clone(),
            network: self.networks.value(c[1]).clone(),
            left,
            broken,
        }
    }

    pub(super) fn numbers(&self, world: &World) -> Numbers {
        let mut numbers = Numbers([[0; WIDEST]; 3]);
        let [a, b, c] = &mut numbers.0;
        put(&mut a[..], &world.logs, &self.logs);
        put(&mut a[self.partitions..], &world.producers, &self.writers);
        put(&mut b[..], &world.seats, &self.places);
        put(&mut b[self.seats..], &world.workers, &self.readers);
        c[0] = self.triggers.number(&world.triggers);
        c[1] = self.networks.number(&world.network);
        c[2] = self.faults.number(&(world.left, world.broken));
        c[3] = self.operators.number(&world.operators);
        numbers
    }
}

impl Space<'_> {
    /// The numbers of a state that comes from another one, most of whose components it still has.
    pub(super) fn numbers_after(&self, next: &World, from: &World, old: &Numbers) -> Numbers {
        let mut numbers = *old;
        let [a, b, c] = &mut numbers.0;
        put_new(&mut a[..], (&next.logs, &from.logs), &self.logs);
        put_new(&mut a[self.partitions..], (&next.producers, &from.producers), &self.writers);
        put_new(&mut b[..], (&next.seats, &from.seats), &self.places);
        put_new(&mut b[self.seats..], (&next.workers, &from.workers), &self.readers);
        c[0] = self.triggers.number(&next.triggers);
        if next.network != from.network {
            c[1] = self.networks.number(&next.network);
        }
        if (next.left, next.broken) != (from.left, from.broken) {
            c[2] = self.faults.number(&(next.left, next.broken));
        }
        if next.operators != from.operators {
            c[3] = self.operators.number(&next.operators);
        }
        numbers
    }
}

// What was read from a file.
impl Space<'_> {
    /// Whether every part consists of components that there are.
    pub(super) fn is_whole(&self) -> bool {
        let [logs, writers] = [self.logs.len(), self.writers.len()];
        let [places, readers] = [self.places.len(), self.readers.len()];
        let rest =
            [self.triggers.len(), self.networks.len(), self.faults.len(), self.operators.len()];
        let kinds: [Vec<usize>; 3] = [
            [vec![logs; self.partitions], vec![writers; self.producers]].concat(),
            [vec![places; self.seats], vec![readers; self.workers]].concat(),
            rest.to_vec(),
        ];
        self.parts.iter().zip(&kinds).all(|(parts, kinds)| {
            (0..parts.len()).all(|number| {
                let (used, unused) = parts.value(number as u32).split_at(kinds.len());
                used.iter().zip(kinds).all(|(&component, &count)| (component as usize) < count)
                    && unused.iter().all(|&component| component == 0)
            })
        })
    }

    /// Whether a key consists of parts that there are.
    pub(in crate::check) fn has(&self, key: Key) -> bool {
        key.parts().iter().zip(&self.parts).all(|(&part, parts)| (part as usize) < parts.len())
    }
}

// Components by number.
impl Space<'_> {
    pub(super) fn place(&self, place: usize) -> (GroupNo, PartitionNo) {
        let (group, partition) = (place / self.partitions, place % self.partitions);
        (GroupNo(group as u8), PartitionNo(partition as u8))
    }

    /// A world in which nothing happened but in one partition's log, and faults are plenty.
    pub(super) fn blank(&self, log: u32, partition: PartitionNo) -> World {
        let mut world = self.names.clone();
        world.logs[partition.index()] = self.log(log);
        world
    }

    pub(super) fn log(&self, number: u32) -> Log {
        self.logs.value(number).clone()
    }

    pub(super) fn log_number(&self, log: &Log) -> u32 {
        self.logs.number(log)
    }

    pub(super) fn producer(&self, number: u32) -> Producer {
        self.writers.value(number).clone()
    }

    pub(super) fn producer_number(&self, producer: &Producer) -> u32 {
        self.writers.number(producer)
    }

    pub(super) fn seat(&self, number: u32) -> Seat {
        self.places.value(number).clone()
    }

    pub(super) fn seat_number(&self, seat: &Seat) -> u32 {
        self.places.number(seat)
    }

    pub(super) fn worker(&self, number: u32) -> Worker {
        self.readers.value(number).clone()
    }

    pub(super) fn worker_number(&self, worker: &Worker) -> u32 {
        self.readers.number(worker)
    }

    pub(super) fn network(&self, numbers: &Numbers) -> &Network {
        self.networks.value(numbers.0[2][1])
    }

    pub(super) fn network_value(&self, number: u32) -> Network {
        self.networks.value(number).clone()
    }

    pub(super) fn network_number(&self, network: &Network) -> u32 {
        self.networks.number(network)
    }

    /// Whether no request is under way.
    pub(super) fn is_quiet(&self, numbers: &Numbers) -> bool {
        numbers.0[2][1] == self.quiet
    }

    pub(super) fn triggers_of(&self, numbers: &Numbers) -> &[u8] {
        self.triggers.value(numbers.0[2][0])
    }

    pub(super) fn waiting(&self, number: u32) -> Vec<u8> {
        self.triggers.value(number).clone()
    }

    pub(super) fn waiting_number(&self, waiting: &Vec<u8>) -> u32 {
        self.triggers.number(waiting)
    }

    pub(super) fn faults_of(&self, numbers: &Numbers) -> (Left, Broken) {
        self.faults_value(numbers.0[2][2])
    }

    pub(super) fn faults_value(&self, number: u32) -> (Left, Broken) {
        *self.faults.value(number)
    }

    pub(super) fn faults_number(&self, left: Left, broken: Broken) -> u32 {
        self.faults.number(&(left, broken))
    }

    /// The logs of a state and nothing else.
    pub(super) fn logs_alone(&self, numbers: &Numbers) -> Part {
        let mut part = [0; WIDEST];
        part[..self.partitions].copy_from_slice(&numbers.0[0][..self.partitions]);
        part
    }

    /// The seats of a state and nothing else.
    pub(super) fn seats_alone(&self, numbers: &Numbers) -> Part {
        let mut part = [0; WIDEST];
        part[..self.seats].copy_from_slice(&numbers.0[1][..self.seats]);
        part
    }
}

fn put<T: Clone + Eq + std::hash::Hash>(part: &mut [u32], values: &[T], interner: &Interner<T>) {
    for (place, value) in part.iter_mut().zip(values) {
        *place = interner.number(value);
    }
}

/// Puts the numbers of those values that differ from the old ones.
fn put_new<T: Clone + Eq + std::hash::Hash>(
    part: &mut [u32],
    (new, old): (&[T], &[T]),
    interner: &Interner<T>,
) {
    for (place, (new, old)) in part.iter_mut().zip(new.iter().zip(old)) {
        if new != old {
            *place = interner.number(new);
        }
    }
}

fn collect<T: Clone + Eq + std::hash::Hash>(numbers: &[u32], interner: &Interner<T>) -> Vec<T> {
    numbers.iter().map(|&number| interner.value(number).clone()).collect()
}
