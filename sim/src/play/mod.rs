//! One run of a plan, from building its nodes to the report on it.

mod follow;
#[cfg(test)]
mod loops;
mod nodes;
mod report;
mod run;
#[cfg(test)]
mod silence;
mod stage;
mod watch;

pub use report::RunReport;
pub(crate) use run::{in_cluster, on_a_thread_of_its_own, run_while, warm_up};
pub use run::{run, run_on};
pub(crate) use stage::Stage;
