//! Counterexamples as text.

use gapless_model::check::{Report, Trace, glossary};

/// A counterexample under its title: what went wrong, each step, and the end.
pub fn counterexample(trace: &Trace) -> String {
    format!("{}\n\n{}", trace.title(), trace.story())
}

/// The words that the counterexamples of some reports use; nothing if there are none.
pub fn words(reports: &[Report]) -> Option<String> {
    let traces = reports.iter().flat_map(Report::counterexamples);
    let stories: String = traces.map(|(_, trace)| trace.story()).collect();
    (!stories.is_empty()).then(|| glossary(&stories))
}
