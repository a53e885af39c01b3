//! A counterexample's path without the sizes of its world: the states along it, what
//! each step did, and questions about both.

use super::super::action::{Action, Process};
use super::super::protocol::Protocol;
use super::super::small::{GroupNo, ProducerNo, Run, Small, WorkerNo};
use super::super::world::{ACKNOWLEDGED, Broken, PARTITION, Producer, Turn, Worker, World};
use crate::design::Increment;
use crate::ids::Seq;
use crate::invariant::Invariant;
use crate::rules::Rules;
use crate::store::{Lease, Record, Request, Slot, Spoken, Tables};
use crate::vocabulary::{Page, Seen};

/// One state of the path.
#[derive(Clone)]
pub(in crate::check) struct Scene {
    pub(super) head: usize,
    slots: Vec<Slot<Small>>,
    marks: Vec<u8>,
    pub(super) records: Vec<Option<Record>>,
    pub(super) leases: Vec<Option<Lease<Small>>>,
    pub(super) triggers: Vec<u8>,
    pub(super) producers: Vec<Producer>,
    pub(super) workers: Vec<Worker>,
    pub(super) under_way: Vec<Request<Small>>,
    pub(super) refused: Vec<u8>,
    broken: Broken,
}

impl Scene {
    fn new<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
        protocol: &Protocol<P, W, G, S, L>,
        world: &World<P, W, G, S, L>,
    ) -> Scene {
        let World { tables, producers, workers, triggers, under_way, left: _, ghost } = world;
        let count = usize::from(protocol.bounds.producers);
        let groups = usize::from(protocol.bounds.groups);
        let record = |index: usize| tables.record(&PARTITION, &ProducerNo(index as u8));
        Scene {
            head: tables.head(&PARTITION).0 as usize,
            slots: (1..=S).map(|slot| tables.slot(&PARTITION, Seq(slot as u64))).collect(),
            marks: ghost.marks.to_vec(),
            records: (0..count).map(record).collect(),
            leases: protocol.groups().map(|group| world.lease(group)).collect(),
            triggers: triggers[..groups].to_vec(),
            producers: producers[..count].to_vec(),
            workers: workers[..usize::from(protocol.bounds.workers)].to_vec(),
            under_way: under_way.iter().flatten().cloned().collect(),
            refused: ghost.refused.to_vec(),
            broken: ghost.broken,
        }
    }

    /// How many slots there is room for.
    pub(super) fn room(&self) -> usize {
        self.slots.len()
    }

    /// The last slot that was given out or written.
    pub(super) fn last(&self) -> usize {
        let written = self.slots.iter().rposition(|slot| *slot != Slot::Empty);
        written.map_or(0, |index| index + 1).max(self.head).min(self.room())
    }

    pub(super) fn slot(&self, slot: usize) -> &Slot<Small> {
        &self.slots[slot - 1]
    }

    /// The events in a slot, by name, if it holds any.
    pub(super) fn events(&self, slot: usize) -> Option<String> {
        events(self.slot(slot))
    }

    pub(super) fn is_acknowledged(&self, slot: usize) -> bool {
        self.marks[slot - 1] & ACKNOWLEDGED != 0
    }

    pub(super) fn is_delivered(&self, group: GroupNo, slot: usize) -> bool {
        self.marks[slot - 1] & 1 << group.0 != 0
    }

    pub(super) fn lease(&self, group: GroupNo) -> Option<&Lease<Small>> {
        self.leases[group.index()].as_ref()
    }

    pub(super) fn checkpoint(&self, group: GroupNo) -> usize {
        self.lease(group).map_or(0, |lease| lease.checkpoint.0 as usize)
    }

    pub(super) fn turn(&self, worker: WorkerNo) -> Option<&Turn> {
        self.workers[worker.index()].turn.as_ref()
    }

    /// The turns for a group, each with its worker.
    pub(super) fn turns(&self, group: GroupNo) -> impl Iterator<Item = (WorkerNo, &Turn)> {
        let workers = self.workers.iter().enumerate();
        let turns = workers.filter_map(|(index, worker)| {
            worker.turn.as_ref().map(|turn| (WorkerNo(index as u8), turn))
        });
        turns.filter(move |(_, turn)| turn.group == group)
    }

    pub(super) fn owner(&self, worker: WorkerNo) -> Run {
        Run { worker, run: self.workers[worker.index()].run }
    }
}

/// Events by name, if a slot holds any.
pub(super) fn events(slot: &Slot<Small>) -> Option<String> {
    match slot {
        Slot::Empty | Slot::Void => None,
        Slot::Events { token, batch } => Some(Small::events(token, batch)),
    }
}

/// One step of the path.
pub(super) struct Deed {
    pub(super) action: Action,
    /// The process behind it; of a late request, the one that sent it.
    pub(super) who: Option<Process>,
    /// What was asked of the store, whether it was applied in this step or only sent.
    pub(super) request: Option<Request<Small>>,
    /// Of a late request: the step that sent it.
    pub(super) sent: Option<usize>,
}

/// A path from the initial state. Steps count from 1.
pub(in crate::check) struct Path {
    pub(super) rules: Rules<Small>,
    pub(super) groups: Vec<GroupNo>,
    pub(super) named: bool,
    pub(super) counts: bool,
    scenes: Vec<Scene>,
    deeds: Vec<Deed>,
}

impl Path {
    pub(in crate::check) fn new<
        const P: usize,
        const W: usize,
        const G: usize,
        const S: usize,
        const L: usize,
    >(
        protocol: &Protocol<P, W, G, S, L>,
        initial: &World<P, W, G, S, L>,
    ) -> Path {
        Path {
            rules: protocol.rules,
            groups: protocol.groups().collect(),
            named: protocol.named(),
            counts: match protocol.design().increment {
                Increment::None => false,
                Increment::CompareAndSet | Increment::Add | Increment::Transaction => true,
            },
            scenes: vec![Scene::new(protocol, initial)],
            deeds: Vec::new(),
        }
    }

