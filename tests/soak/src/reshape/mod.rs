//! Partitions go from 1 to 16 and back while real processes on `gapless serve` append and consume, and
//! some are killed. At the end every key's events must have come in their order, with none lost; and it
//! is told how long a key was without service, and what a split and a merge cost.

mod events;
mod judge;
mod lines;
mod link;
/// How `gapless bench` counts units.
#[path = "../../../../src/commands/stream/bench/meter.rs"]
mod meter;
mod moment;
mod operating;
mod outage;
mod parts;
mod price;
mod processes;
mod report;
mod stage;
mod steps;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use futures_util::TryStreamExt as _;
use gapless::{Stream, Target};
use tokio::time::timeout;

use self::events::{Source, place_of};
use self::judge::{Appended, Consumed, Findings, Keys, Run};
use self::lines::{Acknowledged, Delivered};
use self::outage::{Operation, Outages, Track};
use self::parts::worker::recording;
pub use self::parts::{PartArgs, play_part};
use self::processes::{Processes, Role, Server};
use self::report::{Report, figures};
use self::stage::{Played, Stage};
use self::steps::Step;

/// How long a part of the judging may take.
const JUDGING: Duration = Duration::from_secs(600);

/// What can be typed.
#[derive(clap::Args)]
pub struct Args {
    /// How long to append: a sixth by the prober alone, a third at full rate, the rest with kills.
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = humantime::parse_duration)]
    time: Duration,
    /// The seed of the kills [default: drawn].
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// The command `gapless` that serves the stream [default: the one beside this program].
    #[arg(long, value_name = "FILE")]
    gapless: Option<PathBuf>,
    /// Print JSON instead of tables.
    #[arg(long)]
    json: bool,
}

/// Runs it, and judges. Exit status 1 says that something is wrong, 2 that there is nothing to run it on.
pub async fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let gapless = match served_by(args.gapless.as_deref()) {
        Ok(gapless) => gapless,
        Err(error) => {
            eprintln!("error: {error:#}");
            return Ok(ExitCode::from(2));
        }
    };
    let seed = args.seed.unwrap_or_else(|| fastrand::u64(..1_000_000));
    let folder = tempfile::tempdir()?;
    match soak(&gapless, folder.path(), seed, args.time).await {
        Ok(report) => {
            if args.json {
                println!("{}", serde_json::to_string_pretty(&report)?);
            } else {
                report.print();
            }
            if report.wrong.is_empty() {
                return Ok(ExitCode::SUCCESS);
            }
        }
        Err(error) => println!("wrong: {error:#} (seed {seed})"),
    }
    let kept = folder.keep();
    eprintln!("the stream, and what each process wrote down, are kept in {}", kept.display());
    Ok(ExitCode::FAILURE)
}

/// The command to serve with.
fn served_by(named: Option<&Path>) -> anyhow::Result<PathBuf> {
    let beside = || Ok::<_, anyhow::Error>(std::env::current_exe()?.with_file_name("gapless"));
    let gapless = named.map_or_else(beside, |named| Ok(named.to_owned()))?;
    let gapless = gapless.with_extension(std::env::consts::EXE_EXTENSION);
    if !gapless.is_file() {
        bail!(
            "there is no {}: `cargo build --release --package gapless-cli --package gapless-soak` builds \
             it beside this program, and `--gapless FILE` names another",
            gapless.display()
        );
    }
    Ok(gapless)
}

