//! The bounds of a check. Its verdicts hold within them.

use serde::{Deserialize, Serialize};

use super::small::{PartitionNo, ProducerNo};

/// What clocks may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Clocks {
    /// Clocks keep the bound on skew, and no process is paused between looking at its clock and
    /// acting.
    Timely,
    /// Clocks break the bound, and an owner may act past the end of its lease without a look at its
    /// clock.
    Unbounded,
}

impl Clocks {
    /// Returns the name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Clocks::Timely => "timely",
            Clocks::Unbounded => "unbounded",
        }
    }
}

macro_rules! bounds {
    (
        sizes { $( $(#[doc = $size_doc:literal])+ $size:ident = $size_name:literal: $size_range:expr, $size_sets:tt );+ $(;)? }
        faults { $( $(#[doc = $doc:literal])+ $fault:ident = $name:literal: $range:expr, $sets:tt );+ $(;)? }
    ) => {
        /// The size of the world and the faults that may strike it. For a fault, a bound is the
        /// largest number of times that it strikes on one path.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case", deny_unknown_fields)]
        pub struct Bounds {
            $( $(#[doc = $size_doc])+ pub $size: u8, )+
            $( $(#[doc = $doc])+ pub $fault: u8, )+
        }

        impl Bounds {
            /// Bounds for tests. A check takes a second or less.
            pub const TINY: Bounds = Bounds::set(0);
            /// Bounds for every change: every kind of fault, two in all. A check takes seconds.
            pub const DEFAULT: Bounds = Bounds::set(1);
            /// Bounds for a build server: every kind of fault strikes producers that append twice, the
            /// second time with a record and an expected position. A check reaches millions of
            /// states.
            pub const CI: Bounds = Bounds::set(2);
            /// Bounds for a night: two groups, two events a producer and batches. A check reaches hundreds of millions
            /// of states, at some twenty bytes each.
            pub const DEEP: Bounds = Bounds::set(3);
            /// Bounds in which a partition is split and merged again, each by two operators at once.
            pub const LINEAGE: Bounds = Bounds::set(4);
            /// Smaller bounds in which a partition is split and merged again, by one operator each, to tell designs
            /// apart.
            pub const FAMILY: Bounds = Bounds::set(5);

            /// Every single bound, for the command line and the documentation.
            pub const ALL: &'static [Bound] = &[
                $( bounds!(@ $size, $size_name, $size_range, $($size_doc),+), )+
                $( bounds!(@ $fault, $name, $range, $($doc),+), )+
            ];

            /// The bounds of the single kinds of fault.
            pub const FAULTS: &'static [Bound] = &[$( bounds!(@ $fault, $name, $range, $($doc),+) ),+];

            const fn set(place: usize) -> Bounds {
                Bounds { $( $size: $size_sets[place], )+ $( $fault: $sets[place], )+ }
            }

            /// Returns these bounds without any fault.
            #[must_use]
            pub const fn without_faults(self) -> Bounds {
                Bounds { faults: 0, $( $fault: 0, )+ ..self }
            }
        }
    };
    (@ $field:ident, $name:literal, $range:expr, $($doc:literal),+) => {
        Bound {
            name: $name,
            doc: concat!($($doc),+),
            range: $range,
            get: |bounds| bounds.$field,
            set: |bounds, value| bounds.$field = value,
        }
    };
}

/// One of the bounds as data.
pub struct Bound {
    /// The name on the command line.
    pub name: &'static str,
    /// What is bounded: a sentence, which may begin with a space.
    pub doc: &'static str,
    /// The values that the checker accepts.
    pub range: std::ops::RangeInclusive<u8>,
    /// Returns the bound's value.
    pub get: fn(&Bounds) -> u8,
    /// Replaces the bound's value, whether or not it is in range.
    pub set: fn(&mut Bounds, u8),
}

bounds! {
    sizes {
        /// The number of producers. They take turns among the partitions.
        producers = "producers": 1..=4, [2, 2, 2, 2, 2, 2];
        /// The number of events that each producer appends.
        events = "events": 1..=4, [1, 1, 2, 2, 1, 1];
        /// The largest batch, in events. A producer chooses the size for each append.
        batch = "batch": 1..=3, [1, 1, 1, 2, 1, 1];
        /// If 1, each append expects the head that its producer saw before it.
        expected = "expected": 0..=1, [0, 0, 1, 0, 0, 0];
        /// The number of workers.
        workers = "workers": 1..=4, [2, 2, 2, 2, 2, 1];
        /// The number of groups.
        groups = "groups": 1..=3, [1, 1, 1, 2, 1, 1];
        /// The number of partitions.
        partitions = "partitions": 1..=3, [1, 1, 1, 1, 1, 1];
        /// The number of keys where partitions are split or merged. They take turns among the producers.
        keys = "keys": 1..=2, [2, 2, 2, 2, 2, 2];
        /// How many operators split the partition. There are four partitions then, or five.
        splits = "splits": 0..=2, [0, 0, 0, 0, 2, 1];
        /// How many operators merge what was split.
        merges = "merges": 0..=2, [0, 0, 0, 0, 2, 1];
        /// How many operators split the second half once more, instead of merging it.
        resplits = "resplits": 0..=1, [0, 0, 0, 0, 0, 0];
        /// How many operators move a group's checkpoint in the partition back to its beginning.
        resets = "resets": 0..=1, [0, 0, 0, 0, 0, 0];
        /// By how many ticks a worker's clock may be ahead of another's. A lease lasts two ticks.
        skew = "skew": 0..=2, [1, 1, 1, 1, 0, 1];
        /// The number of faults of all kinds together.
        faults = "faults": 0..=20, [1, 2, 1, 1, 1, 1];
    }
    faults {
        /// Crashes of a process, between any two steps or before a reply arrives.
        crashes = "crashes": 0..=4, [1, 1, 1, 1, 1, 1];
        /// Requests that are applied and whose reply is lost, so that the sender repeats them.
        lost_replies = "lost-replies": 0..=4, [1, 1, 1, 1, 1, 0];
        /// Requests of which a copy arrives at any later time, even after the sender's death.
        late = "late": 0..=4, [1, 1, 1, 1, 1, 0];
        /// Requests of a worker that take their time until they are applied, or until they are heard of.
        slow = "slow": 0..=4, [1, 1, 1, 1, 0, 0];
        /// Reads that miss something already written, where the design's reads may.
        stale = "stale": 0..=4, [1, 1, 1, 1, 0, 0];
        /// Leases that end, by their owner's clock, while the owner is alive.
        expiries = "expiries": 0..=4, [1, 1, 1, 1, 1, 0];
        /// Clocks that are set, or that drift, within the bound on skew. Where clocks are unbounded,
        /// beyond it by the length of a lease.
        clock_steps = "clock-steps": 0..=4, [1, 1, 1, 1, 0, 0];
        /// Turns that are dropped: by a handler that fails, perhaps in the middle of a delivery, or at any
        /// other moment by the caller.
        failures = "failures": 0..=4, [1, 1, 1, 1, 0, 0];
        /// Turns whose worker runs out of time.
        handovers = "handovers": 0..=4, [1, 1, 1, 1, 0, 0];
        /// Named producers that run twice at once.
        twins = "twins": 0..=2, [1, 1, 1, 1, 0, 0];
        /// Producers whose input turns out one event longer, before a run of theirs has an answer. It
        /// counts as a fault, so that second appends meet as many others as there is room for.
        long_inputs = "long-inputs": 0..=2, [0, 1, 0, 0, 0, 0];
        /// Triggers that are lost, where the design does not make them durable.
        lost_triggers = "lost-triggers": 0..=4, [1, 1, 1, 1, 0, 0];
        /// Triggers that arrive twice, or from an index that is behind.
        duplicate_triggers = "duplicate-triggers": 0..=4, [1, 1, 1, 1, 0, 0];
    }
}

/// The error for bounds that the checker does not accept.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoundsError {
    /// A bound is out of its range.
    #[error("{name} is {value}; the checker takes {least} to {most}")]
    OutOfRange {
        /// The bound's name.
        name: &'static str,
        /// The value that was asked for.
        value: u8,
        /// The smallest value that is accepted.
        least: u8,
        /// The largest value that is accepted.
        most: u8,
    },
    /// What is split is one partition.
    #[error("partitions is {partitions}; where splits or merges are asked for, it is 1")]
    SplitOfMany {
        /// The number of partitions.
        partitions: u8,
    },
    /// What is merged, split again or read again is what came of a split.
    #[error(
        "merges is {merges}, resplits is {resplits} and resets is {resets}; without a split there is nothing \
         to merge, to split again or to read again: splits is 1 or 2"
    )]
    NothingSplit {
        /// How many operators merge.
        merges: u8,
        /// How many operators split again.
        resplits: u8,
        /// How many operators move a checkpoint back.
        resets: u8,
    },
    /// A batch is larger than a producer's input.
    #[error("a batch of {batch} needs at least as many events; events is {events}")]
    BatchOverEvents {
        /// The largest batch, in events.
        batch: u8,
        /// The number of events that a producer appends.
        events: u8,
    },
}

impl Bounds {
    /// The partition to which a producer appends at first.
    pub(super) const fn home(&self, producer: ProducerNo) -> PartitionNo {
        PartitionNo(producer.first().0 % self.partitions)
    }

    /// The number of operators who split or merge, or move a checkpoint.
    pub(super) const fn operators(&self) -> u8 {
        self.splits + self.merges + self.resplits + self.resets
    }

    /// The number of partitions of the world: with those that come of the one that is split.
    pub(super) const fn all_partitions(&self) -> u8 {
        match (self.has_lineage(), self.resplits) {
            (false, _) => self.partitions,
            (true, 0) => 4,
            (true, _) => 5,
        }
    }

    /// Whether partitions are split or merged.
    #[must_use]
    pub const fn has_lineage(&self) -> bool {
        self.operators() > 0
    }

    /// Verifies that the checker accepts these bounds.
    ///
    /// # Errors
    /// The first bound that it does not accept, and why.
    pub fn validate(&self) -> Result<(), BoundsError> {
        for bound in Bounds::ALL {
            let (value, range) = ((bound.get)(self), &bound.range);
            if !range.contains(&value) {
                let (least, most) = (*range.start(), *range.end());
                return Err(BoundsError::OutOfRange { name: bound.name, value, least, most });
            }
        }
        if self.has_lineage() && self.partitions != 1 {
            return Err(BoundsError::SplitOfMany { partitions: self.partitions });
        }
        if self.splits == 0 && self.has_lineage() {
            let Bounds { merges, resplits, resets, .. } = *self;
            return Err(BoundsError::NothingSplit { merges, resplits, resets });
        }
        if self.batch > self.events {
            let (batch, events) = (self.batch, self.events);
            return Err(BoundsError::BatchOverEvents { batch, events });
        }
        Ok(())
    }
}
