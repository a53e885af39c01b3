//! What can still happen without a fault: every state that is left, and what is true of all of them.

use std::collections::HashMap;

use super::super::progress::fingerprint;
use super::super::protocol::{Protocol, Steps};
use super::super::small::{GroupNo, ProducerNo};
use super::super::world::{ACKNOWLEDGED, PARTITION, Work, World};
use super::path::events;
use super::phrase::does;
use crate::ids::Seq;
use crate::store::Tables;

/// The most states that are looked at.
const MOST: usize = 50_000;

/// What can still happen from a state on, without a fault.
pub(in crate::check) struct Outlook {
    /// How many states there are, the first included.
    pub(super) states: usize,
    /// Whether those are all.
    pub(super) complete: bool,
    /// For each slot: the events that are acknowledged in it, in some state or other.
    acknowledged: Vec<Vec<String>>,
    /// For each slot: whether its events are acknowledged in the end, whatever happens.
    pub(super) certain: Vec<bool>,
    /// For each slot: whether it is empty in every state.
    pub(super) empty: Vec<bool>,
    /// For each producer: whether it is done, in some state.
    pub(super) done: Vec<bool>,
    /// What becomes of each group.
    pub(super) groups: Vec<Prospect>,
    /// Whether everything is done in some state.
    pub(in crate::check) finishes: bool,
    /// Whether a worker that has just taken a trigger is taken to send its request at once.
    pub(super) prompt: bool,
    /// How many states have no step left.
    pub(super) dead_ends: usize,
    /// Steps that happen again and again for ever.
    pub(super) repeated: Vec<String>,
    /// Steps that happen before that.
    pub(super) passing: Vec<String>,
}

/// What becomes of a group.
pub(super) struct Prospect {
    /// For each slot: whether its events are delivered, in some state.
    pub(super) delivered: Vec<bool>,
    /// For each slot: whether its events are acknowledged and not delivered in some state in
    /// which no trigger waits and no turn is under way.
    pub(super) deserted: Vec<bool>,
    /// The highest checkpoint.
    pub(super) furthest: usize,
    /// Whether in some state no trigger waits and no turn is under way.
    pub(super) quiet: bool,
}

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// Looks at every state that can be reached from this one without a fault.
    pub(in crate::check) fn outlook(&self, from: &World<P, W, G, S, L>) -> Outlook {
        let mut outlook = Outlook {
            states: 0,
            complete: true,
            acknowledged: vec![Vec::new(); S],
            certain: vec![true; S],
            empty: vec![true; S],
            done: vec![false; usize::from(self.bounds.producers)],
            groups: self.groups().map(|_| Prospect::new(S)).collect(),
            finishes: false,
            prompt: false,
            dead_ends: 0,
            repeated: Vec::new(),
            passing: Vec::new(),
        };
        let mut graph = Graph::default();
        let mut states = vec![from.clone()];
        let mut known = HashMap::from([(fingerprint(from), 0)]);
        while let Some(state) = states.get(graph.edges.len()).cloned() {
            outlook.look(self, &state);
            outlook.finishes |= self.finished(&state);
            let mut steps = Vec::new();
            self.steps(&state, Steps::FaultFree, &mut |action| steps.push(action));
            let mut edges = Vec::with_capacity(steps.len());
            for action in steps {
                let Some(next) = self.step(&state, action) else { continue };
                let target = *known.entry(fingerprint(&next)).or_insert_with(|| {
                    states.push(next);
                    states.len() - 1
                });
                let words = self.words(&state, action);
                edges.push((target, graph.label(format!("{} {}", words.who, does(&words.did)))));
            }
            graph.edges.push(edges);
            if graph.edges.len() == MOST && states.len() > MOST {
                outlook.complete = false;
                break;
            }
        }
        outlook.states = graph.edges.len();
        if outlook.complete {
            let ends = graph.ends();
            (outlook.dead_ends, outlook.repeated, outlook.passing) = graph.steps(&ends);
            let marks = states.iter().zip(&ends).filter(|(_, ends)| **ends);
            for (state, _) in marks {
                for (certain, mark) in outlook.certain.iter_mut().zip(&state.ghost.marks) {
                    *certain &= mark & ACKNOWLEDGED != 0;
                }
            }
        }
        outlook
    }
}

impl Prospect {
    fn new(slots: usize) -> Prospect {
        let (delivered, deserted) = (vec![false; slots], vec![false; slots]);
        Prospect { delivered, deserted, furthest: 0, quiet: false }
    }
}

impl Outlook {
    /// The same, if a worker that has just taken a trigger sends its request at once.
    pub(in crate::check) fn prompt(self) -> Outlook {
        Outlook { prompt: true, ..self }
    }