async fn soak(gapless: &Path, folder: &Path, seed: u64, time: Duration) -> anyhow::Result<Report> {
    let began = Instant::now();
    let server = Server::start(gapless, folder).await?;
    let prices = timeout(JUDGING, price::measure(&server.endpoint)).await.context("prices")??;
    let client = link::client(&server.endpoint);
    let stream = Stream::create(client, link::config(link::PREFIX)).await?;
    let mut stage = Stage::new(server, folder, stream.clone(), seed, time);
    stage.play(time).await?;
    let seconds = began.elapsed().as_secs_f64();

    // What the last workers left, and all that is left where each of them was killed.
    let last = folder.join("last");
    let caught_up = recording(&stream, &last)?;
    timeout(JUDGING, caught_up.until_caught_up()).await.context("the rest is not consumed")??;
    let audit = timeout(JUDGING, stream.audit(|_| ())).await.context("the audit has no end")??;
    let probes: Vec<Acknowledged> = lines::read(&probe_file(&stage.processes)?)?;
    let appended = appended(&probes, &stage.processes)?;
    let runs = runs(&stage.processes, &last)?;
    let judging = timeout(JUDGING, judge(&stream, &appended, &runs));
    let (consumed, mut wrong) = judging.await.context("the stream is read without an end")??;
    wrong.extend(audit.findings.iter().map(|finding| format!("audit: {finding}")));

    let played = stage.played;
    let is_split = |operation: &&Operation| matches!(operation.step, Step::Split(_));
    let splits = played.operations.iter().filter(is_split).count();
    Ok(Report {
        seed,
        seconds,
        events: audit.events,
        slots: audit.slots,
        partitions: audit.partitions,
        splits,
        merges: played.operations.len() - splits,
        kills: played.kills,
        killed_operators: played.killed_operators,
        rivals: played.rivals,
        delivered_again: consumed.again,
        outages: outages(&played, &probes, &consumed),
        prices,
        wrong,
    })
}

fn probe_file(processes: &Processes) -> anyhow::Result<PathBuf> {
    let probe = processes.runs().iter().find(|run| run.role == Role::Prober);
    Ok(probe.context("there is a prober")?.out.clone())
}

fn appended(probes: &[Acknowledged], processes: &Processes) -> anyhow::Result<Appended> {
    let mut appended = Appended::default();
    for producer in 1..=stage::PRODUCERS {
        let reached = parts::last_reached(&processes.reached(producer))?;
        appended.producers.insert(Source(producer), reached);
    }
    for probe in probes {
        let last = appended.probed.entry(probe.key.clone()).or_default();
        *last = (*last).max(probe.number);
    }
    Ok(appended)
}

/// What all runs of workers wrote down, and the last one in this process.
fn runs(processes: &Processes, last: &Path) -> anyhow::Result<Vec<Run>> {
    let mut runs = Vec::new();
    for run in processes.runs().iter().filter(|run| matches!(run.role, Role::Worker(_))) {
        // A run that was killed at once has written none.
        let deliveries = if run.out.exists() { lines::read(&run.out)? } else { Vec::new() };
        let name = run.out.file_name().unwrap_or_default().to_string_lossy().into_owned();
        runs.push(Run { name, killed: run.killed, deliveries });
    }
    let deliveries: Vec<Delivered> = lines::read(last)?;
    runs.push(Run { name: "the last run".to_owned(), killed: false, deliveries });
    Ok(runs)
}

async fn judge(
    stream: &Stream,
    appended: &Appended,
    runs: &[Run],
) -> anyhow::Result<(Consumed, Vec<String>)> {
    let mut kinds: [Findings; 3] = Default::default();
    let [stored_wrong, delivered_wrong, order_wrong] = &mut kinds;
    let mut stored = Keys::new();
    let mut events = std::pin::pin!(stream.read(Target::Everything).events());
    while let Some(recorded) = events.try_next().await? {
        judge::note(&mut stored, recorded, stored_wrong);
    }
    judge::judge_stored(&stored, appended, stored_wrong);
    let consumed = judge::judge_deliveries(runs, delivered_wrong);
    judge::judge_order(&stored, &consumed.first, order_wrong);
    Ok((consumed, kinds.into_iter().flat_map(Findings::lines).collect()))
}

/// The times without service: for appends by what the prober was acknowledged, for deliveries by what was
/// delivered of its events.
fn outages(played: &Played, probes: &[Acknowledged], consumed: &Consumed) -> Vec<report::Figure> {
    let mut acknowledged: BTreeMap<&str, Track> = BTreeMap::new();
    for probe in probes {
        acknowledged.entry(&probe.key).or_default().push(probe.at, &probe.partition);
    }
    let mut all = Vec::new();
    for (act, span) in &played.acts {
        let (mut appends, mut deliveries) = (Outages::default(), Outages::default());
        for (key, track) in &acknowledged {
            let place = place_of(key);
            appends.add(&place, track, &played.operations, *span);
            if let Some(track) = consumed.tracks.get(*key) {
                deliveries.add(&place, track, &played.operations, *span);
            }
        }
        all.extend(figures("append", act.name(), appends));
        all.extend(figures("delivery", act.name(), deliveries));
    }
    all
}
