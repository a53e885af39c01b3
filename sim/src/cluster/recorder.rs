//! The record of a run: the decision log, the faults that struck, the marks that were reached
//! and the violation.

use std::collections::BTreeSet;
use std::io::Write as _;

use gapless::Live;
use gapless_model::Rules;
use gapless_model::log::{FORMAT, Line, VERSION};
use serde::{Deserialize, Serialize};

use crate::cell::Cell;
use crate::judge::{
    Activity, Breach, Chronicle, Costs, Delays, Deliveries, Dropped, Expectations, Fences, Finding,
    Idleness, Inputs, Judge, Leases, Lineage, Machines, Order, Readings, Refinement, Resets,
    SlotContents, Turns, Violation, explain, seconds,
};
use crate::plan::{FAULTS, HAPPENINGS, Incident, Millis, Plan, Strike};

/// A line of the decision log after its header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Who did what, and what the store answered.
    #[serde(flatten)]
    pub line: Line,
    /// When, in simulated time.
    pub at: Millis,
    /// Whether it is a read outside of any machine. Diagrams omit it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub looks: bool,
}

/// The most bytes in the log of a run. What the judges keep grows with it. In 1,500 seeds each of the
/// profiles swarm, hostile and lambda, no log had more than 204,220.
const MOST_LOG: usize = 4 << 20;

/// Records one run, and has it judged.
pub(crate) struct Recorder {
    pub(crate) judge: Judge,
    log: Vec<u8>,
    is_full: bool,
    steps: usize,
    pub(crate) strikes: Vec<Strike>,
    pub(crate) faults: [u64; FAULTS.len()],
    pub(crate) happenings: [u64; HAPPENINGS.len()],
    pub(crate) marks: BTreeSet<&'static str>,
    pub(crate) cells: BTreeSet<Cell>,
    pub(crate) requests: u64,
    pub(crate) violation: Option<Violation>,
}

impl Recorder {
    pub(crate) fn new(plan: &Plan, rules: Rules<Live>) -> Recorder {
        let judge = Judge {
            slots: SlotContents::default(),
            leases: Leases::default(),
            lineage: Lineage::new(plan),
            resets: Resets::new(plan),
            deliveries: Deliveries::default(),
            turns: Turns::new(rules),
            activity: Activity::default(),
            order: Order::default(),
            expectations: Expectations::default(),
            fences: Fences::default(),
            inputs: Inputs::default(),
            dropped: Dropped::default(),
            readings: Readings::new(plan),
            refinement: Refinement::new(),
            machines: Machines::new(rules),
            idleness: Idleness::default(),
            delays: Delays::new(plan),
            costs: Costs::default(),
            chronicle: Chronicle::new(plan),
            invariants_only: plan.invariants_only,
            watched: plan.watched,
        };
        let mut log = Vec::with_capacity(64 * 1024);
        let header = serde_json::json!({
            "format": FORMAT,
            "version": VERSION,
            "source": "sim",
            "plan": plan,
        });
        let _ = writeln!(log, "{header}");
        Recorder {
            judge,
            log,
            is_full: false,
            steps: 0,
            strikes: Vec::new(),
            faults: [0; FAULTS.len()],
            happenings: [0; HAPPENINGS.len()],
            marks: BTreeSet::new(),
            cells: BTreeSet::new(),
            requests: 0,
            violation: None,
        }
    }

    /// Writes a line to the log. The log ends with the first violation.
    pub(crate) fn write(&mut self, mut entry: Entry) {
        if self.violation.is_some() {
            return;
        }
        self.steps += 1;
        entry.line.step = self.steps;
        // Writing to memory doesn't fail, and an entry is plain data.
        let _ = serde_json::to_writer(&mut self.log, &entry);
        self.log.push(b'\n');
        if self.log.len() > MOST_LOG && !self.is_full {
            self.is_full = true;
            let sentence = format!(
                "the log grew beyond {} MB, at {}: the last steps repeat themselves.",
                MOST_LOG >> 20,
                seconds(entry.at)
            );
            self.record_violation(entry.at, Breach::Pace, Finding::new(sentence));
        }
    }

    /// Logs something that involves no request.
    pub(crate) fn note(&mut self, at: Millis, who: &str, did: String, fault: Option<&str>) {
        let (who, fault) = (who.to_owned(), fault.map(str::to_owned));
        let line = Line { step: 0, who, did, answer: None, heard: true, fault };
        self.write(Entry { line, at, looks: false });
    }

    /// Logs a request that was never applied.
    pub(crate) fn note_lost(&mut self, at: Millis, who: &str, did: (String, bool), fault: &str) {
        let (did, looks) = did;
        let (who, answer) = (who.to_owned(), Some("not applied".to_owned()));
        let fault = Some(fault.to_owned());
        self.write(Entry {
            line: Line { step: 0, who, did, answer, heard: false, fault },
            at,
            looks,
        });
    }

    pub(crate) fn record_strike(&mut self, strike: Strike) {
        self.faults[strike.fault.kind()] += 1;
        self.strikes.push(strike);
    }

    pub(crate) fn record_incident(&mut self, at: Millis, incident: &Incident, plan: &Plan) {
        let happening = incident.happening;
        self.judge.note_incident(at, happening);
        self.happenings[happening.kind()] += 1;
        let who = match happening.node() {
            Some(node) => plan.name(node),
            None => "world".to_owned(),
        };
        let did = serde_json::to_value(happening).unwrap_or_default();
        let what = did.as_object().and_then(|map| map.values().next()).cloned();
        let lasts = |name: &str| what.as_ref()?.get(name)?.as_u64().map(Millis);
        let span = lasts("down").or_else(|| lasts("span"));
        let did = match span {
            Some(span) => format!("{} for {span}", happening.name()),
            None => happening.name().to_owned(),
        };
        self.note(at, &who, did, Some(happening.name()));
    }

    pub(crate) fn mark(&mut self, mark: &'static str) {
        self.marks.insert(mark);
    }

    pub(crate) fn record_violation(&mut self, at: Millis, breach: Breach, finding: Finding) {
        let minds = self.judge.watched.is_none_or(|watched| breach == Breach::Invariant(watched));
        if minds && self.violation.is_none() {
            let explanation = explain(&self.judge, at, finding);
            let sentence = &explanation.sentence;
            self.note(at, "judge", format!("{breach} is broken: {sentence}"), None);
            self.violation = Some(Violation { breach, at, explanation });
        }
    }

    /// The log so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&self.log).into_owned()
    }
}
