//! A counterexample's path: the states along it, what each step did, and questions about both.

use super::super::action::{Action, Process};
use super::super::bounds::{Bounds, Clocks};
use super::super::lineage;
use super::super::protocol::Protocol;
use super::super::small::{PartitionNo, ProducerNo, Small, WorkerNo};
use super::super::world::{Flight, World};
use super::place::{Place, Position};
use super::scene::Scene;
use crate::design::Increment;
use crate::ids::{Epoch, Seq};
use crate::invariant::Invariant;
use crate::rules::Rules;
use crate::store::Request;
use crate::vocabulary::{Page, Seen};

/// One step of the path.
pub(super) struct Deed {
    pub(super) action: Action,
    /// The process behind it; of a late request, the one that sent it.
    pub(super) who: Option<Process>,
    /// What was asked of the store, whether it was applied in this step, or only sent or heard of.
    pub(super) request: Option<Request<Small>>,
    /// Of a request that did not arrive at once: the step that sent it.
    pub(super) sent: Option<usize>,
    /// The epoch of the lease under which the request was sent, or zero.
    pub(super) epoch: Epoch,
}

impl Deed {
    /// The request that was applied in this step, if one was.
    pub(super) fn applied(&self) -> Option<&Request<Small>> {
        match self.action {
            Action::Delay { .. } | Action::Depart { .. } | Action::Hear { .. } => None,
            _ => self.request.as_ref(),
        }
    }
}

/// A path from the initial state. Steps count from 1.
pub(in crate::check) struct Path {
    pub(super) rules: Rules<Small>,
    pub(super) clocks: Clocks,
    pub(super) counts: bool,
    bounds: Bounds,
    scenes: Vec<Scene>,
    deeds: Vec<Deed>,
}

impl Path {
    pub(in crate::check) fn new(protocol: &Protocol, initial: &World) -> Path {
        Path {
            rules: protocol.rules,
            clocks: protocol.clocks,
            counts: match protocol.design().increment {
                Increment::None => false,
                Increment::CompareAndSet | Increment::Add | Increment::Transaction => true,
            },
            bounds: protocol.bounds,
            scenes: vec![Scene::new(initial)],
            deeds: Vec::new(),
        }
    }

    /// One more step. The states are told as they are, not in their normal form.
    pub(in crate::check) fn push(
        &mut self,
        protocol: &Protocol,
        before: &World,
        action: Action,
        after: &World,
    ) {
        let sent = self.sending(before, action);
        let request = match action {
            Action::Send { process }
            | Action::LoseReply { process }
            | Action::Delay { process }
            | Action::Crash { process, applied: true } => wanted(protocol, before, process),
            Action::StaleRead { worker, .. }
            | Action::Depart { worker }
            | Action::Drop { worker, applied: true } => {
                wanted(protocol, before, Process::Worker(worker))
            }
            Action::Arrive { copy } => {
                before.network.0.get(usize::from(copy)).map(|late| late.request.clone())
            }
            Action::Land { worker } => in_flight(before, worker).cloned(),
            Action::Hear { .. } => sent.and_then(|step| self.deed(step).request.clone()),
            Action::Begin { .. }
            | Action::Crash { applied: false, .. }
            | Action::Restart { .. }
            | Action::Operate { .. }
            | Action::Twin { .. }
            | Action::Lengthen { .. }
            | Action::Take { .. }
            | Action::Deliver { .. }
            | Action::Fail { .. }
            | Action::Drop { applied: false, .. }
            | Action::Clock { .. }
            | Action::Stop { .. }
            | Action::Tick
            | Action::SetClock { .. }
            | Action::LoseTrigger { .. }
            | Action::DuplicateTrigger { .. }
            | Action::Sweep { .. } => None,
        };
        let (who, epoch) = sender(before, action);
        self.deeds.push(Deed { action, who, request, sent, epoch });
        self.scenes.push(Scene::new(after));
    }

    /// The step that sent the request which an action applies or hears of.
    fn sending(&self, before: &World, action: Action) -> Option<usize> {
        match action {
            Action::Arrive { copy } => {
                let late = before.network.0.get(usize::from(copy))?;
                self.last(|path, step| {
                    let Deed { action, who, request, .. } = path.deed(step);
                    matches!(action, Action::Delay { .. })
                        && *who == Some(late.sender)
                        && request.as_ref() == Some(&late.request)
                })
            }
            Action::Land { worker } | Action::Hear { worker } => self.last(|path, step| {
                matches!(path.deed(step).action, Action::Depart { worker: by } if by == worker)
            }),
            _ => None,
        }
    }

