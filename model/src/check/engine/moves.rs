//! What a process does in a step, remembered by the components that it depends on.
//!
//! A producer's step depends on the producer and its partition's log; a worker's on the worker, the
//! seat and the log. Everything else in a state may be anything, so what was computed once serves
//! in every state with the same components. Faults that are left are filtered afterwards, and what a
//! step does to other components is listed with it.

use ahash::AHashMap;

use super::super::action::{Action, Process};
use super::super::coverage::{Marks, try_out};
use super::super::progress::{Takers, takers};
use super::super::small::{GroupNo, PartitionNo, ProducerNo, WorkerNo};
use super::super::steps::Steps;
use super::super::world::{Broken, Fault, Seat, World};
use super::space::Space;

/// A step of a process, and what it leads to.
#[derive(Clone, Debug)]
pub(super) struct Move {
    pub(super) action: Action,
    /// What it exercises where it happens.
    pub(super) marks: Marks,
    /// The fault that it is.
    pub(super) fault: Option<Fault>,
    /// Whether it can happen when faults are over.
    pub(super) is_free: bool,
    /// For whom a fair schedule takes it.
    pub(super) takers: Takers,
    /// The number of the process's component afterwards.
    pub(super) own: u32,
    pub(super) log: u32,
    /// The number of the worker's seat afterwards.
    pub(super) seat: u32,
    /// How many triggers come to each seat, or go.
    pub(super) triggers: Vec<(usize, i8)>,
    /// The number of the request that stays under way, as a network of its own.
    pub(super) late: Option<u32>,
    pub(super) broken: Broken,
    /// How it changes how other components of the world are brought into normal form.
    pub(super) stirs: Stirs,
}

/// How a step changes how other components of the world are brought into normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stirs {
    /// The lease's epoch, beat or wake counter grew.
    pub(super) counters: bool,
    /// A turn's name was used up, which a request or a reply under way may carry.
    pub(super) names: bool,
}

/// What is asked of the memory: whose step, and the components that it depends on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Question {
    process: u8,
    own: u32,
    seat: u32,
    log: u32,
}

/// The moves of processes, as far as they were asked for.
#[derive(Default)]
pub(super) struct Memory {
    places: AHashMap<Question, u32>,
    moves: Vec<Box<[Move]>>,
    count: usize,
}

/// Moves that are taken out of the memory, and are to be put back.
pub(super) struct Moves {
    place: u32,
    pub(super) list: Box<[Move]>,
}

impl Memory {
    /// How many moves are remembered.
    pub(super) fn moves(&self) -> usize {
        self.count
    }

    /// The moves of a producer in a state.
    pub(super) fn of_producer(
        &mut self,
        space: &Space<'_>,
        producer: ProducerNo,
        own: u32,
        log: u32,
    ) -> Moves {
        let question = Question { process: producer.0, own, seat: 0, log };
        self.answer(question, || {
            let partition = space.protocol.home_of(producer);
            let mut world = space.blank(log, partition);
            world.producers[producer.index()] = space.producer(own);
            moves(space, &world, Process::Producer(producer), partition, None)
        })
    }

    /// The moves of a worker: one that is at work in a seat, or an idle one that sees a trigger of
    /// it.
    pub(super) fn of_worker(
        &mut self,
        space: &Space<'_>,
        worker: WorkerNo,
        own: u32,
        (place, seat): (usize, u32),
        log: u32,
    ) -> Moves {
        // What a turn depends on names its seat. An idle worker asks of each seat.
        let process = 16 + worker.0 + 8 * place as u8;
        self.answer(Question { process, own, seat, log }, || {
            let (group, partition) = space.place(place);
            let mut world = space.blank(log, partition);
            world.workers[worker.index()] = space.worker(own);
            world.seats[place] = space.seat(seat);
            world.triggers[place] = u8::from(world.workers[worker.index()].turn.is_none());
            moves(space, &world, Process::Worker(worker), partition, Some(group))
        })
    }

    fn answer(&mut self, question: Question, compute: impl FnOnce() -> Vec<Move>) -> Moves {
        let next = self.moves.len() as u32;
        let place = *self.places.entry(question).or_insert(next);
        if place == next {
            let moves = compute();
            self.count += moves.len();
            self.moves.push(moves.into());
        }
        Moves { place, list: std::mem::take(&mut self.moves[place as usize]) }
    }

    /// Puts moves back, so that they are there when they are asked for again.
    pub(super) fn keep(&mut self, moves: Moves) {
        self.moves[moves.place as usize] = moves.list;
    }
}

/// Takes every step of one process in a world that holds only what it depends on.
fn moves(
    space: &Space<'_>,
    world: &World,
    process: Process,
    partition: PartitionNo,
    group: Option<GroupNo>,
) -> Vec<Move> {
    let protocol = space.protocol;
    let listed = |which: Steps| {
        let mut actions = Vec::new();
        let mut push = |action| actions.push(action);
        match process {
            Process::Producer(producer) => {
                protocol.producer_steps(world, producer, which, &mut push)
            }
            Process::Worker(worker) => protocol.worker_steps(world, worker, which, &mut push),
            // Where there are operators, every step is taken in the whole state.
            Process::Operator(operator) => {
                protocol.operator_steps(world, operator, which, &mut push)
            }
        }
        actions
    };
    let free = listed(Steps::FaultFree);
    let mut moves = Vec::new();
    for action in listed(Steps::All) {
        // Whether a fault is left for it is asked later, so it may never happen.
        let (raw, marks) = try_out(|| protocol.raw_step(world, action));
        let Some(raw) = raw else { continue };
        let stirs = stirs(world, &raw);
        let next = protocol.normal_but_network(&raw);
        let place = group.map(|group| world.seat_index(group, partition));
        let triggers = next.triggers.iter().zip(&world.triggers).enumerate();
        let triggers = triggers.filter(|(_, (after, before))| after != before);
        moves.push(Move {
            action,
            marks,
            fault: world.left.spent(next.left),
            is_free: free.contains(&action),
            takers: takers(world, action),
            own: match process {
                Process::Producer(producer) => {
                    space.producer_number(&next.producers[producer.index()])
                }
                Process::Worker(worker) => space.worker_number(&next.workers[worker.index()]),
                Process::Operator(_) => 0,
            },
            log: space.log_number(next.log(partition)),
            seat: place.map_or(0, |place| space.seat_number(&next.seats[place])),
            triggers: triggers.map(|(seat, (a, b))| (seat, *a as i8 - *b as i8)).collect(),
            late: (!next.network.0.is_empty()).then(|| space.network_number(&next.network)),
            broken: next.broken,
            stirs,
        });
    }
    moves
}

/// How a step changes how other components are brought into normal form.
fn stirs(world: &World, raw: &World) -> Stirs {
    let counters = |world: &World| {
        let lease =
            |seat: &Seat| seat.lease.as_ref().map(|lease| (lease.epoch, lease.beat, lease.wake));
        world.seats.iter().map(lease).collect::<Vec<_>>()
    };
    let ended = |world: &World| world.workers.iter().map(|worker| worker.names).collect::<Vec<_>>();
    Stirs { counters: counters(world) != counters(raw), names: ended(world) != ended(raw) }
}
