//! What can happen next in a state.

use super::action::{Action, Process, Sight};
use super::bounds::Clocks;
use super::lineage::{self, Role};
use super::protocol::Protocol;
use super::small::{GroupNo, OperatorNo, PartitionNo, ProducerNo, Small, Tick, WorkerNo};
use super::world::{Fault, Flight, Operator, Turn, Work, World};
use crate::append::Want;
use crate::consume::News;
use crate::design::Trigger;
use crate::mutant::Mutant;
use crate::store::Request;

/// The kinds of step to list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// Steps of the protocol and of passing time (P1).
    FaultFree,
    /// Those steps, and the faults that the bounds still allow.
    All,
}

impl Protocol {
    /// Lists the actions to explore, in an order that is the same each time: all that can happen
    /// next, or those of one process where that is enough.
    pub(super) fn steps(&self, world: &World, which: Steps, push: &mut impl FnMut(Action)) {
        match self.process_to_explore(world, which) {
            Some(Process::Producer(producer)) => {
                self.producer_steps(world, producer, which, push);
            }
            Some(Process::Worker(worker)) => {
                self.worker_steps(world, worker, which, push);
            }
            Some(Process::Operator(operator)) => {
                self.operator_steps(world, operator, which, push);
            }
            None => self.all_steps(world, which, push),
        }
    }

    /// Lists every action that can happen next.
    pub(super) fn all_steps(&self, world: &World, which: Steps, push: &mut impl FnMut(Action)) {
        for index in 0..world.producers.len() {
            self.producer_steps(world, ProducerNo(index as u8), which, push);
        }
        for index in 0..world.workers.len() {
            self.worker_steps(world, WorkerNo(index as u8), which, push);
        }
        for index in 0..world.operators.len() {
            self.operator_steps(world, OperatorNo(index as u8), which, push);
        }
        for (group, partition) in world.places() {
            self.trigger_steps_of(world, group, partition, which, push);
        }
        self.time_steps(world, which, push);
        if which == Steps::All {
            for copy in 0..world.network.0.len() {
                push(Action::Arrive { copy: copy as u8 });
            }
        }
    }

    /// Whether an action can happen in a state.
    pub(super) fn is_possible(&self, world: &World, action: Action) -> bool {
        let mut possible = false;
        self.all_steps(world, Steps::All, &mut |step| possible = possible || step == action);
        possible
    }

