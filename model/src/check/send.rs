//! What a process sends, a request or a trigger, and what becomes of it.

use super::action::Process;
use super::lineage;
use super::protocol::Protocol;
use super::small::{PartitionNo, ProducerNo, Small, Token, WorkerNo};
use super::world::{Began, Fault, LAST, Late, PARTITIONS, Turn, Work, World};
use crate::append::Want;
use crate::consume::News;
use crate::design::Trigger;
use crate::ids::{Epoch, Seq};
use crate::store::{Reply, Request, Slot, View, apply};

impl Protocol {
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
            Process::Operator(operator) => {
                world.operators[operator.index()].wants(&self.rules, world.now)
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
    pub(super) fn acts_under(world: &World, process: Process) -> Epoch {
        match process {
            Process::Producer(_) | Process::Operator(_) => Epoch::ZERO,
            Process::Worker(worker) => {
                let turn = world.workers[worker.index()].turn.as_ref();
                turn.map_or(Epoch::ZERO, |turn| turn.machine.epoch())
            }
        }
    }

    /// Sends what a process wants, be it a request or a trigger, and tells it the reply.
    pub(super) fn send(&self, world: &mut World, process: Process, view: View) -> Option<()> {
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
            Process::Operator(operator) => {
                world.operators[operator.index()].tell(&self.rules, reply);
                self.judge_leaves(world);
            }
        }
    }

    /// Sends the request that a process wants, and loses the reply.
    pub(super) fn send_and_lose_reply(&self, world: &mut World, process: Process) -> Option<()> {
        if let Process::Worker(worker) = process {
            self.look(world, worker);
        }
        let request = self.wanted(world, process)?;
        self.note_start(world, process);
        let epoch = Self::acts_under(world, process);
        self.execute(world, process, epoch, false, &request, View::Latest)?;
        if let Process::Worker(worker) = process
            && self.can_do_without(world, process)
        {
            self.coverage.mark_look_failed();
            self.tell(world, worker, News::Unheard);
        }
        Some(())
    }

    /// Whether a process goes on without a reply to the request that it wants.
    pub(super) fn can_do_without(&self, world: &World, process: Process) -> bool {
        match process {
            Process::Producer(_) | Process::Operator(_) => false,
            Process::Worker(worker) => {
                let turn = world.workers[worker.index()].turn.as_ref();
                turn.is_some_and(|turn| turn.machine.can_do_without())
            }
        }
    }

    /// Keeps a copy of the request that a process wants, which arrives later or never.
    pub(super) fn delay(&self, world: &mut World, process: Process) -> Option<()> {
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

    /// Notes that a process has sent a request: an append counts as begun from its first one (S3),
    /// and a turn is no longer fresh.
    pub(super) fn note_start(&self, world: &mut World, process: Process) {
        match process {
            Process::Producer(producer) => {
                let (name, home) = (producer.first().index(), self.home_of(producer).index());
                if world.logs[home].began[name].is_none() {
                    world.logs[home].began[name] = self.beginning(world, producer);
                }
            }
            Process::Worker(worker) => {
                let turn = world.workers[worker.index()].turn.as_ref().filter(|turn| turn.fresh);
                let Some(&Turn { group, partition, .. }) = turn else { return };
                // That a turn on a child was blocked tells where a sealed partition ends.
                let drains = world.seat(group, partition).drains;
                let end = drains.then_some(world.log(partition).head);
                if let Some(turn) = &mut world.workers[worker.index()].turn {
                    turn.fresh = false;
                    turn.machine.ends_at(end);
                }
            }
            Process::Operator(operator) => world.operators[operator.index()].has_sent(),
        }
    }

    /// How things stand as a producer's append begins, unless it was acknowledged before (S3).
    fn beginning(&self, world: &World, producer: ProducerNo) -> Option<Began> {
        let run = &world.producers[producer.index()];
        let Work::Append(append) = &run.work else { return None };
        let (mut after, mut reached) = ([0; PARTITIONS], 0);
        for partition in self.path_of(producer) {
            let log = world.log(partition);
            if append.token().number <= log.last_number(producer.first()) {
                return None;
            }
            after[partition.index()] = log.last_acknowledged();
            let is_own =
                |token: &Token| lineage::have_one_key(&self.bounds, producer, token.producer);
            if log.acknowledged_events().any(|(_, token)| is_own(token)) {
                reached = partition.0;
            }
        }
        Some(Began { first: run.answered + 1, after, reached })
    }

    /// Applies a request, and lets the write log judge what it did. `heard` says whether its sender
    /// learns of the reply.
    pub(super) fn execute(
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
        let reply = self.answer(world, request, view);
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
        let changes_leaves = match (request, &reply) {
            (Request::Create { .. } | Request::Seal { .. } | Request::Merge { .. }, _) => true,
            // A partition comes into being with its first number.
            (Request::Raise(_), Reply::Raised(first))
            | (Request::RaiseAndWrite { .. }, Reply::Appended(first)) => *first == Seq(1),
            _ => false,
        };
        if changes_leaves && self.bounds.has_lineage() {
            self.judge_leaves(world);
        }
        if let Some((group, before)) = lease {
            match sender {
                Process::Operator(_) => self.judge_reset(world, request, before.as_ref()),
                Process::Producer(_) | Process::Worker(_) => {
                    self.judge_lease(world, group, partition, before.as_ref(), epoch);
                }
            }
        }
        Some(reply)
    }

    /// What the store answers to a request, with the protection taken out if one is.
    pub(super) fn answer(
        &self,
        world: &mut World,
        request: &Request<Small>,
        view: View,
    ) -> Reply<Small> {
        match self.mutant {
            Some(mutant) => mutant.apply(world, request, view),
            None => apply(world, request, view),
        }
    }

    /// Triggers every group because a slot was written, where the table's stream does that.
    fn trigger_from_stream(&self, world: &mut World, partition: PartitionNo) {
        match self.design().trigger {
            Trigger::Stream => self.trigger_groups(world, partition),
            Trigger::BestEffort | Trigger::Queue | Trigger::Sweep => {}
        }
    }

    fn trigger_groups(&self, world: &mut World, partition: PartitionNo) {
        self.groups().for_each(|group| world.trigger(group, partition));
    }

    /// Sends the trigger that a process wants: a producer to every group, a worker to its own.
    fn send_trigger(&self, world: &mut World, process: Process) {
        match process {
            Process::Producer(producer) => {
                let partition = world.producers[producer.index()].route;
                self.trigger_groups(world, partition);
            }
            Process::Worker(worker) => {
                if let Some(turn) = &world.workers[worker.index()].turn {
                    world.trigger(turn.group, turn.partition);
                }
            }
            Process::Operator(_) => {}
        }
        self.finish_trigger(world, process);
    }

    /// Tells a process that its trigger was sent, or attempted.
    pub(super) fn finish_trigger(&self, world: &mut World, process: Process) {
        match process {
            Process::Producer(producer) => {
                if let Work::Append(append) = &mut world.producers[producer.index()].work {
                    append.notified();
                }
                self.advance_producer(world, producer);
            }
            Process::Worker(worker) => self.tell(world, worker, News::Triggered),
            Process::Operator(_) => {}
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