    /// Takes in one more state.
    fn look<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
        &mut self,
        protocol: &Protocol<P, W, G, S, L>,
        world: &World<P, W, G, S, L>,
    ) {
        let acknowledged = |slot: usize| world.ghost.marks[slot - 1] & ACKNOWLEDGED != 0;
        for slot in 1..=S {
            self.empty[slot - 1] &= !world.holds_something(slot);
            if acknowledged(slot) {
                let content = events(&world.tables.slot(&PARTITION, Seq(slot as u64)));
                let known = &mut self.acknowledged[slot - 1];
                known.extend(content.filter(|content| !known.contains(content)));
            }
        }
        for (done, producer) in self.done.iter_mut().zip(&world.producers) {
            *done |= matches!(producer.work, Work::Finished | Work::Dead);
        }
        for group in protocol.groups() {
            let prospect = &mut self.groups[group.index()];
            let turns = world.workers.iter().filter_map(|worker| worker.turn.as_ref());
            let busy = turns.filter(|turn| turn.group == group).count() > 0;
            let quiet = !busy && world.triggers[group.index()] == 0;
            prospect.quiet |= quiet;
            prospect.furthest = prospect.furthest.max(world.tables.checkpoint(group.index()));
            for slot in 1..=S {
                let delivered = world.was_delivered(group.index(), slot);
                prospect.delivered[slot - 1] |= delivered;
                prospect.deserted[slot - 1] |= quiet && acknowledged(slot) && !delivered;
            }
        }
    }

    /// A producer that is never done, if there is one.
    pub(super) fn unanswered(&self) -> Option<ProducerNo> {
        let index = self.done.iter().position(|done| !done)?;
        Some(ProducerNo(index as u8))
    }

    /// The events that are acknowledged in a slot: several, if it is not settled yet which.
    pub(super) fn events(&self, slot: usize) -> String {
        self.acknowledged[slot - 1].join(" or ")
    }

    /// The slots whose events are acknowledged, and never delivered to a group.
    pub(super) fn undelivered(&self, group: GroupNo) -> Vec<usize> {
        let delivered = &self.groups[group.index()].delivered;
        let slots = 1..=self.acknowledged.len();
        slots.filter(|s| !self.acknowledged[s - 1].is_empty() && !delivered[s - 1]).collect()
    }
}

/// States by number, and the steps between them.
#[derive(Default)]
struct Graph {
    edges: Vec<Vec<(usize, usize)>>,
    labels: Vec<String>,
    numbers: HashMap<String, usize>,
}

impl Graph {
    fn label(&mut self, label: String) -> usize {
        if let Some(&number) = self.numbers.get(&label) {
            return number;
        }
        self.numbers.insert(label.clone(), self.labels.len());
        self.labels.push(label);
        self.labels.len() - 1
    }

    /// For each state, whether no step leads to a state from which there is no way back to it.
    fn ends(&self) -> Vec<bool> {
        let component = self.components();
        let mut leaves = vec![false; self.edges.len()];
        for (state, edges) in self.edges.iter().enumerate() {
            let outside = |&(target, _): &(usize, usize)| component[target] != component[state];
            leaves[component[state]] |= edges.iter().any(outside);
        }
        component.into_iter().map(|component| !leaves[component]).collect()
    }

    /// How many states have no step, the steps that are repeated for ever, and the others.
    fn steps(&self, ends: &[bool]) -> (usize, Vec<String>, Vec<String>) {
        let (mut repeated, mut passing) =
            (vec![false; self.labels.len()], vec![false; self.labels.len()]);
        for (state, edges) in self.edges.iter().enumerate() {
            let kept = if ends[state] { &mut repeated } else { &mut passing };
            edges.iter().for_each(|&(_, label)| kept[label] = true);
        }
        let chosen = |kept: &dyn Fn(usize) -> bool| -> Vec<String> {
            let labels = self.labels.iter().enumerate().filter(|(index, _)| kept(*index));
            labels.map(|(_, label)| label.clone()).collect()
        };
        let dead_ends = self.edges.iter().filter(|edges| edges.is_empty()).count();
        (
            dead_ends,
            chosen(&|label| repeated[label]),
            chosen(&|label| passing[label] && !repeated[label]),
        )
    }

    /// For each state, the number of its strongly connected component (Tarjan).
    fn components(&self) -> Vec<usize> {
        const NONE: usize = usize::MAX;
        let states = self.edges.len();
        let (mut order, mut low) = (vec![NONE; states], vec![NONE; states]);
        let (mut component, mut open) = (vec![NONE; states], Vec::new());
        let (mut visited, mut found) = (0, 0);
        for root in 0..states {
            let mut way = if order[root] == NONE { vec![(root, 0)] } else { Vec::new() };
            while let Some(&mut (state, ref mut edge)) = way.last_mut() {
                if *edge == 0 {
                    (order[state], low[state]) = (visited, visited);
                    visited += 1;
                    open.push(state);
                }
                if let Some(&(target, _)) = self.edges[state].get(*edge) {
                    *edge += 1;
                    if order[target] == NONE {
                        way.push((target, 0));
                    } else if component[target] == NONE {
                        low[state] = low[state].min(order[target]);
                    }
                    continue;
                }
                way.pop();
                if let Some(&(above, _)) = way.last() {
                    low[above] = low[above].min(low[state]);
                }
                if low[state] == order[state] {
                    while let Some(member) = open.pop() {
                        component[member] = found;
                        if member == state {
                            break;
                        }
                    }
                    found += 1;
                }
            }
        }
        component
    }
}
