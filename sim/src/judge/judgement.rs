//! The judgement on what was seen: either nothing is broken, or what is and how.

use std::fmt;

use gapless_model::explanation::Explanation;
use gapless_model::{Invariant, PartitionId, Seq};
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
    /// A reader without a group was given something else than the slots hold, or too little.
    Reader,
    /// A process took more steps than it can have a reason for, or took none and did not wait.
    Pace,
    /// An event had to wait for longer than its group's workers need, although nothing had gone wrong.
    Starvation,
    /// Something took more requests than it needs, although nothing had gone wrong.
    Cost,
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Breach::Invariant(invariant) => f.pad(&invariant.to_string()),
            Breach::Refinement => f.pad("refinement"),
            Breach::Machine => f.pad("machine"),
            Breach::Audit => f.pad("audit"),
            Breach::Error => f.pad("error"),
            Breach::Reader => f.pad("reader"),
            Breach::Pace => f.pad("pace"),
            Breach::Starvation => f.pad("starvation"),
            Breach::Cost => f.pad("cost"),
        }
    }
}

impl Breach {
    /// What is not so any more, as half a sentence that can follow "not true that".
    #[must_use]
    pub const fn says(self) -> &'static str {
        match self {
            Breach::Invariant(invariant) => invariant.says(),
            Breach::Refinement => "the store answers as the specification does",
            Breach::Machine => "each node does what its machine wants",
            Breach::Audit => "an audit finds nothing wrong",
            Breach::Error => "every error comes from a fault",
            Breach::Reader => "a reader is given what the slots hold, in their order",
            Breach::Pace => "every process waits before long",
            Breach::Starvation => "no event waits for longer than its workers need",
            Breach::Cost => "nothing takes more requests than it needs",
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
    pub explanation: Explanation,
}

/// What a judge found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    /// What went wrong, in one sentence.
    pub(crate) sentence: String,
    /// The partitions that it concerns, and the slots, if it concerns any in particular.
    pub(crate) places: Vec<(PartitionId, Option<Seq>)>,
    /// What else there is to see, a line each.
    pub(crate) details: Vec<String>,
    pub(crate) why: Option<String>,
}

impl Finding {
    pub(crate) fn new(sentence: impl Into<String>) -> Finding {
        Finding { sentence: sentence.into(), places: Vec::new(), details: Vec::new(), why: None }
    }

    /// What an audit beside live traffic found.
    pub(crate) fn of_audit(found: &gapless::Finding) -> Finding {
        let sentence = format!("an audit of the tables found a violation: {found}.");
        let whole = Finding::new(sentence).at(found.partition(), None);
        found.slots().into_iter().fold(whole, |finding, slot| finding.at(found.partition(), slot))
    }

    /// Adds a place that it concerns.
    pub(crate) fn at(mut self, partition: &PartitionId, slot: impl Into<Option<Seq>>) -> Finding {
        self.places.push((partition.clone(), slot.into()));
        self
    }
}

/// What a judge says of what it saw: the error is the breach and how it came about.
pub(crate) type Judgement<T = ()> = Result<T, (Breach, Finding)>;

/// The judgement that an invariant is broken.
pub(crate) fn broken<T>(invariant: Invariant, finding: Finding) -> Judgement<T> {
    Err((Breach::Invariant(invariant), finding))
}

/// What is wrong with what a node did, as what follows its name in a sentence; or nothing.
pub(crate) type Doubt = Result<(), String>;

pub(super) fn doubt(did: String) -> Doubt {
    Err(did)
}
