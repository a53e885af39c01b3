//! How far replicas and indexes are behind their tables: by little most of the time, and by much in
//! bursts.

use super::dice::Dice;
use super::fault::{Fault, Trouble};
use super::units::{Millis, Node};

/// The index of the kind [`Fault::Stale`].
const STALE: usize = 11;

impl Trouble {
    /// What an eventually consistent read misses, if anything. `source` is the number of the table or
    /// of the index that it reads. Where stale reads are one of the plan's faults, they are not rare
    /// like the other ones: DynamoDB promises nothing about such a read, not even that a later one
    /// shows as much.
    #[must_use]
    pub(crate) fn stale_for(
        &self,
        seed: u64,
        (node, attempt): (Node, u32),
        source: u64,
        at: Millis,
    ) -> Option<Fault> {
        if self.ppm == 0 || self.weights[STALE] == 0 {
            return None;
        }
        let mut of_source = Dice::at(seed, &[12, source]);
        let (rate, usual) = (of_source.between(20, 80), of_source.between(2, 200));
        let mut dice = Dice::at(seed, &[13, u64::from(node.0), u64::from(attempt)]);
        if !dice.percent(rate) {
            return None;
        }
        // A burst lasts a second, and strikes one table or one index.
        let mut burst = Dice::at(seed, &[14, source, at.0 / 1_000]);
        let most =
            if burst.percent(25) { burst.between(usual, self.span.0.max(usual)) } else { usual };
        Some(Fault::Stale { by: Millis(dice.between(1, most)), one: dice.percent(50) })
    }
}
