//! The report on one run.

use gapless_model::explanation::Explanation;
use std::collections::BTreeSet;

use crate::judge::{Breach, Violation};
use crate::plan::{FAULTS, HAPPENINGS, Millis, Plan, Strike};

/// The report on one run.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// The violation, if there was one.
    pub violation: Option<Violation>,
    /// The decision log, as NDJSON.
    pub log: String,
    /// The faults that struck, in order: enough to repeat the run without drawing any.
    pub strikes: Vec<Strike>,
    /// How often each kind of fault struck, in the order of [`FAULTS`].
    pub faults: [u64; FAULTS.len()],
    /// How often each kind of incident happened, in the order of [`HAPPENINGS`].
    pub happenings: [u64; HAPPENINGS.len()],
    /// The coverage marks that were reached.
    pub marks: BTreeSet<&'static str>,
    /// The number of calls that the engine answered.
    pub requests: u64,
    /// The length of the run in simulated time.
    pub simulated: Millis,
}

impl RunReport {
    /// A fingerprint of the log: equal runs have equal fingerprints.
    #[must_use]
    pub fn digest(&self) -> u64 {
        // FNV-1a, implemented here so that it is the same in every build.
        self.log.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// The report on a run that panicked.
    pub(super) fn panicked(plan: &Plan, panic: &str) -> RunReport {
        let explanation = Explanation {
            sentence: format!("The run panicked: {panic}."),
            end: Vec::new(),
            why: None,
        };
        RunReport {
            violation: Some(Violation { breach: Breach::Error, at: Millis(0), explanation }),
            log: plan.to_json(),
            strikes: Vec::new(),
            faults: [0; FAULTS.len()],
            happenings: [0; HAPPENINGS.len()],
            marks: BTreeSet::new(),
            requests: 0,
            simulated: Millis(0),
        }
    }
}
