//! What a thread remembers of a space, so that it need not compute it again.

use ahash::AHashMap;

use super::super::action::Action;
use super::super::coverage::Marks;
use super::super::small::WorkerNo;
use super::super::steps::expiries;
use super::super::world::{Broken, Fault, Work};
use super::moves::Memory;
use super::space::{Numbers, Part, Space};

/// What a thread remembers of a space.
#[derive(Default)]
pub(in crate::check) struct Cache {
    most: Most,
    pub(super) renamed: AHashMap<(u8, u16, u32), u32>,
    /// By part of a state: the number of the least part that differs only in names.
    pub(super) least: [AHashMap<Part, u32>; 2],
    /// The numbers of parts as they are.
    pub(super) plain: [AHashMap<Part, u32>; 3],
    /// By part of a state, once as it is and once as the least of its names: the number of the part
    /// once faults are over.
    pub(super) after_faults: [[Table<u32>; 2]; 3],
    pub(super) memory: Memory,
    /// The marks of the steps that were taken with it.
    pub(super) marked: Marks,
    /// Seats and workers after a step that changes all of them: by the action, their number before
    /// it, and the log's.
    pub(super) stirred: AHashMap<(Action, u32, u32), Part>,
    workers: Vec<Table<AtWork>>,
    producers: Table<Standing>,
    seats: Table<u32>,
    pairs: AHashMap<(u32, u32), Pair>,
    triggers: AHashMap<(u32, usize, i8), u32>,
    networks: AHashMap<(u32, Option<u32>, Part, Part), u32>,
    aged: AHashMap<(u32, Part), u32>,
    faults: AHashMap<(u32, Option<u8>, Broken), u32>,
}

/// What is known of components, by their numbers.
pub(super) struct Table<T>(Vec<Option<T>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table(Vec::new())
    }
}

impl<T> Table<T> {
    /// What it takes, in bytes.
    fn bytes(&self) -> usize {
        self.0.len() * size_of::<Option<T>>()
    }
}

impl<T: Copy> Table<T> {
    fn get(&mut self, number: u32, compute: impl FnOnce() -> T) -> T {
        if let Some(known) = self.known(number) {
            return known;
        }
        let value = compute();
        self.keep(number, value);
        value
    }

    pub(super) fn known(&self, number: u32) -> Option<T> {
        self.0.get(number as usize).copied().flatten()
    }

    pub(super) fn keep(&mut self, number: u32, value: T) {
        let place = number as usize;
        if self.0.len() <= place {
            self.0.resize_with((place + 1).next_power_of_two(), || None);
        }
        self.0[place] = Some(value);
    }
}

/// What matters of a worker beside its moves.
#[derive(Clone, Copy)]
pub(super) struct AtWork {
    /// The place of the seat that it is at work in.
    pub(super) seat: Option<usize>,
    /// Whether it has sent no request yet.
    pub(super) fresh: bool,
    /// Whether it waits for a reply.
    pub(super) waits: bool,
    /// Whether it acts as the owner of its lease (L2).
    pub(super) acts: bool,
    /// Whether the next tick ends its lease.
    pub(super) expires: bool,
    /// Its number after a tick that ends no lease.
    pub(super) aged: u32,
}

/// What matters of a producer beside its moves.
#[derive(Clone, Copy)]
pub(super) struct Standing {
    pub(super) claims: bool,
    pub(super) lives: bool,
}

/// What matters of a seat together with its partition's log.
#[derive(Clone, Copy)]
pub(super) struct Pair {
    /// Whether everything up to the checkpoint was delivered (D3).
    pub(super) sound: bool,
    /// Whether something behind the checkpoint waits to be delivered.
    pub(super) lags: bool,
    /// Whether everything that is acknowledged was delivered (P1).
    pub(super) delivered: bool,
}

/// The most that a thread remembers, in bytes. Tests forget more often.
#[derive(Clone, Copy)]
struct Most(usize);

impl Default for Most {
    fn default() -> Most {
        Most(if cfg!(test) { 256 << 10 } else { 384 << 20 })
    }
}

impl Cache {
    /// What an entry of a map takes, in bytes, or somewhat less.
    const ENTRY: usize = 128;

    /// An empty cache that forgets what takes more than so much memory, in bytes.
    pub(in crate::check) fn within(memory: usize) -> Cache {
        let Most(most) = Most::default();
        Cache { most: Most(most.min(memory)), ..Cache::default() }
    }

    /// Forgets everything if that has become much, tables by number included. These take their room
    /// for as long as high numbers come, so it is of no use to forget them more often than once for
    /// each level. States come in the order of their keys, so what is needed next is soon known again.
    pub(in crate::check) fn trim(&mut self) {
        self.forget_if(self.maps() + self.tables() > self.most.0);
    }

    /// Forgets everything if the maps alone have become too large. It takes next to no time.
    pub(in crate::check) fn trim_maps(&mut self) {
        self.forget_if(self.maps() > self.most.0);
    }

    fn forget_if(&mut self, is_much: bool) {
        if is_much {
            *self = Cache { most: self.most, ..Cache::default() };
        }
    }

