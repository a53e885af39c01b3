//! The states that follow a state, put together from remembered moves.

use ahash::AHashMap;

use super::super::action::{Action, Process};
use super::super::progress::{Takers, takers};
use super::super::small::{ProducerNo, WorkerNo};
use super::super::steps::Steps;
use super::super::world::{Broken, Fault, Left, Work};
use super::moves::{Memory, Move};
use super::space::{Numbers, Part, Space};
use super::visited::Key;
use crate::design::Trigger;
use crate::invariant::Invariant;

/// Which states to generate.
#[derive(Clone, Copy)]
pub(in crate::check) struct Scope {
    pub(in crate::check) which: Steps,
    /// Whether the steps of one process are enough where they are.
    pub(in crate::check) reduced: bool,
    /// Whether states that differ only in names are one.
    pub(in crate::check) symmetric: bool,
}

/// A state that follows another.
pub(in crate::check) struct Next {
    /// `None` if there were too many different components.
    pub(in crate::check) key: Option<Key>,
    /// The checked invariants that the state violates.
    pub(in crate::check) broken: Broken,
    /// For whom a fair schedule takes the step.
    pub(in crate::check) takers: Takers,
}

/// What a thread remembers of the space, so that it need not ask.
#[derive(Default)]
pub(in crate::check) struct Cache {
    pub(super) renamed: AHashMap<(u8, u16, u32), u32>,
    /// By part of a state: the number of the least part that differs only in names.
    pub(super) least: [AHashMap<Part, u32>; 2],
    /// The numbers of parts as they are.
    pub(super) plain: [AHashMap<Part, u32>; 3],
    pub(super) after_faults: AHashMap<(u8, u32), u32>,
    memory: Memory,
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
struct Table<T>(Vec<Option<T>>);

impl<T> Default for Table<T> {
    fn default() -> Self {
        Table(Vec::new())
    }
}

impl<T: Copy> Table<T> {
    fn get(&mut self, number: u32, compute: impl FnOnce() -> T) -> T {
        let place = number as usize;
        if let Some(Some(known)) = self.0.get(place) {
            return *known;
        }
        let value = compute();
        if self.0.len() <= place {
            self.0.resize_with((place + 1).next_power_of_two(), || None);
        }
        self.0[place] = Some(value);
        value
    }
}

/// What matters of a worker beside its moves.
#[derive(Clone, Copy)]
struct AtWork {
    /// The place of the seat that it is at work in.
    seat: Option<usize>,
    /// Whether it has sent no request yet.
    fresh: bool,
    /// Whether it acts as the owner of its lease (L2).
    acts: bool,
    /// Whether the next tick ends its lease.
    expires: bool,
    /// Its number after a tick that ends no lease.
    aged: u32,
}

/// What matters of a producer beside its moves.
#[derive(Clone, Copy)]
struct Standing {
    claims: bool,
    lives: bool,
}

/// What matters of a seat together with its partition's log.
#[derive(Clone, Copy)]
struct Pair {
    /// Whether everything up to the checkpoint was delivered (D3).
    sound: bool,
    /// Whether something behind the checkpoint waits to be delivered.
    lags: bool,
    /// Whether everything that is acknowledged was delivered (P1).
    delivered: bool,
}

/// A state whose successors are generated.
struct Here<'s, 'a> {
    space: &'s Space<'a>,
    scope: Scope,
    key: Key,
    numbers: Numbers,
    left: Left,
    quiet: bool,
}

impl<'a> Space<'a> {
    /// Generates every state that follows one.
    pub(in crate::check) fn successors(
        &self,
        key: Key,
        scope: Scope,
        cache: &mut Cache,
        found: &mut impl FnMut(Next),
    ) {
        let numbers = self.unpack(key);
        let (left, _) = self.faults_of(&numbers);
        let quiet = self.is_quiet(&numbers);
        let here = Here { space: self, scope, key, numbers, left, quiet };
        match here.process_to_explore(cache) {
            Some(Process::Producer(producer)) => here.producer(producer, cache, found),
            Some(Process::Worker(worker)) => here.worker(worker, cache, found),
            None => here.all(cache, found),
        }
    }
}

impl Space<'_> {
    /// Whether everything is done in a state, which is the goal of P1.
    pub(in crate::check) fn is_finished(&self, key: Key, cache: &mut Cache) -> bool {
        let numbers = self.unpack(key);
        let mut lives = |producer| {
            let number = numbers.0[0][self.partitions + producer];
            cache.standing(self, number).lives
        };
        if (0..self.producers).any(&mut lives) {
            return false;
        }
        (0..self.seats).all(|place| {
            let (seat, log) = (numbers.0[1][place], numbers.0[0][place % self.partitions]);
            cache.pair(self, seat, log).delivered
        })
    }
}

