//! P1 where a search would be too large: a walk without faults.

use super::protocol::Protocol;
use super::steps::Steps;
use super::world::World;

impl Protocol {
    /// Returns whether a random walk of at most `steps` fault-free steps reaches a state in which
    /// everything is delivered.
    ///
    /// It stands in for P1 where a search would be too large. The walk is the same each time, and
    /// takes every step sooner or later that stays possible.
    #[must_use]
    pub fn drains(&self, world: &World, steps: usize) -> bool {
        let mut world = world.clone();
        let mut draw = 0x9e37_79b9_7f4a_7c15_u64;
        let mut possible = Vec::new();
        for _ in 0..steps {
            if self.finished(&world) {
                return true;
            }
            possible.clear();
            self.steps(&world, Steps::FaultFree, &mut |action| possible.push(action));
            if possible.is_empty() {
                return false;
            }
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let chosen = (draw >> 33) as usize % possible.len();
            if let Some(next) = self.step(&world, possible[chosen]) {
                world = next;
            }
        }
        self.finished(&world)
    }
}
