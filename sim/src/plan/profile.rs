//! The names of the families of plans. `draw.rs` draws the plans themselves.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A family of plans.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Each seed enables a random subset of the faults, at a random intensity.
    Swarm,
    /// No faults.
    Calm,
    /// Every fault, and clocks beyond their bound.
    Hostile,
    /// Short-lived workers only, invoked by a queue.
    Lambda,
}

impl Profile {
    /// All of them.
    pub const ALL: [Profile; 4] =
        [Profile::Swarm, Profile::Calm, Profile::Hostile, Profile::Lambda];

    /// How many of a million calls a fault strikes at most.
    pub(super) fn most_trouble(self) -> u32 {
        match self {
            Profile::Calm => 0,
            Profile::Swarm | Profile::Lambda => 150_000,
            Profile::Hostile => 250_000,
        }
    }

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Profile::Swarm => "swarm",
            Profile::Calm => "calm",
            Profile::Hostile => "hostile",
            Profile::Lambda => "lambda",
        }
    }
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The error of a text that names no profile.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a profile: there are swarm, calm, hostile and lambda")]
pub struct NoProfile(String);

impl FromStr for Profile {
    type Err = NoProfile;

    fn from_str(text: &str) -> Result<Profile, NoProfile> {
        let found = Profile::ALL.into_iter().find(|known| known.name() == text);
        found.ok_or_else(|| NoProfile(text.to_owned()))
    }
}