    /// How many steps it has.
    pub(super) fn steps(&self) -> usize {
        self.deeds.len()
    }

    pub(super) fn deed(&self, step: usize) -> &Deed {
        &self.deeds[step - 1]
    }

    /// The state before the first step.
    pub(super) fn start(&self) -> &Scene {
        &self.scenes[0]
    }

    /// The state before a step.
    pub(super) fn before(&self, step: usize) -> &Scene {
        &self.scenes[step - 1]
    }

    /// The state after a step; after step 0, the initial one.
    pub(super) fn after(&self, step: usize) -> &Scene {
        &self.scenes[step]
    }

    pub(super) fn end(&self) -> &Scene {
        &self.scenes[self.steps()]
    }

    /// Whether two producers append to one key.
    pub(super) fn have_one_key(&self, one: ProducerNo, other: ProducerNo) -> bool {
        lineage::have_one_key(&self.bounds, one, other)
    }

    /// The first step of which this is true.
    pub(super) fn first(&self, holds: impl Fn(&Path, usize) -> bool) -> Option<usize> {
        (1..=self.steps()).find(|&step| holds(self, step))
    }

    /// The last step of which this is true.
    pub(super) fn last(&self, holds: impl Fn(&Path, usize) -> bool) -> Option<usize> {
        (1..=self.steps()).rev().find(|&step| holds(self, step))
    }

    /// The step that broke an invariant which steps break.
    pub(super) fn broke(&self, invariant: Invariant) -> Option<usize> {
        self.first(|path, step| path.after(step).broke(invariant))
    }

    /// The last step, before `until`, that changed what is in a slot.
    pub(super) fn written(&self, position: Position, until: usize) -> Option<usize> {
        self.last(|path, step| {
            step < until && path.before(step).slot(position) != path.after(step).slot(position)
        })
    }

    /// The step at which a slot's append was acknowledged.
    pub(super) fn acknowledged(&self, position: Position) -> Option<usize> {
        self.first(|path, step| path.after(step).is_acknowledged(position))
    }

    /// The slot of a partition that a step acknowledged.
    pub(super) fn acknowledged_then(&self, step: usize, partition: PartitionNo) -> Option<u64> {
        let (before, after) = (self.before(step), self.after(step));
        let is_new = |slot: &u64| {
            let position = Position { partition, slot: *slot };
            after.is_acknowledged(position) && !before.is_acknowledged(position)
        };
        (1..=after.last(partition)).find(is_new)
    }

    /// The step at which a slot's events were first delivered to a group.
    pub(super) fn delivered(&self, place: Place, slot: u64) -> Option<usize> {
        self.first(|path, step| path.after(step).is_delivered(place, slot))
    }

    /// The step at which a group's checkpoint passed a slot (for the last time).
    pub(super) fn passed(&self, place: Place, slot: u64) -> Option<usize> {
        self.last(|path, step| {
            path.before(step).checkpoint(place) < slot && path.after(step).checkpoint(place) >= slot
        })
    }

    /// The step at which a process crashed last.
    pub(super) fn crashed(&self, who: Process) -> Option<usize> {
        self.last(|path, step| {
            matches!(path.deed(step).action, Action::Crash { process, .. } if process == who)
        })
    }

    /// The step at which a worker began the turn that it is in after `step`.
    pub(super) fn began(&self, worker: WorkerNo, step: usize) -> Option<usize> {
        self.last(|path, taken| {
            let action = path.deed(taken).action;
            taken <= step && matches!(action, Action::Take { worker: taker, .. } if taker == worker)
        })
    }

    /// The last step, up to `step`, at which a worker read events in the turn that it is in then, from
    /// before a slot.
    pub(super) fn read(&self, worker: WorkerNo, step: usize, slot: u64) -> Option<usize> {
        let began = self.began(worker, step)?;
        self.last(|path, read| {
            let deed = path.deed(read);
            let reads =
                matches!(deed.applied(), Some(Request::ReadEvents { after, .. }) if after.0 < slot);
            read > began && read <= step && reads && deed.who == Some(Process::Worker(worker))
        })
    }

