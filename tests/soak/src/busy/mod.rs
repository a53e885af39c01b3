//! Keeps a stream busy on the embedded engine: four named producers, of which one is killed every two
//! seconds; three workers; 64 partitions, of which eight get a hundred times as many events as the
//! others, and one has a handler that always fails.
//!
//! At the end everything must have been delivered in order, the audit must be clean, cold partitions must
//! not have starved, and memory must not have grown.

mod input;
mod ledger;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use gapless::embedded::Engine;
use gapless::{
    AfterFailure, Config, Delivery, Event, HandlerError, Layout, Number, PartitionId, Stream,
    Target, WorkerError,
};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, sleep_until};

use self::input::{Place, TICK, places};
use self::ledger::{Ledger, Waits};

const PRODUCERS: usize = 4;
const WORKERS: usize = 3;
const KILL_EVERY: Duration = Duration::from_secs(2);
/// How many partitions a worker consumes at once: fewer than are hot, so that they wait for one another.
const PLACES: usize = 2;
/// The largest multiple of the median that one in a hundred events of cold partitions may wait, and the
/// longest that it may in any case: two sweeps, a turn of each hot partition, and a lease's grace.
const MOST_WAIT: u32 = 5;
const LONGEST_WAIT: Duration = Duration::from_secs(4);
/// By how much the memory of the last quarter may be above that of the second, in percent.
const MOST_GROWTH: usize = 10;
/// The longest run. Each rerun of a producer goes through its whole input, which takes its time.
const LONGEST: Duration = Duration::from_secs(3600);

