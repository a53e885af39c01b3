//! One run of a plan: its nodes are built, its incidents happen, and what comes of it is told.

mod outcome;
mod run;
mod stage;

pub use outcome::Outcome;
pub(crate) use run::{in_a_world, on_a_thread_of_its_own, warm_up};
pub use run::{run, run_on};
pub(crate) use stage::Stage;