    /// Lists what a producer may do, and what may strike it.
    pub(super) fn producer_steps(
        &self,
        world: &World,
        producer: ProducerNo,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        let process = Process::Producer(producer);
        let run = &world.producers[producer.index()];
        if which == Steps::All
            && world.left.has(Fault::LongInput, 1)
            && self.may_lengthen(producer, run)
        {
            push(Action::Lengthen { producer });
        }
        match &run.work {
            Work::Between(_) => {
                let most = self.bounds.batch.min(self.input(run) - run.answered);
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
            Work::Dead if which == Steps::All => push(Action::Restart { producer }),
            Work::Asleep if which == Steps::All => {
                let lives = self
                    .other_run(world, producer)
                    .is_some_and(|other| world.producers[other.index()].work.is_unanswered());
                if lives && self.named() && world.left.has(Fault::Twin, 1) {
                    push(Action::Twin { producer });
                }
            }
            Work::Finished | Work::Fenced | Work::Dead | Work::Asleep => {}
        }
    }

    /// Lists what an operator may do, and what may strike it. No operator has to begin.
    pub(super) fn operator_steps(
        &self,
        world: &World,
        operator: OperatorNo,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        let at_work = &world.operators[operator.index()];
        // An operator has seen what there is to merge, or to split again: what was split stays so.
        let may_begin = match lineage::role(&self.bounds, operator) {
            Role::Splits | Role::Resets => true,
            Role::Merges | Role::SplitsAgain => {
                let is_there = |half| lineage::is_there(self.design(), world, half);
                lineage::HALVES.into_iter().all(is_there)
            }
        };
        match at_work {
            Operator::Asleep if which == Steps::All && may_begin => {
                push(Action::Operate { operator });
            }
            Operator::Asleep | Operator::Done => {}
            Operator::Splits { .. } | Operator::Merges { .. } | Operator::Resets { .. } => {
                if let Some(request) = at_work.wants(&self.rules, world.now) {
                    self.request_steps(world, Process::Operator(operator), &request, which, push);
                }
            }
        }
    }

    /// Lists what a worker may do, and what may strike it.
    pub(super) fn worker_steps(
        &self,
        world: &World,
        worker: WorkerNo,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        let process = Process::Worker(worker);
        if which == Steps::All && world.left.has(Fault::ClockStep, 1) {
            let ahead = world.workers[worker.index()].ahead;
            let others = (0..=self.most_ahead()).filter(|&other| other != ahead);
            others.for_each(|ahead| push(Action::SetClock { worker, ahead }));
        }
        let Some(turn) = &world.workers[worker.index()].turn else {
            for (group, partition) in world.places() {
                let waiting = world.triggers[world.seat_index(group, partition)];
                if waiting > 0 {
                    push(Action::Take { worker, group, partition });
                }
            }
            return;
        };
        match turn.flight.as_deref() {
            Some(Flight::Sent(_)) => push(Action::Land { worker }),
            Some(Flight::Applied(_)) => push(Action::Hear { worker }),
            None => return self.turn_steps(world, worker, turn, which, push),
        }
        if which == Steps::All {
            self.crash_steps(world, process, false, push);
            self.drop_steps(world, worker, false, push);
        }
    }

    /// Lists what a worker may do that waits for no reply.
    fn turn_steps(
        &self,
        world: &World,
        worker: WorkerNo,
        turn: &Turn,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        let process = Process::Worker(worker);
        let clock = world.clock(worker);
        let wants = turn.machine.wants(&self.rules);
        let waits = wants.store.is_none() && wants.deliver.is_none() && !wants.trigger;
        let woken = !waits || wants.wake.is_some_and(|wake| clock >= wake);
        if woken && self.is_due(turn, clock) {
            push(Action::Clock { worker });
        }
        if turn.is_over(clock) && self.clocks == Clocks::Timely {
            // L2: the worker looks at its clock before it acts, and stops.
            if which == Steps::All {
                self.crash_steps(world, process, false, push);
                self.drop_steps(world, worker, false, push);
            }
            return;
        }
        if let Some(request) = &wants.store {
            self.request_steps(world, process, request, which, push);
            if which == Steps::All {
                self.read_steps(world, worker, request, push);
            }
        }
        if let Some(delivery) = &wants.deliver {
            push(Action::Deliver { worker });
            if which == Steps::All && world.left.has(Fault::Failure, 1) {
                let slots = (delivery.upto.0 - delivery.after.0) as u8;
                (0..=slots).for_each(|delivered| push(Action::Fail { worker, delivered }));
            }
        }
        if wants.trigger {
            self.trigger_steps(world, process, which, push);
        }
        let runs_out =
            which == Steps::All && turn.machine.may_stop() && world.left.has(Fault::Handover, 1);
        if self.gives_up(turn) || runs_out {
            push(Action::Stop { worker });
        }
        if which == Steps::All && wants.store.is_none() && !wants.trigger {
            self.crash_steps(world, process, false, push);
            // A turn with a delivery in hand is dropped as if its handler failed.
            if wants.deliver.is_none() {
                self.drop_steps(world, worker, false, push);
            }
        }
    }

    /// Whether a turn gives up where it should wait, because that protection is taken out.
    pub(super) fn gives_up(&self, turn: &Turn) -> bool {
        self.mutant == Some(Mutant::GivesUpAtGaps) && turn.machine.waits_at_gap()
    }

    /// Whether a look at its clock would change what a turn does.
    fn is_due(&self, turn: &Turn, clock: Tick) -> bool {
        let (mut told, mut looked) = (turn.machine.clone(), turn.machine.clone());
        looked.tell(&self.rules, clock, News::Time);
        *told.times_mut().clock = clock;
        told != looked
    }

    /// Lists what can happen to a request that a process wants to send.
    fn request_steps(
        &self,
        world: &World,
        process: Process,
        request: &Request<Small>,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        push(Action::Send { process });
        if which == Steps::FaultFree {
            return;
        }
        // Any other read whose reply is lost changes nothing, and is sent again.
        let matters = request.writes() || self.can_do_without(world, process);
        if matters && world.left.has(Fault::LostReply, 1) {
            push(Action::LoseReply { process });
        }
        if request.writes() {
            if world.left.has(Fault::Late, 1) {
                push(Action::Delay { process });
            }
            self.crash_steps(world, process, true, push);
        }
        if let (Process::Worker(worker), true) = (process, world.left.has(Fault::Slow, 1)) {
            push(Action::Depart { worker });
        }
        self.crash_steps(world, process, false, push);
        if let Process::Worker(worker) = process {
            if request.writes() {
                self.drop_steps(world, worker, true, push);
            }
            self.drop_steps(world, worker, false, push);
        }
    }

    /// Lists what can happen to a trigger that a process wants to send.
    fn trigger_steps(
        &self,
        world: &World,
        process: Process,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        push(Action::Send { process });
        if which == Steps::All {
            if !self.durable() && world.left.has(Fault::LostTrigger, 1) {
                push(Action::LoseTrigger { process });
            }
            self.crash_steps(world, process, false, push);
            if let Process::Worker(worker) = process {
                self.drop_steps(world, worker, false, push);
            }
        }
    }

    /// Lists the crash of a process, if one is left. With `applied`, its request is applied first.
    fn crash_steps(
        &self,
        world: &World,
        process: Process,
        applied: bool,
        push: &mut impl FnMut(Action),
    ) {
        if world.left.has(Fault::Crash, 1) {
            push(Action::Crash { process, applied });
        }
    }

    /// Lists that a worker's turn is dropped, if one more may be. With `applied`, its request is
    /// applied first.
    fn drop_steps(
        &self,
        world: &World,
        worker: WorkerNo,
        applied: bool,
        push: &mut impl FnMut(Action),
    ) {
        if world.left.has(Fault::Failure, 1) {
            push(Action::Drop { worker, applied });
        }
    }

    /// Lists what a read without consistency may miss: any one item, or all from some item on.
    fn read_steps(
        &self,
        world: &World,
        worker: WorkerNo,
        request: &Request<Small>,
        push: &mut impl FnMut(Action),
    ) {
        let Request::ReadEvents { partition, after, consistent: false } = request else { return };
        if !world.left.has(Fault::Stale, 1) {
            return;
        }
        let log = world.log(*partition);
        for (slot, _) in log.items().filter(|(slot, _)| slot > after) {
            let number = slot.0 as u8;
            push(Action::StaleRead { worker, view: Sight::Before(number) });
            if slot.0 < log.len() {
                push(Action::StaleRead { worker, view: Sight::Without(number) });
            }
        }
    }

    /// Lists what can happen to a group's triggers without any process acting.
    pub(super) fn trigger_steps_of(
        &self,
        world: &World,
        group: GroupNo,
        partition: PartitionNo,
        which: Steps,
        push: &mut impl FnMut(Action),
    ) {
        let waits = world.triggers[world.seat_index(group, partition)] > 0;
        let mut turns = world.workers.iter().filter_map(|worker| worker.turn.as_ref());
        let taken = turns.any(|turn| (turn.group, turn.partition) == (group, partition));
        let sweeps = self.design().trigger == Trigger::Sweep;
        if sweeps && !waits && !taken && world.lags(group, partition) {
            push(Action::Sweep { group, partition });
        }
        let again = waits || taken || sweeps;
        if which == Steps::All && again && world.left.has(Fault::DuplicateTrigger, 1) {
            push(Action::DuplicateTrigger { group, partition });
        }
    }

    /// Lists the passing of time. It waits for no process, but where it ends the lease of a worker that
    /// is alive, that worker was too slow: a fault.
    fn time_steps(&self, world: &World, which: Steps, push: &mut impl FnMut(Action)) {
        let expiries = expiries(world);
        if expiries == 0 || which == Steps::All && world.left.has(Fault::Expiry, expiries) {
            push(Action::Tick);
        }
    }
}

/// How many leases the next tick ends, by the clocks of their owners, who are alive.
pub(super) fn expiries(world: &World) -> u8 {
    let ends = |worker: WorkerNo| {
        let clock = world.clock(worker);
        let next = Tick(clock.0 + 1);
        let turn = world.workers[worker.index()].turn.as_ref();
        turn.is_some_and(|turn| !turn.is_over(clock) && turn.is_over(next))
    };
    (0..world.workers.len() as u8).filter(|&worker| ends(WorkerNo(worker))).count() as u8
}
