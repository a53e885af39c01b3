//! A strongly connected component under its own names, and the circles in it.
//!
//! Fairness tells processes apart, so where a component of the graph holds more than one state, its
//! states are looked at under all of their names. Renaming is a bijection of states that commutes
//! with every step, and there are finitely many renamings. So from any state of the component,
//! under whatever names, a way leads to every other one of it and back to the state itself: the
//! steps inside lead through exactly one strongly connected component of states under their own
//! names, and all others that look the same are this one renamed. One of them is enough.

use std::collections::VecDeque;

use ahash::AHashMap;

use super::super::engine::{Cache, Key, Scope, Space};
use super::super::world::World;
use super::graph::{Components, Graph};
use super::takers::Takers;

/// The states of a component under their own names, and their steps.
pub(super) struct Own {
    pub(super) keys: Vec<Key>,
    /// For each state, its steps inside: where they lead and who takes them.
    steps: Vec<Vec<(u32, Takers)>>,
    /// For each state, the processes that can take a step, inside or not.
    possible: Vec<Takers>,
}

impl Own {
    /// Follows the steps inside a component from one of its states. `None` if it was stopped, or
    /// there were too many components of states.
    pub(super) fn from(
        space: &Space<'_>,
        (graph, components): (&Graph, &Components),
        scope: Scope,
        start: Key,
        cache: &mut Cache,
        stop: &dyn Fn() -> bool,
    ) -> Option<Own> {
        let (symmetric, scope) = (scope.symmetric, Scope { symmetric: false, ..scope });
        let component_of = |key: Key, cache: &mut Cache| {
            let number = graph.number_of(space.key_after_faults(key, symmetric, cache)?);
            number.map(|number| components.of[number as usize])
        };
        let component = component_of(start, cache)?;
        let mut own = Own { keys: vec![start], steps: Vec::new(), possible: Vec::new() };
        let mut numbers = AHashMap::from_iter([(start, 0)]);
        while let Some(&key) = own.keys.get(own.steps.len()) {
            if stop() {
                return None;
            }
            let (mut leads, mut possible, mut crowded) = (Vec::new(), 0, false);
            space.successors(key, scope, cache, &mut |step| {
                possible |= step.first;
                match step.key {
                    Some(key) => leads.push((key, step.takers)),
                    None => crowded = true,
                }
            });
            let mut steps = Vec::new();
            for (to, takers) in leads {
                let to = space.key_after_faults(to, false, cache)?;
                if component_of(to, cache) == Some(component) {
                    let next = own.keys.len() as u32;
                    let number = *numbers.entry(to).or_insert(next);
                    if number == next {
                        own.keys.push(to);
                    }
                    steps.push((number, takers));
                }
            }
            if crowded {
                return None;
            }
            own.steps.push(steps);
            own.possible.push(possible);
        }
        Some(own)
    }

    /// Whether a fair schedule can stay inside for ever. It can visit all of the states and steps
    /// again and again, so it is fair to a process if that takes one of the steps, or cannot take
    /// any in one of the states. If all of the component is unfair to a process, so is each part
    /// of it.
    pub(super) fn is_fair(&self) -> bool {
        let inside = || self.steps.iter().flatten();
        let taken = inside().fold(0, |taken, (_, takers)| taken | takers);
        inside().next().is_some() && self.always() & !taken == 0
    }

    /// The processes that can take a step in every state.
    fn always(&self) -> Takers {
        self.possible.iter().fold(Takers::MAX, |always, possible| always & possible)
    }

    /// A circle through the first state that every fair schedule could take: a walk that takes a
    /// step of each process that always could, and back.
    pub(super) fn circle(&self, space: &Space<'_>) -> Vec<World> {
        let mut owed = self.always();
        let mut walk = vec![0];
        loop {
            let here = walk[walk.len() - 1];
            let closes = owed == 0;
            let wanted = |to: u32, takers: Takers| match closes {
                true => to == 0,
                false => takers & owed != 0,
            };
            let Some(way) = self.way(here, &wanted) else { break };
            for (to, takers) in way {
                walk.push(to);
                owed &= !takers;
            }
            if closes {
                break;
            }
        }
        walk.into_iter().map(|state| space.world(self.keys[state as usize])).collect()
    }

    /// The shortest way from a state to a step that is wanted.
    fn way(&self, from: u32, wanted: &dyn Fn(u32, Takers) -> bool) -> Option<Vec<(u32, Takers)>> {
        let mut before: AHashMap<u32, (u32, Takers)> = AHashMap::new();
        let mut queue = VecDeque::from([from]);
        while let Some(state) = queue.pop_front() {
            for &(to, takers) in &self.steps[state as usize] {
                if wanted(to, takers) {
                    let mut way = vec![(to, takers)];
                    let mut at = state;
                    while at != from {
                        let (earlier, takers) = before[&at];
                        way.push((at, takers));
                        at = earlier;
                    }
                    way.reverse();
                    return Some(way);
                }
                if to != from && !before.contains_key(&to) {
                    before.insert(to, (state, takers));
                    queue.push_back(to);
                }
            }
        }
        None
    }
}
