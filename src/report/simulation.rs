//! What simulated runs came to: a table of what was injected, and the summary for machines.

use std::io;

use gapless_sim::{
    Campaign, CampaignReport, EngineKind, FAULTS, FailedSeed, HAPPENINGS, MARKS, Plan,
};
use indicatif::HumanCount;
use quick_junit::{NonSuccessKind, Report as Document, TestCase, TestCaseStatus, TestSuite};
use serde_json::json;

use super::run_text;
use super::table::{plain, right};

/// What was run, in a few lines.
pub fn summary(name: &str, campaign: &Campaign, summary: &CampaignReport) -> String {
    let seconds = summary.elapsed.as_secs_f64().max(0.001);
    let hours = summary.simulated.as_secs_f64() / 3600.0;
    let injected: u64 = summary.faults.iter().chain(&summary.happenings).sum();
    let mut table = plain(["injected", "times", "", "happened", "times"]);
    for row in 0..FAULTS.len().max(HAPPENINGS.len()) {
        let cell = |kinds: &[&str], counts: &[u64]| match (kinds.get(row), counts.get(row)) {
            (Some(kind), Some(count)) => ((*kind).to_owned(), HumanCount(*count).to_string()),
            _ => (String::new(), String::new()),
        };
        let (fault, times) = cell(&FAULTS, &summary.faults);
        let (happened, count) = cell(&HAPPENINGS, &summary.happenings);
        table.add_row([fault, times, String::new(), happened, count]);
    }
    right(&mut table, &[1, 4]);
    format!(
        "{name}, profile {}: {} seeds in {seconds:.1} s ({:.0} a second), {hours:.1} simulated hours \
         ({:.0} seconds a second), {} requests, {} faults, {} different logs, {} of {} marks reached, {} cells met\n\n{table}",
        campaign.profile,
        HumanCount(summary.seeds),
        summary.seeds as f64 / seconds,
        summary.simulated.as_secs_f64() / seconds,
        HumanCount(summary.requests),
        HumanCount(injected),
        HumanCount(summary.digests.len() as u64),
        summary.marks.len(),
        MARKS.len(),
        summary.cells.len(),
    )
}

/// The cells of coverage that the fewest seeds met.
pub fn rarest(summary: &CampaignReport) -> String {
    const ROWS: usize = 10;
    let mut cells: Vec<_> = summary.cells.iter().collect();
    cells.sort_by_key(|(_, seeds)| **seeds);
    let mut table = plain(["asked for", "struck by", "came of it", "seeds"]);
    for (cell, seeds) in cells.into_iter().take(ROWS) {
        table.add_row([cell.asked, cell.struck, cell.outcome, &HumanCount(*seeds).to_string()]);
    }
    right(&mut table, &[3]);
    table.to_string()
}

/// How many seeds reached each coverage mark.
pub fn reached(summary: &CampaignReport) -> String {
    let mut table = plain(["reached", "seeds", "%", "floor"]);
    for mark in MARKS {
        let seeds = summary.reached(mark);
        let share = 100.0 * seeds as f64 / summary.seeds.max(1) as f64;
        let (seeds, floor) = (HumanCount(seeds).to_string(), mark.floor.to_string());
        table.add_row([mark.name, &seeds, &format!("{share:.1}"), &floor]);
    }
    right(&mut table, &[1, 2, 3]);
    table.to_string()
}

