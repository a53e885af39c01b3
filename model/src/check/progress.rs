//! P1 under fairness: from every reachable state, whatever is scheduled, everything is delivered in
//! the end, if no more faults strike and every process gets its turn.
//!
//! The steps without faults from all reachable states make a graph. Requests under way and faults
//! that are left play no part in it, so it is much smaller than the space that was searched. P1 is
//! violated if some fair schedule goes on for ever: in a strongly connected part of the graph in
//! which each process that can always take a step takes one (weak fairness), or where no step is
//! left. Processes are the producers, the workers, their handlers, the triggers, and time: it passes, but
//! never past the end of a lease whose owner is alive, since faults are over. No condition is put on
//! the order of steps beyond that.

use ahash::AHashMap;

use super::action::{Action, Process};
use super::components::components;
use super::engine::{Cache, Key, Scope, Space};
use super::steps::Steps;
use super::world::{Broken, World};
use crate::invariant::Invariant;

/// The states without faults, and the steps between them.
pub(super) struct Outlooks<'a> {
    space: &'a Space<'a>,
    numbers: AHashMap<Key, u32>,
    keys: Vec<Key>,
    /// Where each state's steps begin in `steps`.
    begins: Vec<u32>,
    /// For each step: the state that it leads to, and the processes that take it.
    steps: Vec<(u32, Takers)>,
    finished: Vec<bool>,
    /// Whether some step from a state violates L1.
    escapes: Vec<bool>,
    /// What becomes of each state, once that is known.
    fates: Vec<Fate>,
}

/// A set of processes for which a schedule must be fair, a bit for each.
pub(super) type Takers = u64;

/// What becomes of a state without faults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// Everything is delivered, whatever the order of steps.
    Certain,
    /// Everything can be delivered, and some fair schedule from here on never does.
    Evaded,
    /// The same, and this state lies on such a schedule's circle.
    Circles,
    /// There is no way to deliver everything.
    Lost,
}

/// Fairness tells processes apart, so no two states are one because of their names; and a step
/// that is left out would look impossible.
const SCOPE: Scope = Scope { which: Steps::FaultFree, reduced: false, symmetric: false };

impl<'a> Outlooks<'a> {
    pub(super) fn new(space: &'a Space<'a>) -> Self {
        Outlooks {
            space,
            numbers: AHashMap::new(),
            keys: Vec::new(),
            begins: Vec::new(),
            steps: Vec::new(),
            finished: Vec::new(),
            escapes: Vec::new(),
            fates: Vec::new(),
        }
    }

    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// Adds a state as far as it matters without faults. Returns `false` if there are too many.
    pub(super) fn add(&mut self, key: Key, cache: &mut Cache) -> bool {
        match self.space.key_after_faults(key, cache) {
            Some(key) => {
                self.number(key);
                true
            }
            None => false,
        }
    }

    /// The number of a state, which is new if it was not met before.
    fn number(&mut self, key: Key) -> u32 {
        let next = self.keys.len() as u32;
        let number = *self.numbers.entry(key).or_insert(next);
        if number == next {
            self.keys.push(key);
        }
        number
    }

    /// Follows every step from the states that were added, until no new state is found. Returns
    /// whether it came to an end.
    pub(super) fn close(&mut self, cache: &mut Cache, stop: &dyn Fn() -> bool) -> bool {
        while let Some(&key) = self.keys.get(self.begins.len()) {
            if self.begins.len().is_multiple_of(1024) && stop() {
                return false;
            }
            self.begins.push(self.steps.len() as u32);
            let finished = self.space.is_finished(key, cache);
            self.finished.push(finished);
            self.escapes.push(false);
            let here = self.finished.len() - 1;
            if finished {
                continue;
            }
            let (space, mut crowded, mut next) = (self.space, false, Vec::new());
            space.successors(key, SCOPE, cache, &mut |step| match step.key {
                // Where an epoch has two owners, nothing is said of progress any more.
                Some(_) if step.broken.contains(Invariant::L1) => self.escapes[here] = true,
                Some(key) => next.push((key, step.broken, step.takers)),
                None => crowded = true,
            });
            for (key, broken, takers) in next {
                let key = match broken == Broken::default() {
                    true => Some(key),
                    false => space.key_after_faults(key, cache),
                };
                let Some(key) = key else { return false };
                let number = self.number(key);
                self.steps.push((number, takers));
            }
            if crowded {
                return false;
            }
        }
        self.begins.push(self.steps.len() as u32);
        self.fates = self.judge();
        true
    }

