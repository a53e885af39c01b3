//! The consume machine: one worker's turn on one partition for one group.

mod giving_up;
mod machine;
mod reading;
mod requests;
mod state;
mod taking;
mod turn;

pub use machine::News;
pub use state::Consume;
pub use turn::{Delivery, Outcome, Wants};
