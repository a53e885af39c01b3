//! One run of a plan, from building its nodes to the report on it.

mod report;
mod run;
mod stage;

pub use report::RunReport;
pub(crate) use run::{in_cluster, on_a_thread_of_its_own, warm_up};
pub use run::{run, run_on};
pub(crate) use stage::Stage;