    fn number_of(&self, key: Key, cache: &mut Cache) -> Option<u32> {
        let key = self.space.key_after_faults(key, cache)?;
        self.numbers.get(&key).copied()
    }

    /// What becomes of a state.
    pub(super) fn fate(&self, key: Key, cache: &mut Cache) -> Fate {
        self.number_of(key, cache).map_or(Fate::Certain, |number| self.fates[number as usize])
    }

    /// The worst fate of all states.
    pub(super) fn worst(&self) -> Fate {
        let has = |fate| self.fates.contains(&fate);
        if has(Fate::Lost) {
            Fate::Lost
        } else if has(Fate::Circles) {
            Fate::Circles
        } else {
            Fate::Certain
        }
    }

    fn steps_of(&self, state: u32) -> &[(u32, Takers)] {
        let state = state as usize;
        &self.steps[self.begins[state] as usize..self.begins[state + 1] as usize]
    }

    fn judge(&self) -> Vec<Fate> {
        let components = Components::of(self);
        let mut fates = vec![Fate::Certain; self.keys.len()];
        // Components are numbered so that steps lead to lower numbers only.
        let count = components.members.len();
        let (mut reaches, mut evades) = (vec![false; count], vec![false; count]);
        for (component, members) in components.members.iter().enumerate() {
            let circles = self.is_fair_circle(&components, component);
            let ends = |&state: &u32| self.finished[state as usize] || self.escapes[state as usize];
            let finished = members.iter().any(ends);
            let onward = || {
                let steps = members.iter().flat_map(|&state| self.steps_of(state));
                steps.map(|&(to, _)| components.of[to as usize] as usize)
            };
            reaches[component] = finished || onward().any(|to| reaches[to]);
            evades[component] = circles || onward().any(|to| evades[to]);
            let fate = match (reaches[component], circles, evades[component]) {
                (false, _, _) => Fate::Lost,
                (true, true, _) => Fate::Circles,
                (true, false, true) => Fate::Evaded,
                (true, false, false) => Fate::Certain,
            };
            members.iter().for_each(|&state| fates[state as usize] = fate);
        }
        fates
    }

    /// Whether a fair schedule can stay in a component for ever. It can visit all of its states and
    /// steps again and again, so it is fair to a process if that takes one of the steps, or cannot
    /// take any in one of the states. If all of the component is unfair to a process, so is each
    /// part of it.
    fn is_fair_circle(&self, components: &Components, component: usize) -> bool {
        let members = &components.members[component];
        let (mut taken, mut always, mut inside) = (0, Takers::MAX, false);
        for &state in members {
            if self.finished[state as usize] || self.escapes[state as usize] {
                return false;
            }
            let mut possible = 0;
            for &(to, takers) in self.steps_of(state) {
                possible |= takers;
                if components.of[to as usize] as usize == component {
                    inside = true;
                    taken |= takers;
                }
            }
            always &= possible;
        }
        let stuck = members.iter().all(|&state| self.steps_of(state).is_empty());
        stuck || inside && always & !taken == 0
    }

    /// A circle through a state that every fair schedule could take: the states of its component,
    /// in the order of a walk that takes each of its steps, and back.
    fn circle(&self, key: Key, cache: &mut Cache) -> Vec<World> {
        let Some(start) = self.number_of(key, cache) else { return Vec::new() };
        let components = Components::of(self);
        let inside = |state: u32| components.of[state as usize] == components.of[start as usize];
        let members = &components.members[components.of[start as usize] as usize];
        let mut owed: Takers = members.iter().fold(Takers::MAX, |all, &state| {
            all & self.steps_of(state).iter().fold(0, |some, (_, takers)| some | takers)
        });
        let mut walk = vec![start];
        loop {
            let here = walk[walk.len() - 1];
            let wanted = |from: u32, to: u32, takers: Takers| {
                inside(to)
                    && (takers & owed != 0
                        || owed == 0 && to == start && (from, to) != (here, here))
            };
            let Some(way) = self.way(here, &inside, &wanted) else { break };
            let closes = owed == 0;
            for &(to, takers) in &way {
                walk.push(to);
                owed &= !takers;
            }
            if closes {
                break;
            }
        }
        walk.into_iter().map(|state| self.space.world(self.keys[state as usize])).collect()
    }

