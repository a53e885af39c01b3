//! Runs a plan: builds its cluster, applies its incidents, heals everything, demands
//! progress, and reports.

use std::sync::{Arc, Once};
use std::time::Duration;

use gapless_model::design::Design;
use madsim::runtime::Runtime;

use super::report::RunReport;
use super::stage::Stage;
use crate::cluster::{Cluster, Store};
use crate::engine::EngineKind;
use crate::plan::{Millis, Plan, Profile};

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
        let thread = std::thread::spawn(move || {
            simulate(&plan, EngineKind::default());
        });
        // Its violations are of no interest: a run that is reported will meet them again.
        let _ = thread.join();
    });
}

/// Runs a plan like [`run`], on the given engine.
#[must_use]
pub fn run_on(plan: &Plan, engine: EngineKind) -> RunReport {
    warm_up();
    let owned = plan.clone();
    let ended =
        on_a_thread_of_its_own(&format!("seed {}", plan.seed), move || simulate(&owned, engine));
    ended.unwrap_or_else(|panic| RunReport::panicked(plan, &panic))
}

fn simulate(plan: &Plan, engine: EngineKind) -> RunReport {
    in_cluster(plan, engine, |mut stage| async move {
        play_out(&mut stage).await;
        stage.report()
    })
}

async fn play_out(stage: &mut Stage) {
    if stage.set_up().await {
        stage.run_incidents().await;
        stage.heal();
        stage.await_progress().await;
    }
}

/// Runs a closure on a new thread, so that no thread-local state survives it.
///
/// # Errors
/// The message that it panicked with.
pub(crate) fn on_a_thread_of_its_own<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    let thread = spawned.map_err(|error| format!("cannot start a thread: {error}"))?;
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
        let store = Arc::new(Store::new(engine));
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
