//! The mapping, backwards: which typed request a call of DynamoDB's API stands for,
//! and which typed reply its answer.
//!
//! It is written apart from the mapping in `gapless::wire`, from the tables' layout
//! alone, so that the two check one another. What is nobody's typed request (a sweep's
//! query, a table's description) decodes to nothing.

mod answers;
mod items;
mod requests;

pub(crate) use answers::reply;
pub(crate) use items::{lease, slot_key, text};
pub(crate) use requests::request;