    /// What the maps take, in bytes, or somewhat less.
    fn maps(&self) -> usize {
        let parts = self.least.iter().chain(&self.plain).map(|map| map.len()).sum::<usize>();
        let pairs = [self.renamed.len(), self.pairs.len(), self.triggers.len(), self.faults.len()];
        let others = [self.stirred.len(), self.networks.len(), self.aged.len()];
        let maps = pairs.iter().chain(&others).sum::<usize>();
        (self.memory.moves() + parts + maps) * Cache::ENTRY
    }

    /// What the tables by number take, in bytes.
    fn tables(&self) -> usize {
        let after_faults = self.after_faults.iter().flatten().map(Table::bytes);
        let workers = self.workers.iter().map(Table::bytes);
        let others = [self.producers.bytes(), self.seats.bytes()];
        after_faults.chain(workers).chain(others).sum()
    }

    pub(super) fn at_work(&mut self, space: &Space<'_>, worker: usize, number: u32) -> AtWork {
        if self.workers.len() <= worker {
            self.workers.resize_with(worker + 1, Table::default);
        }
        self.workers[worker].get(number, || {
            let mut world = space.names.clone();
            world.workers[worker] = space.worker(number);
            let turn = world.workers[worker].turn.as_ref();
            let place = turn.map(|turn| {
                (world.seat_index(turn.group, turn.partition), turn.fresh && turn.flight.is_none())
            });
            let expires = expiries(&world) > 0;
            let acts = space.protocol.acts(&world, WorkerNo(worker as u8)).is_some();
            // A tick changes a worker by itself; what its lease's seat says does not matter.
            let aged = space.protocol.aged(&world);
            AtWork {
                seat: place.map(|(place, _)| place),
                fresh: place.is_some_and(|(_, fresh)| fresh),
                waits: turn.is_some_and(|turn| turn.flight.is_some()),
                acts,
                expires,
                aged: space.worker_number(&aged.workers[worker]),
            }
        })
    }

    pub(super) fn standing(&mut self, space: &Space<'_>, number: u32) -> Standing {
        self.producers.get(number, || {
            let work = space.producer(number).work;
            Standing { claims: matches!(work, Work::Claim(_)), lives: work.is_unanswered() }
        })
    }

    pub(super) fn pair(&mut self, space: &Space<'_>, seat: u32, log: u32) -> Pair {
        *self.pairs.entry((seat, log)).or_insert_with(|| {
            let (seat, log) = (space.seat(seat), space.log(log));
            let holds = |slot: &u64| log.holds_events(*slot);
            let checkpoint = seat.checkpoint();
            Pair {
                sound: (1..=checkpoint.min(log.len()))
                    .filter(holds)
                    .all(|slot| seat.was_delivered(slot)),
                lags: (checkpoint + 1..=log.len()).any(|slot| holds(&slot)),
                delivered: log.acknowledged & !seat.delivered == 0,
            }
        })
    }

    pub(super) fn trigger(
        &mut self,
        space: &Space<'_>,
        number: u32,
        place: usize,
        change: i8,
    ) -> u32 {
        *self.triggers.entry((number, place, change)).or_insert_with(|| {
            let mut waiting = space.waiting(number);
            waiting[place] = waiting[place].saturating_add_signed(change);
            space.waiting_number(&waiting)
        })
    }

    /// The requests under way after a step that may add one: without those that can change nothing
    /// any more.
    pub(super) fn network(
        &mut self,
        space: &Space<'_>,
        numbers: &Numbers,
        late: Option<u32>,
    ) -> u32 {
        let question =
            (numbers.0[2][1], late, space.logs_alone(numbers), space.seats_alone(numbers));
        *self.networks.entry(question).or_insert_with(|| {
            let mut world = space.state(numbers);
            if let Some(late) = late {
                world.network.0.extend(space.network_value(late).0);
            }
            space.network_number(&space.protocol.normal(&world).network)
        })
    }

    pub(super) fn aged_network(&mut self, space: &Space<'_>, numbers: &Numbers) -> u32 {
        let question = (numbers.0[2][1], space.seats_alone(numbers));
        *self.aged.entry(question).or_insert_with(|| {
            let aged = space.protocol.aged(&space.state(numbers));
            space.network_number(&aged.network)
        })
    }

    pub(super) fn aged_seat(&mut self, space: &Space<'_>, number: u32) -> u32 {
        self.seats.get(number, || {
            let mut world = space.names.clone();
            world.seats[0] = space.seat(number);
            space.protocol.coverage.mark_action(&world, Action::Tick);
            space.seat_number(&space.protocol.aged(&world).seats[0])
        })
    }

    pub(super) fn spend(
        &mut self,
        space: &Space<'_>,
        number: u32,
        fault: Option<Fault>,
        broken: Broken,
    ) -> u32 {
        if fault.is_none() && broken == Broken::default() {
            return number;
        }
        let question = (number, fault.map(|fault| fault as u8), broken);
        *self.faults.entry(question).or_insert_with(|| {
            let (mut left, _) = space.faults_value(number);
            if let Some(fault) = fault {
                left.spend(fault, 1);
            }
            space.faults_number(left, broken)
        })
    }
}
