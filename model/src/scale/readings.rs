//! What one look at a stream showed.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::rates::{Averages, Rate};
use crate::ids::PartitionId;

/// What one look at a stream showed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Readings {
    /// The open partitions.
    pub open: BTreeMap<PartitionId, Measured>,
    /// The rate of partitions that were split, before they were: the highest of the three averages.
    /// Only those are asked for whose halves are to be merged again; of one that is missing nothing
    /// is known.
    pub when_split: BTreeMap<PartitionId, Rate>,
}

/// What was measured of an open partition.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measured {
    /// What it is written and read.
    pub averages: Averages,
    /// How much of that would stay together if it were split four times over: the share that the
    /// fullest sixteenth of its hashes would bear. `None` if too little of it was seen.
    pub together: Option<Share>,
    /// How long ago the seal was written that made it; `None` if the stream began with it, or the
    /// seal does not say.
    pub age: Option<Duration>,
    /// The groups, and how far each is.
    pub followers: Vec<Follower>,
}

/// A part of a whole, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Share(f64);

impl Share {
    /// Returns the share that a part is of a whole; all of it if there is no whole.
    #[must_use]
    pub fn of(part: f64, whole: f64) -> Share {
        let share = part / whole;
        Share(if share.is_finite() { share.clamp(0.0, 1.0) } else { 1.0 })
    }

    /// Returns it as a number from 0 to 1.
    #[must_use]
    pub fn part(self) -> f64 {
        self.0
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} %", self.0 * 100.0)
    }
}

/// A group that reads a stream, and how far it is in a partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Follower {
    /// The group's name.
    pub group: String,
    /// How far it is.
    pub following: Following,
}

/// How far a group is in a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Following {
    /// It has not begun it: it is still in what comes before.
    NotBegun,
    /// It has begun it.
    Begun {
        /// How many slots it has not finished.
        lag: u64,
        /// How long ago the first of them was written; zero if there is none.
        behind: Duration,
        /// How it went on since an earlier look; `None` if there was none.
        pace: Option<Pace>,
    },
}

/// How a group went on in a partition between two looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// How many slots it finished.
    pub finished: u64,
    /// Its lag in slots at the first look.
    pub lag_before: u64,
}

impl Pace {
    /// Returns whether the group finishes slots, and less than 19 of 20 that come in. One that
    /// finishes nothing has another trouble than too few partitions, and one that lags by the same
    /// all the time may mean to.
    #[must_use]
    pub fn is_too_slow(self, lag: u64) -> bool {
        let came = (lag.saturating_add(self.finished)).saturating_sub(self.lag_before);
        self.finished > 0 && u128::from(self.finished) * 20 < u128::from(came) * 19
    }
}
