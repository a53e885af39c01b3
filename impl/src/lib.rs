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

mod append;
mod appender;
mod audit;
mod clock;
mod config;
mod desk;
#[cfg(feature = "embedded")]
pub mod embedded;
mod error;
mod event;
mod handler;
mod live;
mod observe;
mod producer;
mod reader;
mod router;
mod status;
mod stop;
mod stream;
mod sweep;
mod tables;
pub mod trigger;
mod turn;
pub mod wire;
mod worker;

pub use gapless_model::{Epoch, Number, PartitionId, Seq};

pub use append::{AppendError, Receipt, Unsettled};
pub use appender::{Appender, GroupError, Grouping};
pub use audit::{Audit, Finding};
pub use config::Config;
pub use error::{SetupError, StoreError};
pub use event::{Event, EventBatch, NoPosition, Position, Recorded};
pub use handler::{Delivery, Fence, Handler, HandlerError};
pub use live::{Filled, Group, Live, Owner, ProducerName, Slots, Timestamp, Token};
pub use observe::{Decision, DecisionLog, Machine, Observer, Told};
pub use producer::{Producer, ProducerError};
pub use reader::{Read, Target};
pub use router::{Layout, NoLayout};
pub use status::{PartitionStatus, Standing};
pub use stop::Stop;
pub use stream::Stream;
pub use tables::TableNames;
pub use worker::{Summary, Worker, WorkerError};
