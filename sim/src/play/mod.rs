//! One run of a plan: its nodes are built, its incidents happen, and what comes of it is told.

mod report;
mod run;
mod stage;

pub use report::RunReport;
pub(crate) use run::{in_cluster, on_a_thread_of_its_own, warm_up};
pub use run::{run, run_on};
pub(crate) use stage::Stage;
