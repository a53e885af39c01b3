//! The model checker: the machines over the abstract store, under faults.
//!
//! [`check`] searches every state within its [`Bounds`] with an engine of its own; Stateright is its
//! reference, and serves the Explorer.

mod action;
mod advance;
mod bounds;
mod checkpoint;
mod components;
mod coverage;
mod describe;
mod display;
mod drain;
mod engine;
mod explain;
mod judge;
mod judged;
mod lineage;
mod mutation;
mod producer;
mod progress;
mod protocol;
mod reduce;
mod reference;
mod report;
mod search;
mod send;
mod small;
mod step;
mod steps;
mod supervisor;
mod task;
mod trace;
mod world;

pub use action::{Action, Process, Sight};
pub use bounds::{Bound, Bounds, BoundsError, Clocks};
pub use checkpoint::{CheckpointError, CheckpointFile, Checkpointing};
pub use coverage::Coverage;
pub use describe::{Actor, Words};
pub use explain::{Told, glossary, story};
pub use protocol::Protocol;
pub use report::{Ended, Progress, Report, Resumed, Verdict, Watch};
pub use search::{check, check_resumably, explore};
pub use small::{
    Count, GroupNo, OperatorNo, Owner, PartitionNo, ProducerNo, Small, Tick, Token, Window,
    WorkerNo,
};
pub use task::{Engine, OnDisk, Task};
pub use trace::{Decision, FORMAT, Header, ReplayError, Replayed, Trace, VERSION, replay};
pub use world::World;
