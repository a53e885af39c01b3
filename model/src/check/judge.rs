//! The judges: what each write, each delivery, each answer and each state may be.
//!
//! Invariants of the tables are judged on the item before and after each write, whichever process sent the
//! request and whether it arrives at once, twice or late. What is wrong is remembered in the state.

use super::bounds::Clocks;
use super::lineage;
use super::protocol::Protocol;
use super::small::{GroupNo, PartitionNo, ProducerNo, Small, Token, Window, WorkerNo};
use super::world::{Operator, World};
use crate::append::{Answer, Append};
use crate::ids::{Epoch, Seq};
use crate::invariant::Invariant;
use crate::store::{Lease, Request, Slot};
use crate::vocabulary::{Page, Seen};

// Writes.
impl Protocol {
    /// Judges the write of a slot: it changes no more once it is not empty (S1), its events are in
    /// no other slot (S2), and no group has passed it (D3).
    pub(super) fn judge_slot(
        &self,
        world: &mut World,
        partition: PartitionNo,
        slot: Seq,
        before: &Slot<Small>,
    ) {
        let log = world.log(partition);
        if log.slot(slot) == before {
            return;
        }
        if *before != Slot::Empty {
            world.broken.insert(Invariant::S1);
        }
        if !one_slot_an_event(world, partition, slot) {
            world.broken.insert(Invariant::S2);
        }
        for group in self.groups() {
            self.judge_passed(world, group, partition);
            self.judge_overtaken(world, group, partition, slot);
        }
    }

    /// D4: what comes after a partition is not delivered before an event that the partition gets.
    fn judge_overtaken(
        &self,
        world: &mut World,
        group: GroupNo,
        partition: PartitionNo,
        slot: Seq,
    ) {
        let delivered = world.seat(group, partition).was_delivered(slot.0);
        if !world.log(partition).holds_events(slot.0) || delivered || !self.bounds.has_lineage() {
            return;
        }
        let mut later = (0..world.logs.len() as u8).map(PartitionNo);
        let overtaken = later.any(|later| {
            lineage::ancestors(later).contains(&partition)
                && world.seat(group, later).delivered != 0
        });
        if overtaken {
            world.broken.insert(Invariant::D4);
        }
    }

    /// D4: whatever came before a partition is sealed, and its events were delivered and finished.
    fn judge_drained(&self, world: &mut World, group: GroupNo, partition: PartitionNo) {
        if !self.bounds.has_lineage() {
            return;
        }
        let drained = lineage::ancestors(partition).into_iter().all(|earlier| {
            let (log, seat) = (world.log(earlier), world.seat(group, earlier));
            let is_done = |slot| seat.was_delivered(slot) && slot <= seat.checkpoint();
            let all = || (1..=log.len()).all(|slot| !log.holds_events(slot) || is_done(slot));
            log.is_sealed() && all()
        });
        if !drained {
            world.broken.insert(Invariant::D4);
        }
    }

    /// P2: while no operator is at work, each key has exactly one open partition that covers it. An
    /// operator that died is not at work: it need not come back.
    pub(super) fn judge_leaves(&self, world: &mut World) {
        let at_rest = |operator: &Operator| match operator {
            Operator::Asleep | Operator::Done | Operator::Resets { .. } => true,
            Operator::Splits { .. } | Operator::Merges { .. } => false,
        };
        if !world.operators.iter().all(at_rest) {
            return;
        }
        let has_one = |key| lineage::leaves(self.design(), world, key).len() == 1;
        if !(0..2).all(has_one) {
            world.broken.insert(Invariant::P2);
        }
    }

