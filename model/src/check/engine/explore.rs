//! The search in breadth.

use std::collections::BTreeMap;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use ahash::AHashMap;

use super::super::world::Broken;
use super::cache::Cache;
use super::disk::Disk;
use super::parallel::each;
use super::space::Space;
use super::successors::Scope;
use super::visited::{Batch, Key, PARTS, Visited};
use crate::invariant::Invariant;

/// What a search counts while it runs. Threads share it.
#[derive(Default)]
pub(in crate::check) struct Tally {
    /// The number of different states that were reached.
    pub(in crate::check) unique: AtomicUsize,
    /// The number of states that were generated, including those reached again.
    pub(in crate::check) generated: AtomicUsize,
    /// The number of steps to the states that are reached now.
    pub(in crate::check) depth: AtomicUsize,
    /// Whether the search is asked to end.
    pub(in crate::check) stop: AtomicBool,
    /// Whether there were more components than a key has room for.
    pub(in crate::check) crowded: AtomicBool,
}

/// How a search goes about it.
#[derive(Clone, Copy)]
pub(in crate::check) struct Limits {
    /// The number of threads.
    pub(in crate::check) threads: NonZeroUsize,
    /// How much the threads may remember together, in bytes.
    pub(in crate::check) caches: usize,
    pub(in crate::check) scope: Scope,
}

/// What a search found so far, which is all that it takes to go on.
pub(in crate::check) struct Explored {
    /// Every state that was reached.
    pub(in crate::check) visited: Visited,
    /// The invariants other than P1 that are violated, each in a state as near as any.
    pub(in crate::check) violated: BTreeMap<Invariant, Key>,
    /// The states of this level that are still to be expanded.
    pub(super) level: Vec<Key>,
    /// The states of the next level that were reached so far.
    pub(super) next: Vec<Key>,
    /// Those that violate something, and so lead nowhere.
    ruined: Vec<Key>,
    /// How many states had been reached when the last level was complete.
    settled: usize,
    /// Where visited states go that take too much memory.
    pub(in crate::check) disk: Option<Disk>,
    /// What the threads remember, when the search is over.
    pub(in crate::check) caches: Vec<Cache>,
}

/// When a search pauses, and what becomes of what it found so far.
pub(in crate::check) struct Pauses<'a> {
    /// The time between two pauses.
    pub(in crate::check) every: Duration,
    /// Called in each pause and at the end, while no thread searches.
    pub(in crate::check) keep: &'a mut (dyn FnMut(&Explored) + Send),
}

/// A thread, and the states that it found in this level.
struct Finder {
    cache: Cache,
    batch: Batch<Broken>,
    found: Found,
}

/// States that were not in memory.
#[derive(Default)]
struct Found {
    sound: Vec<Key>,
    ruined: Vec<Key>,
}

impl Explored {
    /// States that were visited, and those that are still to be expanded, now and after that.
    pub(super) fn of(visited: Visited, level: Vec<Key>, next: Vec<Key>) -> Explored {
        Explored {
            visited,
            violated: BTreeMap::new(),
            level,
            next,
            ruined: Vec::new(),
            settled: 0,
            disk: None,
            caches: Vec::new(),
        }
    }

    /// The first state.
    pub(in crate::check) fn begin(space: &Space<'_>, scope: Scope, tally: &Tally) -> Explored {
        let first = space.key(&space.protocol.initial(), scope.symmetric, &mut Cache::default());
        let explored = Explored::of(Visited::new(), first.into_iter().collect(), Vec::new());
        for &key in &explored.level {
            explored.visited.insert(key);
        }
        tally.unique.fetch_add(explored.level.len(), Ordering::Relaxed);
        explored
    }

    /// Whether no state of the next level was reached so far.
    #[cfg(test)]
    pub(super) fn is_between_levels(&self) -> bool {
        self.next.is_empty() && self.ruined.is_empty()
    }

    /// Whether every state was expanded.
    fn is_exhausted(&self) -> bool {
        self.level.is_empty()
    }

