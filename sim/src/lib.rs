//! Whole clusters of gapless in one process: producers, workers, a queue and a DynamoDB
//! on simulated nodes (madsim), where the production crate and the real AWS SDK run
//! unchanged. Every fault is drawn from a seed, and every run repeats to the byte.
//!
//! [`Profile::plan`] draws a [`Plan`] from a seed; [`run`] runs it and returns an
//! [`Outcome`]: what was broken, the decision log, what struck and what was reached.
//! [`shrink`] makes a failing plan small.
//!
//! ```
//! use gapless_model::design::Design;
//! use gapless_sim::{Profile, run};
//!
//! let plan = Profile::Swarm.plan(1, Design::RECOMMENDED);
//! let (first, second) = (run(&plan), run(&plan));
//! assert_eq!(first.violation, None);
//! assert_eq!(first.log, second.log);
//! ```

#[cfg(not(madsim))]
compile_error!(
    "the simulation needs `--cfg madsim`, which `.cargo/config.toml` sets; a RUSTFLAGS variable in \
     the environment replaces that: unset it, or add `--cfg madsim` to it"
);

mod campaign;
pub mod conformance;
mod counterexample;
mod decode;
mod dice;
mod engine;
mod fault;
mod judge;
mod marks;
mod mutant;
mod plan;
mod profile;
mod run;
mod shrink;
mod stage;
mod warm;
mod world;

pub use campaign::{Campaign, Failed, Progress, Summary};
pub use counterexample::Counterexample;
pub use dice::Dice;
pub use engine::EngineKind;
pub use fault::{
    Act, Direction, FAULTS, Fault, HAPPENINGS, Happening, Incident, Nature, Strike, Trouble,
};
pub use judge::{Breach, Violation};
pub use marks::MARKS;
pub use mutant::Mutant;
pub use plan::{
    Appending, ClockPlan, Hints, Life, Millis, Plan, PlanError, Process, ProducerPlan, VERSION,
    WorkerPlan,
};
pub use profile::{NoProfile, Profile};
pub use run::{Outcome, run, run_on};
pub use shrink::{Shrunk, shrink};
pub use world::Entry;
