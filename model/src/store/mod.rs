//! The abstract store: what the protocol may ask of DynamoDB, and what that answers.
//!
//! [`Request`] and [`Reply`] are the typed calls. [`apply`](fn@apply) is their executable specification,
//! over any [`Tables`]. The production crate turns each request into one call of DynamoDB's API,
//! and a test compares the two on random dialogues.

mod apply;
mod item;
mod reply;
mod request;
mod tables;
mod words;

pub use apply::{View, apply};
pub use item::{Lease, Raiser, Record, Slot};
pub use reply::{Head, Reply};
pub use request::{Entry, Extend, Free, Guard, Keep, Raise, Request, Write};
pub use tables::{FromSlots, MemoryTables, Tables, ToSlots};
pub use words::{
    Spoken, lease_words, partition_words, record_words, reply_words, request_words, slot_words,
};
