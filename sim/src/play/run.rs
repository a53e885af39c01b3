//! Runs a plan: builds its cluster, applies its incidents, heals everything, demands
//! progress, and reports.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Once, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use gapless_model::design::Design;
use madsim::runtime::Runtime;

use super::report::RunReport;
use super::stage::Stage;
use super::watch::{LOOK, MOST_LOOKS, Watch, program_size};
use crate::cluster::{Cluster, Store};
use crate::engine::EngineKind;
use crate::plan::{Followed, Millis, Plan, Profile};

/// Runs a plan on the default engine, on a thread of its own: thread-local state, such as
/// the seeds of hash maps and of generators, must be the same in every run.
#[must_use]
pub fn run(plan: &Plan) -> RunReport {
    run_on(plan, EngineKind::default())
}

/// Makes one run whose report is dropped. What a process initialises lazily is initialised
/// here, or the first seed would run unlike all others.
pub(crate) fn warm_up() {
    static WARM: Once = Once::new();
    WARM.call_once(|| {
        let mut plan = Profile::Lambda.plan(0, Design::RECOMMENDED);
        plan.heals = Millis(500);
        // Its violations are of no interest: a run that is reported will meet them again. That goes
        // for loops without an end as well, so this run is watched like all others.
        drop(watched_run(&plan, EngineKind::default(), || true));
    });
}

/// Runs a plan like [`run`], on the given engine.
#[must_use]
pub fn run_on(plan: &Plan, engine: EngineKind) -> RunReport {
    let ran = run_while(plan, engine, || true);
    ran.unwrap_or_else(|| RunReport::failed(plan, None, "the run was cut off"))
}

/// Runs a plan like [`run_on`], as long as `goes_on`: that is asked while it runs, from time to time.
/// Returns nothing if the run was cut off.
pub(crate) fn run_while(
    plan: &Plan,
    engine: EngineKind,
    goes_on: impl Fn() -> bool,
) -> Option<RunReport> {
    warm_up();
    watched_run(plan, engine, goes_on)
}

fn watched_run(plan: &Plan, engine: EngineKind, goes_on: impl Fn() -> bool) -> Option<RunReport> {
    let owned = plan.clone();
    watched(plan, Watch::new(MOST_LOOKS), goes_on, move |seen| simulate(&owned, engine, &seen))
}

/// Where a run shows its cluster to the thread that watches it.
pub(super) type Seen = Arc<OnceLock<Arc<Cluster>>>;

/// Runs a closure on a thread of its own, and watches the cluster that it shows. A run that stands
/// still is given up: its thread is left behind.
pub(super) fn watched(
    plan: &Plan,
    mut watch: Watch,
    goes_on: impl Fn() -> bool,
    run: impl FnOnce(Seen) -> RunReport + Send + 'static,
) -> Option<RunReport> {
    let seen = Seen::default();
    let shown = Arc::clone(&seen);
    let (sender, ended) = mpsc::channel();
    let spawned = spawn(&format!("seed {}", plan.seed), move || drop(sender.send(run(shown))));
    let thread = match spawned {
        Ok(thread) => thread,
        Err(error) => return Some(RunReport::failed(plan, seen.get(), &error)),
    };
    loop {
        match ended.recv_timeout(LOOK) {
            Ok(report) => {
                let is_whole = seen.get().is_none_or(|cluster| !cluster.pace.is_cut_off());
                // A violation counts even if the run was cut off at the same time.
                return (is_whole || report.violation.is_some()).then_some(report);
            }
            Err(RecvTimeoutError::Disconnected) => {
                let why = joined(thread).err().unwrap_or_default();
                let why = format!("the run panicked: {why}");
                return Some(RunReport::failed(plan, seen.get(), &why));
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
        let Some(cluster) = seen.get() else { continue };
        if !goes_on() {
            cluster.pace.cut_off();
        }
        let progress = cluster.pace.progress();
        if let Some(stall) = watch.look(progress, program_size()) {
            // First the report: a process that is cut off is not the one that is polled any more.
            let report = RunReport::given_up(plan, cluster, &stall);
            cluster.pace.cut_off();
            return Some(report);
        }
    }
}

fn simulate(plan: &Plan, engine: EngineKind, seen: &Seen) -> RunReport {
    in_cluster(plan, engine, |mut stage| async move {
        // There is one run for each of them.
        let _ = seen.set(Arc::clone(stage.cluster()));
        let followed = play_out(&mut stage).await;
        RunReport { followed, ..stage.report() }
    })
}

/// Plays a plan to its end. Returns how far it followed its script, if it has one.
async fn play_out(stage: &mut Stage) -> Option<Followed> {
    let script = stage.cluster().plan.script.clone();
    let mut followed = None;
    if stage.set_up().await {
        if let Some(script) = &script {
            let how = followed.insert(stage.follow(script).await);
            if how.diverges.is_some() {
                return followed;
            }
        }
        stage.run_incidents().await;
        stage.heal();
        stage.await_progress().await;
    }
    followed
}

/// Runs a closure on a new thread, so that no thread-local state survives it.
///
/// # Errors
/// The message that it panicked with.
pub(crate) fn on_a_thread_of_its_own<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    joined(spawn(name, run)?)
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<JoinHandle<T>, String> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    spawned.map_err(|error| format!("cannot start a thread: {error}"))
}

/// Waits for the end of a thread; the error is the message that it panicked with.
fn joined<T>(thread: JoinHandle<T>) -> Result<T, String> {
    thread.join().map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("no message").to_owned()
    })
}

/// Builds the cluster of a plan in a new runtime, and runs `play` on its stage.
pub(crate) fn in_cluster<F: Future>(
    plan: &Plan,
    engine: EngineKind,
    play: impl FnOnce(Stage) -> F,
) -> F::Output {
    // The SDK and the adapter draw from this generator.
    fastrand::seed(plan.seed);
    let mut config = madsim::Config::default();
    config.net.send_latency = Duration::from_micros(100)..Duration::from_micros(900);
    let runtime = Runtime::with_seed_and_config(plan.seed, config);
    runtime.block_on(async move {
        let store = Arc::new(Store::new(engine, plan.seed));
        let cluster = Arc::new(Cluster::new(plan));
        play(Stage::build(&cluster, &store)).await
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_has_ended_holds_no_memory() {
        for (seed, profile) in (0..5).flat_map(|seed| Profile::ALL.map(|profile| (seed, profile))) {
            let plan = profile.plan(seed, Design::RECOMMENDED);
            let ended = on_a_thread_of_its_own("run", move || {
                in_cluster(&plan, EngineKind::default(), |mut stage| async move {
                    play_out(&mut stage).await;
                    Arc::downgrade(stage.cluster())
                })
            });
            let left = ended.expect("no panic").strong_count();
            assert_eq!(left, 0, "so many still hold the cluster of seed {seed}, {profile}");
        }
    }
}
