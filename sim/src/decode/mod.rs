//! Decodes calls of DynamoDB's API to typed requests, and their answers to typed replies:
//! the inverse of the adapter's mapping.
//!
//! It is written independently of `gapless::wire`, from the layout of the tables alone, so
//! that the two check each other. A call that is not a typed request, such as a sweep's query
//! or the description of a table, decodes to nothing.

mod answers;
mod items;
mod reads;
mod requests;

pub(crate) use answers::reply;
pub(crate) use items::{lease, slot_key};
pub(crate) use reads::{Read, Source, read};
pub(crate) use requests::request;
