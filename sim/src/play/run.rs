//! One run: builds the world of a plan, lets happen what the plan says, heals it,
//! demands progress, and tells what came of it.

use std::sync::{Arc, Once};
use std::time::Duration;

use gapless_model::design::Design;
use madsim::runtime::Runtime;

use super::report::RunReport;
use super::stage::Stage;
use crate::cluster::{Cluster, Store};
use crate::engine::EngineKind;
use crate::plan::{Millis, Plan, Profile};

/// Runs a plan, on a thread of its own: what a thread remembers (the order of hash
/// maps, the state of generators) is part of what must be the same in every run.
#[must_use]
pub fn run(plan: &Plan) -> RunReport {
    run_on(plan, EngineKind::default())
}

/// One run whose outcome nobody looks at: what a process makes lazily, once, is made
/// here, or the first seed would run unlike all others.
pub(crate) fn warm_up() {
    static WARM: Once = Once::new();
    WARM.call_once(|| {
        let mut plan = Profile::Lambda.plan(0, Design::RECOMMENDED);
        plan.heals = Millis(500);
        let thread = std::thread::spawn(move || {
            simulate(&plan, EngineKind::default());
        });
        // What it met will be met again, where somebody looks.
        let _ = thread.join();
    });
}

/// Runs a plan on this engine.
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
        if stage.set_up().await {
            stage.run_incidents().await;
            stage.heal();
            stage.await_progress().await;
        }
        stage.report()
    })
}

/// What a thread remembers ends with it.
///
/// # Errors
/// What it panicked with.
pub(crate) fn on_a_thread_of_its_own<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    let spawned = std::thread::Builder::new().name(name.to_owned()).spawn(run);
    let thread = spawned.map_err(|error| format!("no thread: {error}"))?;
    thread.join().map_err(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str);
        let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
        text.unwrap_or("without a word").to_owned()
    })
}

/// Builds the world of a plan, and lets it be played on its stage.
pub(crate) fn in_cluster<F: Future>(
    plan: &Plan,
    engine: EngineKind,
    play: impl FnOnce(Stage) -> F,
) -> F::Output {
    // The SDK and the adapter draw from this one.
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
