//! Results for a CI server.

use std::io;

use gapless_model::check::{Report, Verdict};
use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};

use super::{steps, table};

/// A suite for each design, a case for each invariant.
pub fn results(reports: &[Report]) -> io::Result<String> {
    let mut document = Document::new("gapless check");
    for report in reports {
        let mut suite = TestSuite::new(report.task.name.clone());
        suite.set_time(report.elapsed);
        for (invariant, verdict) in &report.verdicts {
            let status = match verdict {
                Verdict::Holds => TestCaseStatus::success(),
                Verdict::Unknown => {
                    let mut status = TestCaseStatus::skipped();
                    let why = table::why_ended(report).unwrap_or_default();
                    status.set_message(format!("{why}; no violation was found so far"));
                    status
                }
                Verdict::Unshown => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_type(invariant.name());
                    status.set_message("violated; a limit ended the search for its counterexample");
                    status
                }
                Verdict::Violated(trace) => {
                    let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    status.set_type(invariant.name());
                    status.set_message(trace.explanation.sentence.clone());
                    status.set_description(steps::counterexample(trace));
                    status
                }
            };
            let name = format!("{invariant}: {}", invariant.says());
            let mut case = TestCase::new(name, status);
            case.set_classname(report.task.name.clone());
            suite.add_test_case(case);
        }
        document.add_test_suite(suite);
    }
    document.to_string().map_err(io::Error::other)
}
