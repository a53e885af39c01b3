#![doc = include_str!("../docs/overview.md")]

mod append;
mod appender;
mod audit;
mod clock;
mod config;
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
pub use observe::{Decision, DecisionLog, Observer};
pub use producer::{Producer, ProducerError};
pub use reader::{Read, Target};
pub use router::{Layout, NoLayout};
pub use status::{PartitionStatus, Standing};
pub use stop::Stop;
pub use stream::Stream;
pub use tables::TableNames;
pub use worker::{Summary, Worker, WorkerError};
