//! `gapless sim`: runs many seeds, and shrinks and explains the first failure.

use std::io::Write;
use std::path::{Path, PathBuf};

use gapless_sim::{
    Campaign, CampaignReport, FailedSeed, Plan, RunReport, Shrunk, Violation, shrink,
};
use indicatif::{HumanCount, ProgressBar, ProgressStyle};

use super::find_design;
use crate::cli::sim::SimArgs;
use crate::failure::Failure;
use crate::report::{run_text, simulation};
use crate::status::Status;
use crate::{files, interrupt, output};

/// Runs the seeds.
pub fn run(args: &SimArgs) -> Result<Status, Failure> {
    let (name, design) = find_design(&args.design)?;
    // What cannot be written should be known before the search, not after it.
    files::try_files([&args.json, &args.junit].into_iter().flatten())?;
    files::try_folders(args.svg.iter().chain([&args.out]))?;
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
    campaign.hunt = args.hunt;

    let summary = run_campaign(&campaign, &name);
    let first = summary
        .failures
        .first()
        .map(|failed| FirstFailure { failed, shrunk: shrunk(args, failed) });
    let ran = Ran { args, name, campaign, summary: &summary, first };
    // The files come first: the reader of the output may close it early, as `head` does. And
    // a file that cannot be written must not cost the results.
    let written = ran.write();
    let printed = ran.print(&mut output::verdict(), written.is_ok());
    written.and(printed)?;
    Ok(status(args.strict, &ran.campaign, &summary))
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

/// The smallest run found that fails as that seed does.
fn shrunk(args: &SimArgs, failed: &FailedSeed) -> Option<Shrunk> {
    if args.shrink == 0 {
        return None;
    }
    let bar = ProgressBar::new_spinner();
    let shrunk = shrink(&failed.plan, &failed.report, args.shrink, |runs| {
        bar.set_message(format!("shrinking: {runs} runs"));
        bar.tick();
        !interrupt::is_requested()
    });
    bar.finish_and_clear();
    shrunk
}

/// The first seed that failed.
struct FirstFailure<'a> {
    failed: &'a FailedSeed,
    shrunk: Option<Shrunk>,
}

impl FirstFailure<'_> {
    fn report(&self) -> &RunReport {
        self.shrunk.as_ref().map_or(&self.failed.report, |shrunk| &shrunk.report)
    }

    fn plan(&self) -> &Plan {
        self.shrunk.as_ref().map_or(&self.failed.plan, |shrunk| &shrunk.plan)
    }

    fn violation(&self) -> &Violation {
        self.report().violation.as_ref().unwrap_or(&self.failed.violation)
    }
}

/// A campaign that ran.
struct Ran<'a> {
    args: &'a SimArgs,
    name: String,
    campaign: Campaign,
    summary: &'a CampaignReport,
    first: Option<FirstFailure<'a>>,
}

impl Ran<'_> {
    fn title(&self, first: &FirstFailure<'_>) -> String {
        run_text::title(&format!("{}, seed {},", self.name, first.failed.seed), first.violation())
    }

    /// Where a file about that failure is written.
    fn path(&self, folder: &Path, failed: &FailedSeed, extension: &str) -> PathBuf {
        folder.join(format!("{}-{}.{extension}", self.name, failed.seed))
    }

    /// The command that repeats a failure. A plan that a hunt came to is not what its seed draws, but its
    /// log has it.
    fn repeats(&self, failed: &FailedSeed) -> String {
        match self.campaign.hunt {
            true => {
                let log = self.path(&self.args.out, failed, "ndjson");
                format!("gapless replay {}", log.display())
            }
            false => simulation::repeats(&self.args.design, &self.campaign, failed.seed),
        }
    }

    fn write(&self) -> Result<(), Failure> {
        let Ran { args, campaign, summary, .. } = self;
        if let Some(path) = &args.json {
            files::write(path, &simulation::json(&self.name, campaign, summary))?;
        }
        if let Some(path) = &args.junit {
            let repeats = |failed: &FailedSeed| self.repeats(failed);
            files::write(path, &simulation::junit(&self.name, campaign, summary, repeats)?)?;
        }
        let Some(first) = &self.first else { return Ok(()) };
        files::create_folder(&args.out)?;
        // Where a seed repeats a failure, one log is enough to look at.
        let logs = if campaign.hunt { usize::MAX } else { 1 };
        for failed in summary.failures.iter().take(logs) {
            files::write(&self.path(&args.out, failed, "ndjson"), &failed.report.log)?;
        }
        if let Some(Shrunk { plan, .. }) = &first.shrunk {
            files::write(&self.path(&args.out, first.failed, "plan.json"), &plan.to_json())?;
        }
        if let Some(folder) = &args.svg {
            let drawing = run_text::drawing(&self.title(first), first.report());
            files::write(&self.path(folder, first.failed, "svg"), &drawing)?;
        }
        Ok(())
    }

    fn print(&self, out: &mut impl Write, written: bool) -> Result<(), Failure> {
        // What went wrong comes before everything else.
        if let Some(first) = &self.first {
            self.print_failure(out, first, written)?;
        }
        writeln!(out, "{}", simulation::summary(&self.name, &self.campaign, self.summary))?;
        if self.args.strict {
            writeln!(out, "{}\n", simulation::reached(self.summary))?;
            writeln!(out, "{}\n", simulation::rarest(self.summary))?;
        }
        if self.first.is_none() || self.args.strict {
            for missed in self.summary.missed(&self.campaign) {
                writeln!(out, "{missed}")?;
            }
        }
        if let Some(first) = &self.first {
            writeln!(out, "\n{}", run_text::steps(first.report()))?;
            if let Some(violation) = &first.report().violation {
                write!(out, "{}", run_text::end(violation))?;
            }
        }
        Ok(())
    }

    /// What went wrong, and how to repeat it.
    fn print_failure(
        &self,
        out: &mut impl Write,
        first: &FirstFailure<'_>,
        written: bool,
    ) -> Result<(), Failure> {
        writeln!(out, "{}\n({})\n", self.title(first), simulation::scale(first.plan()))?;
        writeln!(out, "{}\n", run_text::sentence(first.violation()))?;
        let log = self.path(&self.args.out, first.failed, "ndjson");
        let repeats = self.repeats(first.failed);
        if written || !self.campaign.hunt {
            writeln!(out, "to repeat it: {repeats}")?;
        }
        if written {
            writeln!(out, "decision log: {}", log.display())?;
            if let Some(Shrunk { runs, .. }) = &first.shrunk {
                let plan = self.path(&self.args.out, first.failed, "plan.json");
                let plan = plan.display();
                writeln!(
                    out,
                    "shrunk in {runs} runs; `gapless replay {plan}` repeats the shrunk run"
                )?;
            }
        }
        writeln!(out)?;
        Ok(())
    }
}

fn status(strict: bool, campaign: &Campaign, summary: &CampaignReport) -> Status {
    let missed = strict && !summary.missed(campaign).is_empty();
    if !summary.failures.is_empty() || missed {
        Status::Violated
    } else if summary.out_of_time || summary.interrupted {
        Status::Unfinished
    } else {
        Status::Holds
    }
}
