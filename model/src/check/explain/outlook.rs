//! What can still happen without a fault: every state that is left, and what is true of all of them.

use std::collections::{BTreeMap, HashMap};

use super::super::action::Action;
use super::super::protocol::Protocol;
use super::super::small::{PartitionNo, ProducerNo};
use super::super::steps::Steps;
use super::super::world::World;
use super::graph::Graph;
use super::path::process;
use super::phrase::does;
use super::place::{Place, Position};
use super::scene::events;

/// The most states that are looked at.
const MOST: usize = 50_000;

/// What can still happen from a state on, without a fault.
pub(in crate::check) struct Outlook {
    /// How many states there are, the first included.
    pub(super) states: usize,
    /// Whether those are all.
    pub(super) complete: bool,
    /// What becomes of each partition's slots.
    logs: Vec<Slots>,
    /// What becomes of each group in each partition, in the order of the world's seats.
    seats: Vec<Prospect>,
    /// For each producer: whether it is done, in some state.
    pub(super) done: Vec<bool>,
    /// Whether everything is done in some state.
    pub(in crate::check) finishes: bool,
    /// How many states have no step left that changes anything.
    pub(super) dead_ends: usize,
    /// Steps that happen again and again for ever.
    pub(super) repeated: Vec<String>,
    /// Steps that happen before that.
    pub(super) passing: Vec<String>,
}

/// What becomes of a partition's slots. Bit `n` of a set is slot `n`.
struct Slots {
    /// For each slot that is acknowledged in some state: the events in it, in some state or other.
    acknowledged: BTreeMap<u64, Vec<String>>,
    /// The slots whose events are acknowledged in the end, whatever happens.
    certain: u64,
    /// The slots that are not empty in some state.
    filled: u64,
}

/// What becomes of a group in a partition. Bit `n` of a set is slot `n`.
#[derive(Default)]
pub(super) struct Prospect {
    /// The slots whose events are delivered in some state.
    delivered: u64,
    /// The slots whose events are acknowledged and not delivered in some state in which no trigger
    /// waits and no turn is under way.
    deserted: u64,
    /// The highest checkpoint.
    pub(super) furthest: u64,
}

impl Protocol {
    /// Looks at every state that can be reached from this one without a fault.
    ///
    /// Two states are the same if they have the same normal form. The steps are taken from the
    /// states as they are, so that their words have the real epochs.
    pub(in crate::check) fn outlook(&self, from: &World) -> Outlook {
        let first = from.after_faults();
        let mut outlook = Outlook::new(&first);
        let mut graph = Graph::default();
        let mut known = HashMap::from([(self.normal(&first), 0)]);
        let mut states = vec![first];
        while let Some(state) = states.get(graph.states()).cloned() {
            outlook.look(&state);
            outlook.finishes |= self.finished(&state);
            let mut steps = Vec::new();
            self.steps(&state, Steps::FaultFree, &mut |action| steps.push(action));
            let mut edges = Vec::with_capacity(steps.len());
            for action in steps {
                let Some(next) = self.raw_step(&state, action) else { continue };
                let next = next.after_faults();
                let target = *known.entry(self.normal(&next)).or_insert_with(|| {
                    states.push(next);
                    states.len() - 1
                });
                // Time that changes nothing is no step.
                if action != Action::Tick || target != graph.states() {
                    edges.push((target, graph.label(self.label(&state, action))));
                }
            }
            graph.push(edges);
            if graph.states() == MOST && states.len() > MOST {
                outlook.complete = false;
                break;
            }
        }
        outlook.states = graph.states();
        if outlook.complete {
            let ends = graph.ends();
            (outlook.dead_ends, outlook.repeated, outlook.passing) = graph.steps(&ends);
            let ends = states.iter().zip(&ends).filter(|(_, ends)| **ends);
            ends.for_each(|(state, _)| outlook.end(state));
        }
        outlook
    }

