//! A counterexample as numbered steps.

use std::fmt::Write as _;

use gapless_model::Invariant;
use gapless_model::check::{Decision, Report, Trace};
use gapless_model::log::Line;

/// A counterexample with its heading.
pub fn counterexample(report: &Report, invariant: Invariant, trace: &Trace) -> String {
    let name = &report.task.name;
    let (steps, faults) = (trace.actions.len(), trace.faults());
    let plural = if faults == 1 { "" } else { "s" };
    let minimal = if trace.minimal { "" } else { ", not minimal" };
    format!(
        "{name} breaks {invariant}: not true that {}\n\
         ({steps} steps, {faults} fault{plural}{minimal})\n\n{}",
        invariant.says(),
        numbered(&trace.decisions),
    ) + stuck(invariant)
}

/// What a counterexample of P1 means: its end looks harmless.
fn stuck(invariant: Invariant) -> &'static str {
    match invariant {
        Invariant::P1 => {
            "     From here no way leads to a state in which every append is answered, every\n     \
             acknowledged event delivered and every trigger finished, even without further faults.\n"
        }
        Invariant::S1
        | Invariant::S2
        | Invariant::S3
        | Invariant::D1
        | Invariant::D2
        | Invariant::D3
        | Invariant::L1
        | Invariant::L2
        | Invariant::L3 => "",
    }
}

/// Steps, one or two lines each: what happened, and the state that matters.
pub fn numbered(decisions: &[Decision]) -> String {
    let mut text = String::new();
    let mut state = "";
    let width = decisions.iter().map(|decision| decision.line.who.len()).max().unwrap_or(0);
    for decision in decisions {
        let Line { step, who, did, answer, heard, fault } = &decision.line;
        let _ = write!(text, "{step:>3}. {who:<width$}  {did}");
        if let Some(answer) = answer {
            let arrow = if *heard { "->" } else { "-> (unheard)" };
            let _ = write!(text, " {arrow} {answer}");
        }
        if let Some(fault) = fault {
            let _ = write!(text, "   [{fault}]");
        }
        text.push('\n');
        if decision.state != state {
            let _ = writeln!(text, "     {:width$}    {}", "", decision.state);
        }
        state = &decision.state;
    }
    text
}
