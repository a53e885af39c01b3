//! What a drawing is made of: the steps of a counterexample, of a simulated run, or of a trace.

use gapless_model::check::Decision;
use gapless_sim::Entry;

/// One step, as it is drawn.
pub struct Step {
    /// Its number.
    pub step: usize,
    /// Who.
    pub who: String,
    /// What.
    pub did: String,
    /// What the store answered.
    pub answer: Option<String>,
    /// Whether the answer was heard.
    pub heard: bool,
    /// The fault that struck.
    pub fault: Option<String>,
    /// What stands below it.
    pub state: String,
}

/// The steps of a counterexample.
pub fn of(decisions: &[Decision]) -> Vec<Step> {
    let step = |decision: &Decision| Step {
        step: decision.step,
        who: decision.who.clone(),
        did: decision.did.clone(),
        answer: decision.answer.clone(),
        heard: decision.heard,
        fault: decision.fault.clone(),
        state: decision.state.clone(),
    };
    decisions.iter().map(step).collect()
}

/// The steps of a simulated run: what its machines did, and what befell them.
pub fn of_run(entries: &[Entry]) -> Vec<Step> {
    let told = entries.iter().filter(|entry| !entry.looks && entry.who != "judge");
    let step = |(index, entry): (usize, &Entry)| Step {
        step: index + 1,
        who: entry.who.clone(),
        did: entry.did.clone(),
        answer: entry.answer.clone(),
        heard: entry.heard,
        fault: entry.fault.clone(),
        state: entry.at.to_string(),
    };
    told.enumerate().map(step).collect()
}
