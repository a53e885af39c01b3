//! The model checker: the machines over the abstract store, under faults, searched by Stateright.

mod action;
mod bounds;
mod coverage;
mod digest;
mod model;
mod packed;
mod progress;
mod property;
mod protocol;
mod rank;
mod reduce;
mod small;
mod step;
mod tamper;
mod world;

pub use action::{Action, Process, Sight};
pub use bounds::{Bound, Bounds, BoundsError, Clocks};
pub use coverage::Coverage;
pub use packed::Packed;
pub use protocol::Protocol;
pub use small::{Count, GroupNo, PartitionNo, ProducerNo, Run, Small, Tick, Token, Window, WorkerNo};
pub use tamper::Tamper;
pub use world::{PARTITION, World};