    /// Judges the write of a lease. An epoch has one owner, and epochs only grow (L1). The
    /// checkpoint only grows, and only by a request of the epoch that the lease has (L3). What it
    /// passes was delivered (D3).
    pub(super) fn judge_lease(
        &self,
        world: &mut World,
        group: GroupNo,
        partition: PartitionNo,
        before: Option<&Lease<Small>>,
        sender: Epoch,
    ) {
        let Some(after) = world.lease(group, partition).cloned() else { return };
        let Some(before) = before else { return };
        let another = after.epoch == before.epoch && after.owner != before.owner;
        if after.epoch < before.epoch || another {
            world.broken.insert(Invariant::L1);
        }
        if after.checkpoint != before.checkpoint {
            let foreign = sender != before.epoch;
            if after.checkpoint < before.checkpoint || foreign {
                world.broken.insert(Invariant::L3);
            }
            self.judge_passed(world, group, partition);
        }
        if after.epoch != before.epoch && before.active {
            // The lease was taken from an owner: it ended, or a clock broke its bound. A turn that
            // left it behind without a cause is no excuse for its deliveries.
            let seat = world.seat_mut(group, partition);
            if !seat.deserted {
                seat.excuse();
            }
            seat.deserted = false;
        }
    }

    /// Judges the write of a lease by an operator who moves a checkpoint back. It acts in an epoch of its own
    /// (L1, L3), and what came of the partition is at its beginning by then, and to be begun anew (D4). What
    /// the group is to be given again counts as not delivered.
    pub(super) fn judge_reset(
        &self,
        world: &mut World,
        request: &Request<Small>,
        before: Option<&Lease<Small>>,
    ) {
        let (Some(&group), partition) = (request.group(), *request.partition()) else { return };
        let Some(after) = world.lease(group, partition).cloned() else { return };
        let Some(before) = before.filter(|before| **before != after) else { return };
        let Request::Release { to, fence, .. } = request else {
            if after.epoch <= before.epoch {
                world.broken.insert(Invariant::L1);
            }
            if before.active {
                world.seat_mut(group, partition).excuse();
            }
            return;
        };
        if *fence != Some(before.epoch) {
            world.broken.insert(Invariant::L3);
        }
        if let Some(to) = to {
            let is_early = |child: &PartitionNo| {
                let lease = world.lease(group, *child);
                lease.is_some_and(|lease| lease.begun || lease.checkpoint > Seq::ZERO)
            };
            if *to < before.checkpoint && world.log(partition).children.iter().any(is_early) {
                world.broken.insert(Invariant::D4);
            }
            let kept = (1 << (to.0 + 1)) - 1;
            let seat = world.seat_mut(group, partition);
            (seat.delivered, seat.excused) = (seat.delivered & kept, seat.excused & kept);
            // P1: a checkpoint that was moved is found by a sweep, or by a trigger that goes with it.
            world.trigger_once(group, partition);
        }
    }

    /// D3: every slot at or below the checkpoint that holds events was delivered.
    fn judge_passed(&self, world: &mut World, group: GroupNo, partition: PartitionNo) {
        let (seat, log) = (world.seat(group, partition), world.log(partition));
        let mut passed = 1..=seat.checkpoint().min(log.len());
        if passed.any(|slot| log.holds_events(slot) && !seat.was_delivered(slot)) {
            world.broken.insert(Invariant::D3);
        }
    }

    /// Judges that a turn takes its lease for lost (D2): it ended by the turn's own clock, or
    /// another write has taken it. Otherwise the turn leaves deliveries behind for no reason.
    pub(super) fn judge_loss(
        &self,
        world: &mut World,
        group: GroupNo,
        partition: PartitionNo,
        epoch: Epoch,
        over: bool,
    ) {
        let lease = world.lease(group, partition);
        let taken = lease.is_none_or(|lease| lease.epoch != epoch || !lease.active);
        let seat = world.seat_mut(group, partition);
        if over || taken {
            seat.excuse();
        } else {
            seat.deserted = true;
        }
    }
}