    /// What a read of events showed of a slot; `None` if the reader did not keep what it saw.
    pub(super) fn saw(&self, read: usize, worker: WorkerNo, slot: u64) -> Option<Seen> {
        let turn = self.after(self.heard(read)?).turn(worker)?;
        let delivery = turn.machine.wants(&self.rules).deliver?;
        let within = slot > delivery.after.0 && slot <= delivery.upto.0;
        within.then(|| delivery.page.seen(Seq(slot)))
    }

    /// The step at which the reply to the request that was applied at a step was heard: the same
    /// one, unless the request took its time.
    fn heard(&self, step: usize) -> Option<usize> {
        match self.deed(step).action {
            Action::Land { worker } => self.first(|path, heard| {
                let action = path.deed(heard).action;
                heard > step && matches!(action, Action::Hear { worker: by } if by == worker)
            }),
            _ => Some(step),
        }
    }

    /// The step at which the request was applied whose reply was heard at a step.
    pub(super) fn landed(&self, step: usize) -> usize {
        let landed = match self.deed(step).action {
            Action::Hear { worker } => self.last(|path, landed| {
                let action = path.deed(landed).action;
                landed < step && matches!(action, Action::Land { worker: by } if by == worker)
            }),
            _ => None,
        };
        landed.unwrap_or(step)
    }

    /// The producer that was given a slot's number, and the step at which it was.
    pub(super) fn given(&self, position: Position) -> Option<(ProducerNo, usize)> {
        let Position { partition, slot } = position;
        let step = self.last(|path, step| {
            path.before(step).head(partition) < slot && path.after(step).head(partition) >= slot
        })?;
        match self.deed(step).who? {
            Process::Producer(producer) => Some((producer, step)),
            Process::Worker(_) | Process::Operator(_) => None,
        }
    }
}

/// The request that a process sends, after a look at its clock.
fn wanted(protocol: &Protocol, before: &World, process: Process) -> Option<Request<Small>> {
    let mut looked = before.clone();
    if let Process::Worker(worker) = process {
        protocol.look(&mut looked, worker);
    }
    protocol.wanted(&looked, process)
}

/// The request of a worker that takes its time.
fn in_flight(world: &World, worker: WorkerNo) -> Option<&Request<Small>> {
    match world.workers[worker.index()].turn.as_ref()?.flight.as_deref()? {
        Flight::Sent(request) => Some(request),
        Flight::Applied(_) => None,
    }
}

/// The process behind an action, and the epoch of the lease under which it acts.
fn sender(before: &World, action: Action) -> (Option<Process>, Epoch) {
    if let Action::Arrive { copy } = action {
        let late = before.network.0.get(usize::from(copy));
        return late.map_or((None, Epoch::ZERO), |late| (Some(late.sender), late.epoch));
    }
    let who = process(action);
    let turn = who.and_then(|who| match who {
        Process::Worker(worker) => before.workers[worker.index()].turn.as_ref(),
        Process::Producer(_) | Process::Operator(_) => None,
    });
    (who, turn.map_or(Epoch::ZERO, |turn| turn.machine.epoch()))
}

/// The process that takes a step.
pub(super) fn process(action: Action) -> Option<Process> {
    match action {
        Action::Begin { producer, .. }
        | Action::Restart { producer }
        | Action::Twin { producer }
        | Action::Lengthen { producer } => Some(Process::Producer(producer)),
        Action::Operate { operator } => Some(Process::Operator(operator)),
        Action::Send { process }
        | Action::LoseReply { process }
        | Action::Delay { process }
        | Action::Crash { process, .. }
        | Action::LoseTrigger { process } => Some(process),
        Action::StaleRead { worker, .. }
        | Action::Depart { worker }
        | Action::Land { worker }
        | Action::Hear { worker }
        | Action::Take { worker, .. }
        | Action::Deliver { worker }
        | Action::Fail { worker, .. }
        | Action::Drop { worker, .. }
        | Action::Clock { worker }
        | Action::SetClock { worker, .. }
        | Action::Stop { worker } => Some(Process::Worker(worker)),
        Action::Arrive { .. }
        | Action::Tick
        | Action::DuplicateTrigger { .. }
        | Action::Sweep { .. } => None,
    }
}
