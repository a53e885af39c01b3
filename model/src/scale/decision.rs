//! A decision, with its reason as data.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::rates::{Rate, Window};
use super::readings::Share;
use crate::ids::PartitionId;

/// What becomes of an open partition, and why. Its text is the reason in words.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// The partition.
    pub partition: PartitionId,
    /// What becomes of it.
    pub choice: Choice,
}

/// What becomes of an open partition.
#[derive(Clone, Debug, PartialEq)]
pub enum Choice {
    /// It is split.
    Split {
        /// Why.
        cause: Cause,
        /// What takes its place.
        halves: [PartitionId; 2],
    },
    /// It is merged with its other half, which has the same choice.
    Merge {
        /// The other half.
        with: PartitionId,
        /// What takes the place of both.
        into: PartitionId,
        /// The highest average of both together.
        together: Rate,
        /// What that may be at most.
        most: Rate,
    },
    /// It is left alone, although something asks for a split or a merge.
    Held {
        /// What is asked for.
        wish: Wish,
        /// Why it is not done.
        hold: Hold,
    },
    /// It is left alone, and nothing asks for anything else.
    Keep(NoNeed),
}

impl Choice {
    /// Returns the word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Choice::Split { .. } => "split",
            Choice::Merge { .. } => "merge",
            Choice::Held { .. } => "held",
            Choice::Keep(_) => "keep",
        }
    }
}

/// What asks for a split.
#[derive(Clone, Debug, PartialEq)]
pub enum Cause {
    /// An average is above its threshold.
    Busy {
        /// The window.
        window: Window,
        /// The average, in write units a second.
        rate: Rate,
        /// The threshold.
        above: Rate,
    },
    /// The lag of a group grows although it is at work.
    Behind {
        /// The group.
        group: String,
        /// How long ago the first event was written that it has not finished.
        behind: Duration,
        /// Its lag in slots.
        lag: u64,
    },
}

impl Cause {
    /// Returns the word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Cause::Busy { .. } => "busy",
            Cause::Behind { .. } => "behind",
        }
    }
}

/// What is asked for and not done.
#[derive(Clone, Debug, PartialEq)]
pub enum Wish {
    /// A split.
    Split(Cause),
    /// A merge with the other half.
    Merge {
        /// The other half.
        with: PartitionId,
        /// The highest average of both together.
        together: Rate,
    },
}

/// Why what is asked for is not done.
#[derive(Clone, Debug, PartialEq)]
pub enum Hold {
    /// The partition, or its other half, is too young.
    Cooldown {
        /// The partition.
        partition: PartitionId,
        /// How old it is.
        age: Duration,
        /// How old it has to be.
        cooldown: Duration,
    },
    /// There are as many open partitions as there may be.
    Most(NonZeroUsize),
    /// There are as few open partitions as there may be.
    Least(NonZeroUsize),
    /// Others come first.
    AtOnce(NonZeroUsize),
    /// A single hash cannot be divided.
    Finest,
    /// So much would stay together that a split divides nothing.
    Together(Share),
    /// Too few of its events were seen to tell whether a split divides anything.
    Unsampled,
    /// A group is behind in the partition or its other half: merged, its keys would all wait for
    /// the slower.
    Lagging {
        /// The group.
        group: String,
        /// Where.
        partition: PartitionId,
        /// How long ago the first event was written that it has not finished.
        behind: Duration,
    },
    /// Merged, they would have more than a quarter of what there was when these keys were divided.
    DividedAt {
        /// What was divided.
        partition: PartitionId,
        /// How much there was then.
        rate: Rate,
    },
}

impl Hold {
    /// Returns the word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Hold::Cooldown { .. } => "cooldown",
            Hold::Most(_) => "most",
            Hold::Least(_) => "least",
            Hold::AtOnce(_) => "at-once",
            Hold::Finest => "finest",
            Hold::Together(_) => "together",
            Hold::Unsampled => "unsampled",
            Hold::Lagging { .. } => "lagging",
            Hold::DividedAt { .. } => "divided-at",
        }
    }
}

/// Why a partition is fine as it is.
#[derive(Clone, Debug, PartialEq)]
pub enum NoNeed {
    /// It is between the thresholds.
    Between {
        /// Its highest average.
        rate: Rate,
        /// What two halves may have together to be merged.
        merge_below: Rate,
    },
    /// It is quiet, and its other half is not.
    OtherBusy {
        /// The other half.
        other: PartitionId,
        /// The highest average of both together; `None` if that is not known.
        together: Option<Rate>,
        /// What that may be at most.
        most: Rate,
    },
    /// It is quiet, and its other half was split further, or cannot be read.
    OtherDivided,
    /// It is quiet, and covers every key.
    Whole,
    /// Its averages are not all known: it is younger than the longest window, or its slots cannot
    /// be read.
    Unmeasured {
        /// How old it is, if that is known.
        age: Option<Duration>,
    },
}

impl NoNeed {
    /// Returns the word for it.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            NoNeed::Between { .. } => "between",
            NoNeed::OtherBusy { .. } => "other-busy",
            NoNeed::OtherDivided => "other-divided",
            NoNeed::Whole => "whole",
            NoNeed::Unmeasured { .. } => "unmeasured",
        }
    }
}
