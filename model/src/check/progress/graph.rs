//! The graph of the states without faults.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use ahash::AHashMap;

use super::super::components::components;
use super::super::engine::{Cache, Key, Scope, Space, each};
use super::takers::Takers;
use crate::invariant::Invariant;

/// What a state is by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Everything is delivered, or nothing is said of what follows.
    Goal,
    /// A fair schedule leaves it.
    Passing,
    /// A fair schedule can stay in it for ever: no step leads out, or only steps of processes that
    /// take steps here as well.
    Resting,
}

/// The states without faults, and the steps between them. Where `symmetric`, states that differ
/// only in names are one.
pub(super) struct Graph {
    known: Known,
    keys: Vec<Key>,
    pub(super) kinds: Vec<Kind>,
    /// Where each state's steps begin in `targets`, and where the last one's end.
    begins: Vec<usize>,
    /// Where steps lead. A step to the very same state is left out; one to the same state under
    /// other names is there.
    targets: Vec<u32>,
}

/// The states by number. Threads share it. An interner would do the same, but it looks for a value in
/// two places of the memory, and a key is as small as its place there: a whole check would take a
/// tenth longer.
struct Known {
    shards: Vec<Mutex<AHashMap<Key, u32>>>,
    next: AtomicU32,
}

impl Known {
    fn new() -> Self {
        const SHARDS: usize = 64;
        Known { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), next: AtomicU32::new(0) }
    }

    fn shard(&self, key: Key) -> std::sync::MutexGuard<'_, AHashMap<Key, u32>> {
        let shard = &self.shards[key.spread() as usize % self.shards.len()];
        shard.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn get(&self, key: Key) -> Option<u32> {
        self.shard(key).get(&key).copied()
    }

    /// The number of a state, and whether it is new.
    fn number(&self, key: Key) -> (u32, bool) {
        let mut new = false;
        let number = *self.shard(key).entry(key).or_insert_with(|| {
            new = true;
            self.next.fetch_add(1, Ordering::Relaxed)
        });
        (number, new)
    }
}

/// A thread, with the part of the graph that it found.
struct Finder<'c> {
    cache: &'c mut Cache,
    /// States that are new, and whose steps are to be followed.
    new: Vec<(u32, Key)>,
    part: Part,
}

/// A part of the graph.
#[derive(Default)]
struct Part {
    states: Vec<State>,
    /// Where the steps of these states lead, one state after the other.
    targets: Vec<u32>,
}

/// A state whose steps were followed.
struct State {
    number: u32,
    key: Key,
    kind: Kind,
    steps: u32,
}

/// What a state is, and where its steps lead.
struct Steps {
    kind: Kind,
    targets: Vec<Key>,
}

impl Graph {
    /// Every state that can be reached without a fault from some states, and the steps between
    /// them. `None` if it was stopped, or there were too many components.
    pub(super) fn reached(
        space: &Space<'_>,
        scope: Scope,
        from: &mut (dyn Iterator<Item = Vec<Key>> + Send),
        caches: &mut [Cache],
        stop: &(dyn Fn() -> bool + Sync),
    ) -> Option<Graph> {
        let known = Known::new();
        let crowded = AtomicBool::new(false);
        let ends = || crowded.load(Ordering::Relaxed) || stop();
        let finder = |cache| Finder { cache, new: Vec::new(), part: Part::default() };
        let mut finders: Vec<Finder<'_>> = caches.iter_mut().map(finder).collect();
        for piece in from {
            if ends() {
                break;
            }
            finders.iter_mut().for_each(|finder| finder.cache.trim());
            each(&mut finders, &piece, &ends, |finder, &key| {
                if !space.is_ruined(key, finder.cache)
                    && finder.begin(space, scope, &known, key).is_none()
                {
                    crowded.store(true, Ordering::Relaxed);
                }
            });
        }
        loop {
            let mut level: Vec<_> =
                finders.iter_mut().flat_map(|finder| finder.new.drain(..)).collect();
            // As in the search, states next to each other share what is remembered of them.
            level.sort_unstable_by_key(|&(_, key)| key);
            if level.is_empty() || ends() {
                break;
            }
            finders.iter_mut().for_each(|finder| finder.cache.trim());
            each(&mut finders, &level, &ends, |finder, &(number, key)| {
                match steps(space, scope, key, finder.cache) {
                    Some(steps) => finder.follow(&known, number, key, &steps),
                    None => crowded.store(true, Ordering::Relaxed),
                }
            });
        }
        let parts: Vec<Part> = finders.into_iter().map(|finder| finder.part).collect();
        (!ends()).then(|| Graph::of(known, &parts))
    }

