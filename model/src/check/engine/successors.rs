//! The states that follow a state, put together from remembered moves.

use super::super::action::{Action, Process};
use super::super::progress::{Takers, takers};
use super::super::small::{ProducerNo, WorkerNo};
use super::super::steps::Steps;
use super::super::world::{Broken, Fault, Left};
use super::cache::{AtWork, Cache, Standing};
use super::moves::{Move, Stirs};
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
    /// Whether states from which the steps of one process are enough are passed through.
    pub(in crate::check) passes: bool,
}

/// A state that follows another.
pub(in crate::check) struct Next {
    /// `None` if there were too many different components.
    pub(in crate::check) key: Option<Key>,
    /// Whether it is the very same state.
    pub(in crate::check) stays: bool,
    /// The checked invariants that the state violates.
    pub(in crate::check) broken: Broken,
    /// For whom a fair schedule takes the step, those that it passes through included.
    pub(in crate::check) takers: Takers,
    /// For whom it takes the first of them.
    pub(in crate::check) first: Takers,
}

/// A state whose successors are generated.
pub(super) struct Here<'s, 'a> {
    pub(super) space: &'s Space<'a>,
    pub(super) scope: Scope,
    key: Key,
    pub(super) numbers: Numbers,
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
        if self.protocol.bounds.has_lineage() {
            return here.whole(cache, found);
        }
        match here.process_to_explore(cache) {
            Some(Process::Producer(producer)) => here.producer(producer, cache, found),
            Some(Process::Worker(worker)) => here.worker(worker, cache, found),
            // There are none without a lineage.
            Some(Process::Operator(_)) | None => here.all(cache, found),
        }
    }
}

impl Space<'_> {
    /// Whether a checked invariant is violated in a state.
    pub(in crate::check) fn is_ruined(&self, key: Key, cache: &mut Cache) -> bool {
        let numbers = self.unpack(key);
        self.faults_of(&numbers).1 != Broken::default() || self.two_act(&numbers, cache)
    }

    /// Whether L2 is checked, and two workers act as the owner of one lease.
    fn two_act(&self, numbers: &Numbers, cache: &mut Cache) -> bool {
        let mut taken = 0_u32;
        self.checks_l2
            && (0..self.workers).any(|worker| {
                let at_work = cache.at_work(self, worker, numbers.0[1][self.seats + worker]);
                let bit = at_work.seat.filter(|_| at_work.acts).map_or(0, |place| 1 << place);
                let again = taken & bit != 0;
                taken |= bit;
                again
            })
    }

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
        self.space.protocol.process_to_explore(&self.space.state(&self.numbers), self.scope.which)
    }

    fn producer(&self, producer: ProducerNo, cache: &mut Cache, found: &mut impl FnMut(Next)) {
        let space = self.space;
        let place = producer.index();
        let partition = space.protocol.home_of(producer).index();
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
            let moves = cache.memory.of_worker(space, worker, own, (place, seat), log);
            for step in moves.list.iter().filter(|step| self.can(step)) {
                match step.action {
                    Action::Take { .. } if waiting[place] == 0 => continue,
                    // A clock is set once, whatever seats there are to take.
                    Action::SetClock { .. } if idle && place > 0 => continue,
                    _ => {}
                }
                let mut numbers = self.numbers;
                numbers.0[0][partition] = step.log;
                if self.is_apart(worker, place, step.stirs, cache) {
                    numbers.0[1][place] = step.seat;
                    numbers.0[1][space.seats + worker.index()] = step.own;
                } else if self.quiet && step.late.is_none() {
                    numbers.0[1] = self.stirred(step.action, log, cache);
                } else {
                    self.slowly(step.action, cache, found);
                    continue;
                }
                self.moved(step, numbers, partition, cache, found);
            }
            cache.memory.keep(moves);
        }
    }

    /// Whether nothing else in the state is brought into another normal form by a worker's move: no
    /// request is under way, and no other worker is at work in the seat. Of those, the name of a
    /// turn that ended concerns only one that waits for a reply; other seats never name it, unless
    /// turns share names.
    fn is_apart(&self, worker: WorkerNo, place: usize, stirs: Stirs, cache: &mut Cache) -> bool {
        let concerns = |other| {
            let AtWork { seat, waits, .. } = self.at_work(other, cache);
            seat == Some(place) && (stirs.counters || stirs.names && waits)
        };
        let mut others = (0..self.space.workers).filter(|&other| other != worker.index());
        let still = !stirs.counters && !stirs.names;
        let elsewhere = stirs.names && self.space.protocol.mutant.is_some() && self.space.seats > 1;
        still || self.quiet && !elsewhere && !others.any(concerns)
    }

    /// The seats and workers after a step that changes how they all are brought into normal form.
    /// While no request is under way, it depends on them and on the log alone.
    fn stirred(&self, action: Action, log: u32, cache: &mut Cache) -> Part {
        let [_, seats_and_workers, _] = self.key.parts();
        *cache.stirred.entry((action, seats_and_workers, log)).or_insert_with(|| {
            let next = self.space.protocol.step(&self.space.state(&self.numbers), action);
            next.map_or(self.numbers.0[1], |next| self.space.numbers(&next).0[1])
        })
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
        // What P1 asks for happened on the way to the states that it begins with, or is no news.
        if self.scope.which == Steps::All && cache.marked.extend(step.marks) {
            space.protocol.coverage.mark_all(step.marks);
        }
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
        broken: Broken,
        takers: Takers,
        cache: &mut Cache,
        found: &mut impl FnMut(Next),
    ) {
        self.reached_by(numbers, broken, (takers, takers), cache, found);
    }

    pub(super) fn reached_by(
        &self,
        numbers: Numbers,
        mut broken: Broken,
        (takers, first): (Takers, Takers),
        cache: &mut Cache,
        found: &mut impl FnMut(Next),
    ) {
        let space = self.space;
        if numbers.0[1] != self.numbers.0[1] && space.two_act(&numbers, cache) {
            broken.insert(Invariant::L2);
        }
        let stays = numbers == self.numbers;
        let key = space.key_after(self.key, &self.numbers, numbers, self.scope.symmetric, cache);
        found(Next { key, stays, broken, takers, first });
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
                self.expire(expiries, cache, found);
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

    /// Lets time pass the end of leases whose owners are alive.
    fn expire(&self, expiries: u8, cache: &mut Cache, found: &mut impl FnMut(Next)) {
        if !self.quiet {
            return self.slowly(Action::Tick, cache, found);
        }
        let mut numbers = self.numbers;
        numbers.0[1] = self.stirred(Action::Tick, 0, cache);
        for _ in 0..expiries {
            let (fault, broken) = (Some(Fault::Expiry), Broken::default());
            numbers.0[2][2] = cache.spend(self.space, numbers.0[2][2], fault, broken);
        }
        let takers = takers(&self.space.names, Action::Tick);
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
