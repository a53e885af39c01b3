//! What is said of a path at whose end an invariant is broken.

use super::outlook::Outlook;
use super::path::Path;
use super::{cycle, deliveries, leases, lineage, progress, slots, state, why};
use crate::explanation::{Explanation, capital};
use crate::invariant::Invariant;

impl Explanation {
    /// Explains a path at whose end an invariant is broken.
    ///
    /// P1 alone asks for more. `outlook` is what can still happen without a fault, and `cycle` has
    /// the steps that can repeat for ever from the end on, if it is they that break it.
    pub(in crate::check) fn new(
        path: &Path,
        invariant: Invariant,
        outlook: Option<&Outlook>,
        cycle: &[String],
    ) -> Explanation {
        let known = match invariant {
            Invariant::S1 => slots::changed(path),
            Invariant::S2 => slots::twice(path),
            Invariant::S3 => slots::out_of_order(path),
            Invariant::S4 => slots::between(path),
            Invariant::D1 => deliveries::never_appended(path),
            Invariant::D2 => deliveries::out_of_order(path),
            Invariant::D3 => deliveries::skipped(path),
            Invariant::D4 => lineage::begun_too_early(path),
            Invariant::L1 => leases::shared_epoch(path),
            Invariant::L2 => leases::two_at_work(path),
            Invariant::L3 => leases::moved_back(path),
            Invariant::P1 if cycle.is_empty() => progress::stuck(path, outlook),
            Invariant::P1 => cycle::endless(path),
            Invariant::P2 => lineage::without_a_leaf(path),
        };
        let mut explanation = Explanation::unknown(invariant);
        if let Some(sentence) = known {
            explanation.sentence = capital(&sentence);
        }
        explanation.end = state::lines(path, path.end());
        explanation.end.extend(cycle::lines(cycle));
        explanation.why = match cycle {
            [] => outlook.map(|outlook| why::nothing_helps(path, outlook)),
            steps => Some(cycle::why(path, steps.len())),
        };
        explanation
    }

    /// All that can be said where nothing more is known.
    pub(in crate::check) fn unknown(invariant: Invariant) -> Explanation {
        Explanation::only(format!("At the end it is not true that {}.", invariant.says()))
    }

    /// What is said of a counterexample that leads to no violation, step by step.
    pub(in crate::check) fn contradicted(invariant: Invariant) -> Explanation {
        Explanation::only(format!(
            "The search says that {invariant} is violated, and these steps do not show it: the checker \
             contradicts itself, and this verdict is worth nothing. Please report it."
        ))
    }

    fn only(sentence: String) -> Explanation {
        Explanation { sentence, end: Vec::new(), why: None }
    }
}
