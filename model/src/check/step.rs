//! One step of the world: what an action does.

use super::action::{Action, Process};
use super::lineage::{self, Role};
use super::protocol::Protocol;
use super::small::{GroupNo, OperatorNo, Owner, PartitionNo, ProducerNo, Tick, WorkerNo};
use super::steps::expiries;
use super::world::{Fault, Flight, Late, Operator, Turn, World};
use crate::consume::{Consume, News, Seek};
use crate::design::{Merging, Splitting};
use crate::ids::Seq;
use crate::lineage::{Merge, Split};
use crate::mutant::Mutant;
use crate::store::{Reply, View};

impl Protocol {
    /// Returns the state after an action, in its normal form; `None` if the world has no room for
    /// it.
    pub(super) fn step(&self, last: &World, action: Action) -> Option<World> {
        let mut world = self.raw_step(last, action)?;
        self.make_normal(&mut world);
        Some(world)
    }

    /// Returns the normal form of a state.
    pub(super) fn normal(&self, world: &World) -> World {
        let mut world = world.clone();
        self.make_normal(&mut world);
        world
    }

    fn make_normal(&self, world: &mut World) {
        self.normalise(world);
        if self.reduced && self.mutant.is_none() {
            world.drop_dead_letters();
        }
        if self.forgets_done() {
            world.forget_done(lineage::ROOT);
        }
    }

    /// Whether what a producer that is done leaves behind is forgotten. Where steps are put together from
    /// remembered moves, a move does not show whether all of its conditions are met.
    pub(super) fn forgets_done(&self) -> bool {
        self.reduced && self.mutant.is_none() && self.bounds.has_lineage()
    }

    /// Returns the normal form of a state, with requests under way that can change nothing.
    pub(super) fn normal_but_network(&self, world: &World) -> World {
        let mut world = world.clone();
        self.normalise(&mut world);
        world
    }

    fn normalise(&self, world: &mut World) {
        world.broken.keep(&self.ends_at);
        self.retire(world);
        world.normalise(self.norm());
    }

    /// Takes an operator that can change nothing any more for one that is done: it tries, and what it
    /// would seal is sealed for good. Such states differ in nothing else.
    fn retire(&self, world: &mut World) {
        let at_once = |role| match role {
            Role::Splits | Role::SplitsAgain => self.design().split == Splitting::Intent,
            Role::Merges => self.design().merge == Merging::Transaction,
            Role::Resets => false,
        };
        if !self.reduced {
            return;
        }
        for operator in (0..self.bounds.operators()).map(OperatorNo) {
            let role = lineage::role(&self.bounds, operator);
            let is_sealed = match role {
                Role::Splits => world.log(lineage::ROOT).is_sealed(),
                Role::Merges => lineage::HALVES.iter().any(|half| world.log(*half).is_sealed()),
                Role::SplitsAgain => world.log(lineage::HALVES[1]).is_sealed(),
                Role::Resets => false,
            };
            let asleep = world.operators[operator.index()] == Operator::Asleep;
            if asleep && is_sealed && at_once(role) && self.is_refused(world, operator) {
                world.operators[operator.index()] = Operator::Done;
            }
        }
    }

    /// Whether the store refuses what an operator would begin with, and stays as it is.
    fn is_refused(&self, world: &World, operator: OperatorNo) -> bool {
        let Some(request) = self.operate(operator).wants(&self.rules, world.now) else {
            return false;
        };
        let mut tried = world.clone();
        let reply = self.answer(&mut tried, &request, View::Latest);
        self.coverage.mark_reply(world, Process::Operator(operator), &request, &reply);
        matches!(reply, Reply::NotSealed(_)) && tried == *world
    }

