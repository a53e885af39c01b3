//! Rates: how many units a second, on average over how long.

use std::fmt;
use std::ops::{Add, Mul};
use std::time::Duration;

use serde::Serialize;

/// Capacity units a second. It is finite and not negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Rate(f64);

impl Rate {
    /// Nothing.
    pub const ZERO: Rate = Rate(0.0);
    /// What DynamoDB writes to one item collection: 1,000 write units a second.
    pub const MOST_WRITES: Rate = Rate(1000.0);
    /// What DynamoDB reads of one item collection: 3,000 read units a second.
    pub const MOST_READS: Rate = Rate(3000.0);

    /// Returns so many units a second. What is negative or no number becomes zero.
    #[must_use]
    pub fn per_second(units: f64) -> Rate {
        if units.is_finite() && units > 0.0 { Rate(units) } else { Rate::ZERO }
    }

    /// Returns the units a second.
    #[must_use]
    pub fn units(self) -> f64 {
        self.0
    }

    /// Returns the higher of two rates.
    #[must_use]
    pub fn max(self, other: Rate) -> Rate {
        if other > self { other } else { self }
    }

    /// Returns the lower of two rates.
    #[must_use]
    pub fn min(self, other: Rate) -> Rate {
        if other < self { other } else { self }
    }
}

impl Add for Rate {
    type Output = Rate;

    fn add(self, other: Rate) -> Rate {
        Rate::per_second(self.0 + other.0)
    }
}

impl Mul<f64> for Rate {
    type Output = Rate;

    fn mul(self, times: f64) -> Rate {
        Rate::per_second(self.0 * times)
    }
}

impl fmt::Display for Rate {
    /// Two digits of what is small, and whole units otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self.0 {
            0.0 => "0".to_owned(),
            units if units < 1.0 => format!("{units:.2}"),
            units if units < 10.0 => format!("{units:.1}"),
            units => format!("{units:.0}"),
        };
        f.pad(&text)
    }
}

/// What a partition is written and read, on average.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Traffic {
    /// Write units a second to the busier of its two item collections: its item, and its slots.
    pub writes: Rate,
    /// Read units a second of its slots.
    pub reads: Rate,
}

impl Traffic {
    /// Returns how near it is to DynamoDB's limits, in write units a second: three read units count
    /// as one write unit, as a partition may be read three times as much as it may be written.
    #[must_use]
    pub fn weight(self) -> Rate {
        let part = Rate::MOST_WRITES.units() / Rate::MOST_READS.units();
        self.writes.max(self.reads * part)
    }
}

impl Add for Traffic {
    type Output = Traffic;

    fn add(self, other: Traffic) -> Traffic {
        Traffic { writes: self.writes + other.writes, reads: self.reads + other.reads }
    }
}

/// How long an average is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Window {
    /// 2 minutes: a partition comes near its limit soon.
    Two,
    /// 5 minutes.
    Five,
    /// 10 minutes: it is busy all the time.
    Ten,
}

impl Window {
    /// All, the shortest first.
    pub const ALL: [Window; 3] = [Window::Two, Window::Five, Window::Ten];

    /// Returns how long it is.
    #[must_use]
    pub fn length(self) -> Duration {
        let minutes = match self {
            Window::Two => 2,
            Window::Five => 5,
            Window::Ten => 10,
        };
        Duration::from_secs(60 * minutes)
    }
}

/// What a partition is written and read over each of the three windows. An average over a time at
/// which the partition was not there yet is not known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Averages {
    /// Over the last 2 minutes.
    #[serde(rename = "2m")]
    pub two: Option<Traffic>,
    /// Over the last 5 minutes.
    #[serde(rename = "5m")]
    pub five: Option<Traffic>,
    /// Over the last 10 minutes.
    #[serde(rename = "10m")]
    pub ten: Option<Traffic>,
}

impl Averages {
    /// Returns the averages that a function gives.
    #[must_use]
    pub fn of(mut average: impl FnMut(Window) -> Option<Traffic>) -> Averages {
        let [two, five, ten] = Window::ALL.map(&mut average);
        Averages { two, five, ten }
    }

    /// Returns the average over a window.
    #[must_use]
    pub fn over(&self, window: Window) -> Option<Traffic> {
        match window {
            Window::Two => self.two,
            Window::Five => self.five,
            Window::Ten => self.ten,
        }
    }

    /// Returns the average of two partitions together; unknown where that of one is.
    #[must_use]
    pub fn with(&self, other: &Averages) -> Averages {
        Averages::of(|window| Some(self.over(window)? + other.over(window)?))
    }

    /// Returns the highest of the three weights; `None` unless all are known.
    #[must_use]
    pub fn highest(&self) -> Option<Rate> {
        let weights = Window::ALL.map(|window| self.over(window).map(Traffic::weight));
        weights.into_iter().try_fold(Rate::ZERO, |most, weight| Some(most.max(weight?)))
    }
}
