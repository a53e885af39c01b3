//! Tables that line up.

use std::io::IsTerminal as _;

use comfy_table::presets::NOTHING;
use comfy_table::{Cell, CellAlignment, Color, Row, Table};
use gapless_model::Invariant;
use gapless_model::check::{Ended, Engine, Report, Verdict};
use gapless_model::design::{Named, named};
use indicatif::HumanCount;

/// A table without lines, as wide as it needs to be.
pub fn plain(header: impl Into<Row>) -> Table {
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    table
}

/// Lines the columns of numbers up on their right.
pub fn right(table: &mut Table, columns: &[usize]) {
    for &column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// A row for each design: how much was searched, and a verdict for each invariant.
pub fn results(reports: &[Report]) -> Table {
    let mut table = search_table(reports, &[]);
    for report in reports {
        table.add_row(row(report));
    }
    table
}

/// The same for every named design, with the declared verdict beside it.
pub fn ablation(reports: &[Report]) -> Table {
    let mut table = search_table(reports, &["verdict", "as declared"]);
    for report in reports {
        let mut cells = row(report);
        let declared = named(&report.task.name).and_then(|known| as_declared(report, known));
        let breaks: Vec<_> = report.violated().iter().map(|broken| broken.name()).collect();
        let verdict = match (breaks.is_empty(), report.is_exhaustive()) {
            (true, true) => "holds".to_owned(),
            (true, false) => "unknown".to_owned(),
            (false, _) => format!("breaks {}", breaks.join(" ")),
        };
        cells.push(Cell::new(verdict));
        cells.push(match declared {
            Some(true) => colored("yes", Color::Green),
            Some(false) => colored("NO", Color::Red),
            None => Cell::new("unknown"),
        });
        table.add_row(cells);
    }
    table
}

/// Whether a report confirms what its design is declared to break; `None` if it cannot tell.
pub fn as_declared(report: &Report, known: &Named) -> Option<bool> {
    let mut unknown = report.ended != Ended::Exhausted;
    for (invariant, verdict) in &report.verdicts {
        match (verdict, known.breaks.contains(invariant)) {
            (Verdict::Violated(_) | Verdict::Unshown, true) | (Verdict::Holds, false) => {}
            (Verdict::Violated(_) | Verdict::Unshown, false) | (Verdict::Holds, true) => {
                return Some(false);
            }
            (Verdict::Unknown, _) => unknown = true,
        }
    }
    (!unknown).then_some(true)
}

fn search_table(reports: &[Report], more: &[&str]) -> Table {
    let mut header = vec!["design", "unique", "generated", "depth", "seconds", "peak MiB"];
    let checked = reports.first().map(|report| report.task.checked.as_slice()).unwrap_or(&[]);
    header.extend(checked.iter().map(|invariant| invariant.name()));
    header.extend(more);
    let mut table = Table::new();
    table.load_style(NOTHING).set_header(header);
    for column in table.column_iter_mut().skip(1).take(5) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn row(report: &Report) -> Vec<Cell> {
    let mut cells = vec![
        Cell::new(&report.task.name),
        Cell::new(HumanCount(report.unique as u64)),
        Cell::new(HumanCount(report.generated as u64)),
        Cell::new(report.depth),
        Cell::new(format!("{:.1}", report.elapsed.as_secs_f64())),
        Cell::new(report.peak_memory >> 20),
    ];
    cells.extend(report.verdicts.values().map(|verdict| match verdict {
        Verdict::Holds => colored("ok", Color::Green),
        Verdict::Violated(trace) => colored(&format!("x{}", trace.actions.len()), Color::Red),
        Verdict::Unshown => colored("x?", Color::Red),
        Verdict::Unknown => Cell::new("?"),
    }));
    cells
}

fn colored(text: &str, color: Color) -> Cell {
    let cell = Cell::new(text);
    if std::io::stdout().is_terminal() && console::colors_enabled() { cell.fg(color) } else { cell }
}

/// What the table's marks mean, and for which bounds the verdicts hold.
pub fn legend(reports: &[Report]) -> String {
    let Some(report) = reports.first() else { return String::new() };
    let (bounds, clocks) = (&report.task.bounds, report.task.clocks);
    let listed: Vec<_> = gapless_model::check::Bounds::ALL
        .iter()
        .filter(|bound| (bound.get)(bounds) > 0)
        .map(|bound| format!("{} {}", bound.name, (bound.get)(bounds)))
        .collect();
    let length = match report.task.engine {
        Engine::Own => "the shortest counterexample",
        Engine::Stateright => "a counterexample",
    };
    let invariants: Vec<_> =
        report.task.checked.iter().map(|i: &Invariant| format!("{i} {}", i.says())).collect();
    let mut text = format!(
        "ok: holds in every state · xN: violated, and {length} has N steps · ?: unknown\n\
         Bounds: {}; {} clocks.\n",
        listed.join(", "),
        clocks.name(),
    );
    text.push_str(&engine(reports));
    text.push_str("Invariants:");
    for invariant in invariants {
        text.push_str("\n  ");
        text.push_str(&invariant);
    }
    text
}

/// What searched, where it is not what usually searches, and on how many states P1 was judged: a
/// line each.
fn engine(reports: &[Report]) -> String {
    let task = reports.first().map(|report| &report.task);
    let mut text = match task.map(|task| (task.engine, task.symmetric)) {
        None | Some((Engine::Own, true)) => String::new(),
        Some((Engine::Own, false)) => {
            "Without symmetry: states that differ only in names are counted one by one.\n"
                .to_owned()
        }
        Some((Engine::Stateright, _)) => {
            "Engine: Stateright, as a reference: without symmetry and \
             without P1. It knows a state by a hash of 64 bits, and a collision can hide a state.\n"
                .to_owned()
        }
    };
    let judged: usize = reports.iter().map(|report| report.outlooks).sum();
    if judged > 0 {
        let states = HumanCount(judged as u64);
        text.push_str(&format!("P1 was judged on {states} states without faults.\n"));
    }
    if task.is_some_and(|task| task.bounds.expected == 0 && task.checked.contains(&Invariant::S4)) {
        text.push_str("S4 says nothing here: no append expects a position (--expected 1).\n");
    }
    text
}

/// What ended a check before it was exhaustive, if something did.
pub fn why_ended(report: &Report) -> Option<String> {
    let why = match report.ended {
        Ended::Exhausted => return None,
        Ended::Timeout => "the time limit ended the search",
        Ended::Memory => "the memory limit ended the search",
        Ended::Interrupted => "the search was interrupted",
        Ended::Disk => match (&report.disk_failed, &report.task.disk) {
            (Some(error), Some(disk)) => {
                let folder = disk.folder.display();
                return Some(format!(
                    "states could not be written to {folder}, or read from there ({error})"
                ));
            }
            _ => "the disk ended the search",
        },
        Ended::Outgrown => "a number grew beyond what the checker has room for",
        Ended::Crowded => "there are more different components than a state's key has room for",
    };
    Some(why.to_owned())
}

/// Remarks on a check: limits that ended it, and what it never exercised.
pub fn notes(report: &Report, strict: bool) -> Vec<String> {
    let mut notes = Vec::new();
    if report.on_disk > 0 {
        let states = HumanCount(report.on_disk as u64);
        notes.push(format!("{states} of the states went to disk"));
    }
    if let Some(why) = why_ended(report) {
        let states = HumanCount(report.unique as u64);
        notes.push(match report.reached_all {
            true => format!("all {states} states were searched, but not judged for P1: {why}"),
            false => format!(
                "not exhaustive: {why} after {states} states; `?` means that no violation was found \
                 so far"
            ),
        });
    }
    let unshown = |verdict: &Verdict| *verdict == Verdict::Unshown;
    if report.verdicts.values().any(unshown) {
        notes.push(
            "`x?` means that the invariant is violated, and that a limit ended the search for its \
             counterexample: give it more time or memory"
                .to_owned(),
        );
    }
    if report.counterexamples().iter().any(|(_, trace)| !trace.minimal) {
        let why = match report.task.engine {
            Engine::Own => "a limit ended the search for it",
            Engine::Stateright => "Stateright does not search for it",
        };
        notes.push(format!("a counterexample may not be the shortest: {why}"));
    }
    let missed = &report.missed_marks;
    if !missed.is_empty() && (strict || report.violated().is_empty()) {
        let kinds = report.reachable_marks;
        notes.push(format!(
            "{} of {kinds} kinds of step and outcome were never exercised within these bounds:\n  {}",
            missed.len(),
            missed.join("\n  "),
        ));
    }
    notes
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use gapless_model::check::{Bounds, Clocks, OnDisk, Progress, Task, check};
    use gapless_model::design::Design;

    use super::*;
    use crate::report::{json, junit};

    #[test]
    fn why_the_disk_ended_a_search_is_in_every_kind_of_result() {
        let bounds = Bounds { faults: 0, ..Bounds::TINY };
        let mut task = Task::new("tested", Design::RECOMMENDED, bounds, Clocks::Timely);
        let folder = std::env::temp_dir().join("gapless-nowhere");
        task.disk = Some(OnDisk { folder, beyond: 0 });
        let report = check(&task, &mut |_: Progress| true);
        let why = report.disk_failed.clone().expect("there is no such folder");
        let reports = [report];
        assert!(notes(&reports[0], false).iter().any(|note| note.contains(&why)));
        assert!(junit::results(&reports).expect("a document").contains(&why));
        let results: serde_json::Value =
            serde_json::from_str(&json::results(&reports)).expect("JSON");
        assert_eq!(results["checks"][0]["disk-failed"], why);
        assert_eq!(results["checks"][0]["ended"], "disk");
    }

    #[test]
    fn a_limit_that_ends_only_the_judgement_of_p1_is_not_said_to_have_left_states_out() {
        let mut task = Task::new("tested", Design::RECOMMENDED, Bounds::TINY, Clocks::Timely);
        let whole = check(&task, &mut |_: Progress| true);
        task.timeout = Some(Duration::ZERO);
        let cut = check(&task, &mut |_: Progress| true);
        let judged = Report { reached_all: true, ..cut.clone() };
        let says = |report: &Report, what: &str| {
            notes(report, false).iter().any(|note| note.contains(what))
        };
        assert!(says(&cut, "not exhaustive: the time limit ended the search"));
        assert!(says(&judged, "states were searched, but not judged for P1"));
        assert!(whole.reached_all && !cut.reached_all);
        assert!(!says(&whole, "limit"));
    }
}
