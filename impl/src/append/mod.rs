//! Appending: one batch, many at once in common slots, or each event of an input once.

mod group;
mod lane;
mod outcome;
mod producer;
mod single;

pub use group::Appender;
pub use lane::Grouping;
pub use outcome::GroupError;
pub use producer::{Producer, ProducerError};
pub use single::{AppendError, Receipt, Unsettled};
