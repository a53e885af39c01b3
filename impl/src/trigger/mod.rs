//! Triggers: how a worker learns that a partition has work.
//!
//! What makes them durable is the worker's own sweep over the tables; everything
//! here only makes it fast, and may lose, repeat and delay as it likes.

mod hints;
#[cfg(feature = "table-stream")]
mod table_stream;

pub use crate::notices::{Notices, Subscription};
pub use hints::{Hints, Trigger};
#[cfg(feature = "table-stream")]
pub use table_stream::TableStream;
