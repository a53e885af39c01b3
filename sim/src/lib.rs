//! Deterministic simulation of whole gapless clusters in one process: producers, workers, a
//! queue and a DynamoDB on simulated nodes (madsim). The production crate and the real AWS SDK
//! run unchanged. Every fault is drawn from a seed, and every run repeats to the byte.
//!
//! [`Profile::plan`] draws a [`Plan`] from a seed. [`run`] runs it and returns a
//! [`RunReport`]: the violation, the decision log, the faults that struck and the coverage.
//! [`shrink`] reduces a failing plan. A [`Campaign`] runs many seeds.
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

mod cell;
mod cluster;
mod decode;
mod engine;
mod hunt;
mod judge;
mod marks;
mod moment;
mod plan;
mod play;

pub use cell::Cell;
pub use cluster::Entry;
pub use engine::EngineKind;
pub use hunt::{
    Campaign, CampaignProgress, CampaignReport, CheckedFault, Counterexample, FailedSeed, Shrunk,
    conformance, shrink,
};
pub use judge::{Breach, Violation};
pub use marks::{ENOUGH_SEEDS, MARKS, Mark};
pub use plan::{
    Act, Ambush, Appending, CallKind, ClockPlan, Dice, Direction, Divergence, FAULTS, Fault,
    Followed, HAPPENINGS, Happening, HintSource, Incident, Lifetime, Millis, Moment, NoProfile,
    Node, OperatorAction, PLAN_VERSION, Plan, PlanError, ProducerPlan, Profile, ReaderPlan,
    Reading, Scope, Script, ScriptStep, StorePart, Strike, Trouble, Twin, WorkerPlan,
};
pub use play::{RunReport, run, run_on};
