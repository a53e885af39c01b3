//! One run: builds the world of a plan, lets happen what the plan says, heals it,
//! demands progress, and tells what came of it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use madsim::runtime::Runtime;

use crate::engine::EngineKind;
use crate::fault::{FAULTS, HAPPENINGS, Strike};
use crate::judge::{Breach, Violation};
use crate::plan::{Millis, Plan};
use crate::stage::Stage;
use crate::world::World;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was broken, if anything was.
    pub violation: Option<Violation>,
    /// The decision log.
    pub log: String,
    /// What struck, in order: enough to repeat it without chance.
    pub strikes: Vec<Strike>,
    /// How often each kind of fault struck a message.
    pub faults: [u64; FAULTS.len()],
    /// How often each kind of incident happened.
    pub happenings: [u64; HAPPENINGS.len()],
    /// The places that were reached.
    pub marks: BTreeSet<&'static str>,
    /// How many calls the engine answered.
    pub requests: u64,
    /// How long it took, in simulated time.
    pub simulated: Millis,
}

impl Outcome {
    /// A fingerprint of the log: the same run has the same.
    #[must_use]
    pub fn digest(&self) -> u64 {
        // FNV-1a: written down here, so that it is the same in every build.
        self.log.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        })
    }
}

/// Runs a plan, on a thread of its own: what a thread remembers (the order of hash
/// maps, the state of generators) is part of what must be the same in every run.
#[must_use]
pub fn run(plan: &Plan) -> Outcome {
    run_on(plan, EngineKind::default())
}

/// Runs a plan on this engine.
#[must_use]
pub fn run_on(plan: &Plan, engine: EngineKind) -> Outcome {
    crate::warm::up();
    let owned = plan.clone();
    let ended =
        on_a_thread_of_its_own(&format!("seed {}", plan.seed), move || simulate(&owned, engine));
    ended.unwrap_or_else(|panic| panicked(plan, &panic))
}

pub(crate) fn simulate(plan: &Plan, engine: EngineKind) -> Outcome {
    in_a_world(plan, engine, |mut stage| async move {
        if stage.set().await {
            stage.play().await;
            stage.heal();
            stage.await_progress().await;
        }
        stage.outcome()
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
pub(crate) fn in_a_world<F: Future>(
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
        let world = Arc::new(World::new(plan, engine));
        play(Stage::build(&world)).await
    })
}

fn panicked(plan: &Plan, panic: &str) -> Outcome {
    let what = format!("something panicked: {panic}");
    Outcome {
        violation: Some(Violation { breach: Breach::Error, at: Millis(0), what }),
        log: plan.to_json(),
        strikes: Vec::new(),
        faults: [0; FAULTS.len()],
        happenings: [0; HAPPENINGS.len()],
        marks: BTreeSet::new(),
        requests: 0,
        simulated: Millis(0),
    }
}
