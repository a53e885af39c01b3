//! `gapless sim`: runs many seeds, and shrinks and explains the first failure.

use std::io::{Write, stdout};

use gapless_sim::{Campaign, CampaignReport, FailedSeed, RunReport, Shrunk, shrink};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::find_design;
use crate::cli::sim::SimArgs;
use crate::failure::Failure;
use crate::report::{run_text, simulation};
use crate::status::Status;
use crate::{files, interrupt};

/// Runs the seeds.
pub fn run(args: &SimArgs) -> Result<Status, Failure> {
    let (name, design) = find_design(&args.design)?;
    for folder in args.svg.iter() {
        files::create_folder(folder)?;
    }
    interrupt::install_handler();
    let mut campaign = Campaign::new(design, args.profile, args.seeds);
    campaign.from = args.from;
    (campaign.shard, campaign.shards) = (args.shard.index, args.shard.of);
    campaign.jobs = args.jobs.map_or(campaign.jobs, usize::from);
    campaign.time_budget = args.time_budget;
    campaign.mutant = args.mutant;
    campaign.invariants_only = args.invariants_only;
    campaign.keep_going = args.keep_going;
    campaign.engine = args.engine;

    let summary = run_campaign(&campaign, &name);
    let mut out = stdout().lock();
    // What went wrong comes before everything else.
    let failure = match summary.failures.first() {
        Some(failed) => Some(open_failure(&mut out, args, &name, &campaign, failed)?),
        None => None,
    };
    writeln!(out, "{}", simulation::summary(&name, &campaign, &summary))?;
    if failure.is_none() || args.strict {
        for missed in summary.missed() {
            writeln!(out, "{missed}")?;
        }
    }
    if let Some(path) = &args.json {
        files::write(path, &simulation::json(&name, &campaign, &summary))?;
    }
    if let Some(path) = &args.junit {
        files::write(path, &simulation::junit(&name, &campaign, &summary)?)?;
    }
    if let Some(report) = &failure {
        close_failure(&mut out, report)?;
    }
    Ok(status(args, &summary))
}

/// A progress bar of `count` steps.
pub fn progress_bar(count: u64) -> ProgressBar {
    let bar = ProgressBar::new(count);
    let template = "{spinner} {elapsed:>4} {bar:24} {pos}/{len} {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar
}

/// Runs a campaign under a progress bar.
pub fn run_campaign(campaign: &Campaign, name: &str) -> CampaignReport {
    let bar = progress_bar(campaign.seeds / campaign.shards.max(1));
    let summary = campaign.run(&|progress| {
        let seconds = progress.elapsed.as_secs_f64().max(0.001);
        bar.set_position(progress.seeds);
        bar.set_message(format!(
            "{name}: {:.0} seeds/s · {:.1} simulated hours · {} faults · {} failures",
            progress.seeds as f64 / seconds,
            progress.simulated.as_secs_f64() / 3600.0,
            HumanCount(progress.faults),
            progress.failures,
        ));
        !interrupt::is_requested()
    });
    bar.finish_and_clear();
    summary
}

/// Begins the report of the first failure: what went wrong, and how to repeat it. Returns the
/// smallest run that fails alike.
fn open_failure(
    out: &mut impl Write,
    args: &SimArgs,
    name: &str,
    campaign: &Campaign,
    failed: &FailedSeed,
) -> Result<RunReport, Failure> {
    let seed = failed.seed;
    let original = campaign.plan(seed);
    let bar = ProgressBar::new_spinner();
    let shrunk = (args.shrink > 0).then(|| {
        shrink(&original, &failed.report, args.shrink, |runs| {
            bar.set_message(format!("shrinking: {runs} runs"));
            bar.tick();
            !interrupt::is_requested()
        })
    });
    bar.finish_and_clear();
    let shrunk = shrunk.flatten();
    let report = shrunk.as_ref().map_or(&failed.report, |shrunk| &shrunk.report);
    let violation = report.violation.as_ref().unwrap_or(&failed.violation);
    let plan = shrunk.as_ref().map_or(&original, |shrunk| &shrunk.plan);

    let title = run_text::title(&format!("{name}, seed {seed},"), violation);
    writeln!(out, "{title}\n({})\n", simulation::scale(plan))?;
    writeln!(out, "{}\n", run_text::sentence(violation))?;
    writeln!(out, "to repeat it: {}", simulation::repeats(name, campaign, seed))?;
    files::create_folder(&args.out)?;
    let log = args.out.join(format!("{name}-{seed}.ndjson"));
    files::write(&log, &failed.report.log)?;
    writeln!(out, "decision log: {}", log.display())?;
    if let Some(Shrunk { plan, runs, .. }) = &shrunk {
        let path = args.out.join(format!("{name}-{seed}.plan.json"));
        files::write(&path, &plan.to_json())?;
        let path = path.display();
        writeln!(out, "shrunk in {runs} runs; `gapless replay {path}` repeats the shrunk run")?;
    }
    writeln!(out)?;
    if let Some(folder) = &args.svg {
        let path = folder.join(format!("{name}-{seed}.svg"));
        files::write(&path, &run_text::drawing(&title, report))?;
    }
    Ok(shrunk.map_or_else(|| failed.report.clone(), |shrunk| shrunk.report))
}

/// Ends the report of a failure: the steps, and the state that shows it.
fn close_failure(out: &mut impl Write, report: &RunReport) -> Result<(), Failure> {
    writeln!(out, "\n{}", run_text::steps(report))?;
    if let Some(violation) = &report.violation {
        write!(out, "{}", run_text::end(violation))?;
    }
    Ok(())
}

fn status(args: &SimArgs, summary: &CampaignReport) -> Status {
    let missed = args.strict && !summary.missed().is_empty();
    if !summary.failures.is_empty() || missed {
        Status::Violated
    } else if summary.out_of_time || summary.interrupted {
        Status::Unfinished
    } else {
        Status::Holds
    }
}