    /// Returns the state after an action as it is; `None` if the world has no room for it.
    pub(super) fn raw_step(&self, last: &World, action: Action) -> Option<World> {
        let mut world = last.clone();
        self.coverage.mark_action(last, action);
        match action {
            Action::Begin { producer, count } => self.begin(&mut world, producer, count),
            Action::Send { process } => self.send(&mut world, process, View::Latest)?,
            Action::StaleRead { worker, view } => {
                world.left.spend(Fault::Stale, 1);
                self.send(&mut world, Process::Worker(worker), view.view())?;
            }
            Action::LoseReply { process } => {
                world.left.spend(Fault::LostReply, 1);
                self.send_and_lose_reply(&mut world, process)?;
            }
            Action::Delay { process } => self.delay(&mut world, process)?,
            Action::Arrive { copy } => {
                let Late { request, sender, epoch } = world.network.0.remove(copy.into());
                self.execute(&mut world, sender, epoch, false, &request, View::Latest)?;
            }
            Action::Depart { worker } => self.depart(&mut world, worker)?,
            Action::Land { worker } => self.land(&mut world, worker)?,
            Action::Hear { worker } => self.hear(&mut world, worker),
            Action::Crash { process, applied } => {
                world.left.spend(Fault::Crash, 1);
                self.send_last(&mut world, process, applied)?;
                self.crash(&mut world, process);
            }
            Action::Restart { producer } => self.restart(&mut world, producer),
            Action::Operate { operator } => {
                world.operators[operator.index()] = self.operate(operator);
            }
            Action::Twin { producer } => self.start_twin(&mut world, producer),
            Action::Lengthen { producer } => {
                world.left.spend(Fault::LongInput, 1);
                world.producers[producer.index()].longer = true;
            }
            Action::Take { worker, group, partition } => {
                self.take(&mut world, worker, group, partition);
            }
            Action::Deliver { worker } => {
                self.deliver(&mut world, worker, u8::MAX);
                self.tell(&mut world, worker, News::Handled);
            }
            Action::Fail { worker, delivered } => {
                world.left.spend(Fault::Failure, 1);
                self.deliver(&mut world, worker, delivered);
                self.drop_turn(&mut world, worker);
            }
            Action::Drop { worker, applied } => {
                world.left.spend(Fault::Failure, 1);
                self.send_last(&mut world, Process::Worker(worker), applied)?;
                self.drop_turn(&mut world, worker);
            }
            Action::Clock { worker } => self.tell(&mut world, worker, News::Time),
            Action::Stop { worker } => self.stop(&mut world, worker),
            Action::Tick => self.tick(&mut world),
            Action::SetClock { worker, ahead } => {
                world.left.spend(Fault::ClockStep, 1);
                self.set_clock(&mut world, worker, ahead);
            }
            Action::LoseTrigger { process } => {
                world.left.spend(Fault::LostTrigger, 1);
                self.finish_trigger(&mut world, process);
            }
            Action::DuplicateTrigger { group, partition } => {
                world.left.spend(Fault::DuplicateTrigger, 1);
                world.trigger(group, partition);
            }
            Action::Sweep { group, partition } => world.trigger(group, partition),
        }
        Some(world)
    }

    /// Starts a second run of a producer's name.
    fn start_twin(&self, world: &mut World, producer: ProducerNo) {
        world.left.spend(Fault::Twin, 1);
        let work = self.first_work(producer, &world.producers[producer.index()]);
        world.producers[producer.index()].work = work;
        let name = producer.first();
        let log = &mut world.logs[self.home_of(producer).index()];
        log.twins |= 1 << name.0;
        log.forget_refusals(name);
    }

    /// Sends the last request of a process that comes to an end, if it is `applied`.
    fn send_last(&self, world: &mut World, process: Process, applied: bool) -> Option<()> {
        if applied { self.send_and_lose_reply(world, process) } else { Some(()) }
    }

    /// Returns the normal form of a state after a tick that ends no lease.
    pub(super) fn aged(&self, world: &World) -> World {
        let mut world = world.clone();
        world.now = Tick(world.now.0 + 1);
        self.normal(&world)
    }

    /// Begins a turn with a trigger that waits.
    fn take(&self, world: &mut World, worker: WorkerNo, group: GroupNo, partition: PartitionNo) {
        let seat = world.seat_index(group, partition);
        world.triggers[seat] -= 1;
        let clock = world.clock(worker);
        let owner = match self.mutant {
            Some(Mutant::OwnerShared) => Owner::SHARED,
            Some(_) | None => world.owner(worker),
        };
        let machine = Consume::new(&self.rules, group, partition, owner, clock);
        let machine = match self.bounds.has_lineage() {
            true => machine.after(lineage::asked(self.design().parents, partition)),
            false => machine,
        };
        let turn = Turn { group, partition, machine, fresh: true, delivered: 0, flight: None };
        world.workers[worker.index()].turn = Some(turn);
    }

    /// Starts the next run of a producer that died.
    fn restart(&self, world: &mut World, producer: ProducerNo) {
        let route = self.first_route(world, producer);
        let run = &mut world.producers[producer.index()];
        run.route = route;
        run.work = self.first_work(producer, run);
    }

