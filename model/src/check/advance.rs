//! What a step leads to: a producer goes on to its next append, a turn ends, a delivery is judged.

use super::action::Process;
use super::protocol::Protocol;
use super::small::{Count, GroupNo, ProducerNo, Small, Tick, WorkerNo};
use super::world::{ACKNOWLEDGED, PARTITION, Producer, Work, World};
use crate::append::{Answer, Append, Identity, Session, Want};
use crate::consume::{News, Outcome};
use crate::design::Busy;
use crate::ids::{Number, Seq};
use crate::invariant::Invariant;
use crate::store::{Record, Slot, Tables};
use crate::vocabulary::{Page, Seen};

// Producers.
impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// Moves a producer on once its claim or append has its answer, and judges that answer.
    pub(super) fn advance_producer(&self, world: &mut World<P, W, G, S, L>, index: usize) {
        let work = match &world.producers[index].work {
            Work::Claim(claim) => match claim.record() {
                Some(record) => self.work_after_claim(world, index, record),
                None => return,
            },
            Work::Append(append) => {
                let Some(answer) = append.answer(&self.rules) else { return };
                let append = append.clone();
                self.acknowledge(world, index, &append, answer);
                match append.wants(&self.rules) {
                    // The append has its answer, and its best-effort trigger is still to be sent.
                    Want::Trigger => return,
                    Want::Store(_) | Want::Nothing => self.work_after_append(world, index, &append),
                }
            }
            Work::Between(_) | Work::Finished | Work::Dead => return,
        };
        world.producers[index].work = work;
    }

    /// What a run does after it has claimed its name: it resumes the batch that the record names,
    /// or begins the next one.
    fn work_after_claim(
        &self,
        world: &mut World<P, W, G, S, L>,
        index: usize,
        record: Record,
    ) -> Work {
        let producer = ProducerNo(index as u8);
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

    /// What a producer does after its append has its answer.
    fn work_after_append(
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

    /// Takes note of an append's answer, and judges it (S3, P1).
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
                // P1: an acknowledged event that is not in its slot can never be delivered.
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
}

// Workers.
impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// Tells a worker's turn what happened, and cleans up if that ends its lease or the turn.
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
            // The lease ended as it should, so nothing up to here may be delivered again (D2).
            let settled = &mut world.ghost.settled[group.index()];
            *settled = (*settled).max(cursor);
        }
        if let Some(outcome) = done {
            self.coverage.mark_outcome(outcome);
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

    /// Ends a process. A worker's trigger comes back where triggers are durable.
    pub(super) fn crash(&self, world: &mut World<P, W, G, S, L>, process: Process) {
        match process {
            Process::Producer(producer) => {
                let named = self.named();
                let Producer { work, run, answered, since } =
                    &mut world.producers[producer.index()];
                *work = Work::Dead;
                // The run that was told that an append was refused is gone.
                world.ghost.refused[producer.index()] = 0;
                if named {
                    // The next run knows only what the record says.
                    *answered = 0;
                } else {
                    // The next run is another producer, and appends again what has no answer.
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

    /// Gives a delivery's events to the handler, and judges each slot.
    pub(super) fn deliver(&self, world: &mut World<P, W, G, S, L>, worker: WorkerNo) {
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

/// Judges the delivery of one slot (D1, D2). `last` is the slot that was delivered before it under
/// the same lease; `current` says whether that lease is still the latest.
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
    // A redelivery under a lost lease is no violation: the handler gets the epoch as a fence.
    if slot <= last || (overtaken && !again) || (again && settled && current) {
        world.ghost.broken.insert(Invariant::D2);
    }
}
