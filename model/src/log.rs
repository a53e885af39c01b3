//! The decision log: the format that counterexamples of the checker, simulated runs and
//! production traces share.
//!
//! A log is NDJSON. The first line is a header with [`FORMAT`] and [`VERSION`]; every other line
//! is a decision, and has the fields of [`Line`]. The logs of production have [`CALLS_VERSION`] and
//! lines of their own.

use serde::{Deserialize, Serialize};

/// The format's name in a header.
pub const FORMAT: &str = "gapless-decisions";
/// The version in a header: the one that these crates write and read.
///
/// Replaying a log compares its words, so a release that rewords decisions raises the version. Since
/// version 3, the owner of a lease is a turn, not a worker, and a turn can be dropped at any moment;
/// since version 5, a release may move the checkpoint, and a look behind a delivery may fail.
pub const VERSION: u32 = 5;

/// The version in the header of a production log, whose lines are other ones: each request before it
/// is sent, and what came of it. Since version 6, a page says whether it was cut.
pub const CALLS_VERSION: u32 = 6;

/// The fields that every line after the header has, whatever its source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The step, counted from 1.
    pub step: usize,
    /// The process that took the step, or what stands for the network and time.
    pub who: String,
    /// What it did.
    pub did: String,
    /// What the store answered; absent if the step asked nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Whether the answer reached the sender; absent in the log if it did.
    #[serde(default = "arrived", skip_serializing_if = "is_arrived")]
    pub heard: bool,
    /// The fault that struck in this step, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

fn arrived() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_arrived(heard: &bool) -> bool {
    *heard
}
