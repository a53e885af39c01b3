// The example runs on the embedded engine, so it is only there with it.
#![cfg_attr(feature = "embedded", doc = include_str!("../docs/overview.md"))]
#![cfg_attr(
    not(feature = "embedded"),
    doc = "Ordered event streams on DynamoDB. The feature `embedded` shows a quick start here."
)]

/// The README's own example is compiled and run.
#[cfg(all(doctest, feature = "embedded"))]
#[doc = include_str!("../../README.md")]
struct Readme;

// The rooms stand on floors, and each imports only rooms further down. The list is in
// `tests/repository/architecture.rs`.
mod append;
mod consume;
#[cfg(feature = "embedded")]
pub mod embedded;
mod key_history;
mod notices;
mod observe;
mod operate;
mod read;
mod stream;
pub mod trigger;
mod vocabulary;
pub mod wire;

pub use gapless_model::{Epoch, Number, PartitionId, Seq, scale};

pub use append::{
    AppendError, Appender, GroupError, Grouping, Producer, ProducerError, Receipt, Unsettled,
};
pub use consume::{
    AfterFailure, Delivery, Fence, Handler, HandlerError, Held, KeyLease, Permanent, RunEnd, Stop,
    Summary, TurnOutcome, TurnReport, Worker, WorkerError,
};
pub use key_history::History;
pub use observe::{Asked, Decision, DecisionLog, LogLine, Machine, Observer, Told};
pub use operate::{
    Audit, Carried, Finding, Lineage, LineageError, Look, Member, PartitionStatus, ProducerStatus,
    ScaleError, Scaler, SeekError, SeekTo, Sought,
};
pub use read::{Reader, Target};
pub use stream::{Config, Layout, NoLayout, Stream};
pub use vocabulary::{
    Event, EventBatch, Filled, Group, Live, NoPosition, NoRandomness, Owner, Position,
    ProducerName, Recorded, SetupError, Slots, StoreError, Timestamp, Token, WorkerId,
};
pub use wire::{Standing, TableNames};
