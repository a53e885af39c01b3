//! The judgement on what was seen: either nothing is broken, or what is and how.

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
    /// A node did what its machine does not want, or told it what is not true.
    Machine,
    /// An audit beside live traffic found a violation in the tables.
    Audit,
    /// A node met an error that no fault explains.
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

/// The violation that ended a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// What was broken.
    pub breach: Breach,
    /// When, in simulated time since the run began.
    pub at: Millis,
    /// How, in terms of events, slots and workers.
    pub what: String,
}

/// What a judge says of what it saw: the error is the breach and how it came about.
pub(crate) type Judgement = Result<(), (Breach, String)>;

/// The judgement that an invariant is broken.
pub(crate) fn broken(invariant: Invariant, what: String) -> Judgement {
    Err((Breach::Invariant(invariant), what))
}