    /// Expands states of this level until there are no more, or the time has come to pause. Each
    /// thread expands some in any case, so that a search goes on however little time it is given.
    fn advance(
        &mut self,
        space: &Space<'_>,
        (scope, tally): (Scope, &Tally),
        finders: &mut [Finder],
        pauses: &(dyn Fn() -> bool + Sync),
    ) {
        let violated = Mutex::new(std::mem::take(&mut self.violated));
        let visits = Visits { tally, visited: &self.visited, violated: &violated };
        finders.iter_mut().for_each(|finder| finder.cache.trim());
        let done = each(finders, &self.level, pauses, |finder, &key| {
            finder.expand(space, key, scope, &visits);
        });
        for Finder { batch, found, .. } in finders {
            self.visited.insert_rest(batch, &mut |key, broken| visits.reached(key, broken, found));
            self.next.append(&mut found.sound);
            self.ruined.append(&mut found.ruined);
        }
        self.violated = violated.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.level.drain(..done);
        if self.level.is_empty() {
            self.go_on(tally);
        }
    }

    /// Goes on to the next level.
    fn go_on(&mut self, tally: &Tally) {
        self.level = std::mem::take(&mut self.next);
        let mut ruined = std::mem::take(&mut self.ruined);
        if let Some(disk) = &mut self.disk {
            let stop = || tally.stop.load(Ordering::Relaxed);
            let reached = self.level.len() + ruined.len();
            disk.subtract(&mut self.level, &stop);
            disk.subtract(&mut ruined, &stop);
            let again = reached - self.level.len() - ruined.len();
            tally.unique.fetch_sub(again, Ordering::Relaxed);
            if reached > again {
                disk.relieve(&mut self.visited, &stop);
            }
            if !stop() {
                self.settled = tally.unique.load(Ordering::Relaxed);
            }
        }
        // States next to each other share components, and so most of what is remembered of them.
        self.level.sort_unstable();
        tally.depth.fetch_add(usize::from(!self.level.is_empty()), Ordering::Relaxed);
    }

    /// Leaves those states out of the count that may be on disk as well: where the search was cut, the
    /// states of its last level were not compared with those there.
    fn count_settled(&self, tally: &Tally) {
        if self.disk.as_ref().is_some_and(|disk| disk.len() > 0) {
            tally.unique.store(self.settled, Ordering::Relaxed);
        }
    }

    /// Whether the disk could not be used, so that states are missing.
    fn is_torn(&self) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.failed.is_some())
    }

    /// Every state, a million or so at a time.
    pub(in crate::check) fn pieces(&self) -> impl Iterator<Item = io::Result<Vec<Key>>> {
        const PIECE: usize = 1 << 20;
        let mut parts = 0..PARTS;
        std::iter::from_fn(move || {
            let mut piece = Vec::new();
            for part in parts.by_ref() {
                match &self.disk {
                    None => piece.append(&mut self.visited.keys_of(part)),
                    Some(disk) => match disk.part(part, &self.visited) {
                        Ok(mut keys) => piece.append(&mut keys),
                        Err(error) => return Some(Err(error)),
                    },
                }
                if piece.len() >= PIECE {
                    break;
                }
            }
            piece.sort_unstable();
            (!piece.is_empty()).then_some(Ok(piece))
        })
    }
}

/// Searches every state, level by level. States that violate a checked invariant lead nowhere.
pub(in crate::check) fn explore(
    space: &Space<'_>,
    limits: Limits,
    tally: &Tally,
    mut explored: Explored,
    mut pauses: Option<Pauses<'_>>,
) -> Explored {
    let cache = || Cache::within(limits.caches / limits.threads);
    let finder = || Finder { cache: cache(), batch: Batch::new(), found: Found::default() };
    let mut finders: Vec<Finder> = (0..limits.threads.get()).map(|_| finder()).collect();
    let every = pauses.as_ref().map(|pauses| pauses.every);
    let next_pause = || every.and_then(|every| Instant::now().checked_add(every));
    let was_exhausted = explored.is_exhausted();
    let mut due = next_pause();
    let stopped = || tally.stop.load(Ordering::Relaxed);
    while !explored.is_exhausted() {
        let is_due = || due.is_some_and(|due| Instant::now() >= due);
        let scope = limits.scope;
        explored.advance(space, (scope, tally), &mut finders, &|| stopped() || is_due());
        if stopped() || explored.is_torn() {
            explored.count_settled(tally);
            break;
        }
        if let Some(pauses) = pauses.as_mut().filter(|_| is_due()) {
            (pauses.keep)(&explored);
            due = next_pause();
        }
    }
    if let Some(pauses) = pauses.filter(|_| !was_exhausted) {
        (pauses.keep)(&explored);
    }
    explored.caches = finders.into_iter().map(|finder| finder.cache).collect();
    explored
}

