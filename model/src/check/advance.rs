//! What a step leads to: a producer goes on to its next append, a turn ends.

use super::action::Process;
use super::bounds::Clocks;
use super::lineage;
use super::protocol::Protocol;
use super::small::{Count, PartitionNo, ProducerNo, Small, WorkerNo};
use super::world::{Operator, Turn, Work, World};
use crate::append::{Answer, Append, Identity, Session, Want};
use crate::consume::{News, Outcome};
use crate::design::{Busy, Parents, Records, Splitting, Undrained};
use crate::ids::{Number, Seq};
use crate::mutant::Mutant;
use crate::store::Record;

// Producers.
impl Protocol {
    /// Moves a producer on once its claim or append has its answer, and judges that answer.
    pub(super) fn advance_producer(&self, world: &mut World, producer: ProducerNo) {
        let work = match &world.producers[producer.index()].work {
            Work::Claim(claim) => match (claim.record(), claim.sealed()) {
                (Some(record), _) => self.work_after_claim(world, producer, record),
                (None, Some((record, children))) => {
                    let children = children.to_vec();
                    self.work_after_seal(world, producer, record, &children)
                }
                (None, None) => return,
            },
            Work::Append(append) => {
                let Some(answer) = append.answer(&self.rules) else { return };
                let append = append.clone();
                if answer == Answer::Sealed {
                    let work = self.go_on_in_child(world, producer, append.children());
                    world.producers[producer.index()].work = work;
                    return;
                }
                let fenced = self.acknowledge(world, producer, &append, answer);
                match append.wants(&self.rules) {
                    // The append has its answer, and its best-effort trigger is still to be sent.
                    Want::Trigger => return,
                    Want::Store(_) | Want::Nothing if fenced => Work::Fenced,
                    Want::Store(_) | Want::Nothing => {
                        self.work_after_append(world, producer, &append)
                    }
                }
            }
            Work::Between(_) | Work::Finished | Work::Fenced | Work::Dead | Work::Asleep => return,
        };
        world.producers[producer.index()].work = work;
    }

    /// What a run does after it has claimed its name: it resumes the batch that the record names,
    /// or begins the next one.
    fn work_after_claim(&self, world: &mut World, producer: ProducerNo, record: Record) -> Work {
        let (number, count) = (record.number.0 as u8, record.count as u8);
        let done = number - count;
        let known = &mut world.producers[producer.index()].answered;
        *known = (*known).max(done);
        let known = *known;
        if number <= known {
            return self.between(world, producer, Some(record));
        }
        let token = self.token(producer, 0, number);
        let name = producer.first();
        let session = Session { name, record, number: Number(number.into()) };
        let partition = world.producers[producer.index()].route;
        Work::Append(Append::resume(partition, token, Count(count), session))
    }

    /// What a run of a named producer does in a partition that is sealed: it settles what its record names,
    /// and goes on in the child.
    fn work_after_seal(
        &self,
        world: &mut World,
        producer: ProducerNo,
        record: Option<Record>,
        children: &[PartitionNo],
    ) -> Work {
        let answered = world.producers[producer.index()].answered;
        let record = match self.design().records {
            // S2: an earlier run may have taken a number here, and its event belongs here.
            Records::Path => record,
            Records::Leaf => None,
        };
        match record.filter(|record| record.number.0 as u8 > answered) {
            Some(record) => self.work_after_claim(world, producer, record),
            None => self.go_on_in_child(world, producer, children),
        }
    }

    /// What a run does next in the child of its partition, which is sealed.
    fn go_on_in_child(
        &self,
        world: &mut World,
        producer: ProducerNo,
        children: &[PartitionNo],
    ) -> Work {
        let child = self.child_of(producer, children).filter(|child| {
            // Until the child is there, its producers ask again.
            self.design().split != Splitting::SealThenCreate
                || lineage::is_there(self.design(), world, *child)
        });
        let run = &mut world.producers[producer.index()];
        run.expected = None;
        run.route = child.unwrap_or(run.route);
        let run = run.clone();
        self.first_work(producer, &run)
    }

    /// What a producer does after its append has its answer.
    fn work_after_append(
        &self,
        world: &mut World,
        producer: ProducerNo,
        append: &Append<Small>,
    ) -> Work {
        let record = match append.identity() {
            Identity::Anonymous => None,
            Identity::Named(session) => Some(session.record),
        };
        self.between(world, producer, record)
    }
}

