//! Decisions in words.

use std::fmt;
use std::time::Duration;

use super::decision::{Cause, Choice, Decision, Hold, NoNeed, Wish};
use crate::ids::PartitionId;

impl fmt::Display for Decision {
    /// The reason, without the choice's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.choice {
            Choice::Split { cause, halves: [low, high] } => {
                write!(f, "{cause}: {low} and {high} take its place")
            }
            Choice::Merge { with, into, together, most } => write!(
                f,
                "with {with} into {into}: {together} units/s together, and {most} are allowed"
            ),
            Choice::Held { wish: Wish::Split(cause), hold } => {
                write!(f, "to be split, as {cause}; but {}", Held { hold, of: &self.partition })
            }
            Choice::Held { wish: Wish::Merge { with, together }, hold } => write!(
                f,
                "to be merged with {with}, as they have {together} units/s together; but {}",
                Held { hold, of: &self.partition }
            ),
            Choice::Keep(keep) => keep.fmt(f),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Cause::Busy { window, rate, above } => {
                let window = Span(window.length());
                write!(f, "{rate} units/s over {window} are more than {above}")
            }
            Cause::Behind { group, behind, lag } => {
                let behind = Span(*behind);
                write!(
                    f,
                    "{group} is at work and {behind} behind, and its lag of {lag} slots grows"
                )
            }
        }
    }
}

/// Why something of a partition is not done.
struct Held<'a> {
    hold: &'a Hold,
    of: &'a PartitionId,
}

impl fmt::Display for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.hold {
            Hold::Cooldown { partition, age, cooldown } => {
                let whose = if partition == self.of { "it" } else { partition.as_str() };
                let came = if partition.family().is_some() { "merge" } else { "split" };
                let (age, cooldown) = (Span(*age), Span(*cooldown));
                write!(f, "{whose} came of a {came} {age} ago: cooldown {cooldown}")
            }
            Hold::Most(most) => write!(f, "at most {most} partitions are to be open"),
            Hold::Least(least) => write!(f, "at least {least} partitions are to stay open"),
            Hold::AtOnce(count) => write!(f, "{count} at once are the most: others come first"),
            Hold::Finest => f.write_str("it covers a single hash"),
            Hold::Together(share) => {
                write!(f, "few keys bear it: {share} would stay together, however it is split")
            }
            Hold::Unsampled => {
                f.write_str("too few of its events were seen to tell what it divides")
            }
            Hold::Lagging { group, partition, behind } => {
                write!(f, "{group} is {} behind in {partition}", Span(*behind))
            }
            Hold::DividedAt { partition, rate } => {
                write!(f, "{partition} had {rate} when it was split, and a quarter is allowed")
            }
        }
    }
}

impl fmt::Display for NoNeed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NoNeed::Between { rate, merge_below } => {
                write!(
                    f,
                    "{rate} units/s: too much for a merge ({merge_below}), not enough for a split"
                )
            }
            NoNeed::OtherBusy { other, together: Some(together), most } if together <= most => {
                write!(f, "quiet, but {other} asks for a split")
            }
            NoNeed::OtherBusy { other, together: Some(together), most } => {
                write!(
                    f,
                    "quiet, but not with {other}: {together} units/s together are above {most}"
                )
            }
            NoNeed::OtherBusy { other, together: None, most: _ } => {
                write!(f, "quiet, but how much {other} has is not known yet")
            }
            NoNeed::OtherDivided => f.write_str("quiet, and its other half is not one partition"),
            NoNeed::Whole => f.write_str("quiet, and there is none to merge it with"),
            NoNeed::Unmeasured { age: Some(age) } => {
                write!(f, "{} old, and averages over 10 min are needed", Span(*age))
            }
            NoNeed::Unmeasured { age: None } => f.write_str("its slots cannot be read"),
        }
    }
}

/// A length of time, as people say it.
struct Span(Duration);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0..120 => write!(f, "{seconds} s"),
            120..7_200 => write!(f, "{} min", seconds / 60),
            7_200..172_800 => write!(f, "{} h", seconds / 3_600),
            172_800.. => write!(f, "{} days", seconds / 86_400),
        }
    }
}