impl Here<'_, '_> {
    fn all(&self, cache: &mut Cache, found: &mut impl FnMut(Next)) {
        for producer in 0..self.space.producers {
            self.producer(ProducerNo(producer as u8), cache, found);
        }
        for worker in 0..self.space.workers {
            self.worker(WorkerNo(worker as u8), cache, found);
        }
        for place in 0..self.space.seats {
            self.triggers(place, cache, found);
        }
        self.tick(cache, found);
        if self.scope.which == Steps::All && !self.quiet {
            let copies = self.space.network(&self.numbers).0.len();
            (0..copies)
                .for_each(|copy| self.slowly(Action::Arrive { copy: copy as u8 }, cache, found));
        }
    }

    /// The process whose steps alone are enough; see [`Protocol::process_to_explore`].
    ///
    /// [`Protocol::process_to_explore`]: super::super::protocol::Protocol
    fn process_to_explore(&self, cache: &mut Cache) -> Option<Process> {
        if !self.scope.reduced {
            return None;
        }
        for worker in 0..self.space.workers {
            if self.at_work(worker, cache).fresh {
                return Some(Process::Worker(WorkerNo(worker as u8)));
            }
        }
        let claims =
            (0..self.space.producers).any(|producer| self.standing(producer, cache).claims);
        if !claims {
            return None;
        }
        self.space.protocol.process_to_explore(&self.space.state(&self.numbers))
    }

    fn producer(&self, producer: ProducerNo, cache: &mut Cache, found: &mut impl FnMut(Next)) {
        let space = self.space;
        let place = producer.index();
        let partition = space.protocol.partition_of(producer).index();
        let (own, log) =
            (self.numbers.0[0][space.partitions + place], self.numbers.0[0][partition]);
        let moves = cache.memory.of_producer(space, producer, own, log);
        for step in moves.list.iter().filter(|step| self.can(step)) {
            if let Action::Twin { producer } = step.action {
                let first = producer.other().index();
                if !self.standing(first, cache).lives {
                    continue;
                }
            }
            let mut numbers = self.numbers;
            numbers.0[0][partition] = step.log;
            numbers.0[0][space.partitions + place] = step.own;
            self.moved(step, numbers, partition, cache, found);
        }
        cache.memory.keep(moves);
    }

    fn worker(&self, worker: WorkerNo, cache: &mut Cache, found: &mut impl FnMut(Next)) {
        let space = self.space;
        let own = self.numbers.0[1][space.seats + worker.index()];
        let places = match self.at_work(worker.index(), cache).seat {
            Some(place) => place..place + 1,
            None => 0..space.seats,
        };
        let idle = self.at_work(worker.index(), cache).seat.is_none();
        let waiting = space.triggers_of(&self.numbers);
        for place in places {
            let partition = place % space.partitions;
            let (seat, log) = (self.numbers.0[1][place], self.numbers.0[0][partition]);
            let moves = match idle {
                true => cache.memory.of_idle(space, worker, own, (place, seat), log),
                false => cache.memory.of_worker(space, worker, own, (place, seat), log),
            };
            for step in moves.list.iter().filter(|step| self.can(step)) {
                match step.action {
                    Action::Take { .. } if waiting[place] == 0 => continue,
                    // A clock is set once, whatever seats there are to take.
                    Action::SetClock { .. } if idle && place > 0 => continue,
                    _ => {}
                }
                if step.stirs && !self.is_apart(worker, place, step, cache) {
                    self.slowly(step.action, cache, found);
                    continue;
                }
                let mut numbers = self.numbers;
                numbers.0[0][partition] = step.log;
                numbers.0[1][place] = step.seat;
                numbers.0[1][space.seats + worker.index()] = step.own;
                self.moved(step, numbers, partition, cache, found);
            }
            cache.memory.keep(moves);
        }
    }

