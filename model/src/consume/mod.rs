//! The consume machine: one worker's turn on one partition for one group.

mod giving_up;
mod machine;
mod reading;
mod requests;
mod taking;
mod turn;

pub use machine::{Consume, News};
pub use turn::{Delivery, Outcome, Wants};