    /// One more step.
    pub(in crate::check) fn push<
        const P: usize,
        const W: usize,
        const G: usize,
        const S: usize,
        const L: usize,
    >(
        &mut self,
        protocol: &Protocol<P, W, G, S, L>,
        before: &World<P, W, G, S, L>,
        action: Action,
        after: &World<P, W, G, S, L>,
    ) {
        let request = match action {
            Action::Send { process }
            | Action::LoseReply { process }
            | Action::Delay { process }
            | Action::Crash { process, applied: true } => protocol.wanted(before, process),
            Action::StaleRead { worker, .. } => protocol.wanted(before, Process::Worker(worker)),
            Action::Arrive { copy } => before.under_way[usize::from(copy)].clone(),
            Action::Begin { .. }
            | Action::Crash { applied: false, .. }
            | Action::Restart { .. }
            | Action::Take { .. }
            | Action::Deliver { .. }
            | Action::Clock { .. }
            | Action::Stop { .. }
            | Action::Lapse { .. }
            | Action::LoseTrigger { .. }
            | Action::DuplicateTrigger { .. }
            | Action::Sweep { .. } => None,
        };
        let sent = match action {
            Action::Arrive { .. } => self.last(|path, step| {
                matches!(path.deed(step).action, Action::Delay { .. })
                    && path.deed(step).request == request
            }),
            _ => None,
        };
        let who = match sent {
            Some(step) => self.deed(step).who,
            None => process(action),
        };
        self.deeds.push(Deed { action, who, request, sent });
        self.scenes.push(Scene::new(protocol, after));
    }

    /// How many steps it has.
    pub(super) fn steps(&self) -> usize {
        self.deeds.len()
    }

    pub(super) fn deed(&self, step: usize) -> &Deed {
        &self.deeds[step - 1]
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
        self.first(|path, step| path.after(step).broken.contains(invariant))
    }

    /// The last step, before `until`, that changed what is in a slot.
    pub(super) fn written(&self, slot: usize, until: usize) -> Option<usize> {
        self.last(|path, step| {
            step < until && path.before(step).slot(slot) != path.after(step).slot(slot)
        })
    }

    /// The step at which a slot's append was acknowledged.
    pub(super) fn acknowledged(&self, slot: usize) -> Option<usize> {
        self.first(|path, step| path.after(step).is_acknowledged(slot))
    }

    /// The step at which a slot's events were first delivered to a group.
    pub(super) fn delivered(&self, group: GroupNo, slot: usize) -> Option<usize> {
        self.first(|path, step| path.after(step).is_delivered(group, slot))
    }

    /// The step at which a group's checkpoint passed a slot (for the last time).
    pub(super) fn passed(&self, group: GroupNo, slot: usize) -> Option<usize> {
        self.last(|path, step| {
            path.before(step).checkpoint(group) < slot && path.after(step).checkpoint(group) >= slot
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

    /// The last step, up to `step`, at which a worker read events in the turn that it is in then.
    pub(super) fn read(&self, worker: WorkerNo, step: usize) -> Option<usize> {
        let began = self.began(worker, step)?;
        self.last(|path, read| {
            let deed = path.deed(read);
            let reads = matches!(deed.request, Some(Request::ReadEvents { .. }));
            read > began
                && read <= step
                && reads
                && deed.who == Some(Process::Worker(worker))
                && deed.sent.is_none()
        })
    }

    /// What a read of events showed of a slot; `None` if the reader did not keep what it saw.
    pub(super) fn saw(&self, read: usize, worker: WorkerNo, slot: usize) -> Option<Seen> {
        let turn = self.after(read).turn(worker)?;
        let delivery = turn.machine.wants(&self.rules).deliver?;
        let within = slot > delivery.after.0 as usize && slot <= delivery.upto.0 as usize;
        within.then(|| delivery.page.seen(Seq(slot as u64)))
    }

    /// Who did a step, as the subject of a clause: a late request says when it was sent.
    pub(super) fn subject(&self, step: usize) -> String {
        let deed = self.deed(step);
        match (deed.who, deed.sent) {
            (Some(who), None) => who.to_string(),
            (Some(who), Some(sent)) => format!("a late request of {who}, sent at step {sent},"),
            (None, _) => "a step of the world".to_owned(),
        }
    }

    /// The producer that was given a slot's number, and the step at which it was.
    pub(super) fn given(&self, slot: usize) -> Option<(ProducerNo, usize)> {
        let step =
            self.last(|path, step| path.before(step).head < slot && path.after(step).head >= slot)?;
        match self.deed(step).who? {
            Process::Producer(producer) => Some((producer, step)),
            Process::Worker(_) => None,
        }
    }
}

/// The process that takes a step.
fn process(action: Action) -> Option<Process> {
    match action {
        Action::Begin { producer, .. } | Action::Restart { producer } => {
            Some(Process::Producer(producer))
        }
        Action::Send { process }
        | Action::LoseReply { process }
        | Action::Delay { process }
        | Action::Crash { process, .. }
        | Action::LoseTrigger { process } => Some(process),
        Action::StaleRead { worker, .. }
        | Action::Take { worker, .. }
        | Action::Deliver { worker }
        | Action::Clock { worker, .. }
        | Action::Stop { worker } => Some(Process::Worker(worker)),
        Action::Arrive { .. }
        | Action::Lapse { .. }
        | Action::DuplicateTrigger { .. }
        | Action::Sweep { .. } => None,
    }
}
