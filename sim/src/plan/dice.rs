//! Seeded random numbers that stay the same in every version of every library.
//!
//! The generator is SplitMix64 (Steele, Lea and Flood, 2014), implemented here so that a
//! seed draws the same plan after an upgrade. The fault that strikes an attempt depends on
//! the seed and on that attempt alone: removing one fault leaves the others where they
//! were, which is what makes shrinking work.

use std::time::Duration;

/// A source of random numbers.
#[derive(Clone, Debug)]
pub struct Dice(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Dice {
    /// Starts the sequence of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Dice {
        Dice(mix(seed.wrapping_add(STEP)))
    }

    /// Starts a sequence for one purpose, which depends on the seed and on `path` alone and
    /// not on what was drawn before.
    #[must_use]
    pub fn at(seed: u64, path: &[u64]) -> Dice {
        let folded = path.iter().fold(mix(seed.wrapping_add(STEP)), |state, step| {
            mix(state.wrapping_add(STEP) ^ mix(step.wrapping_add(STEP)))
        });
        Dice(folded)
    }

    /// Draws the next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// Draws a number below `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u64) -> u64 {
        if bound == 0 { 0 } else { self.draw() % bound }
    }

    /// Draws a number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Is true with a probability of `ppm` parts per million.
    pub fn ppm(&mut self, ppm: u32) -> bool {
        self.below(1_000_000) < u64::from(ppm)
    }

    /// Is true with a probability of `percent` in a hundred.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// Picks one of several choices.
    ///
    /// # Panics
    /// If there are no choices.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> &'a T {
        &choices[usize::try_from(self.below(choices.len() as u64)).unwrap_or(0)]
    }

    /// Draws the latency of one call around `base`: 60 to 140 % of it in nine cases of ten,
    /// up to twenty times as much in one of a hundred, as callers of DynamoDB see it.
    pub fn latency(&mut self, base: Duration) -> Duration {
        let factor = match self.below(1000) {
            0..900 => self.between(60, 140),
            900..990 => self.between(140, 400),
            _ => self.between(400, 2000),
        };
        base * u32::try_from(factor).unwrap_or(100) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    /// Regression seeds keep their meaning only if these numbers never change.
    #[test]
    fn a_seed_means_the_same_for_ever() {
        let mut dice = Dice::new(1);
        assert_eq!(
            [dice.draw(), dice.draw()],
            [6_791_897_765_849_424_158, 17_405_687_883_870_564_846]
        );
    }

    #[test]
    fn a_path_draws_the_same_whatever_was_drawn_before() {
        let there = || Dice::at(7, &[1, 2]).draw();
        let first = there();
        let _ = Dice::at(7, &[1, 1]).draw();
        assert_eq!(first, there());
        assert_ne!(first, Dice::at(7, &[2, 1]).draw());
        assert_ne!(first, Dice::at(8, &[1, 2]).draw());
    }
}