// Deliveries and answers.
impl Protocol {
    /// Judges the delivery of one slot. What is delivered was appended (D1). Slots come in order,
    /// and none comes again unless a fault struck its delivery (D2).
    pub(super) fn judge_delivery(
        &self,
        world: &mut World,
        worker: WorkerNo,
        group: GroupNo,
        partition: PartitionNo,
        slot: Seq,
        page: &Window,
    ) {
        if page.seen(slot) != Seen::Events {
            return;
        }
        let appended = match world.log(partition).slot(slot) {
            Slot::Events { token, .. } => !world.was_refused(token),
            Slot::Void | Slot::Empty => false,
        };
        if !appended {
            world.broken.insert(Invariant::D1);
        }
        let turn = world.workers[worker.index()].turn.as_ref();
        let (last, epoch) =
            turn.map_or((0, Epoch::ZERO), |turn| (turn.delivered, turn.machine.epoch()));
        let lease = world.lease(group, partition);
        // What an owner delivers that lost its lease is no concern of the next one, nor is what the
        // next one has delivered a concern of it: its handler gets the epoch as a fence.
        let current = lease.is_some_and(|lease| lease.active && lease.epoch == epoch);
        if self.bounds.resets > 0 && !current {
            // Nor is it of one who has moved the checkpoint back since.
            return;
        }
        self.judge_drained(world, group, partition);
        let seat = world.seat_mut(group, partition);
        let (bit, later) = (1_u64 << slot.0, !0_u64 << (slot.0 + 1).min(63));
        let again = seat.delivered & bit != 0;
        let excused = seat.excused & bit != 0;
        let overtaken = seat.delivered & later != 0;
        let repeated = again && !excused && current;
        let disordered = slot.0 <= u64::from(last) || overtaken && !again;
        seat.delivered |= bit;
        seat.excused = if current { seat.excused & !bit } else { seat.excused | bit };
        if repeated || disordered {
            world.broken.insert(Invariant::D2);
        }
        if let Some(turn) = &mut world.workers[worker.index()].turn {
            turn.delivered = slot.0 as u8;
        }
    }

    /// Takes note of an append's answer, and judges it (S3, S4, P1). Returns whether another run of
    /// the producer has fenced this one out.
    pub(super) fn acknowledge(
        &self,
        world: &mut World,
        producer: ProducerNo,
        append: &Append<Small>,
        answer: Answer,
    ) -> bool {
        let home = self.home_of(producer);
        let run = &mut world.producers[producer.index()];
        let partition = run.route;
        let expected = run.expected.take();
        if answer == Answer::Fenced {
            return true;
        }
        run.answered = append.token().number;
        match answer {
            Answer::Appended(slot) => {
                self.judge_position(world, partition, append.token(), slot, expected);
            }
            Answer::Conflict { .. } => {
                let log = &mut world.logs[home.index()];
                // What another run has begun since is another append.
                let number = append.token().number;
                log.began[producer.first().index()].take_if(|began| began.first <= number);
                if log.twins & 1 << producer.first().0 == 0 {
                    log.refused.push(*append.token());
                    log.refused.sort_unstable();
                }
            }
            Answer::Fenced | Answer::Sealed => {}
        }
        false
    }

    /// Judges the position that an append is acknowledged with.
    fn judge_position(
        &self,
        world: &mut World,
        partition: PartitionNo,
        token: &Token,
        slot: Seq,
        expected: Option<u8>,
    ) {
        let log = &mut world.logs[partition.index()];
        // P1: an acknowledged event that is not in its slot can never be delivered.
        let held = matches!(log.slot(slot), Slot::Events { token: there, .. } if there == token);
        let number = slot.0 as u8;
        // S4: nothing is acknowledged between an expected position and the append's own. An event
        // that is acknowledged later counts as well: it was there before, in the order of the log.
        log.expected.extend(expected.map(|expected| (expected, number)));
        let first = !log.was_acknowledged(slot.0);
        // An event that is acknowledged in a second slot (S2) did not begin with the next append.
        log.acknowledged |= 1 << number;
        let between =
            |(after, own): &(u8, u8)| (after + 1..*own).any(|s| log.was_acknowledged(s.into()));
        let unexpected = log.expected.iter().any(between);
        log.expected.sort_unstable();
        let home = self.home_of(token.producer);
        let began = &mut world.logs[home.index()].began[token.producer.index()];
        let began = began.take_if(|began| first && began.first <= token.number);
        if !held {
            world.broken.insert(Invariant::P1);
        }
        if began.is_some_and(|began| began.is_after(partition, number)) {
            world.broken.insert(Invariant::S3);
        }
        if unexpected {
            world.broken.insert(Invariant::S4);
        }
    }
}

