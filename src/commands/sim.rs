//! `gapless sim`: runs many seeds, and shrinks and explains the first failure.

use std::io::{Write, stdout};

use gapless_sim::{Campaign, CampaignReport, FailedSeed, Shrunk, shrink};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::find_design;
use crate::cli::sim::SimArgs;
use crate::failure::Failure;
use crate::report::{diagram, simulation, story, svg};
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
    writeln!(out, "{}", simulation::summary(&name, &campaign, &summary))?;
    for missed in summary.missed() {
        writeln!(out, "{missed}")?;
    }
    if let Some(path) = &args.json {
        files::write(path, &simulation::json(&name, &campaign, &summary))?;
    }
    if let Some(path) = &args.junit {
        files::write(path, &simulation::junit(&name, &campaign, &summary)?)?;
    }
    if let Some(failed) = summary.failures.first() {
        report_failure(&mut out, args, &name, &campaign, failed)?;
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

/// Reports the first failure: how to repeat it, its log, and the smallest plan that fails alike.
fn report_failure(
    out: &mut impl Write,
    args: &SimArgs,
    name: &str,
    campaign: &Campaign,
    failed: &FailedSeed,
) -> Result<(), Failure> {
    let (seed, violation) = (failed.seed, &failed.violation);
    writeln!(
        out,
        "\nseed {seed} breaks {} after {}: {}",
        violation.breach, violation.at, violation.what
    )?;
    writeln!(out, "to repeat it: {}", simulation::repeats(name, campaign, seed))?;
    files::create_folder(&args.out)?;
    let log = args.out.join(format!("{name}-{seed}.ndjson"));
    files::write(&log, &failed.report.log)?;
    writeln!(out, "decision log: {}", log.display())?;
    let plan = campaign.plan(seed);
    let bar = ProgressBar::new_spinner();
    let shrunk = (args.shrink > 0).then(|| {
        shrink(&plan, &failed.report, args.shrink, |runs| {
            bar.set_message(format!("shrinking: {runs} runs"));
            bar.tick();
            !interrupt::is_requested()
        })
    });
    bar.finish_and_clear();
    let Some(Shrunk { plan, report, runs }) = shrunk.flatten() else { return Ok(()) };
    let path = args.out.join(format!("{name}-{seed}.plan.json"));
    files::write(&path, &plan.to_json())?;
    writeln!(
        out,
        "shrunk in {runs} runs to {}; `gapless replay {}` repeats it\n",
        simulation::scale(&plan),
        path.display()
    )?;
    let steps = story::of_run(&report);
    writeln!(out, "{}", diagram::text(&steps))?;
    if let Some(violation) = &report.violation {
        writeln!(out, "{} is broken: {}", violation.breach, violation.what)?;
        if let Some(folder) = &args.svg {
            let title = format!("{name}, seed {seed}: {} is broken", violation.breach);
            let path = folder.join(format!("{name}-{seed}.svg"));
            files::write(&path, &svg::drawing(&title, &steps))?;
        }
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
