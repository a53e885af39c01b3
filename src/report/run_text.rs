//! A run that broke something, explained as counterexamples are: the sentence, the steps, the end.

use std::fmt::Write as _;

use gapless_model::explanation::{ending, paragraph};
use gapless_sim::{RunReport, Violation};

use super::story::Step;
use super::{story, svg};

/// What was broken, and what that means.
pub fn title(who: &str, violation: &Violation) -> String {
    format!("{who} breaks {}, \"{}\"", violation.breach, violation.breach.says())
}

/// What went wrong, in lines of text.
pub fn sentence(violation: &Violation) -> String {
    paragraph("", &violation.explanation.sentence).trim_end().to_owned()
}

/// The state at the moment of the violation, and why nothing more helps.
pub fn end(violation: &Violation) -> String {
    ending(&violation.explanation)
}

/// All of it: what went wrong, each step, and the end.
pub fn story(violation: &Violation, report: &RunReport) -> String {
    format!("{}\n\n{}\n{}", sentence(violation), steps(report), end(violation))
}

/// The steps with their times.
pub fn steps(report: &RunReport) -> String {
    let steps = story::of_run(report);
    let width = |text: fn(&Step) -> &str| {
        steps.iter().map(|step| text(step).chars().count()).max().unwrap_or(0)
    };
    let (times, names) = (width(|step| &step.state), width(|step| &step.line.who));
    let mut text = String::new();
    for Step { line, state } in &steps {
        let _ =
            write!(text, "{:>4}. {state:>times$}  {:<names$}  {}", line.step, line.who, line.did);
        if let Some(answer) = &line.answer {
            let plain = line.heard || answer == "not applied";
            let unheard = if plain { "" } else { " (unheard)" };
            let _ = write!(text, " -> {answer}{unheard}");
        }
        if let Some(fault) = &line.fault {
            let _ = write!(text, "   [fault: {fault}]");
        }
        text.push('\n');
    }
    text
}

/// A run as a picture; with a violation, that is explained above and below it.
pub fn drawing(title: &str, report: &RunReport) -> String {
    let steps = story::of_run(report);
    match &report.violation {
        Some(violation) => svg::explained(title, &violation.explanation, &steps),
        None => svg::drawing(title, &steps),
    }
}