// States.
impl Protocol {
    /// Returns whether an invariant holds in a state. Of P1 it says only whether an append was
    /// acknowledged that is not in its slot.
    #[must_use]
    pub fn judge(&self, invariant: Invariant, world: &World) -> bool {
        match invariant {
            Invariant::L2 => self.one_active(world),
            Invariant::S1
            | Invariant::S2
            | Invariant::S3
            | Invariant::S4
            | Invariant::D1
            | Invariant::D2
            | Invariant::D3
            | Invariant::D4
            | Invariant::L1
            | Invariant::L3
            | Invariant::P1
            | Invariant::P2 => !world.broken.contains(invariant),
        }
    }

    /// Whether a checked invariant is violated in a state. Such a state is explored no further,
    /// because a second violation may be no more than a consequence of the first. (If only one
    /// invariant is checked, no other one hides its violations, but for L1 in a design that could
    /// lower an epoch.)
    pub(super) fn is_ruined(&self, world: &World) -> bool {
        self.ends_at.iter().any(|&invariant| !self.judge(invariant, world))
    }

    /// L2: at most one worker acts as the owner of a lease.
    fn one_active(&self, world: &World) -> bool {
        let workers = (0..world.workers.len() as u8).map(WorkerNo);
        let mut places: Vec<_> = workers.filter_map(|worker| self.acts(world, worker)).collect();
        let count = places.len();
        places.sort_unstable();
        places.dedup();
        places.len() == count
    }

    /// The group and partition for which a worker acts as the owner of the lease, if it does. It
    /// does not if its lease has ended by its clock, because it looks at the clock first. Where
    /// clocks are unbounded it may be paused between the two, and nothing is promised.
    pub(super) fn acts(&self, world: &World, worker: WorkerNo) -> Option<(GroupNo, PartitionNo)> {
        let turn = world.workers[worker.index()].turn.as_ref()?;
        let acts = match self.clocks {
            Clocks::Timely => !turn.is_over(world.clock(worker)),
            Clocks::Unbounded => true,
        };
        (turn.machine.is_active() && acts).then_some((turn.group, turn.partition))
    }

    /// Whether everything is done, which is the goal of P1: every living producer has its answers,
    /// and every acknowledged event was delivered to every group. Workers may still be at work.
    pub(super) fn finished(&self, world: &World) -> bool {
        let answered = !world.producers.iter().any(|producer| producer.work.is_unanswered());
        answered && self.all_delivered(world)
    }

    /// Whether every acknowledged event was delivered to every group.
    pub(super) fn all_delivered(&self, world: &World) -> bool {
        world.places().all(|(group, partition)| {
            world.log(partition).acknowledged & !world.seat(group, partition).delivered == 0
        })
    }

    /// Returns the number of events that were delivered to each group, by group.
    #[must_use]
    pub fn delivered(&self, world: &World) -> Vec<u64> {
        let mut sums = vec![0; self.bounds.groups.into()];
        for (group, partition) in world.places() {
            let seat = world.seat(group, partition);
            for (slot, content) in world.log(partition).items() {
                if let (true, Slot::Events { batch, .. }) = (seat.was_delivered(slot.0), content) {
                    sums[group.index()] += u64::from(batch.0);
                }
            }
        }
        sums
    }
}

/// S2: no event of a slot is in another one. A batch is named by its last event, and holds the
/// events before that in its producer's count.
fn one_slot_an_event(world: &World, partition: PartitionNo, slot: Seq) -> bool {
    let range = |content: &Slot<Small>| match content {
        Slot::Events { token, batch } => {
            Some((token.producer, token.run, token.number + 1 - batch.0..=token.number))
        }
        Slot::Empty | Slot::Void => None,
    };
    let Some((producer, run, events)) = range(world.log(partition).slot(slot)) else { return true };
    let elsewhere = world.logs.iter().enumerate().flat_map(|(index, log)| {
        log.items().filter(move |(other, _)| index != partition.index() || *other != slot)
    });
    elsewhere.filter_map(|(_, content)| range(content)).all(|(by, of, others)| {
        (by, of) != (producer, run)
            || others.end() < events.start()
            || events.end() < others.start()
    })
}
