//! Appending: one batch, many at once in common slots, or each event of an input once.

mod group;
mod producer;
mod single;

pub use group::{Appender, GroupError, Grouping};
pub use producer::{Producer, ProducerError};
pub use single::{AppendError, Receipt, Unsettled};
