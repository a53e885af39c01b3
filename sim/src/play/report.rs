//! What comes of one run.

use std::collections::BTreeSet;

use crate::judge::{Breach, Violation};
use crate::plan::{FAULTS, HAPPENINGS, Millis, Plan, Strike};

/// What came of a run.
#[derive(Clone, Debug)]
pub struct RunReport {
    /// What was broken, if anything was.
    pub violation: Option<Violation>,
    /// The decision log.
    pub log: String,
    /// What struck, in order: enough to repeat it without chance.
    pub strikes: Vec<Strike>,
    /// How often each kind of fault struck a message.
    pub faults: [u64; FAULTS.len()],
    /// How often each kind of incident happened.
    pub happenings: [u64; HAPPENINGS.len()],
    /// The places that were reached.
    pub marks: BTreeSet<&'static str>,
    /// How many calls the engine answered.
    pub requests: u64,
    /// How long it took, in simulated time.
    pub simulated: Millis,
}

impl RunReport {
    /// A fingerprint of the log: the same run has the same.
    #[must_use]
    pub fn digest(&self) -> u64 {
        // FNV-1a: written down here, so that it is the same in every build.
        self.log.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }

    /// What came of a run that panicked.
    pub(super) fn panicked(plan: &Plan, panic: &str) -> RunReport {
        let what = format!("something panicked: {panic}");
        RunReport {
            violation: Some(Violation { breach: Breach::Error, at: Millis(0), what }),
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