    fn of(known: Known, parts: &[Part]) -> Graph {
        let states = || parts.iter().flat_map(|part| &part.states);
        let count = states().count();
        let mut keys: Vec<Option<Key>> = vec![None; count];
        let (mut kinds, mut begins) = (vec![Kind::Goal; count], vec![0; count + 1]);
        for state in states() {
            let number = state.number as usize;
            (keys[number], kinds[number]) = (Some(state.key), state.kind);
            begins[number + 1] = state.steps as usize;
        }
        for number in 0..count {
            begins[number + 1] += begins[number];
        }
        let mut targets = vec![0; begins[count]];
        for part in parts {
            let mut rest = part.targets.as_slice();
            for state in &part.states {
                let these;
                (these, rest) = rest.split_at(state.steps as usize);
                targets[begins[state.number as usize]..][..these.len()].copy_from_slice(these);
            }
        }
        Graph { known, keys: keys.into_iter().flatten().collect(), kinds, begins, targets }
    }

    /// How many states there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(super) fn key(&self, state: u32) -> Key {
        self.keys[state as usize]
    }

    pub(super) fn number_of(&self, key: Key) -> Option<u32> {
        self.known.get(key)
    }

    pub(super) fn targets(&self, state: u32) -> &[u32] {
        let state = state as usize;
        &self.targets[self.begins[state]..self.begins[state + 1]]
    }
}

impl Finder<'_> {
    /// Adds what a state is after faults, or what comes of it where it is passed through. `None` if
    /// there were too many components.
    fn begin(&mut self, space: &Space<'_>, scope: Scope, known: &Known, key: Key) -> Option<()> {
        let key = space.key_after_faults(key, scope.symmetric, self.cache)?;
        if known.get(key).is_some() {
            return Some(());
        }
        if !scope.passes || !space.leads_on(key, scope) {
            self.number(known, key);
            return Some(());
        }
        for target in steps(space, scope, key, self.cache)?.targets {
            self.number(known, target);
        }
        Some(())
    }

    fn number(&mut self, known: &Known, key: Key) -> u32 {
        let (number, new) = known.number(key);
        if new {
            self.new.push((number, key));
        }
        number
    }

    fn follow(&mut self, known: &Known, number: u32, key: Key, steps: &Steps) {
        for &target in &steps.targets {
            let target = self.number(known, target);
            self.part.targets.push(target);
        }
        let count = steps.targets.len() as u32;
        self.part.states.push(State { number, key, kind: steps.kind, steps: count });
    }
}

/// What a state is by itself, and where its steps lead; `None` if there were too many components.
fn steps(space: &Space<'_>, scope: Scope, key: Key, cache: &mut Cache) -> Option<Steps> {
    let mut steps = Steps { kind: Kind::Goal, targets: Vec::new() };
    if space.is_finished(key, cache) {
        return Some(steps);
    }
    let (mut escapes, mut crowded) = (false, false);
    // Of the processes that can take a step: all, and those of which one leads nowhere else.
    let (mut possible, mut resting): (Takers, Takers) = (0, 0);
    space.successors(key, scope, cache, &mut |step| {
        possible |= step.first;
        match step.key {
            // Where an epoch has two owners, nothing is said of progress any more.
            _ if step.broken.contains(Invariant::L1) => escapes = true,
            Some(_) if step.stays => resting |= step.takers,
            Some(key) => steps.targets.push(key),
            None => crowded = true,
        }
    });
    for target in &mut steps.targets {
        match space.key_after_faults(*target, scope.symmetric, cache) {
            Some(key) => *target = key,
            None => crowded = true,
        }
    }
    steps.kind = match (escapes, possible & !resting == 0) {
        (true, _) => Kind::Goal,
        (false, true) => Kind::Resting,
        (false, false) => Kind::Passing,
    };
    (!crowded).then_some(steps)
}

/// The strongly connected components of a graph.
pub(super) struct Components {
    /// For each state, its component.
    pub(super) of: Vec<u32>,
    /// The states, by component.
    states: Vec<u32>,
    /// Where each component's states begin in `states`, and where the last one's end.
    begins: Vec<usize>,
}

impl Components {
    /// Components are numbered so that steps lead to components of lower numbers only.
    pub(super) fn of(graph: &Graph) -> Components {
        let of = components(graph.len(), |state, step| {
            graph.targets(state as u32).get(step).map(|&to| to as usize)
        });
        let count = of.iter().max().map_or(0, |&last| last as usize + 1);
        let mut begins = vec![0; count + 1];
        for &component in &of {
            begins[component as usize + 1] += 1;
        }
        for component in 0..count {
            begins[component + 1] += begins[component];
        }
        let (mut next, mut states) = (begins.clone(), vec![0; of.len()]);
        for (state, &component) in of.iter().enumerate() {
            let place = &mut next[component as usize];
            states[*place] = state as u32;
            *place += 1;
        }
        Components { of, states, begins }
    }

    pub(super) fn len(&self) -> usize {
        self.begins.len() - 1
    }

    pub(super) fn members(&self, component: usize) -> &[u32] {
        &self.states[self.begins[component]..self.begins[component + 1]]
    }
}
