//! One step of the world: what an action does.

use super::action::{Action, Process};
use super::protocol::Protocol;
use super::small::{PartitionNo, Small, Tick, WorkerNo};
use super::steps::expiries;
use super::world::{Fault, Flight, LAST, Late, Producer, Turn, Work, World};
use crate::append::Want;
use crate::consume::{Consume, News};
use crate::design::Trigger;
use crate::ids::Epoch;
use crate::mutant::Mutant;
use crate::store::{Reply, Request, Slot, View, apply};

impl Protocol {
    /// Returns the state after an action, in its normal form; `None` if the world has no room for
    /// it.
    pub(super) fn step(&self, last: &World, action: Action) -> Option<World> {
        Some(self.normal(&self.raw_step(last, action)?))
    }

    /// Returns the normal form of a state.
    pub(super) fn normal(&self, world: &World) -> World {
        let mut world = self.normal_but_network(world);
        if self.reduced && self.mutant.is_none() {
            world.drop_dead_letters();
        }
        world
    }

    /// Returns the normal form of a state, with requests under way that can change nothing.
    pub(super) fn normal_but_network(&self, world: &World) -> World {
        let mut world = world.clone();
        world.broken.keep(&self.ends_at);
        world.normalise(self.norm());
        world
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
            Action::Depart { worker } => {
                world.left.spend(Fault::Slow, 1);
                self.look(&mut world, worker);
                let request = self.wanted(&world, Process::Worker(worker))?;
                let turn = world.workers[worker.index()].turn.as_mut()?;
                turn.flight = Some(Box::new(Flight::Sent(request)));
                turn.fresh = false;
            }
            Action::Land { worker } => self.land(&mut world, worker)?,
            Action::Hear { worker } => self.hear(&mut world, worker),
            Action::Crash { process, applied } => {
                world.left.spend(Fault::Crash, 1);
                if applied {
                    self.send_and_lose_reply(&mut world, process)?;
                }
                self.crash(&mut world, process);
            }
            Action::Restart { producer } => {
                let Producer { run, answered, .. } = last.producers[producer.index()];
                world.producers[producer.index()].work = self.first_work(producer, run, answered);
            }
            Action::Twin { producer } => {
                world.left.spend(Fault::Twin, 1);
                world.producers[producer.index()].work = self.first_work(producer, 0, 0);
                let name = producer.first();
                let log = &mut world.logs[self.partition_of(producer).index()];
                log.twins |= 1 << name.0;
                log.forget_refusals(name);
            }
            Action::Take { worker, group, partition } => {
                let seat = world.seat_index(group, partition);
                world.triggers[seat] -= 1;
                let (owner, clock) = (world.owner(worker), world.clock(worker));
                let machine = Consume::new(&self.rules, group, partition, owner, clock);
                let turn =
                    Turn { group, partition, machine, fresh: true, delivered: 0, flight: None };
                world.workers[worker.index()].turn = Some(turn);
            }
            Action::Deliver { worker } => {
                self.deliver(&mut world, worker, u8::MAX);
                self.tell(&mut world, worker, News::Handled);
            }
            Action::Fail { worker, delivered } => {
                world.left.spend(Fault::Failure, 1);
                self.deliver(&mut world, worker, delivered);
                self.fail(&mut world, worker);
            }
            Action::Clock { worker } => self.tell(&mut world, worker, News::Time),
            Action::Stop { worker } => {
                let turn = last.workers[worker.index()].turn.as_ref();
                if !turn.is_some_and(|turn| self.gives_up(turn)) {
                    world.left.spend(Fault::Handover, 1);
                }
                self.tell(&mut world, worker, News::Stop);
            }
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
                let seat = world.seat_index(group, partition);
                world.triggers[seat] += 1;
            }
            Action::Sweep { group, partition } => {
                let seat = world.seat_index(group, partition);
                world.triggers[seat] += 1;
            }
        }
        Some(world)
    }

    /// Returns the normal form of a state after a tick that ends no lease.
    pub(super) fn aged(&self, world: &World) -> World {
        let mut world = world.clone();
        world.now = Tick(world.now.0 + 1);
        self.normal(&world)
    }

    /// Returns the request that a process wants to send; `None` if it wants to send a trigger, or
    /// nothing.
    pub(super) fn wanted(&self, world: &World, process: Process) -> Option<Request<Small>> {
        match process {
            Process::Producer(producer) => match &world.producers[producer.index()].work {
                Work::Claim(claim) => claim.wants(),
                Work::Append(append) => match append.wants(&self.rules) {
                    Want::Store(request) => Some(request),
                    Want::Trigger | Want::Nothing => None,
                },
                Work::Between(_) | Work::Finished | Work::Fenced | Work::Dead | Work::Asleep => {
                    None
                }
            },
            Process::Worker(worker) => {
                let turn = world.workers[worker.index()].turn.as_ref()?;
                turn.machine.wants(&self.rules).store
            }
        }
    }

    /// Lets a worker look at its clock before it acts, unless it is paused past its lease's end.
    pub(super) fn look(&self, world: &mut World, worker: WorkerNo) {
        let clock = world.clock(worker);
        let Some(turn) = &mut world.workers[worker.index()].turn else { return };
        if turn.is_over(clock) {
            self.coverage.mark_paused();
        } else {
            turn.machine.tell(&self.rules, clock, News::Time);
        }
    }

    /// The epoch of the lease that a process acts under, or zero.
    fn acts_under(world: &World, process: Process) -> Epoch {
        match process {
            Process::Producer(_) => Epoch::ZERO,
            Process::Worker(worker) => {
                let turn = world.workers[worker.index()].turn.as_ref();
                turn.map_or(Epoch::ZERO, |turn| turn.machine.epoch())
            }
        }
    }

    /// Sends what a process wants, be it a request or a trigger, and tells it the reply.
    fn send(&self, world: &mut World, process: Process, view: View) -> Option<()> {
        if let Process::Worker(worker) = process {
            self.look(world, worker);
        }
        let Some(request) = self.wanted(world, process) else {
            self.send_trigger(world, process);
            return Some(());
        };
        self.note_start(world, process);
        let epoch = Self::acts_under(world, process);
        let reply = self.execute(world, process, epoch, true, &request, view)?;
        self.tell_reply(world, process, reply);
        Some(())
    }

    /// Tells a process the reply to its request.
    fn tell_reply(&self, world: &mut World, process: Process, reply: Reply<Small>) {
        match process {
            Process::Producer(producer) => {
                match &mut world.producers[producer.index()].work {
                    Work::Claim(claim) => claim.tell(reply),
                    Work::Append(append) => append.tell(&self.rules, reply),
                    Work::Between(_)
                    | Work::Finished
                    | Work::Fenced
                    | Work::Dead
                    | Work::Asleep => {}
                }
                self.advance_producer(world, producer);
            }
            Process::Worker(worker) => self.tell(world, worker, News::Reply(reply)),
        }
    }

    /// Sends the request that a process wants, and loses the reply.
    fn send_and_lose_reply(&self, world: &mut World, process: Process) -> Option<()> {
        if let Process::Worker(worker) = process {
            self.look(world, worker);
        }
        let request = self.wanted(world, process)?;
        self.note_start(world, process);
        let epoch = Self::acts_under(world, process);
        self.execute(world, process, epoch, false, &request, View::Latest).map(drop)
    }

    /// Keeps a copy of the request that a process wants, which arrives later or never.
    fn delay(&self, world: &mut World, process: Process) -> Option<()> {
        world.left.spend(Fault::Late, 1);
        if let Process::Worker(worker) = process {
            self.look(world, worker);
        }
        let request = self.wanted(world, process)?;
        self.note_start(world, process);
        let believed = self.mutant.and_then(|mutant| mutant.believed(&request, world));
        // Only a write of the lease is judged by the epoch of its sender.
        let epoch = request.group().map_or(Epoch::ZERO, |_| Self::acts_under(world, process));
        world.network.0.push(Late { request, sender: process, epoch });
        if let Some(reply) = believed {
            self.tell_reply(world, process, reply);
        }
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

    /// Notes that a process has sent a request: an append counts as begun from its first one (S3),
    /// and a turn is no longer fresh.
    fn note_start(&self, world: &mut World, process: Process) {
        match process {
            Process::Producer(producer) => {
                let log = &mut world.logs[self.partition_of(producer).index()];
                let (acknowledged, name) = (log.last_acknowledged(), producer.first());
                if let Work::Append(append) = &world.producers[producer.index()].work
                    && append.token().number > log.last_number(name)
                {
                    log.began[name.index()].get_or_insert(acknowledged);
                }
            }
            Process::Worker(worker) => {
                if let Some(turn) = &mut world.workers[worker.index()].turn {
                    turn.fresh = false;
                }
            }
        }
    }

    /// Applies a request, and lets the write log judge what it did. `heard` says whether its sender
    /// learns of the reply.
    fn execute(
        &self,
        world: &mut World,
        sender: Process,
        epoch: Epoch,
        heard: bool,
        request: &Request<Small>,
        view: View,
    ) -> Option<Reply<Small>> {
        if outgrows(world, request) {
            self.note_outgrown();
            return None;
        }
        let partition = *request.partition();
        let slot = request.slot().map(|slot| (slot, world.log(partition).slot(slot).clone()));
        let lease = request.group().map(|group| (*group, world.lease(*group, partition).cloned()));
        let reply = match self.mutant {
            Some(mutant) => mutant.apply(world, request, view),
            None => apply(world, request, view),
        };
        if heard {
            self.coverage.mark_reply(world, sender, request, &reply);
            if let (Request::Acquire { .. }, Reply::Leased(_), Some((_, before))) =
                (request, &reply, &lease)
            {
                self.coverage.mark_acquired(before.as_ref());
            }
        }
        if let Some((slot, before)) = slot {
            let filled = before == Slot::Empty
                && matches!(world.log(partition).slot(slot), Slot::Events { .. });
            self.judge_slot(world, partition, slot, &before);
            if filled {
                self.trigger_from_stream(world, partition);
            }
        }
        if let Some((group, before)) = lease {
            self.judge_lease(world, group, partition, before.as_ref(), epoch);
        }
        Some(reply)
    }

    /// Triggers every group because a slot was written, where the table's stream does that.
    fn trigger_from_stream(&self, world: &mut World, partition: PartitionNo) {
        match self.design().trigger {
            Trigger::Stream => self.trigger_groups(world, partition),
            Trigger::BestEffort | Trigger::Queue | Trigger::Sweep => {}
        }
    }

    fn trigger_groups(&self, world: &mut World, partition: PartitionNo) {
        for group in self.groups() {
            let seat = world.seat_index(group, partition);
            world.triggers[seat] += 1;
        }
    }

    /// Sends the trigger that a process wants: a producer to every group, a worker to its own.
    fn send_trigger(&self, world: &mut World, process: Process) {
        match process {
            Process::Producer(producer) => {
                self.trigger_groups(world, self.partition_of(producer));
            }
            Process::Worker(worker) => {
                if let Some(turn) = &world.workers[worker.index()].turn {
                    let seat = world.seat_index(turn.group, turn.partition);
                    world.triggers[seat] += 1;
                }
            }
        }
        self.finish_trigger(world, process);
    }

    /// Tells a process that its trigger was sent, or attempted.
    fn finish_trigger(&self, world: &mut World, process: Process) {
        match process {
            Process::Producer(producer) => {
                if let Work::Append(append) = &mut world.producers[producer.index()].work {
                    append.notified();
                }
                self.advance_producer(world, producer);
            }
            Process::Worker(worker) => self.tell(world, worker, News::Triggered),
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

/// Whether a request would take a number that the world has no room for.
fn outgrows(world: &World, request: &Request<Small>) -> bool {
    match request {
        Request::Raise(raise) | Request::RaiseAndWrite { raise, .. } => {
            world.log(raise.partition).head >= LAST
        }
        Request::Write(write) => write.slot > LAST,
        _ => false,
    }
}