/// Appends for so long, and looks what came of it.
pub async fn run(time: Duration) -> anyhow::Result<ExitCode> {
    ensure!(time <= LONGEST, "at most {LONGEST:?}: each rerun goes through its whole input");
    let ticks = (time.as_millis() / TICK.as_millis()) as u64;
    let folder = tempfile::tempdir()?;
    let engine = Engine::file(&folder.path().join("soak.db"))?;
    let layout = Layout::Fixed { bits: 6 };
    let stream = Stream::create(engine.client(), config().layout(layout)).await?;
    let places: Arc<[Place]> = places(layout, PRODUCERS).into();
    let poisoned = places.last().context("there are partitions")?.partition.clone();
    let ledger = Arc::new(Ledger::new(&places)?);

    let mut stops = Vec::new();
    let mut workers = Vec::new();
    for _ in 0..WORKERS {
        let stream = Stream::open(engine.client(), config()).await?;
        let (stop, worker) = start_worker(&stream, &ledger, &poisoned);
        stops.push(stop);
        workers.push(worker);
    }
    let (killed, memory) = append(&engine, &places, ticks).await?;
    let missing = drain(&ledger, ticks, &poisoned).await;
    stops.iter().for_each(gapless::Stop::request);
    for worker in workers {
        worker.await??;
    }
    let stored = stream.read(Target::Everything).collect().await?;
    let mut findings = ledger.compare(&stored, ticks, PRODUCERS);
    let audit = stream.audit(|_| ()).await?;
    if !audit.findings.is_empty() {
        findings.push(format!("the audit found {} things", audit.findings.len()));
    }
    let standings = stream.standings(&"soak".into()).await?;
    if standings.get(&poisoned).is_none_or(|standing| standing.failure.is_none()) {
        findings.push(format!("no handler has failed on {poisoned}"));
    }
    findings.extend(report(&ledger, &memory, killed));
    if missing > 0 {
        findings.push(format!("{missing} events were not delivered"));
    }
    findings.iter().for_each(|finding| println!("wrong: {finding}"));
    Ok(if findings.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn config() -> Config {
    Config::new("soak-")
}

/// A worker like that of a process of its own: no notices reach it.
fn start_worker(
    stream: &Stream,
    ledger: &Arc<Ledger>,
    poisoned: &PartitionId,
) -> (gapless::Stop, JoinHandle<Result<(), WorkerError>>) {
    let (clock, ledger, poisoned) = (stream.clone(), Arc::clone(ledger), poisoned.clone());
    let worker = stream.worker("soak", move |delivery: Delivery| {
        let (clock, ledger) = (clock.clone(), Arc::clone(&ledger));
        let fails = *delivery.partition() == poisoned;
        async move {
            if fails {
                return Err("this partition always fails".into());
            }
            ledger.record(&delivery, clock.now());
            sleep(Duration::from_millis(1)).await;
            Ok::<(), HandlerError>(())
        }
    });
    let worker = worker
        .concurrency(PLACES)
        .attempts(2, Duration::from_millis(100))
        .after_failure(AfterFailure::ComeBack { pause: Duration::from_secs(1) });
    (worker.stopper(), tokio::spawn(async move { worker.run().await.map(drop) }))
}

/// Lets the producers append so many ticks, and kills one of them every two seconds. Returns how often,
/// and how much memory the process had each second.
async fn append(
    engine: &Engine,
    places: &Arc<[Place]>,
    ticks: u64,
) -> anyhow::Result<(u32, Vec<usize>)> {
    let start = Instant::now();
    let run = |producer: usize| {
        let (client, places) = (engine.client(), Arc::clone(places));
        tokio::spawn(async move {
            let stream = Stream::open(client, config()).await?;
            produce(&stream, producer, &places, start, ticks).await
        })
    };
    let mut producers: Vec<_> = (0..PRODUCERS).map(run).collect();
    let bar = indicatif::ProgressBar::new(ticks);
    let (mut killed, mut memory) = (0, Vec::new());
    let (mut victim, mut next_kill) = (0, start + KILL_EVERY);
    while producers.iter().any(|producer| !producer.is_finished()) {
        sleep(Duration::from_secs(1)).await;
        bar.set_position((start.elapsed().as_millis() / TICK.as_millis()) as u64);
        memory.extend(memory_stats::memory_stats().map(|stats| stats.physical_mem));
        if Instant::now() >= next_kill {
            if !producers[victim].is_finished() {
                producers[victim].abort();
                producers[victim] = run(victim);
                killed += 1;
            }
            victim = (victim + 1) % PRODUCERS;
            next_kill += KILL_EVERY;
        }
        ensure!(
            start.elapsed() < TICK * ticks as u32 + Duration::from_secs(120),
            "the producers do not come to an end"
        );
    }
    bar.finish_and_clear();
    for producer in producers {
        producer.await??;
    }
    Ok((killed, memory))
}

/// A run of a producer: its input from the beginning, as a process does that knows nothing of an earlier
/// run.
async fn produce(
    stream: &Stream,
    producer: usize,
    places: &[Place],
    start: Instant,
    ticks: u64,
) -> anyhow::Result<()> {
    let mut run = stream.producer(format!("producer-{producer}").as_str());
    let mut number = 0;
    for tick in 0..ticks {
        sleep_until(start + TICK * tick as u32).await;
        for place in places.iter().filter(|place| place.is_due(tick)) {
            number += 1;
            let event = Event::new(place.key(producer), place.count(tick).to_string());
            run.push(Number(number), event).await?;
        }
        run.flush().await?;
    }
    run.finish().await?;
    Ok(())
}

/// Waits until everything is delivered that can be. Returns how much is not.
async fn drain(ledger: &Ledger, ticks: u64, poisoned: &PartitionId) -> u64 {
    for _ in 0..600 {
        if ledger.missing(ticks, PRODUCERS, poisoned) == 0 {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    ledger.missing(ticks, PRODUCERS, poisoned)
}

/// Prints what was measured, and returns what is wrong with it.
fn report(ledger: &Ledger, memory: &[usize], killed: u32) -> Vec<String> {
    let (again, mut wrong) = ledger.again_and_wrong();
    let (hot, cold) = ledger.waits();
    println!("{PRODUCERS} producers, killed {killed} times; {again} events delivered again");
    for (name, waits) in [("hot", &hot), ("cold", &cold)] {
        let Waits { events, median, p99, most } = waits;
        println!(
            "{name:<5} {events:>9} events  median {median:<8?} p99 {p99:<8?} longest {most:?}"
        );
    }
    let megabytes = |bytes: usize| bytes / 1_000_000;
    let quarter = memory.len() / 4;
    let average = |part: &[usize]| part.iter().sum::<usize>() / part.len().max(1);
    let (early, late) = match quarter {
        0 => (0, 0),
        _ => (average(&memory[quarter..2 * quarter]), average(&memory[3 * quarter..])),
    };
    println!(
        "memory {} MB in the second quarter, {} MB in the last",
        megabytes(early),
        megabytes(late)
    );
    if early == 0 {
        wrong.push(
            "memory was not measured: the run was too short, or the system does not tell"
                .to_owned(),
        );
    }
    if late > early + early * MOST_GROWTH / 100 {
        wrong.push(format!("memory grew by more than {MOST_GROWTH} %"));
    }
    if cold.p99 > cold.median * MOST_WAIT || cold.most > LONGEST_WAIT {
        wrong.push(format!(
            "one in a hundred cold events waited {MOST_WAIT} medians or more, or one for {LONGEST_WAIT:?}"
        ));
    }
    wrong
}
