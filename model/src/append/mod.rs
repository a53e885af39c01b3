//! The machines of a producer: [`Append`] puts one batch into a slot, [`Claim`] makes a named
//! producer's earlier runs harmless before it appends.
//!
//! # The phases of an append
//!
//! | phase | it wants | what the reply leads to |
//! |---|---|---|
//! | read the head | [`ReadHead`] | take a number, with or without the write |
//! | read the tail | [`ReadTail`] | write the slot behind it (designs without a counter) |
//! | recover | [`ReadSlot`] | the slot that an earlier run was given: write it if it is empty |
//! | raise | [`Raise`] | the number: write that slot. Refused: see below |
//! | raise and write | [`RaiseAndWrite`] | both in one transaction, or neither |
//! | write | [`Write`] | the batch is in the log. Taken: see below |
//! | notify | a trigger | answered |
//! | answered | nothing | |
//!
//! The [`Increment`] axis decides which phase comes first, together with whether the caller
//! expects a certain head. An append that expects one skips the read of the head.
//!
//! A reply may be about an earlier attempt at the same request, whose own reply was lost. So
//! every refusal is sorted by what it shows:
//!
//! - **A raise is refused.** The old item carries what its last raise left: the token of an
//!   anonymous append that expected a head, or the record of a named producer. If that is the
//!   append's own, the raise had been applied, and the number is known. Otherwise the append lost
//!   a race and tries again, or it met a conflict, or a later run of its producer fenced it out.
//! - **A slot is taken.** If it holds the append's own token, the write had been applied. If it
//!   holds a void or another append's events, the append takes a new number; one that expects a
//!   position and finds another's events is in conflict with them.
//!
//! [`ReadHead`]: crate::store::Request::ReadHead
//! [`ReadTail`]: crate::store::Request::ReadTail
//! [`ReadSlot`]: crate::store::Request::ReadSlot
//! [`Raise`]: crate::store::Request::Raise
//! [`RaiseAndWrite`]: crate::store::Request::RaiseAndWrite
//! [`Write`]: crate::store::Request::Write
//! [`Increment`]: crate::design::Increment

mod claim;
mod machine;

pub use claim::Claim;
pub use machine::{Answer, Append, Identity, Session, Want};
