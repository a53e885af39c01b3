//! Histories: what several processes asked of the store, when, and what they heard.
//!
//! [`explain`] looks for an order of the calls in which the specification of the store,
//! [`apply`](fn@crate::store::apply), gives every answer that was heard. Each call takes its place
//! between its ask and its answer (linearizability, Herlihy and Wing 1990; the search is that of Wing
//! and Gong, with Lowe's memory of configurations that failed). Each item has an order of its own,
//! which makes the search short: a partition's head with its records, each slot, each lease.
//!
//! What the search takes for granted, and what it leaves out:
//!
//! - **The history is whole.** It begins with the stream, and every process that writes to it is in
//!   it.
//! - **A call without an answer** may have had its effect at any time after it was asked, or never.
//!   Where clients repeat requests by themselves, any call may have had more effects than its answer
//!   tells of, up to eight.
//! - **A transaction is judged on each of its items**, and not on whether both changed at once. A merge is
//!   not judged, nor what it seals: a history of a stream whose partitions were merged is not explained.
//! - **A query is no snapshot.** Each slot on a page is read for itself. A page without a slot says
//!   that there was none; one with slots says nothing of those after its last one, since DynamoDB may
//!   have cut it at its limit. A page of an eventually consistent read shows only what was written, and
//!   leaves out whatever it likes.
//! - **Clocks that differ join calls of two processes, not of one.** Where they do, orders of two items
//!   that fit the calls one by one need not fit them together.

mod bounds;
mod call;
mod explain;
mod partition;
mod pieces;
mod search;

pub use call::{Call, Doubts, Heard, Unexplained};
pub use explain::explain;
