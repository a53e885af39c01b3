//! P1, stated so that a check of it is sound: from every reachable state, by
//! protocol steps alone, a state is reached in which everything is delivered.
//!
//! Stateright's `eventually` would miss a violation on a cycle. Here each state
//! gets a search along fault-free steps, for the goal or for a state from which
//! the goal is known to be reached. The search ends because the world is finite,
//! and fails exactly when there is no way to the goal. A dead end and a livelock
//! are both violations. Results are kept by fingerprint, so that all the searches
//! together visit few states twice.

use std::hash::{BuildHasher, BuildHasherDefault, Hasher};

use dashmap::DashSet;
use nohash_hasher::NoHashHasher;

use super::action::Action;
use super::protocol::{Protocol, Steps};
use super::world::World;

/// Fingerprints of states from which the goal is known to be reached.
#[derive(Default)]
pub(super) struct Known(DashSet<u64, BuildHasherDefault<NoHashHasher<u64>>>);

/// A hash of what is to come without faults, independent of Stateright's, so that
/// a collision there is none here. States that differ in faults left, in copies
/// under way or in what was broken before are one here.
pub(super) fn fingerprint<
    const P: usize,
    const W: usize,
    const G: usize,
    const S: usize,
    const L: usize,
>(
    world: &World<P, W, G, S, L>,
) -> u64 {
    let seeds = ahash::RandomState::with_seeds(0x67_61, 0x70_6c, 0x65_73, 0x73);
    let mut hasher = seeds.build_hasher();
    world.hash_outlook(&mut hasher);
    hasher.finish()
}

/// A state on the way, and the steps from it that are not tried yet.
struct Visit<State> {
    state: State,
    fingerprint: u64,
    untried: Vec<Action>,
}

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// Whether from this state, without further faults, everything is delivered in the end.
    pub(super) fn can_finish(&self, world: &World<P, W, G, S, L>) -> bool {
        self.searches.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let first = fingerprint(world);
        if self.known.0.contains(&first) {
            return true;
        }
        if self.finished(world) {
            self.known.0.insert(first);
            return true;
        }
        let mut visited = ahash::AHashSet::new();
        visited.insert(first);
        let mut way = vec![self.visit(world.clone(), first)];
        while let Some(visit) = way.last_mut() {
            let Some(action) = visit.untried.pop() else {
                way.pop();
                continue;
            };
            let Some(next) = self.step(&visit.state, action) else { continue };
            let next_print = fingerprint(&next);
            if self.known.0.contains(&next_print) || self.finished(&next) {
                self.known.0.insert(next_print);
                for visit in way {
                    self.known.0.insert(visit.fingerprint);
                }
                return true;
            }
            if visited.insert(next_print) {
                way.push(self.visit(next, next_print));
            }
        }
        false
    }

    fn visit(&self, state: World<P, W, G, S, L>, fingerprint: u64) -> Visit<World<P, W, G, S, L>> {
        let mut untried = Vec::with_capacity(8);
        self.steps(&state, Steps::FaultFree, &mut |action| untried.push(action));
        untried.reverse();
        Visit { state, fingerprint, untried }
    }
}
