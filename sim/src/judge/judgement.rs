//! What a checker says: that all is well, or what is broken and how.

use std::fmt;

use gapless_model::Invariant;
use serde::{Deserialize, Serialize};

use crate::plan::Millis;

/// What a run can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Breach {
    /// An invariant of the protocol.
    Invariant(Invariant),
    /// The engine and the abstract store answered a request differently.
    Refinement,
    /// A process did what its machine does not allow, or told it what is not so.
    Machine,
    /// An audit beside live traffic found what must never be.
    Audit,
    /// A process met an error that no fault explains.
    Error,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Breach::Invariant(invariant) => f.pad(&invariant.to_string()),
            Breach::Refinement => f.pad("refinement"),
            Breach::Machine => f.pad("machine"),
            Breach::Audit => f.pad("audit"),
            Breach::Error => f.pad("error"),
        }
    }
}

/// What was broken, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// What.
    pub breach: Breach,
    /// When, in simulated time.
    pub at: Millis,
    /// How.
    pub what: String,
}

/// What a checker says of what it saw.
pub(crate) type Judgement = Result<(), (Breach, String)>;

/// That an invariant does not hold.
pub(crate) fn broken(invariant: Invariant, what: String) -> Judgement {
    Err((Breach::Invariant(invariant), what))
}
