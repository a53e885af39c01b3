//! Triggers: how a worker learns that a partition has work.
//!
//! The worker's own sweep over the tables is the durable trigger. Everything here only
//! makes a worker faster, so it may lose, repeat, delay and reorder what it announces.

mod hints;
#[cfg(feature = "table-stream")]
mod table_stream;

pub use crate::notices::{Notices, Subscription};
pub use crate::vocabulary::Hint;
pub use hints::{Hints, Trigger};
#[cfg(feature = "table-stream")]
pub use table_stream::TableStream;
