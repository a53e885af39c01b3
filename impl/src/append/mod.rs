//! Appending: one batch, many at once in common slots, or each event of an input once.

mod expecting;
mod feed;
mod group;
mod grouping;
mod lane;
mod outcome;
mod path;
mod producer;
mod producer_error;
mod single;

pub use group::Appender;
pub use grouping::Grouping;
pub use outcome::GroupError;
pub use producer::Producer;
pub use producer_error::ProducerError;
pub use single::{AppendError, Receipt, Unsettled};
