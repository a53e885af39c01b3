//! The consume machine: one worker's turn on one partition for one group.

mod machine;
mod requests;
mod turn;

pub use machine::{Consume, News};
pub use turn::{Delivery, Outcome, Wants};
