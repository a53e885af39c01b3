//! P1 under fairness: from every reachable state, whatever is scheduled, everything is delivered in
//! the end, if no more faults strike and every process gets its turn.
//!
//! The steps without faults from all reachable states make a graph. Requests under way and faults
//! that are left play no part in it, so it is much smaller than the space that was searched. P1 is
//! violated if some fair schedule goes on for ever: in a strongly connected component of the graph
//! in which each process that can always take a step takes one (weak fairness), or where no step is
//! left. Processes are the producers, the workers, their handlers, the triggers, and time: it passes, but
//! never past the end of a lease whose owner is alive, since faults are over. No condition is put on
//! the order of steps beyond that.
//!
//! States that differ only in names are one in the graph. Whether there is a way to the goal does not
//! depend on names. Whether a fair schedule can stay in a component does, so a component that
//! could hold a circle is looked at under its own names.
//!
//! Where states are passed through ([`Scope::passes`]), the graph has only the others, and a step leads
//! on to the next of those. They are the states in which a producer claims its name apart from all that
//! others do, and in which an operator has just begun. A fair schedule takes the step of that process
//! sooner or later, because nothing else takes the possibility away. So the claim can be taken first; and
//! an operator can begin only then, since its beginning depends on nothing that others do. The schedule
//! stays fair, and meets a goal where it did. No circle leads through such a state, as neither happens
//! twice without a fault: so no fairness rests on what is possible there.

mod circle;
mod graph;
mod takers;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicBool, Ordering};

pub(super) use takers::{Takers, takers};

use self::circle::Own;
use self::graph::{Components, Graph, Kind};
use super::engine::{Cache, Key, Scope, Space, each};
use super::steps::Steps;
use super::world::World;

/// What becomes of each state if no more faults strike.
pub(super) struct Outlooks<'a> {
    space: &'a Space<'a>,
    scope: Scope,
    graph: Graph,
    fates: Vec<Fate>,
}

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

impl<'a> Outlooks<'a> {
    /// What becomes of some states, but those that violate an invariant, and of every state that
    /// follows; where `passes`, but those that are passed through. `None` if it was stopped, or there
    /// were too many components.
    pub(super) fn of(
        space: &'a Space<'a>,
        symmetric: bool,
        passes: bool,
        from: &mut (dyn Iterator<Item = Vec<Key>> + Send),
        caches: &mut [Cache],
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Option<Self> {
        // A step that is left out would look impossible. From a state of the graph none is: of one that
        // is passed through nothing is asked.
        let scope = Scope { which: Steps::FaultFree, reduced: passes, symmetric, passes };
        let graph = Graph::reached(space, scope, from, caches, stop)?;
        let mut outlooks = Outlooks { space, scope, graph, fates: Vec::new() };
        outlooks.fates = outlooks.judge(caches, stop)?;
        Some(outlooks)
    }

    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        self.graph.len()
    }

    /// What becomes of a state.
    pub(super) fn fate(&self, key: Key, cache: &mut Cache) -> Fate {
        let key = self.space.key_after_faults(key, self.scope.symmetric, cache);
        let number = key.and_then(|key| self.graph.number_of(key));
        number.map_or(Fate::Certain, |number| self.fates[number as usize])
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

    fn judge(&self, caches: &mut [Cache], stop: &(dyn Fn() -> bool + Sync)) -> Option<Vec<Fate>> {
        let components = Components::of(&self.graph);
        let circling = self.circling(&components, caches, stop)?;
        let mut fates = vec![Fate::Certain; self.graph.len()];
        let (mut reaches, mut evades) =
            (vec![false; components.len()], vec![false; components.len()]);
        // Steps lead to components of lower numbers only.
        for (component, &circles) in circling.iter().enumerate() {
            let members = components.members(component);
            let is_goal = |&state: &u32| self.graph.kinds[state as usize] == Kind::Goal;
            let onward = || {
                let steps = members.iter().flat_map(|&state| self.graph.targets(state));
                steps.map(|&to| components.of[to as usize] as usize)
            };
            reaches[component] = members.iter().any(is_goal) || onward().any(|to| reaches[to]);
            evades[component] = circles || onward().any(|to| evades[to]);
            let fate = match (reaches[component], circles, evades[component]) {
                (false, _, _) => Fate::Lost,
                (true, true, _) => Fate::Circles,
                (true, false, true) => Fate::Evaded,
                (true, false, false) => Fate::Certain,
            };
            members.iter().for_each(|&state| fates[state as usize] = fate);
        }
        Some(fates)
    }

    /// Whether a fair schedule can stay in a component for ever; `None` if only a look at the names
    /// shows it.
    fn circles(&self, components: &Components, component: usize) -> Option<bool> {
        let kind = |state: u32| self.graph.kinds[state as usize];
        match components.members(component) {
            members if members.iter().any(|&state| kind(state) == Kind::Goal) => Some(false),
            &[state] if !self.graph.targets(state).contains(&state) => {
                Some(kind(state) == Kind::Resting)
            }
            _ => None,
        }
    }

    /// For each component, whether a fair schedule can stay in it for ever.
    fn circling(
        &self,
        components: &Components,
        caches: &mut [Cache],
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Option<Vec<bool>> {
        let clear = |component| self.circles(components, component);
        let circling: Vec<AtomicBool> = (0..components.len())
            .map(|component| AtomicBool::new(clear(component).unwrap_or(false)))
            .collect();
        let unclear: Vec<usize> =
            (0..components.len()).filter(|&component| clear(component).is_none()).collect();
        let crowded = AtomicBool::new(false);
        let ends = || crowded.load(Ordering::Relaxed) || stop();
        each(caches, &unclear, &ends, |cache, &component| {
            let key = self.graph.key(components.members(component)[0]);
            let graph = (&self.graph, components);
            match Own::from(self.space, graph, self.scope, key, cache, &ends) {
                Some(own) => circling[component].store(own.is_fair(), Ordering::Relaxed),
                None => crowded.store(true, Ordering::Relaxed),
            }
        });
        (!ends()).then(|| circling.into_iter().map(AtomicBool::into_inner).collect())
    }

    /// A circle through a state that every fair schedule could take.
    fn circle(&self, key: Key, cache: &mut Cache) -> Vec<World> {
        let components = Components::of(&self.graph);
        let start = self.space.key_after_faults(key, false, cache);
        let own = start.and_then(|start| {
            let graph = (&self.graph, &components);
            Own::from(self.space, graph, self.scope, start, cache, &|| false)
        });
        own.map_or_else(Vec::new, |own| own.circle(self.space))
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
}
