//! One step of the world: what an action does, and what it breaks.

use super::action::{Action, Process};
use super::protocol::Protocol;
use super::small::{Count, GroupNo, Run, Small, Tick, WorkerNo};
use super::world::{ACKNOWLEDGED, PARTITION, Producer, Turn, Work, World};
use crate::append::{Answer, Append, Identity, Session, Want};
use crate::consume::{Consume, News, Outcome};
use crate::design::{Busy, Trigger};
use crate::ids::{Number, Seq};
use crate::invariant::Invariant;
use crate::store::{Lease, Record, Reply, Request, Slot, Tables, View, apply};
use crate::vocabulary::{Page, Seen};

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// The state after an action; `None` if the world has no room for it.
    pub(super) fn step(
        &self,
        last: &World<P, W, G, S, L>,
        action: Action,
    ) -> Option<World<P, W, G, S, L>> {
        let mut world = last.clone();
        self.coverage.happened(action);
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
                self.send_unheard(&mut world, process)?;
            }
            Action::Delay { process } => {
                world.left.spend(|left| &mut left.late);
                let request = self.wanted(&world, process)?;
                self.starts(&mut world, process);
                let believed = self.mutant.and_then(|t| t.believed(&request, &world.tables));
                let room = world.under_way.iter_mut().find(|copy| copy.is_none())?;
                *room = Some(request);
                if let Some(reply) = believed {
                    self.hears(&mut world, process, reply);
                }
            }
            Action::Arrive { copy } => {
                let request = world.under_way[usize::from(copy)].take()?;
                world.under_way[usize::from(copy)..].rotate_left(1);
                self.execute(&mut world, None, &request, View::Latest)?;
            }
            Action::Crash { process, applied } => {
                world.left.spend(|left| &mut left.crashes);
                if applied {
                    self.send_unheard(&mut world, process)?;
                }
                self.crashed(&mut world, process);
            }
            Action::Restart { producer } => {
                let Producer { run, answered, .. } = last.producers[producer.index()];
                world.producers[producer.index()].work = self.first_work(producer, run, answered);
            }
            Action::Take { worker, group } => {
                world.triggers[group.index()] -= 1;
                let owner = world.owner(worker);
                let machine = Consume::new(&self.rules, group, PARTITION, owner, Tick::NOW);
                let turn = Turn { group, machine, fresh: true, late: false, delivered: 0 };
                world.workers[worker.index()].turn = Some(turn);
            }
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
                self.triggered(&mut world, process);
            }
            Action::DuplicateTrigger { group } => {
                world.left.spend(|left| &mut left.duplicate_triggers);
                world.triggers[group.index()] += 1;
            }
            Action::Sweep { group } => world.triggers[group.index()] += 1,
        }
        Some(world)
    }

    /// The request that a process wants to send.
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

    fn send(&self, world: &mut World<P, W, G, S, L>, process: Process, view: View) -> Option<()> {
        let Some(request) = self.wanted(world, process) else {
            self.send_trigger(world, process);
            return Some(());
        };
        self.starts(world, process);
        let reply = self.execute(world, Some(process), &request, view)?;
        self.hears(world, process, reply);
        Some(())
    }

    /// A process hears the reply to what it sent.
    fn hears(&self, world: &mut World<P, W, G, S, L>, process: Process, reply: Reply<Small>) {
        match process {
            Process::Producer(producer) => {
                match &mut world.producers[producer.index()].work {
                    Work::Claim(claim) => claim.tell(reply),
                    Work::Append(append) => append.tell(&self.rules, reply),
                    Work::Between(_) | Work::Finished | Work::Dead => {}
                }
                self.answered(world, producer.index());
            }
            Process::Worker(worker) => {
                self.tell(world, worker, Tick::NOW, News::Reply(reply));
            }
        }
    }

    /// Sends what a process wants; nobody hears the reply.
    fn send_unheard(&self, world: &mut World<P, W, G, S, L>, process: Process) -> Option<()> {
        let request = self.wanted(world, process)?;
        self.starts(world, process);
        self.execute(world, Some(process), &request, View::Latest).map(drop)
    }

    /// An append begins, for others to see, with its first request; so does a turn.
    fn starts(&self, world: &mut World<P, W, G, S, L>, process: Process) {
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

    /// Applies a request, and holds what it did against the invariants.
    fn execute(
        &self,
        world: &mut World<P, W, G, S, L>,
        process: Option<Process>,
        request: &Request<Small>,
        view: View,
    ) -> Option<Reply<Small>> {
        if self.outgrows(world, request) {
            self.outgrow();
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
        self.coverage.answered(process, world, request, &reply);

        if let (Some(slot), Some(before)) = (slot, slot_before) {
            let after = world.tables.slot(&PARTITION, slot);
            if before != Slot::Empty && before != after {
                world.ghost.broken.insert(Invariant::S1);
            }
            if matches!(after, Slot::Events { .. }) && reply.wrote() {
                self.streamed(world);
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
            // Only where a protection is taken out do epochs grow without end.
            Request::Acquire { group, .. } => {
                world.lease(*group).is_some_and(|lease| lease.epoch.0 >= u64::from(u8::MAX))
            }
            _ => false,
        }
    }

    /// The table's stream turns a written slot into a trigger for every group.
    fn streamed(&self, world: &mut World<P, W, G, S, L>) {
        match self.design().trigger {
            Trigger::Stream => self.groups().for_each(|g| world.triggers[g.index()] += 1),
            Trigger::BestEffort | Trigger::Queue | Trigger::Sweep => {}
        }
    }

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
        self.triggered(world, process);
    }

    fn triggered(&self, world: &mut World<P, W, G, S, L>, process: Process) {
        match process {
            Process::Producer(producer) => {
                if let Work::Append(append) = &mut world.producers[producer.index()].work {
                    append.notified();
                }
                self.answered(world, producer.index());
            }
            Process::Worker(worker) => self.tell(world, worker, Tick::NOW, News::Triggered),
        }
    }

    // Producers.

    /// Draws the consequences once a producer's claim or append has its answer.
    fn answered(&self, world: &mut World<P, W, G, S, L>, index: usize) {
        let work = match &world.producers[index].work {
            Work::Claim(claim) => match claim.record() {
                Some(record) => self.claimed(world, index, record),
                None => return,
            },
            Work::Append(append) => {
                let Some(answer) = append.answer(&self.rules) else { return };
                let append = append.clone();
                self.acknowledge(world, index, &append, answer);
                match append.wants(&self.rules) {
                    // Answered already, and a best-effort trigger is still to be sent.
                    Want::Trigger => return,
                    Want::Store(_) | Want::Nothing => self.next_work(world, index, &append),
                }
            }
            Work::Between(_) | Work::Finished | Work::Dead => return,
        };
        world.producers[index].work = work;
    }

    /// A run has claimed its name and knows what earlier runs did.
    fn claimed(&self, world: &mut World<P, W, G, S, L>, index: usize, record: Record) -> Work {
        let producer = super::small::ProducerNo(index as u8);
        let (number, count) = (record.number.0 as u8, record.count as u8);
        let done = number - count;
        let known = &mut world.producers[index].answered;
        *known = (*known).max(done);
        if number <= *known {
            return self.between(producer, 0, *known, Some(record));
        }
        let token = self.token(producer, 0, number);
        let session = Session { name: producer, record, number: Number(number.into()) };
        let append = Append::resume(PARTITION, token, Count(count), session);
        Work::Append(append)
    }

    fn next_work(
        &self,
        world: &World<P, W, G, S, L>,
        index: usize,
        append: &Append<Small>,
    ) -> Work {
        let record = match append.identity() {
            Identity::Anonymous => None,
            Identity::Named(session) => Some(session.record),
        };
        let Producer { run, answered, .. } = world.producers[index];
        self.between(append.token().producer, run, answered, record)
    }

    fn acknowledge(
        &self,
        world: &mut World<P, W, G, S, L>,
        index: usize,
        append: &Append<Small>,
        answer: Answer,
    ) {
        let number = append.token().number;
        world.producers[index].answered = number;
        let since = world.producers[index].since.take();
        match answer {
            Answer::Appended(slot) => {
                // What is acknowledged and in no slot, or in another's, can never be delivered.
                let held = world.tables.slot(&PARTITION, slot);
                if !matches!(held, Slot::Events { token, .. } if token == *append.token()) {
                    world.ghost.broken.insert(Invariant::P1);
                }
                let index = slot.0 as usize - 1;
                if world.ghost.marks[index] & ACKNOWLEDGED == 0 {
                    world.ghost.marks[index] |= ACKNOWLEDGED;
                    if since.is_some_and(|since| slot.0 as u8 <= since) {
                        world.ghost.broken.insert(Invariant::S3);
                    }
                }
            }
            Answer::Conflict { .. } | Answer::Fenced => world.ghost.refused[index] |= 1 << number,
        }
    }

    // Workers.

    /// Tells a worker news, and draws the consequences if that ends its lease or its turn.
    pub(super) fn tell(
        &self,
        world: &mut World<P, W, G, S, L>,
        worker: WorkerNo,
        now: Tick,
        news: News<Small>,
    ) {
        let Some(turn) = &mut world.workers[worker.index()].turn else { return };
        let group = turn.group;
        let cursor = turn.machine.cursor().0 as u8;
        let held = turn.machine.holds_lease();
        turn.machine.tell(&self.rules, now, news);
        turn.machine.rebase(Tick::NOW);
        let gave_up = held && !turn.machine.holds_lease();
        if gave_up {
            turn.late = false;
            turn.delivered = 0;
        }
        let done = turn.machine.wants(&self.rules).done;
        if gave_up && done != Some(Outcome::Lost) {
            // It ended as it should: what was delivered until now stays delivered (D2).
            let settled = &mut world.ghost.settled[group.index()];
            *settled = (*settled).max(cursor);
        }
        if let Some(outcome) = done {
            self.coverage.ended(outcome);
            world.workers[worker.index()].turn = None;
            let comes_back = match (outcome, self.design().busy) {
                (Outcome::CaughtUp | Outcome::HandedOver, _) => false,
                (Outcome::GivenBack, _) => true,
                (Outcome::Busy | Outcome::Lost, Busy::ComeBack) => true,
                (Outcome::Busy | Outcome::Lost, Busy::Drop) => false,
            };
            world.triggers[group.index()] += u8::from(comes_back);
        }
    }

    fn crashed(&self, world: &mut World<P, W, G, S, L>, process: Process) {
        match process {
            Process::Producer(producer) => {
                let named = self.named();
                let Producer { work, run, answered, since } =
                    &mut world.producers[producer.index()];
                *work = Work::Dead;
                // Nobody is left who was told that an append was refused.
                world.ghost.refused[producer.index()] = 0;
                if named {
                    // Its next run knows nothing but what its record says.
                    *answered = 0;
                } else {
                    // Its next run is a stranger, and appends anew what was not answered.
                    *run += 1;
                    *since = None;
                }
            }
            Process::Worker(worker) => {
                let worker = &mut world.workers[worker.index()];
                worker.run += 1;
                if let Some(turn) = worker.turn.take()
                    && self.durable()
                {
                    world.triggers[turn.group.index()] += 1;
                }
            }
        }
    }

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

    /// The handler sees the events of a delivery.
    fn deliver(&self, world: &mut World<P, W, G, S, L>, worker: WorkerNo) {
        let owner = world.owner(worker);
        let Some(turn) = &world.workers[worker.index()].turn else { return };
        let Some(delivery) = turn.machine.wants(&self.rules).deliver else { return };
        let (group, epoch) = (turn.group, delivery.epoch);
        let (after, upto, page) = (delivery.after.0, delivery.upto.0, *delivery.page);
        let mut last = turn.delivered;
        let current = world
            .lease(group)
            .is_some_and(|lease| lease.active && lease.owner == owner && lease.epoch == epoch);
        for slot in after + 1..=upto {
            if page.seen(Seq(slot)) != Seen::Events {
                continue;
            }
            judge_delivery(world, group, slot as u8, last, current);
            world.ghost.marks[slot as usize - 1] |= 1 << group.0;
            last = slot as u8;
        }
        if let Some(turn) = &mut world.workers[worker.index()].turn {
            turn.delivered = last;
        }
    }
}

/// Holds what became of a lease against L1 and L3.
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
    let strange = sender.is_some_and(|sender| sender != before.owner);
    if after.checkpoint < before.checkpoint || (moved && strange) {
        world.ghost.broken.insert(Invariant::L3);
    }
}

/// Holds one delivered slot against D1 and D2. `last` is the slot delivered before
/// it under the same lease; `current` whether that lease is still the latest.
fn judge_delivery<
    const P: usize,
    const W: usize,
    const G: usize,
    const S: usize,
    const L: usize,
>(
    world: &mut World<P, W, G, S, L>,
    group: GroupNo,
    slot: u8,
    last: u8,
    current: bool,
) {
    let appended = match world.tables.slot(&PARTITION, Seq(slot.into())) {
        Slot::Events { token, .. } => !world.was_refused(token),
        Slot::Void | Slot::Empty => false,
    };
    if !appended {
        world.ghost.broken.insert(Invariant::D1);
    }
    let delivered = |slot: usize| world.was_delivered(group.index(), slot);
    let again = delivered(slot.into());
    let overtaken = (usize::from(slot) + 1..=S).any(delivered);
    let settled = slot <= world.ghost.settled[group.index()];
    // Under a lost lease a redelivery is excused: the handler gets the epoch and can tell.
    if slot <= last || (overtaken && !again) || (again && settled && current) {
        world.ghost.broken.insert(Invariant::D2);
    }
}
