//! Steps that are taken in the whole state, and the states that these pass through.

use super::super::action::Action;
use super::super::progress::{Takers, takers};
use super::super::world::World;
use super::cache::Cache;
use super::space::Space;
use super::successors::{Here, Next, Scope};
use super::visited::Key;

impl Space<'_> {
    /// Whether only the steps of one process need to be followed from a state.
    pub(in crate::check) fn leads_on(&self, key: Key, scope: Scope) -> bool {
        self.protocol.process_to_explore(&self.world(key), scope.which).is_some()
    }
}

impl Here<'_, '_> {
    /// Takes every step in the whole state: where partitions come of one another, what a step depends on
    /// is in several logs and seats.
    pub(super) fn whole(&self, cache: &mut Cache, found: &mut impl FnMut(Next)) {
        let world = self.space.state(&self.numbers);
        self.whole_from(&world, (&world, None), cache, found);
    }

    /// Takes every step in a state that comes `from` this one by steps of some takers: all of them, and
    /// the first.
    fn whole_from(
        &self,
        world: &World,
        (from, led): (&World, Option<(Takers, Takers)>),
        cache: &mut Cache,
        found: &mut impl FnMut(Next),
    ) {
        let protocol = self.space.protocol;
        let mut actions = Vec::new();
        let mut push = |action| actions.push(action);
        match self.scope.reduced {
            true => protocol.steps(world, self.scope.which, &mut push),
            false => protocol.all_steps(world, self.scope.which, &mut push),
        }
        for action in actions {
            let Some(next) = protocol.step(world, action) else { continue };
            let takers = takers(world, action);
            let (all, first) = led.map_or((takers, takers), |(all, first)| (all | takers, first));
            if self.passes(action, &next) {
                self.whole_from(&next, (from, Some((all, first))), cache, found);
                continue;
            }
            let numbers = self.space.numbers_after(&next, from, &self.numbers);
            self.reached_by(numbers, next.broken, (all, first), cache, found);
        }
    }

    /// Whether a state that a step leads to is passed through.
    fn passes(&self, action: Action, next: &World) -> bool {
        let protocol = self.space.protocol;
        // Every state that is passed through follows without a fault from one that is kept, so the graph
        // for P1 has it where it has all.
        let is_free = matches!(action, Action::Take { .. } | Action::Send { .. });
        self.scope.passes
            && is_free
            && !protocol.is_ruined(next)
            && protocol.process_to_explore(next, self.scope.which).is_some()
    }
}
