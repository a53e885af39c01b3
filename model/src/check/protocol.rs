//! The checked protocol: a design, its bounds, and what may happen in each state.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::action::{Action, Process, Sight};
use super::bounds::{Bounds, Clocks};
use super::coverage::Coverage;
use super::progress::Known;
use super::small::{GroupNo, ProducerNo, Small, Tick, WorkerNo};
use super::world::{PARTITION, Producer, Turn, Work, World};
use crate::append::Want;
use crate::consume::Wants;
use crate::design::{Design, Expiry, Producer as ProducerKind, Trigger};
use crate::ids::Seq;
use crate::invariant::Invariant;
use crate::mutant::Mutant;
use crate::rules::Rules;
use crate::store::{Request, Slot, Tables};

/// A design under its bounds: the model that Stateright searches.
///
/// It has room for `P` producers, `W` workers, `G` groups, `S` slots and `L` requests under way;
/// the bounds may use less.
pub struct Protocol<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
{
    /// The rules that every machine borrows.
    pub rules: Rules<Small>,
    /// The size of the world and the faults that may strike it.
    pub bounds: Bounds,
    /// What clocks may do.
    pub clocks: Clocks,
    /// The invariants that are checked.
    pub checked: Vec<Invariant>,
    /// The protection that is taken out, if one is.
    pub mutant: Option<Mutant>,
    /// Whether to leave out orders of steps that make no difference to any verdict.
    pub reduced: bool,
    /// Whether P1 must be judged in the very first state that breaks it, which a short
    /// counterexample needs and a verdict does not.
    pub shortest: bool,
    /// The marks that were reached so far.
    pub coverage: Coverage,
    /// States from which everything is known to be delivered (P1).
    pub(super) known: Known,
    /// For each invariant: whether its first violation was found.
    pub(super) found: [AtomicBool; Invariant::ALL.len()],
    /// Whether a number outgrew the world, so that the search was not exhaustive.
    pub(super) outgrown: AtomicBool,
    /// The number of states that needed a search for a way out (P1).
    pub searches: AtomicUsize,
    /// Whether the search was asked to end.
    pub(super) stop: AtomicBool,
}