    /// What an operator begins to do.
    fn operate(&self, operator: OperatorNo) -> Operator {
        let split = |partition, children| Operator::Splits {
            split: Split::new(&self.rules, partition, children),
            fresh: true,
        };
        match lineage::role(&self.bounds, operator) {
            Role::Splits => split(lineage::ROOT, lineage::HALVES.to_vec()),
            Role::Merges => {
                let halves = lineage::HALVES.to_vec();
                let merge = Merge::new(&self.rules, halves, lineage::MERGED);
                Operator::Merges { merge, fresh: true }
            }
            Role::SplitsAgain => split(lineage::HALVES[1], vec![lineage::PART]),
            Role::Resets => {
                let seek = Seek::new(GroupNo(0), lineage::ROOT, Owner::OPERATOR, Seq::ZERO);
                Operator::Resets { seek, fresh: true }
            }
        }
    }

    /// Lets a worker's time run out. A turn that gives up by itself needs no fault.
    fn stop(&self, world: &mut World, worker: WorkerNo) {
        let turn = world.workers[worker.index()].turn.as_ref();
        if !turn.is_some_and(|turn| self.gives_up(turn)) {
            world.left.spend(Fault::Handover, 1);
        }
        self.tell(world, worker, News::Stop);
    }

    /// Sends a worker's request, which takes its time.
    fn depart(&self, world: &mut World, worker: WorkerNo) -> Option<()> {
        world.left.spend(Fault::Slow, 1);
        self.look(world, worker);
        let request = self.wanted(world, Process::Worker(worker))?;
        self.note_start(world, Process::Worker(worker));
        let turn = world.workers[worker.index()].turn.as_mut()?;
        turn.flight = Some(Box::new(Flight::Sent(request)));
        Some(())
    }

    /// Applies the request that a worker waits for.
    fn land(&self, world: &mut World, worker: WorkerNo) -> Option<()> {
        let process = Process::Worker(worker);
        let epoch = Self::acts_under(world, process);
        let flight = world.workers[worker.index()].turn.as_mut()?.flight.take()?;
        let Flight::Sent(request) = *flight else { return None };
        let reply = self.execute(world, process, epoch, true, &request, View::Latest)?;
        let turn = world.workers[worker.index()].turn.as_mut()?;
        turn.flight = Some(Box::new(Flight::Applied(reply)));
        Some(())
    }

    /// Tells a worker the reply that it waits for.
    fn hear(&self, world: &mut World, worker: WorkerNo) {
        let turn = world.workers[worker.index()].turn.as_mut();
        let flight = turn.and_then(|turn| turn.flight.take());
        let clock = world.clock(worker);
        if let (Some(Mutant::LeaseFromReply), Some(turn)) =
            (self.mutant, &mut world.workers[worker.index()].turn)
        {
            *turn.machine.times_mut().clock = clock;
        }
        if let Some(Flight::Applied(reply)) = flight.map(|flight| *flight) {
            self.tell(world, worker, News::Reply(reply));
        }
    }

    /// Advances every clock by one tick. An owner whose lease ends by its own clock was too slow,
    /// and what it has not finished may be delivered again (D2).
    fn tick(&self, world: &mut World) {
        let expiries = expiries(world);
        if expiries > 0 {
            world.left.spend(Fault::Expiry, expiries);
        }
        let before: Vec<bool> = self.overs(world);
        look_before(world);
        world.now = Tick(world.now.0 + 1);
        self.excuse_ended(world, &before);
    }

    /// Sets a worker's clock, which may end its lease.
    fn set_clock(&self, world: &mut World, worker: WorkerNo, ahead: u8) {
        let before = self.overs(world);
        look_before(world);
        world.workers[worker.index()].ahead = ahead;
        self.excuse_ended(world, &before);
    }

    /// For each worker, whether the lease that it holds has ended by its clock.
    fn overs(&self, world: &World) -> Vec<bool> {
        let over = |worker: u8| {
            let clock = world.clock(WorkerNo(worker));
            world.workers[usize::from(worker)].turn.as_ref().is_some_and(|turn| turn.is_over(clock))
        };
        (0..world.workers.len() as u8).map(over).collect()
    }

    fn excuse_ended(&self, world: &mut World, before: &[bool]) {
        let after = self.overs(world);
        for worker in 0..before.len() {
            if after[worker]
                && !before[worker]
                && let Some(turn) = &world.workers[worker].turn
            {
                let (group, partition) = (turn.group, turn.partition);
                world.seat_mut(group, partition).excuse();
            }
        }
    }
}

/// Lets every turn whose lease has not ended look at its clock, so that one that is paused from now
/// on has looked as late as it can. A turn that waits for a reply does not look.
fn look_before(world: &mut World) {
    for index in 0..world.workers.len() {
        let clock = world.clock(WorkerNo(index as u8));
        if let Some(turn) = &mut world.workers[index].turn
            && turn.flight.is_none()
            && !turn.is_over(clock)
        {
            *turn.machine.times_mut().clock = clock;
        }
    }
}