    /// Whether nothing else in the state is brought into another normal form by a worker's move:
    /// no other worker is at work in the seat, no request is under way, and a run that ends can own
    /// no other lease.
    fn is_apart(&self, worker: WorkerNo, place: usize, step: &Move, cache: &mut Cache) -> bool {
        let dies = matches!(step.action, Action::Crash { .. });
        let alone = |other| self.at_work(other, cache).seat != Some(place);
        let alone = (0..self.space.workers).filter(|&other| other != worker.index()).all(alone);
        self.quiet && alone && (!dies || self.space.seats == 1)
    }

    /// Whether a move can happen, as far as faults go.
    fn can(&self, step: &Move) -> bool {
        match self.scope.which {
            Steps::FaultFree => step.is_free,
            Steps::All => step.fault.is_none_or(|fault| self.left.has(fault, 1)),
        }
    }

    /// Completes a state after a move: triggers, requests under way, faults that are left, and what
    /// only several components together show.
    fn moved(
        &self,
        step: &Move,
        mut numbers: Numbers,
        partition: usize,
        cache: &mut Cache,
        found: &mut impl FnMut(Next),
    ) {
        let space = self.space;
        for &(place, change) in &step.triggers {
            numbers.0[2][0] = cache.trigger(space, numbers.0[2][0], place, change);
        }
        let changed = numbers.0[0] != self.numbers.0[0] || numbers.0[1] != self.numbers.0[1];
        if step.late.is_some() || !self.quiet && changed {
            numbers.0[2][1] = cache.network(space, &numbers, step.late);
        }
        let mut broken = step.broken;
        if numbers.0[0][partition] != self.numbers.0[0][partition] {
            for place in (partition..space.seats).step_by(space.partitions) {
                let (seat, log) = (numbers.0[1][place], numbers.0[0][partition]);
                if !cache.pair(space, seat, log).sound {
                    broken.insert(Invariant::D3);
                }
            }
            broken.keep(&space.protocol.ends_at);
        }
        numbers.0[2][2] = cache.spend(space, numbers.0[2][2], step.fault, broken);
        self.reached(numbers, broken, step.takers, cache, found);
    }

    fn reached(
        &self,
        numbers: Numbers,
        mut broken: Broken,
        takers: Takers,
        cache: &mut Cache,
        found: &mut impl FnMut(Next),
    ) {
        let space = self.space;
        if space.checks_l2 && numbers.0[1] != self.numbers.0[1] {
            let mut taken = 0_u32;
            for worker in 0..space.workers {
                let at_work = cache.at_work(space, worker, numbers.0[1][space.seats + worker]);
                let bit = at_work.seat.filter(|_| at_work.acts).map_or(0, |place| 1 << place);
                if taken & bit != 0 {
                    broken.insert(Invariant::L2);
                }
                taken |= bit;
            }
        }
        let key = space.key_after(self.key, &self.numbers, numbers, self.scope.symmetric, cache);
        found(Next { key, broken, takers });
    }

    fn triggers(&self, place: usize, cache: &mut Cache, found: &mut impl FnMut(Next)) {
        let space = self.space;
        let waits = space.triggers_of(&self.numbers)[place] > 0;
        let taken =
            (0..space.workers).any(|worker| self.at_work(worker, cache).seat == Some(place));
        let sweeps = space.protocol.design().trigger == Trigger::Sweep;
        let (group, partition) = space.place(place);
        let (seat, log) = (self.numbers.0[1][place], self.numbers.0[0][partition.index()]);
        let mut arrives = |action, fault: Option<Fault>, cache: &mut Cache| {
            let mut numbers = self.numbers;
            numbers.0[2][0] = cache.trigger(space, numbers.0[2][0], place, 1);
            numbers.0[2][2] = cache.spend(space, numbers.0[2][2], fault, Broken::default());
            space.protocol.coverage.mark_action(&space.names, action);
            let takers = takers(&space.names, action);
            self.reached(numbers, Broken::default(), takers, cache, found);
        };
        if sweeps && !waits && !taken && cache.pair(space, seat, log).lags {
            arrives(Action::Sweep { group, partition }, None, cache);
        }
        let again = (waits || taken || sweeps) && self.scope.which == Steps::All;
        if again && self.left.has(Fault::DuplicateTrigger, 1) {
            let action = Action::DuplicateTrigger { group, partition };
            arrives(action, Some(Fault::DuplicateTrigger), cache);
        }
    }