// Workers.
impl Protocol {
    /// Tells a worker's turn what happened, by its clock, and cleans up if that ends its lease or
    /// the turn.
    pub(super) fn tell(&self, world: &mut World, worker: WorkerNo, news: News<Small>) {
        let clock = world.clock(worker);
        let Some(turn) = &mut world.workers[worker.index()].turn else { return };
        let (group, partition) = (turn.group, turn.partition);
        let (held, over, epoch) =
            (turn.machine.holds_lease(), turn.is_over(clock), turn.machine.epoch());
        // Where clocks are unbounded, a worker that is paused past its lease's end acts by the time
        // that it last saw.
        let told = match (&news, over, self.clocks) {
            (News::Time, _, _) | (_, false, _) | (_, _, Clocks::Timely) => clock,
            (_, true, Clocks::Unbounded) => (*turn.machine.times_mut().clock).min(clock),
        };
        turn.machine.tell(&self.rules, told, news);
        if held && !turn.machine.holds_lease() {
            turn.delivered = 0;
        }
        let Some(outcome) = turn.machine.wants(&self.rules).done else { return };
        let blocked = turn.machine.blocked().map(|(parent, end)| (*parent, end));
        let is_drained = outcome == Outcome::CaughtUp && turn.machine.has_drained();
        self.coverage.mark_outcome(outcome);
        if is_drained {
            self.coverage.mark_drained();
        }
        if held && outcome == Outcome::Lost {
            self.judge_loss(world, group, partition, epoch, over);
        }
        self.end_turn(world, worker);
        let goes_over = match self.design().undrained {
            Undrained::GoOver => true,
            Undrained::GiveBack | Undrained::Drop => false,
        };
        if let Some((parent, Some(_))) = blocked {
            // A turn that is under way may not know that the parent is sealed.
            world.seat_mut(group, parent).drains = true;
            if goes_over {
                // P1: the trigger goes to the parent, and comes back from there.
                world.trigger_once(group, parent);
            }
        }
        if is_drained && goes_over {
            // P1: triggers of the children may have come too early.
            for later in self.waiting_for(world, partition) {
                world.trigger_once(group, later);
            }
        }
        let comes_back = match (outcome, self.design().busy) {
            (Outcome::CaughtUp | Outcome::HandedOver, _) => false,
            (Outcome::GivenBack, _) => true,
            (Outcome::Blocked, _) => self.design().undrained == Undrained::GiveBack,
            (Outcome::Busy | Outcome::Lost, Busy::ComeBack) => true,
            (Outcome::Busy | Outcome::Lost, Busy::Drop) => false,
        };
        if comes_back {
            world.trigger(group, partition);
        }
    }

    /// The partitions whose turns may have found this one undrained.
    fn waiting_for(&self, world: &World, partition: PartitionNo) -> Vec<PartitionNo> {
        let mut children = world.log(partition).children.clone();
        match self.design().parents {
            Parents::Nothing | Parents::Checkpoints | Parents::Begun => children,
            Parents::Ancestors => {
                let later = children.clone().into_iter();
                children.extend(later.flat_map(|child| self.waiting_for(world, child)));
                children
            }
        }
    }

    /// Ends a process. A worker's trigger comes back where triggers are durable.
    pub(super) fn crash(&self, world: &mut World, process: Process) {
        match process {
            Process::Producer(producer) => {
                let (named, name, home) = (self.named(), producer.first(), self.home_of(producer));
                let run = &mut world.producers[producer.index()];
                run.work = Work::Dead;
                run.expected = None;
                run.route = home;
                if named {
                    // The next run knows only what the record says.
                    run.answered = 0;
                } else {
                    // The next run is another producer, and appends again what has no answer.
                    run.run += 1;
                }
                let log = &mut world.logs[home.index()];
                log.forget_refusals(name);
                if !named {
                    log.began[name.index()] = None;
                }
            }
            Process::Worker(worker) => {
                self.drop_turn(world, worker);
                if self.mutant == Some(Mutant::OwnerPerWorker) {
                    // The next process draws another name.
                    world.end_name(worker);
                }
            }
            Process::Operator(operator) => {
                let operator = &mut world.operators[operator.index()];
                *operator = match operator {
                    // Another one would have another name.
                    Operator::Resets { .. } => Operator::Done,
                    Operator::Asleep
                    | Operator::Splits { .. }
                    | Operator::Merges { .. }
                    | Operator::Done => Operator::Asleep,
                };
                self.judge_leaves(world);
            }
        }
    }

    /// Ends a worker's turn, and with it the name by which it owned its lease.
    fn end_turn(&self, world: &mut World, worker: WorkerNo) -> Option<Turn> {
        let turn = world.workers[worker.index()].turn.take()?;
        if self.mutant != Some(Mutant::OwnerPerWorker) {
            world.end_name(worker);
        }
        Some(turn)
    }

    /// Drops a worker's turn, because its handler failed, its future was dropped or its process
    /// died. The lease is left to end, and what was delivered and is not finished may be delivered
    /// again (D2).
    pub(super) fn drop_turn(&self, world: &mut World, worker: WorkerNo) {
        let Some(turn) = self.end_turn(world, worker) else { return };
        if turn.machine.holds_lease() {
            world.seat_mut(turn.group, turn.partition).excuse();
        }
        if self.durable() {
            world.trigger(turn.group, turn.partition);
        }
    }

    /// Hands the first `most` slots of a delivery to the handler, and judges each.
    pub(super) fn deliver(&self, world: &mut World, worker: WorkerNo, most: u8) {
        let Some(turn) = &world.workers[worker.index()].turn else { return };
        let Some(delivery) = turn.machine.wants(&self.rules).deliver else { return };
        let (group, partition, page) = (turn.group, turn.partition, *delivery.page);
        let last = delivery.upto.0.min(delivery.after.0 + u64::from(most));
        for slot in delivery.after.0 + 1..=last {
            self.judge_delivery(world, worker, group, partition, Seq(slot), &page);
        }
    }
}
