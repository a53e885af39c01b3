//! Triggers: how a worker learns that a partition has work.
//!
//! What makes them durable is the worker's own sweep over the tables; everything
//! here only makes it fast, and may lose, repeat and delay as it likes.

mod notices;
#[cfg(feature = "table-stream")]
mod table_stream;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use gapless_model::PartitionId;

pub use notices::{Notices, Subscription};
#[cfg(feature = "table-stream")]
pub use table_stream::TableStream;

/// Partitions that may have work, as they come to be known.
pub type Hints<'a> = Pin<Box<dyn Future<Output = Vec<PartitionId>> + Send + 'a>>;

/// Says which partitions may have work. A queue or a function's event source fits
/// behind it as well as what is here.
///
/// Where a source is durable by itself (a queue with visibility timeouts, a
/// function that reads the table's stream), it brings a trigger back until
/// [`Trigger::done`] is called for it.
pub trait Trigger: fmt::Debug + Send + Sync {
    /// Waits for the next hints. Dropping the future loses none.
    fn next(&self) -> Hints<'_>;

    /// The work that a hint announced is done, or somebody else is at it and the
    /// lease will bring it back.
    fn done(&self, partition: &PartitionId) {
        let _ = partition;
    }
}
