//! One step of the world: what an action does, and what its request breaks.

use super::action::{Action, Process};
use super::protocol::Protocol;
use super::small::{GroupNo, Run, Small, Tick, WorkerNo};
use super::world::{PARTITION, Producer, Turn, Work, World};
use crate::append::Want;
use crate::consume::{Consume, News};
use crate::design::Trigger;
use crate::invariant::Invariant;
use crate::store::{Lease, Reply, Request, Slot, Tables, View, apply};

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// Returns the state after an action; `None` if the world has no room for it.
    pub(super) fn step(
        &self,
        last: &World<P, W, G, S, L>,
        action: Action,
    ) -> Option<World<P, W, G, S, L>> {
        let mut world = last.clone();
        self.coverage.mark_action(action);
        match action {
            Action::Begin { producer, count } => {
                world.producers[producer.index()].work = self.begin(last, producer, count);
            }
            Action::Send { process } => self.send(&mut world, process, View::Latest)?,
            Action::StaleRead { worker, view } => {
                world.left.spend(|left| &mut left.stale);
                self.send(&mut world, Process::Worker(worker), view.view())?;
            }
            Action::LoseReply { process } => {
                world.left.spend(|left| &mut left.lost_replies);
                self.send_and_lose_reply(&mut world, process)?;
            }
            Action::Delay { process } => self.delay(&mut world, process)?,
            Action::Arrive { copy } => {
                let request = world.under_way[usize::from(copy)].take()?;
                world.under_way[usize::from(copy)..].rotate_left(1);
                self.execute(&mut world, None, &request, View::Latest)?;
            }
            Action::Crash { process, applied } => {
                world.left.spend(|left| &mut left.crashes);
                if applied {
                    self.send_and_lose_reply(&mut world, process)?;
                }
                self.crash(&mut world, process);
            }
            Action::Restart { producer } => {
                let Producer { run, answered, .. } = last.producers[producer.index()];
                world.producers[producer.index()].work = self.first_work(producer, run, answered);
            }
            Action::Take { worker, group } => self.begin_turn(&mut world, worker, group),
            Action::Deliver { worker } => {
                self.deliver(&mut world, worker);
                self.tell(&mut world, worker, Tick::NOW, News::Handled);
            }
            Action::Clock { worker, now } => {
                if now == Tick::RENEW {
                    world.left.spend(|left| &mut left.renewals);
                }
                self.tell(&mut world, worker, now, News::Time);
            }
            Action::Stop { worker } => {
                world.left.spend(|left| &mut left.handovers);
                self.tell(&mut world, worker, Tick::NOW, News::Stop);
            }
            Action::Lapse { group, aware } => self.lapse(&mut world, group, aware),
            Action::LoseTrigger { process } => {
                world.left.spend(|left| &mut left.lost_triggers);
                self.finish_trigger(&mut world, process);
            }
            Action::DuplicateTrigger { group } => {
                world.left.spend(|left| &mut left.duplicate_triggers);
                world.triggers[group.index()] += 1;
            }
            Action::Sweep { group } => world.triggers[group.index()] += 1,
        }
        Some(world)
    }

    /// Returns the request that a process wants to send; `None` if it wants to send a trigger, or
    /// nothing.
    pub(super) fn wanted(
        &self,
        world: &World<P, W, G, S, L>,
        process: Process,
    ) -> Option<Request<Small>> {
        match process {
            Process::Producer(producer) => match &world.producers[producer.index()].work {
                Work::Claim(claim) => claim.wants(),
                Work::Append(append) => match append.wants(&self.rules) {
                    Want::Store(request) => Some(request),
                    Want::Trigger | Want::Nothing => None,
                },
                Work::Between(_) | Work::Finished | Work::Dead => None,
            },
            Process::Worker(worker) => {
                let turn = world.workers[worker.index()].turn.as_ref()?;
                turn.machine.wants(&self.rules).store
            }
        }
    }

    /// Sends what a process wants, be it a request or a trigger, and tells it the reply.
    fn send(&self, world: &mut World<P, W, G, S, L>, process: Process, view: View) -> Option<()> {
        let Some(request) = self.wanted(world, process) else {
            self.send_trigger(world, process);
            return Some(());
        };
        self.note_start(world, process);
        let reply = self.execute(world, Some(process), &request, view)?;
        self.tell_reply(world, process, reply);
        Some(())
    }

    /// Tells a process the reply to its request.
    fn tell_reply(&self, world: &mut World<P, W, G, S, L>, process: Process, reply: Reply<Small>) {
        match process {
            Process::Producer(producer) => {
                match &mut world.producers[producer.index()].work {
                    Work::Claim(claim) => claim.tell(reply),
                    Work::Append(append) => append.tell(&self.rules, reply),
                    Work::Between(_) | Work::Finished | Work::Dead => {}
                }
                self.advance_producer(world, producer.index());
            }
            Process::Worker(worker) => {
                self.tell(world, worker, Tick::NOW, News::Reply(reply));
            }
        }
    }

    /// Sends the request that a process wants, and loses the reply.
    fn send_and_lose_reply(
        &self,
        world: &mut World<P, W, G, S, L>,
        process: Process,
    ) -> Option<()> {
        let request = self.wanted(world, process)?;
        self.note_start(world, process);
        self.execute(world, Some(process), &request, View::Latest).map(drop)
    }

    /// Keeps a copy of the request that a process wants, which arrives later or never.
    fn delay(&self, world: &mut World<P, W, G, S, L>, process: Process) -> Option<()> {
        world.left.spend(|left| &mut left.late);
        let request = self.wanted(world, process)?;
        self.note_start(world, process);
        let believed = self.mutant.and_then(|t| t.believed(&request, &world.tables));
        let room = world.under_way.iter_mut().find(|copy| copy.is_none())?;
        *room = Some(request);
        if let Some(reply) = believed {
            self.tell_reply(world, process, reply);
        }
        Some(())
    }

    /// Gives a worker a trigger of a group, with which its turn begins.
    fn begin_turn(&self, world: &mut World<P, W, G, S, L>, worker: WorkerNo, group: GroupNo) {
        world.triggers[group.index()] -= 1;
        let owner = world.owner(worker);
        let machine = Consume::new(&self.rules, group, PARTITION, owner, Tick::NOW);
        let turn = Turn { group, machine, fresh: true, late: false, delivered: 0 };
        world.workers[worker.index()].turn = Some(turn);
    }

    /// Notes that a process has sent a request: an append counts as begun from its first one (S3),
    /// and a turn is no longer fresh.
    fn note_start(&self, world: &mut World<P, W, G, S, L>, process: Process) {
        let acknowledged = world.acknowledged();
        if let Process::Producer(producer) = process
            && let Producer { work: Work::Append(_), since, .. } =
                &mut world.producers[producer.index()]
        {
            since.get_or_insert(acknowledged);
        }
        if let Process::Worker(worker) = process
            && let Some(turn) = &mut world.workers[worker.index()].turn
        {
            turn.fresh = false;
        }
    }

    /// Applies a request, and judges what it did to its slot and its lease (S1, L1, L3). `process`
    /// is `None` for a late copy.
    fn execute(
        &self,
        world: &mut World<P, W, G, S, L>,
        process: Option<Process>,
        request: &Request<Small>,
        view: View,
    ) -> Option<Reply<Small>> {
        if self.outgrows(world, request) {
            self.note_outgrown();
            return None;
        }
        let slot = request.slot();
        let slot_before = slot.map(|slot| world.tables.slot(&PARTITION, slot));
        let group = request.group().copied();
        let lease_before = group.and_then(|group| world.lease(group));

        let reply = match self.mutant {
            Some(mutant) => mutant.apply(&mut world.tables, request, view),
            None => apply(&mut world.tables, request, view),
        };
        self.coverage.mark_reply(process, world, request, &reply);

        if let (Some(slot), Some(before)) = (slot, slot_before) {
            let after = world.tables.slot(&PARTITION, slot);
            if before != Slot::Empty && before != after {
                world.ghost.broken.insert(Invariant::S1);
            }
            if matches!(after, Slot::Events { .. }) && reply.wrote() {
                self.trigger_from_stream(world);
            }
        }
        if let Some(group) = group {
            let sender = process.and_then(|process| match process {
                Process::Worker(worker) => Some(world.owner(worker)),
                Process::Producer(_) => None,
            });
            judge_lease(world, group, lease_before, sender);
        }
        Some(reply)
    }

    /// Whether a request would take a number that the world has no room for.
    fn outgrows(&self, world: &World<P, W, G, S, L>, request: &Request<Small>) -> bool {
        match request {
            Request::Raise(_) | Request::RaiseAndWrite { .. } => {
                world.tables.head(&PARTITION) >= World::<P, W, G, S, L>::LAST
            }
            Request::Write(write) => write.slot > World::<P, W, G, S, L>::LAST,
            // Epochs grow without end only where a protection is taken out.
            Request::Acquire { group, .. } => {
                world.lease(*group).is_some_and(|lease| lease.epoch.0 >= u64::from(u8::MAX))
            }
            _ => false,
        }
    }

    /// Triggers every group because a slot was written, where the table's stream does that.
    fn trigger_from_stream(&self, world: &mut World<P, W, G, S, L>) {
        match self.design().trigger {
            Trigger::Stream => self.groups().for_each(|g| world.triggers[g.index()] += 1),
            Trigger::BestEffort | Trigger::Queue | Trigger::Sweep => {}
        }
    }

    /// Sends the trigger that a process wants: a producer to every group, a worker to its own.
    fn send_trigger(&self, world: &mut World<P, W, G, S, L>, process: Process) {
        match process {
            Process::Producer(_) => {
                self.groups().for_each(|g| world.triggers[g.index()] += 1);
            }
            Process::Worker(worker) => {
                if let Some(turn) = &world.workers[worker.index()].turn {
                    world.triggers[turn.group.index()] += 1;
                }
            }
        }
        self.finish_trigger(world, process);
    }

    /// Tells a process that its trigger was sent, or attempted.
    fn finish_trigger(&self, world: &mut World<P, W, G, S, L>, process: Process) {
        match process {
            Process::Producer(producer) => {
                if let Work::Append(append) = &mut world.producers[producer.index()].work {
                    append.notified();
                }
                self.advance_producer(world, producer.index());
            }
            Process::Worker(worker) => self.tell(world, worker, Tick::NOW, News::Triggered),
        }
    }

    /// Ends a group's lease by the passing of time. An `aware` owner will see it at its next look
    /// at the clock.
    fn lapse(&self, world: &mut World<P, W, G, S, L>, group: GroupNo, aware: bool) {
        let Some(lease) = world.lease(group) else { return };
        let worker = lease.owner.worker;
        let lives = world.owner(worker) == lease.owner;
        world.tables.lapse(group.index());
        if let Some(turn) = &mut world.workers[worker.index()].turn
            && lives
            && turn.group == group
        {
            turn.late |= aware;
            world.left.spend(|left| &mut left.expiries);
        }
    }
}

/// Judges the change of a lease (L1, L3). `sender` is the worker's run that sent the request.
fn judge_lease<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    world: &mut World<P, W, G, S, L>,
    group: GroupNo,
    before: Option<Lease<Small>>,
    sender: Option<Run>,
) {
    let (Some(before), Some(after)) = (before, world.lease(group)) else { return };
    let same_epoch_new_owner = after.epoch == before.epoch && after.owner != before.owner;
    if after.epoch < before.epoch || same_epoch_new_owner {
        world.ghost.broken.insert(Invariant::L1);
    }
    let moved = after.checkpoint != before.checkpoint;
    let by_another = sender.is_some_and(|sender| sender != before.owner);
    if after.checkpoint < before.checkpoint || (moved && by_another) {
        world.ghost.broken.insert(Invariant::L3);
    }
}