/// The kinds of step to list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// Steps of the protocol and of passing time (P1).
    FaultFree,
    /// Those steps, and the faults that the bounds still allow.
    All,
}

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// Returns a protocol to check for the given invariants, with reduction and without a mutant.
    ///
    /// The bounds must fit the sizes of the world.
    #[must_use]
    pub fn new(design: Design, bounds: Bounds, clocks: Clocks, checked: Vec<Invariant>) -> Self {
        let rules = Rules {
            design,
            lease: Tick::LEASE.0,
            renew: Tick::RENEW.0,
            grace: Tick::GRACE.0,
            skew: 0,
        };
        Protocol {
            rules,
            bounds,
            clocks,
            checked,
            mutant: None,
            reduced: true,
            shortest: false,
            coverage: Coverage::default(),
            known: Known::default(),
            searches: AtomicUsize::new(0),
            found: Default::default(),
            outgrown: AtomicBool::new(false),
            stop: AtomicBool::new(false),
        }
    }

    /// Takes a protection out.
    #[must_use]
    pub fn mutated(mut self, mutant: Mutant) -> Self {
        self.mutant = Some(mutant);
        self
    }

    /// Explores every order of steps, even those that make no difference to any verdict.
    #[must_use]
    pub fn unreduced(mut self) -> Self {
        self.reduced = false;
        self
    }

    /// Judges P1 in the very first state that breaks it, so that a search in breadth finds the
    /// shortest counterexample. This is slower.
    #[must_use]
    pub fn shortest(mut self) -> Self {
        self.shortest = true;
        self
    }

    pub(super) fn design(&self) -> &Design {
        &self.rules.design
    }

    /// Whether producers keep their name across restarts.
    pub(super) fn named(&self) -> bool {
        match self.design().producer {
            ProducerKind::Named => true,
            ProducerKind::Anonymous => false,
        }
    }

    /// Whether triggers are durable, so that one that a dead worker held comes back.
    pub(super) fn durable(&self) -> bool {
        match self.design().trigger {
            Trigger::Queue | Trigger::Stream => true,
            Trigger::BestEffort | Trigger::Sweep => false,
        }
    }

    pub(super) fn groups(&self) -> impl Iterator<Item = GroupNo> + use<P, W, G, S, L> {
        (0..self.bounds.groups).map(GroupNo)
    }

    /// Returns the state before the first step.
    #[must_use]
    pub fn initial(&self) -> World<P, W, G, S, L> {
        World::new(&self.bounds, |producer| self.first_work(producer, 0, 0))
    }

    /// Lists the actions that can happen next, in an order that is the same each time.
    pub(super) fn steps(
        &self,
        world: &World<P, W, G, S, L>,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        match self.process_to_explore(world) {
            Some(Process::Producer(producer)) => {
                return self.producer_steps(world, producer, which, push);
            }
            Some(Process::Worker(worker)) => {
                return self.worker_steps(world, worker, which, push);
            }
            None => {}
        }
        for index in 0..self.bounds.producers {
            self.producer_steps(world, ProducerNo(index), which, push);
        }
        for index in 0..self.bounds.workers {
            self.worker_steps(world, WorkerNo(index), which, push);
        }
        for group in self.groups() {
            self.group_steps(world, group, which, push);
        }
        if which == Steps::All {
            for (copy, request) in world.under_way.iter().enumerate() {
                if request.is_some() {
                    push(Action::Arrive { copy: copy as u8 });
                }
            }
        }
    }

    /// Whether an action can happen in a state.
    pub(super) fn is_possible(&self, world: &World<P, W, G, S, L>, action: Action) -> bool {
        let mut possible = false;
        self.steps(world, Steps::All, &mut |step| possible = possible || step == action);
        possible
    }

    fn producer_steps(
        &self,
        world: &World<P, W, G, S, L>,
        producer: ProducerNo,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        let process = Process::Producer(producer);
        let Producer { work, answered, .. } = &world.producers[producer.index()];
        match work {
            Work::Between(_) => {
                let most = self.bounds.batch.min(self.bounds.events - answered);
                (1..=most).for_each(|count| push(Action::Begin { producer, count }));
                if which == Steps::All {
                    self.crash_steps(world, process, false, push);
                }
            }
            Work::Claim(claim) => {
                if let Some(request) = claim.wants() {
                    self.request_steps(world, process, &request, which, push);
                }
            }
            Work::Append(append) => match append.wants(&self.rules) {
                Want::Store(request) => {
                    self.request_steps(world, process, &request, which, push);
                }
                Want::Trigger => self.trigger_steps(world, process, which, push),
                Want::Nothing => {}
            },
            Work::Dead if which == Steps::All => {
                push(Action::Restart { producer });
            }
            Work::Finished | Work::Dead => {}
        }
    }

    fn worker_steps(
        &self,
        world: &World<P, W, G, S, L>,
        worker: WorkerNo,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        let process = Process::Worker(worker);
        let Some(turn) = &world.workers[worker.index()].turn else {
            for group in self.groups() {
                if world.triggers[group.index()] > 0 && !self.was_woken_enough(world, group) {
                    push(Action::Take { worker, group });
                }
            }
            return;
        };
        if turn.late && turn.machine.holds_lease() {
            // L2: the worker looks at its clock before it acts, and stops.
            push(Action::Clock { worker, now: Tick::LEASE });
            if which == Steps::All {
                self.crash_steps(world, process, false, push);
            }
            return;
        }
        let wants = turn.machine.wants(&self.rules);
        if let Some(request) = &wants.store {
            self.request_steps(world, process, request, which, push);
            if which == Steps::All {
                self.stale_steps(world, worker, request, push);
            }
        }
        if wants.deliver.is_some() {
            push(Action::Deliver { worker });
        }
        if wants.trigger {
            self.trigger_steps(world, process, which, push);
        }
        self.clock_steps(world, worker, turn, &wants, which, push);
        let crashable = wants.store.is_none() && !wants.trigger;
        if which == Steps::All && crashable {
            self.crash_steps(world, process, false, push);
        }
    }

    /// Lists what a worker may see on its clock: a renewal, a grace period or a watched lease that
    /// is due, or that its time runs out.
    fn clock_steps(
        &self,
        world: &World<P, W, G, S, L>,
        worker: WorkerNo,
        turn: &Turn,
        wants: &Wants<'_, Small>,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        if wants.wake.is_some() && wants.store.is_none() {
            if turn.machine.holds_lease() {
                if wants.deliver.is_none() {
                    push(Action::Clock { worker, now: Tick::GRACE });
                }
                if which == Steps::All && world.left.has(|left| &mut left.renewals) {
                    push(Action::Clock { worker, now: Tick::RENEW });
                }
            } else if self.watched_long_enough(world, turn) {
                push(Action::Clock { worker, now: Tick::LEASE });
            }
        }
        let may_stop = turn.machine.may_stop();
        if which == Steps::All && may_stop && world.left.has(|left| &mut left.handovers) {
            push(Action::Stop { worker });
        }
    }

    /// Whether the lease that a turn watches has ended, or is no longer the lease that it watched.
    fn watched_long_enough(&self, world: &World<P, W, G, S, L>, turn: &Turn) -> bool {
        match self.design().expiry {
            Expiry::WallClock => false,
            Expiry::Observer => world.lease(turn.group).is_none_or(|lease| {
                !lease.active
                    || lease.until == Tick::NOW
                    || !turn.machine.watches(lease.epoch, lease.beat)
            }),
        }
    }

    /// Lists what can happen to a request that a process wants to send.
    fn request_steps(
        &self,
        world: &World<P, W, G, S, L>,
        process: Process,
        request: &Request<Small>,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        push(Action::Send { process });
        if which == Steps::FaultFree {
            return;
        }
        // A read whose reply is lost or late changes nothing, and is sent again.
        if request.writes() {
            if world.left.has(|left| &mut left.lost_replies) {
                push(Action::LoseReply { process });
            }
            let room = world.under_way.iter().any(Option::is_none);
            if room && world.left.has(|left| &mut left.late) {
                push(Action::Delay { process });
            }
            self.crash_steps(world, process, true, push);
        }
        self.crash_steps(world, process, false, push);
    }

    /// Lists what can happen to a trigger that a process wants to send.
    fn trigger_steps(
        &self,
        world: &World<P, W, G, S, L>,
        process: Process,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        push(Action::Send { process });
        if which == Steps::All {
            if !self.durable() && world.left.has(|left| &mut left.lost_triggers) {
                push(Action::LoseTrigger { process });
            }
            self.crash_steps(world, process, false, push);
        }
    }

    /// Lists the crash of a process, if one is left. With `applied`, its request is applied first.
    fn crash_steps(
        &self,
        world: &World<P, W, G, S, L>,
        process: Process,
        applied: bool,
        push: &mut impl FnMut(Action),
    ) {
        if world.left.has(|left| &mut left.crashes) {
            push(Action::Crash { process, applied });
        }
    }

    /// Lists what a read without consistency may miss: any one item, or all from some item on.
    fn stale_steps(
        &self,
        world: &World<P, W, G, S, L>,
        worker: WorkerNo,
        request: &Request<Small>,
        push: &mut impl FnMut(Action),
    ) {
        let Request::ReadEvents { after, consistent: false, .. } = request else { return };
        if !world.left.has(|left| &mut left.stale) {
            return;
        }
        let tail = world.tables.tail(&PARTITION);
        for slot in after.0 + 1..=tail.0 {
            if world.tables.slot(&PARTITION, Seq(slot)) == Slot::Empty {
                continue;
            }
            let slot = slot as u8;
            push(Action::StaleRead { worker, view: Sight::Before(slot) });
            if u64::from(slot) < tail.0 {
                push(Action::StaleRead { worker, view: Sight::Without(slot) });
            }
        }
    }

    /// Lists what can happen to a group's triggers and lease without any process acting.
    fn group_steps(
        &self,
        world: &World<P, W, G, S, L>,
        group: GroupNo,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        let waiting = world.triggers[group.index()];
        match self.design().trigger {
            Trigger::Sweep
                if waiting == 0
                    && !self.is_trigger_held(world, group)
                    && world.lags(group.index()) =>
            {
                push(Action::Sweep { group });
            }
            _ => {}
        }
        if which == Steps::All
            && (waiting > 0 || self.is_trigger_held(world, group))
            && world.left.has(|left| &mut left.duplicate_triggers)
        {
            push(Action::DuplicateTrigger { group });
        }
        let Some(lease) = world.lease(group) else { return };
        if !lease.active || lease.until == Tick::NOW {
            return;
        }
        let worker = lease.owner.worker;
        let turn = world.workers[worker.index()].turn.as_ref();
        let lives = world.owner(worker) == lease.owner && turn.is_some_and(|t| t.group == group);
        let holds = lives
            && turn.is_some_and(|t| t.machine.holds_lease() && t.machine.epoch() == lease.epoch);
        if !lives {
            // The owner is dead or does something else, so no step renews the lease and it ends.
            push(Action::Lapse { group, aware: false });
        } else if which == Steps::All && world.left.has(|left| &mut left.expiries) {
            if !holds {
                push(Action::Lapse { group, aware: false });
                return;
            }
            push(Action::Lapse { group, aware: true });
            match self.clocks {
                Clocks::Timely => {}
                Clocks::Unbounded => push(Action::Lapse { group, aware: false }),
            }
        }
    }

    /// Whether enough triggers were counted on a held lease. A trigger that comes back to a held
    /// lease could increment the wake counter forever, and the world would not be finite. From
    /// here on the trigger comes late, when the lease is free or has ended.
    fn was_woken_enough(&self, world: &World<P, W, G, S, L>, group: GroupNo) -> bool {
        world
            .lease(group)
            .is_some_and(|lease| lease.active && lease.until > Tick::NOW && lease.wake >= 3)
    }

    /// Whether a worker holds a trigger of the group.
    fn is_trigger_held(&self, world: &World<P, W, G, S, L>, group: GroupNo) -> bool {
        let mut turns = world.workers.iter().filter_map(|worker| worker.turn.as_ref());
        turns.any(|turn| turn.group == group)
    }

    /// Notes that a path was cut short because a number outgrew the world.
    pub(super) fn note_outgrown(&self) {
        self.outgrown.store(true, Ordering::Relaxed);
    }
}
