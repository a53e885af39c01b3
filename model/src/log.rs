//! The decision log that a checker's counterexample, a simulated run and a production
//! trace have in common: NDJSON, a header with this format and version, then a line for
//! each decision.

use serde::{Deserialize, Serialize};

/// The format's name in a header.
pub const FORMAT: &str = "gapless-decisions";
/// The version that these crates write and read.
pub const VERSION: u32 = 1;

/// What every line after the header tells.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// The step, from 1.
    pub step: usize,
    /// Who.
    pub who: String,
    /// What.
    pub did: String,
    /// What the store answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// Whether the answer was heard.
    #[serde(default = "yes", skip_serializing_if = "is_yes")]
    pub heard: bool,
    /// The fault that struck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
}

fn yes() -> bool {
    true
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_yes(heard: &bool) -> bool {
    *heard
}
