//! The report on one run.

use std::collections::BTreeSet;
use std::sync::Arc;

use gapless_model::explanation::{Explanation, capital};

use crate::cell::Cell;
use crate::cluster::{Cluster, Progress, Recorder};
use crate::judge::{Breach, Finding, Violation};
use crate::plan::{FAULTS, Followed, HAPPENINGS, Millis, Plan, Strike};

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
    /// The cells of coverage that were met.
    pub cells: BTreeSet<Cell>,
    /// The number of calls that the engine answered.
    pub requests: u64,
    /// The length of the run in simulated time.
    pub simulated: Millis,
    /// Whether the run was given up because it stood still. Its thread goes on until the program
    /// ends, so nothing more should be run.
    pub given_up: bool,
    /// How far the run followed its plan's script; `None` if there is none.
    pub followed: Option<Followed>,
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

    /// The report on a run that has come to its end, or that failed in the middle of it.
    pub(super) fn of(recorder: &mut Recorder, at: Millis) -> RunReport {
        let standing = recorder.judge.describe_tables();
        recorder.note(at, "world", format!("the end: {standing}"), None);
        let seen = recorder.judge.machines.marks();
        let read = recorder.judge.readings.marks();
        let (overlap, fence) = (recorder.judge.activity.mark(), recorder.judge.fences.mark());
        RunReport {
            violation: recorder.violation.clone(),
            log: recorder.log(),
            strikes: recorder.strikes.clone(),
            faults: recorder.faults,
            happenings: recorder.happenings,
            marks: recorder
                .marks
                .union(seen)
                .chain(read)
                .chain(recorder.judge.resets.marks())
                .copied()
                .chain(overlap)
                .chain(fence)
                .collect(),
            cells: recorder.cells.clone(),
            requests: recorder.requests,
            simulated: at,
            given_up: false,
            followed: None,
        }
    }

    /// The report on a run that failed by itself, with what it had recorded by then.
    pub(super) fn failed(plan: &Plan, cluster: Option<&Arc<Cluster>>, why: &str) -> RunReport {
        let Some(cluster) = cluster else {
            return RunReport::without_cluster(plan, Breach::Error, why);
        };
        let at = cluster.pace.progress().at;
        let mut recorder = cluster.recorder();
        recorder.record_violation(at, Breach::Error, Finding::new(format!("{why}.")));
        RunReport::of(&mut recorder, at)
    }

    /// The report on a run that stands still, whose thread cannot be ended.
    pub(super) fn given_up(plan: &Plan, cluster: &Cluster, stall: &str) -> RunReport {
        let Progress { at, polled, .. } = cluster.pace.progress();
        // The thread that stands still may hold the recorder.
        let Some(mut recorder) = cluster.recorder_if_free() else {
            let why = format!("the run {stall}, since {at} of simulated time");
            let report = RunReport::without_cluster(plan, Breach::Pace, &why);
            return RunReport { given_up: true, ..report };
        };
        if let Err((breach, finding)) = recorder.judge.judge_stall(at, polled, stall) {
            recorder.record_violation(at, breach, finding);
        }
        RunReport { given_up: true, ..RunReport::of(&mut recorder, at) }
    }

    fn without_cluster(plan: &Plan, breach: Breach, why: &str) -> RunReport {
        let sentence = capital(&format!("{why}."));
        let explanation = Explanation { sentence, end: Vec::new(), why: None };
        RunReport {
            violation: Some(Violation { breach, at: Millis(0), explanation }),
            log: plan.to_json(),
            strikes: Vec::new(),
            faults: [0; FAULTS.len()],
            happenings: [0; HAPPENINGS.len()],
            marks: BTreeSet::new(),
            cells: BTreeSet::new(),
            requests: 0,
            simulated: Millis(0),
            given_up: false,
            followed: None,
        }
    }
}