    /// A step in a few words.
    fn label(&self, state: &World, action: Action) -> String {
        if action == Action::Tick {
            return "time passes".to_owned();
        }
        let did = does(&self.words(state, action).did);
        process(action).map_or_else(|| did.clone(), |who| format!("{who} {did}"))
    }
}

impl Outlook {
    fn new(world: &World) -> Outlook {
        let slots = || Slots { acknowledged: BTreeMap::new(), certain: !0, filled: 0 };
        Outlook {
            states: 0,
            complete: true,
            logs: world.logs.iter().map(|_| slots()).collect(),
            seats: world.seats.iter().map(|_| Prospect::default()).collect(),
            done: vec![false; world.producers.len()],
            finishes: false,
            dead_ends: 0,
            repeated: Vec::new(),
            passing: Vec::new(),
        }
    }

    /// Takes in one more state.
    fn look(&mut self, world: &World) {
        for (slots, log) in self.logs.iter_mut().zip(&world.logs) {
            for (slot, content) in log.items() {
                slots.filled |= 1 << slot.0;
                if log.was_acknowledged(slot.0) {
                    let known = slots.acknowledged.entry(slot.0).or_default();
                    known.extend(events(content).filter(|content| !known.contains(content)));
                }
            }
        }
        for (done, producer) in self.done.iter_mut().zip(&world.producers) {
            *done |= !producer.work.is_unanswered();
        }
        for (index, (group, partition)) in world.places().enumerate() {
            let (prospect, seat) = (&mut self.seats[index], &world.seats[index]);
            let turns = world.workers.iter().filter_map(|worker| worker.turn.as_ref());
            let place = Place { group, partition };
            let busy = turns.filter(|turn| Place::of_turn(turn) == place).count() > 0;
            let quiet = !busy && world.triggers[index] == 0;
            prospect.furthest = prospect.furthest.max(seat.checkpoint());
            prospect.delivered |= seat.delivered;
            if quiet {
                prospect.deserted |= world.log(partition).acknowledged & !seat.delivered;
            }
        }
    }

    /// Takes in a state that is not left for good any more.
    fn end(&mut self, world: &World) {
        for (slots, log) in self.logs.iter_mut().zip(&world.logs) {
            slots.certain &= log.acknowledged;
        }
    }

    fn slots(&self, partition: PartitionNo) -> &Slots {
        &self.logs[partition.index()]
    }

    /// What becomes of a group in a partition.
    pub(super) fn prospect(&self, place: Place) -> &Prospect {
        &self.seats[place.group.index() * self.logs.len() + place.partition.index()]
    }

    /// A producer that is never done, if there is one.
    pub(super) fn unanswered(&self) -> Option<ProducerNo> {
        let index = self.done.iter().position(|done| !done)?;
        Some(ProducerNo(index as u8))
    }

    /// The events that are acknowledged in a slot: several, if it is not settled yet which.
    pub(super) fn events(&self, Position { partition, slot }: Position) -> String {
        let known = self.slots(partition).acknowledged.get(&slot);
        known.map_or(String::new(), |known| known.join(" or "))
    }

    /// Whether a slot's events are acknowledged in the end, whatever happens.
    pub(super) fn is_certain(&self, Position { partition, slot }: Position) -> bool {
        self.slots(partition).certain & 1 << slot != 0
    }

    /// Whether a slot is empty in every state.
    pub(super) fn stays_empty(&self, Position { partition, slot }: Position) -> bool {
        self.slots(partition).filled & 1 << slot == 0
    }

    /// The slots whose events are acknowledged, and never delivered to a group.
    pub(super) fn undelivered(&self, place: Place) -> Vec<u64> {
        let delivered = self.prospect(place).delivered;
        let slots = self.slots(place.partition).acknowledged.keys().copied();
        slots.filter(|slot| delivered & 1 << slot == 0).collect()
    }
}

impl Prospect {
    /// Whether a slot's events are acknowledged and not delivered in some state in which no trigger
    /// waits and no turn is under way.
    pub(super) fn is_deserted(&self, slot: u64) -> bool {
        self.deserted & 1 << slot != 0
    }
}
