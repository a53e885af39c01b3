//! The model checker: the machines over the abstract store, under faults, searched by Stateright.

mod action;
mod advance;
mod bounds;
mod coverage;
mod describe;
mod digest;
mod explain;
mod model;
mod mutation;
mod packed;
mod producer;
mod progress;
mod property;
mod protocol;
mod rank;
mod reduce;
mod search;
mod small;
mod step;
mod trace;
mod world;

pub use action::{Action, Process, Sight};
pub use bounds::{Bound, Bounds, BoundsError, Clocks};
pub use coverage::Coverage;
pub use describe::{Actor, Words};
pub use explain::{Told, glossary, story};
pub use packed::Packed;
pub use protocol::Protocol;
pub use search::{Ended, Progress, Report, Task, Verdict, Watch, check, explore};
pub use small::{
    Count, GroupNo, PartitionNo, ProducerNo, Run, Small, Tick, Token, Window, WorkerNo,
};
pub use trace::{Decision, FORMAT, Header, ReplayError, Replayed, Trace, VERSION, replay};
pub use world::{PARTITION, World};
