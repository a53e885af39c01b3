//! When partitions are split and merged by themselves: a pure function from what was measured to
//! decisions.
//!
//! [`decide`] reads no clock and sends nothing. Everything that it knows is in its arguments: the
//! [`Limits`], and the [`Readings`] of one look at a stream, in which all times are ages by then.
//! So the same look always gives the same decisions, in any process, and a process that starts anew
//! needs no memory of what it decided before: what must outlive it is read from the tables.
//!
//! Four things keep it from splitting and merging the same keys again and again:
//!
//! - **Two thresholds, at least a factor of [`APART`] apart.** A split demands that one of the
//!   averages over 2, 5 and 10 minutes is above the one, a merge that all of them, of both halves
//!   together, are at most the other.
//! - **A merge asks for a fraction of what there was when the keys were divided**, whatever they
//!   were divided for.
//! - **Cooldowns**: a partition is as old as the seal that made it. Before it is merged again after
//!   a merge it waits twice as long, and so on.
//! - **A split has to divide something**: where a few keys bear nearly all of it, it is left alone.

mod decide;
mod decision;
mod limits;
mod rates;
mod readings;
mod words;

pub use decide::decide;
pub use decision::{Cause, Choice, Decision, Hold, NoNeed, Wish};
pub use limits::{APART, Limits, LimitsError, Thresholds};
pub use rates::{Averages, Rate, Traffic, Window};
pub use readings::{Follower, Following, Measured, Pace, Readings, Share};