    /// The steps of such a circle in words.
    pub(super) fn circle_words(&self, key: Key, cache: &mut Cache) -> Vec<String> {
        let circle = self.circle(key, cache);
        let protocol = self.space.protocol;
        let mut words = Vec::new();
        for pair in circle.windows(2) {
            protocol.all_steps(&pair[0], Steps::FaultFree, &mut |action| {
                let leads = protocol.step(&pair[0], action).map(|next| next.after_faults());
                if words.len() < circle.len() && leads.as_ref() == Some(&pair[1]) {
                    let said = protocol.words(&pair[0], action);
                    words.push(format!("{}: {}", said.who, said.did));
                }
            });
        }
        words
    }

    /// The shortest way from a state along steps inside to a step that is wanted.
    fn way(
        &self,
        from: u32,
        inside: &dyn Fn(u32) -> bool,
        wanted: &dyn Fn(u32, u32, Takers) -> bool,
    ) -> Option<Vec<(u32, Takers)>> {
        let mut before: AHashMap<u32, (u32, Takers)> = AHashMap::new();
        let mut queue = std::collections::VecDeque::from([from]);
        while let Some(state) = queue.pop_front() {
            for &(to, takers) in self.steps_of(state) {
                if wanted(state, to, takers) {
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
                if inside(to) && to != from && !before.contains_key(&to) {
                    before.insert(to, (state, takers));
                    queue.push_back(to);
                }
            }
        }
        None
    }
}

/// The processes that take a step, a bit for each.
pub(super) fn takers(world: &World, action: Action) -> Takers {
    const WORKERS: u32 = 16;
    const HANDLERS: u32 = 20;
    const TIME: u32 = 24;
    const SEATS: u32 = 25;
    let seat = |group, partition| 1 << (SEATS + world.seat_index(group, partition) as u32);
    match action {
        Action::Send { process } => match process {
            Process::Producer(producer) => 1 << producer.0,
            Process::Worker(worker) => 1 << (WORKERS + u32::from(worker.0)),
        },
        Action::Begin { producer, .. } => 1 << producer.0,
        Action::Take { worker, group, partition } => {
            1 << (WORKERS + u32::from(worker.0)) | seat(group, partition)
        }
        Action::Clock { worker } | Action::Land { worker } | Action::Hear { worker } => {
            1 << (WORKERS + u32::from(worker.0))
        }
        Action::Deliver { worker } => 1 << (HANDLERS + u32::from(worker.0)),
        Action::Tick => 1 << TIME,
        Action::Sweep { group, partition } => seat(group, partition),
        // Faults are over.
        Action::LoseReply { .. }
        | Action::Delay { .. }
        | Action::Arrive { .. }
        | Action::Depart { .. }
        | Action::StaleRead { .. }
        | Action::Crash { .. }
        | Action::Restart { .. }
        | Action::Twin { .. }
        | Action::Fail { .. }
        | Action::Drop { .. }
        | Action::Stop { .. }
        | Action::SetClock { .. }
        | Action::LoseTrigger { .. }
        | Action::DuplicateTrigger { .. } => 0,
    }
}

/// The strongly connected components of the graph.
struct Components {
    /// For each state, its component.
    of: Vec<u32>,
    /// For each component, its states. Steps lead to components of lower numbers only.
    members: Vec<Vec<u32>>,
}

impl Components {
    fn of(graph: &Outlooks<'_>) -> Components {
        let of = components(graph.keys.len(), |state, step| {
            graph.steps_of(state as u32).get(step).map(|&(to, _)| to as usize)
        });
        let count = of.iter().max().map_or(0, |&last| last as usize + 1);
        let mut members = vec![Vec::new(); count];
        for (state, &component) in of.iter().enumerate() {
            members[component as usize].push(state as u32);
        }
        Components { of, members }
    }
}