    fn tick(&self, cache: &mut Cache, found: &mut impl FnMut(Next)) {
        let space = self.space;
        let expires = |worker: usize, cache: &mut Cache| self.at_work(worker, cache).expires;
        let expiries = (0..space.workers).filter(|&worker| expires(worker, cache)).count() as u8;
        if expiries > 0 {
            if self.scope.which == Steps::All && self.left.has(Fault::Expiry, expiries) {
                self.slowly(Action::Tick, cache, found);
            }
            return;
        }
        let mut numbers = self.numbers;
        for place in 0..space.seats {
            numbers.0[1][place] = cache.aged_seat(space, numbers.0[1][place]);
        }
        for worker in 0..space.workers {
            numbers.0[1][space.seats + worker] = self.at_work(worker, cache).aged;
        }
        if !self.quiet {
            numbers.0[2][1] = cache.aged_network(space, &self.numbers);
        }
        let takers = takers(&space.names, Action::Tick);
        self.reached(numbers, Broken::default(), takers, cache, found);
    }

    /// Takes an action in the whole state.
    fn slowly(&self, action: Action, cache: &mut Cache, found: &mut impl FnMut(Next)) {
        let space = self.space;
        let world = space.state(&self.numbers);
        let Some(next) = space.protocol.step(&world, action) else { return };
        let takers = takers(&world, action);
        self.reached(space.numbers(&next), next.broken, takers, cache, found);
    }

    fn at_work(&self, worker: usize, cache: &mut Cache) -> AtWork {
        cache.at_work(self.space, worker, self.numbers.0[1][self.space.seats + worker])
    }

    fn standing(&self, producer: usize, cache: &mut Cache) -> Standing {
        cache.standing(self.space, self.numbers.0[0][self.space.partitions + producer])
    }
}

impl Cache {
    fn at_work(&mut self, space: &Space<'_>, worker: usize, number: u32) -> AtWork {
        if self.workers.len() <= worker {
            self.workers.resize_with(worker + 1, Table::default);
        }
        self.workers[worker].get(number, || {
            let mut world = space.names.clone();
            world.workers[worker] = space.worker(number);
            let place = world.workers[worker].turn.as_ref().map(|turn| {
                (world.seat_index(turn.group, turn.partition), turn.fresh && turn.flight.is_none())
            });
            let expires = super::super::steps::expiries(&world) > 0;
            let acts = space.protocol.acts(&world, WorkerNo(worker as u8)).is_some();
            // A tick changes a worker by itself; what its lease's seat says does not matter.
            let aged = space.protocol.aged(&world);
            AtWork {
                seat: place.map(|(place, _)| place),
                fresh: place.is_some_and(|(_, fresh)| fresh),
                acts,
                expires,
                aged: space.worker_number(&aged.workers[worker]),
            }
        })
    }

    fn standing(&mut self, space: &Space<'_>, number: u32) -> Standing {
        self.producers.get(number, || match space.producer(number).work {
            Work::Claim(_) => Standing { claims: true, lives: true },
            Work::Between(_) | Work::Append(_) => Standing { claims: false, lives: true },
            Work::Finished | Work::Fenced | Work::Dead | Work::Asleep => {
                Standing { claims: false, lives: false }
            }
        })
    }

    fn pair(&mut self, space: &Space<'_>, seat: u32, log: u32) -> Pair {
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

    fn trigger(&mut self, space: &Space<'_>, number: u32, place: usize, change: i8) -> u32 {
        *self.triggers.entry((number, place, change)).or_insert_with(|| {
            let mut waiting = space.waiting(number);
            waiting[place] = waiting[place].saturating_add_signed(change);
            space.waiting_number(&waiting)
        })
    }

    /// The requests under way after a step that may add one: without those that can change nothing
    /// any more.
    fn network(&mut self, space: &Space<'_>, numbers: &Numbers, late: Option<u32>) -> u32 {
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

    fn aged_network(&mut self, space: &Space<'_>, numbers: &Numbers) -> u32 {
        let question = (numbers.0[2][1], space.seats_alone(numbers));
        *self.aged.entry(question).or_insert_with(|| {
            let aged = space.protocol.aged(&space.state(numbers));
            space.network_number(&aged.network)
        })
    }

    fn aged_seat(&mut self, space: &Space<'_>, number: u32) -> u32 {
        self.seats.get(number, || {
            let mut world = space.names.clone();
            world.seats[0] = space.seat(number);
            space.protocol.coverage.mark_action(&world, Action::Tick);
            space.seat_number(&space.protocol.aged(&world).seats[0])
        })
    }

    fn spend(
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