/// The summary for machines.
pub fn json(name: &str, campaign: &Campaign, summary: &CampaignReport) -> String {
    let counts = |kinds: &[&str], counts: &[u64]| {
        let pairs =
            kinds.iter().zip(counts).map(|(kind, count)| ((*kind).to_owned(), json!(count)));
        serde_json::Value::Object(pairs.collect())
    };
    let by_cell = summary.cells.iter().map(|(cell, seeds)| (cell.to_string(), json!(seeds)));
    let seeds_by_cell = serde_json::Value::Object(by_cell.collect());
    let failures = summary.failures.iter().map(|failed| {
        json!({
            "seed": failed.seed,
            "breach": failed.violation.breach.to_string(),
            "at-millis": failed.violation.at,
            "explanation": failed.violation.explanation,
            // What a hunt came to is not what the seed draws.
            "plan": campaign.hunt.then_some(&failed.plan),
        })
    });
    let document = json!({
        "format": "gapless-sim",
        "version": 1,
        "design": name,
        "profile": campaign.profile,
        "hunt": campaign.hunt,
        "from": campaign.from,
        "seeds": summary.seeds,
        "seconds": summary.elapsed.as_secs_f64(),
        "simulated-seconds": summary.simulated.as_secs_f64(),
        "requests": summary.requests,
        "different-logs": summary.digests.len(),
        "fingerprint": format!("{:016x}", summary.fingerprint),
        "faults": counts(&FAULTS, &summary.faults),
        "incidents": counts(&HAPPENINGS, &summary.happenings),
        "marks-reached": summary.marks.keys().collect::<Vec<_>>(),
        "seeds-by-mark": summary.marks,
        "seeds-by-cell": seeds_by_cell,
        "missed": summary.missed(campaign),
        "failures": failures.collect::<Vec<_>>(),
        "complete": !summary.out_of_time && !summary.interrupted,
    });
    serde_json::to_string_pretty(&document).unwrap_or_default() + "\n"
}

/// The summary for a CI server: a case for the seeds that passed, one for each that failed.
///
/// `repeats` says how a failure is repeated.
pub fn junit(
    name: &str,
    campaign: &Campaign,
    summary: &CampaignReport,
    repeats: impl Fn(&FailedSeed) -> String,
) -> io::Result<String> {
    let mut document = Document::new("gapless sim");
    let mut suite = TestSuite::new(format!("{name} {}", campaign.profile));
    suite.set_time(summary.elapsed);
    let passed = summary.seeds - summary.failures.len() as u64;
    let mut case = TestCase::new(format!("{passed} seeds"), TestCaseStatus::success());
    case.set_classname(name);
    suite.add_test_case(case);
    for failed in &summary.failures {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(failed.violation.breach.to_string());
        status.set_message(failed.violation.explanation.sentence.clone());
        let repeated = repeats(failed);
        status.set_description(format!(
            "to repeat it: {repeated}\n\n{}",
            run_text::end(&failed.violation)
        ));
        let mut case = TestCase::new(format!("seed {}", failed.seed), status);
        case.set_classname(name);
        suite.add_test_case(case);
    }
    document.add_test_suite(suite);
    document.to_string().map_err(io::Error::other)
}

/// The one line that repeats a seed of a design, which is named as it was on the command line.
pub fn repeats(design: &str, campaign: &Campaign, seed: u64) -> String {
    let mutant =
        campaign.mutant.map_or(String::new(), |mutant| format!(" --mutant {}", mutant.name()));
    let only = if campaign.invariants_only { " --invariants-only" } else { "" };
    let engine = match campaign.engine {
        EngineKind::Light => String::new(),
        other @ (EngineKind::Dynoxide | EngineKind::Both) => format!(" --engine {}", other.name()),
    };
    let again = if design == "-" { ", with the same design on standard input" } else { "" };
    format!(
        "gapless sim {design} --profile {} --from {seed} --seeds 1{mutant}{only}{engine}{again}",
        campaign.profile
    )
}

/// How much there is to a plan, in words.
pub fn scale(plan: &Plan) -> String {
    let events: u64 = plan.producers.iter().map(|producer| u64::from(producer.events)).sum();
    let plural =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let strikes = plan.strikes.as_ref().map_or_else(
        || "random faults".to_owned(),
        |strikes| plural(strikes.len(), "message fault"),
    );
    let trouble = plan.script.as_ref().map_or_else(
        || format!("{strikes}, {}", plural(plan.incidents.len(), "incident")),
        |script| format!("a script of {}", plural(script.steps.len(), "step")),
    );
    format!(
        "{}, {}, {}, {trouble}",
        plural(plan.producers.len(), "producer"),
        plural(events as usize, "event"),
        plural(plan.workers.len(), "worker"),
    )
}
