//! The thresholds: what asks for a split, what asks for a merge, and what forbids both.

use std::num::NonZeroUsize;
use std::time::Duration;

use super::rates::{Rate, Window};

/// By what factor the two thresholds are apart at least, and by what a merge stays below the rate
/// at which the same keys were divided.
///
/// A split leaves two halves that have together what the partition had. A merge of them is out of
/// the question until that has fallen to a quarter, and a split of what was merged until it has
/// grown by four.
pub const APART: f64 = 4.0;

/// The highest threshold of a split. What DynamoDB throttles at 1,000 cannot be measured to be much
/// more.
const MOST_SPLIT: Rate = Rate::MOST_WRITES;
/// What part of the limit an average has to stay below, whatever the factors of the windows make of
/// it.
const BELOW_LIMIT: f64 = 0.9;
/// How often the time before a merge doubles at most: 64 times as long.
const MOST_DOUBLINGS: u32 = 6;

/// What is asked for: see [`Limits`], which are these, once they were found to fit together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Above this many write units a second over 10 minutes, a partition is split; above 1.25 times
    /// as much over 5 minutes, or 1.6 times over 2 minutes, as well, but at 900 at the latest.
    /// Reads count a third. Default: 500, half of what DynamoDB allows.
    pub split_above: Rate,
    /// At most this many write units a second, of two halves together and over each of the three
    /// windows, let them be merged. Default: 100.
    pub merge_below: Rate,
    /// How many open partitions there are at most: none is split beyond. Default: 64.
    pub most: NonZeroUsize,
    /// How many open partitions there are at least: none are merged below. Default: 1.
    pub least: NonZeroUsize,
    /// How old a partition is at least before it is split. Default: 5 minutes.
    pub split_cooldown: Duration,
    /// How old two halves are at least before they are merged for the first time. Each time that
    /// what was merged was split and is to be merged again, it is twice as long, up to 64 times.
    /// Default: 20 minutes.
    pub merge_cooldown: Duration,
    /// How far behind a group is whose growing lag asks for a split, by the age of the first event
    /// that it has not finished. `None`: lag asks for nothing. Default: 5 minutes.
    pub behind: Option<Duration>,
    /// How many splits and merges there are at most in one look. Default: 4.
    pub at_once: NonZeroUsize,
}

impl Default for Thresholds {
    fn default() -> Thresholds {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let count = |count: usize| NonZeroUsize::new(count).unwrap_or(NonZeroUsize::MIN);
        Thresholds {
            split_above: Rate::per_second(500.0),
            merge_below: Rate::per_second(100.0),
            most: count(64),
            least: count(1),
            split_cooldown: minutes(5),
            merge_cooldown: minutes(20),
            behind: Some(minutes(5)),
            at_once: count(4),
        }
    }
}

/// Why thresholds do not fit together.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum LimitsError {
    /// Nothing would ever be split, or everything.
    #[error(
        "a split at {split_above} units/s: it takes more than 0, and at most the {MOST_SPLIT} that DynamoDB \
         allows a partition"
    )]
    Split {
        /// What was asked for.
        split_above: Rate,
    },
    /// What was merged could soon be split again, or what was split merged.
    #[error(
        "a merge at {merge_below} units/s and a split at {split_above}: a merge takes at most a quarter of \
         it, so {} here, or it would be undone soon",
        *.split_above * (1.0 / APART)
    )]
    Near {
        /// The threshold of merges.
        merge_below: Rate,
        /// The threshold of splits.
        split_above: Rate,
    },
    /// There cannot be that few and that many.
    #[error("at least {least} partitions and at most {most}: the first cannot be more")]
    Range {
        /// The fewest.
        least: NonZeroUsize,
        /// The most.
        most: NonZeroUsize,
    },
}

/// Thresholds that fit together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Limits(Thresholds);

impl Limits {
    /// Checks that thresholds fit together.
    ///
    /// # Errors Returns [`LimitsError`] unless the threshold of splits is more than zero and at
    /// most what DynamoDB allows, that of merges at most a quarter of it, and the fewest partitions
    /// at most the most.
    pub fn new(asked: Thresholds) -> Result<Limits, LimitsError> {
        let Thresholds { split_above, merge_below, most, least, .. } = asked;
        if split_above == Rate::ZERO || split_above > MOST_SPLIT {
            return Err(LimitsError::Split { split_above });
        }
        if merge_below * APART > split_above {
            return Err(LimitsError::Near { merge_below, split_above });
        }
        if least > most {
            return Err(LimitsError::Range { least, most });
        }
        Ok(Limits(asked))
    }

    /// Returns the thresholds.
    #[must_use]
    pub fn thresholds(&self) -> &Thresholds {
        &self.0
    }

    /// Returns the average over a window above which a partition is split: the shorter the window,
    /// the more, so that a spike alone splits nothing unless it comes near the limit.
    #[must_use]
    pub fn split_above(&self, window: Window) -> Rate {
        let factor = match window {
            Window::Two => 1.6,
            Window::Five => 1.25,
            Window::Ten => 1.0,
        };
        (self.0.split_above * factor).min(Rate::MOST_WRITES * BELOW_LIMIT)
    }

    /// Returns how old halves have to be whose keys were merged so often before.
    #[must_use]
    pub fn merge_cooldown(&self, merges_before: u32) -> Duration {
        self.0.merge_cooldown.saturating_mul(1 << merges_before.min(MOST_DOUBLINGS))
    }
}

impl Default for Limits {
    /// The default thresholds.
    fn default() -> Limits {
        Limits(Thresholds::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_thresholds_fit_together() {
        assert_eq!(Limits::new(Thresholds::default()), Ok(Limits::default()));
    }

    #[test]
    fn thresholds_that_do_not_fit_together_are_refused_with_what_would() {
        let asked = Thresholds::default();
        let rate = Rate::per_second;
        let count = |count| NonZeroUsize::new(count).expect("more than none");
        for (refused, said) in [
            (Thresholds { split_above: rate(0.0), ..asked }, "it takes more than 0"),
            (Thresholds { split_above: rate(1001.0), ..asked }, "at most the 1000"),
            (Thresholds { merge_below: rate(126.0), ..asked }, "so 125 here"),
            (Thresholds { least: count(65), ..asked }, "at least 65 partitions and at most 64"),
        ] {
            let error = Limits::new(refused).expect_err("they do not fit").to_string();
            assert!(error.contains(said), "{error}");
        }
        let just = Thresholds { merge_below: rate(125.0), least: count(64), ..asked };
        assert!(Limits::new(just).is_ok());
    }

    #[test]
    fn no_window_waits_for_more_than_the_limit() {
        let high = Thresholds { split_above: rate_of(1000.0), ..Thresholds::default() };
        let high = Limits::new(high).expect("it is the limit");
        let most = Window::ALL.map(|window| high.split_above(window).units());
        assert_eq!(most, [900.0; 3]);
        let usual = Window::ALL.map(|window| Limits::default().split_above(window).units());
        assert_eq!(usual, [800.0, 625.0, 500.0]);
    }

    fn rate_of(units: f64) -> Rate {
        Rate::per_second(units)
    }

    #[test]
    fn the_time_before_a_merge_doubles_and_stays_finite() {
        let minutes = |merges| Limits::default().merge_cooldown(merges).as_secs() / 60;
        assert_eq!([0, 1, 2, 6, 7, u32::MAX].map(minutes), [20, 40, 80, 1280, 1280, 1280]);
    }
}
