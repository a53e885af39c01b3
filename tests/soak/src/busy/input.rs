//! What the producers append: the same each time, so that a rerun appends what is missing.

use std::time::Duration;

use gapless::{Layout, PartitionId};

/// How often a producer appends to each hot partition.
pub const TICK: Duration = Duration::from_millis(250);

/// How many ticks pass between two events of a producer for a cold partition.
pub const COLD: u64 = 100;

/// How many partitions are hot.
const HOT: usize = 8;

/// A partition as a producer sees it.
#[derive(Clone, Debug)]
pub struct Place {
    /// The partition.
    pub partition: PartitionId,
    /// Whether it gets an event with each tick.
    pub is_hot: bool,
    /// At which ticks of a hundred a cold one gets one.
    phase: u64,
    /// For each producer its key in the partition.
    keys: Vec<String>,
}

/// The partitions of a layout, each with a key for every producer. The first ones are hot.
pub fn places(layout: Layout, producers: usize) -> Vec<Place> {
    let partitions = layout.all().unwrap_or_default();
    let place = |(index, partition): (usize, PartitionId)| {
        let key_of = |producer: usize| {
            let names = (0..).map(|number| format!("producer {producer}, key {number}"));
            names.into_iter().find(|name| layout.route(name) == partition)
        };
        let keys = (0..producers).filter_map(key_of).collect();
        Place { is_hot: index < HOT, phase: index as u64 % COLD, keys, partition }
    };
    partitions.into_iter().enumerate().map(place).collect()
}

impl Place {
    /// A producer's key there.
    pub fn key(&self, producer: usize) -> &str {
        &self.keys[producer]
    }

    /// The producer whose key it is.
    pub fn producer_of(&self, key: &str) -> Option<usize> {
        self.keys.iter().position(|known| known == key)
    }

    /// Whether each producer appends an event with this tick.
    pub fn is_due(&self, tick: u64) -> bool {
        self.is_hot || tick % COLD == self.phase
    }

    /// How many events each producer has appended once so many ticks are done.
    pub fn count(&self, ticks: u64) -> u64 {
        if self.is_hot { ticks } else { (ticks + COLD - 1).saturating_sub(self.phase) / COLD }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_those_of_the_ticks_that_are_due() {
        for place in places(Layout::Fixed { bits: 6 }, 1) {
            let due = |ticks: u64| (0..ticks).filter(|tick| place.is_due(*tick)).count() as u64;
            (0..350).for_each(|ticks| assert_eq!(place.count(ticks), due(ticks), "{place:?}"));
        }
    }
}
