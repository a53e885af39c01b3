//! The machines of an operator who changes which partitions there are: [`Split`] and [`Merge`].
//!
//! Both seal: a sealed partition gives out no more numbers, and names the partitions that take its place.
//! In the recommended design it does so in the very update that seals it (*seal with intent*). So a key has
//! exactly one leaf at any moment, and there is nothing to repair: a child comes into being with its first
//! append, whose sender has seen the seal.

mod merge;
mod seals;
mod split;

pub use merge::{Merge, MergeEnd};
pub use split::{Split, SplitEnd};
