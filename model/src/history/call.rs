//! Calls, and what cannot be explained of them.

use crate::store::{Reply, Request};
use crate::vocabulary::{SpanOf, Vocabulary};

/// One request, and what came of it.
#[derive(Clone, Debug)]
pub struct Call<V: Vocabulary> {
    /// The process that asked. Its calls are told apart by its own clock.
    pub process: usize,
    /// When it asked, by its clock.
    pub sent: V::Time,
    /// The request.
    pub request: Request<V>,
    /// What it heard, and when.
    pub heard: Heard<V>,
}

/// What a process heard of a request.
#[derive(Clone, Debug)]
pub enum Heard<V: Vocabulary> {
    /// The store's reply, and when it arrived.
    Reply(V::Time, Reply<V>),
    /// That it surely was not applied.
    Refusal,
    /// Nothing: the request may have been applied, or be under way still.
    Nothing,
}

/// What a history may hold beside what it says.
#[derive(Clone, Debug)]
pub struct Doubts<V: Vocabulary> {
    /// By how much the clocks of two processes may differ.
    pub skew: SpanOf<V>,
    /// Whether clients repeat requests by themselves, so that a call may have had other effects than that
    /// of the attempt that was answered, at any time after it was asked.
    pub hidden_retries: bool,
}

/// Why a history is not explained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unexplained<V: Vocabulary> {
    /// No order gives the answer to this call, whatever the order of those before it.
    Answer {
        /// The index of the call.
        call: usize,
        /// What the store would answer in the order that explains the most; of a page, the slot that
        /// does not fit.
        instead: Box<Reply<V>>,
    },
    /// The search for an item was given up at this call.
    GivenUp {
        /// The index of the call.
        call: usize,
    },
}