/// Every state, searched on one thread.
#[cfg(test)]
pub(in crate::check) fn reached(space: &Space<'_>, scope: Scope) -> Vec<Key> {
    let limits = Limits { threads: NonZeroUsize::MIN, caches: usize::MAX, scope };
    let tally = Tally::default();
    explore(space, limits, &tally, Explored::begin(space, scope, &tally), None).visited.keys()
}

/// Where a search keeps what it reaches.
struct Visits<'a> {
    tally: &'a Tally,
    visited: &'a Visited,
    violated: &'a Mutex<BTreeMap<Invariant, Key>>,
}

impl Visits<'_> {
    /// A state that was not reached before.
    fn reached(&self, key: Key, broken: Broken, found: &mut Found) {
        self.tally.unique.fetch_add(1, Ordering::Relaxed);
        if broken == Broken::default() {
            found.sound.push(key);
            return;
        }
        found.ruined.push(key);
        let mut violated = self.violated.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for invariant in broken.each() {
            violated.entry(invariant).or_insert(key);
        }
    }
}

impl Finder {
    /// Generates every state that follows one.
    fn expand(&mut self, space: &Space<'_>, key: Key, scope: Scope, visits: &Visits<'_>) {
        let Finder { cache, batch, found } = self;
        cache.trim_maps();
        let mut generated = 0;
        space.successors(key, scope, cache, &mut |next| {
            generated += 1;
            match next.key {
                Some(key) => {
                    visits.visited.insert_some(batch, key, next.broken, &mut |key, broken| {
                        visits.reached(key, broken, found);
                    })
                }
                None => visits.tally.crowded.store(true, Ordering::Relaxed),
            }
        });
        visits.tally.generated.fetch_add(generated, Ordering::Relaxed);
    }
}

/// Finds, for each wanted invariant, the states on a shortest path to a violation of it, in the
/// same order each time. `is_lost` says whether a state violates P1.
pub(in crate::check) fn nearest(
    space: &Space<'_>,
    scope: Scope,
    tally: &Tally,
    wanted: &[Invariant],
    mut cache: Cache,
    is_lost: &dyn Fn(Key) -> bool,
) -> BTreeMap<Invariant, Vec<Key>> {
    let mut paths = BTreeMap::new();
    let first = space.protocol.initial();
    let Some(start) = space.key(&first, scope.symmetric, &mut cache) else { return paths };
    let mut before: AHashMap<Key, Option<Key>> = AHashMap::from_iter([(start, None)]);
    let mut level = vec![start];
    while !level.is_empty() && paths.len() < wanted.len() && !tally.stop.load(Ordering::Relaxed) {
        cache.trim();
        let mut reached = Vec::new();
        for key in level {
            cache.trim_maps();
            space.successors(key, scope, &mut cache, &mut |next| {
                let Some(there) = next.key else { return };
                tally.generated.fetch_add(1, Ordering::Relaxed);
                if before.contains_key(&there) {
                    return;
                }
                before.insert(there, Some(key));
                tally.unique.fetch_add(1, Ordering::Relaxed);
                let mut broken = next.broken;
                if broken == Broken::default() {
                    reached.push(there);
                    if wanted.contains(&Invariant::P1) && is_lost(there) {
                        broken.insert(Invariant::P1);
                    }
                }
                for invariant in broken.each().filter(|found| wanted.contains(found)) {
                    paths.entry(invariant).or_insert_with(|| path(&before, there));
                }
            });
            if tally.stop.load(Ordering::Relaxed) {
                return paths;
            }
        }
        level = reached;
    }
    paths
}

/// The states from the first one to `last`.
fn path(before: &AHashMap<Key, Option<Key>>, last: Key) -> Vec<Key> {
    let mut path = vec![last];
    while let Some(Some(key)) = path.last().and_then(|key| before.get(key)) {
        path.push(*key);
    }
    path.reverse();
    path
}
