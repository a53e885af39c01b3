//! The machine of a worker: [`Consume`] is one turn on one partition for one group. [`Seek`] is its
//! operator's, who moves a checkpoint by hand.
//!
//! # The phases of a turn
//!
//! | phase | it wants | what the news leads to |
//! |---|---|---|
//! | read the lease | [`ReadLease`] | set it if it is free (the first draft) |
//! | set the lease | [`SetLease`] | read (the first draft) |
//! | acquire | [`Acquire`] | read. Refused: the turn is busy, or watches the lease |
//! | watch | to be woken when the lease's length has passed | acquire, on condition that nothing changed |
//! | wake | [`Wake`] | the holder will see it, and the turn ends as busy. Refused: acquire |
//! | read | [`ReadEvents`] | deliver; move the checkpoint over voids; wait at a gap; release at the tail |
//! | deliver | a delivery; [`Renew`] when that is due | move the checkpoint; look behind the last slot of its page, or release if it is to stop (`finish = "one-write"`) |
//! | gap | to be woken when the grace period ends; [`Renew`] when that is due | void, or read again |
//! | void | [`Void`] | read: the slot is settled either way |
//! | checkpoint | [`Checkpoint`] | read on behind it |
//! | look behind | [`ReadEvents`], until a renewal is due | move the checkpoint if something came, or the look failed; otherwise release, and move it with that. If it is to stop, release in any case |
//! | release | [`Release`] | done. Refused because of new work: read, or move the checkpoint that is still to be moved |
//! | look again | [`ReadEvents`] | begin anew if there is work (`release = "look-again"`) |
//! | trigger | a trigger for a successor | done, or release |
//! | done | nothing | |
//!
//! Three rules hold in every phase:
//!
//! - **The clock decides first.** When the turn is told anything at or after the end of its lease,
//!   by its own clock, it is over, whatever it was told (L2). The lease counts from the time at
//!   which it was asked for, not from the reply.
//! - **A refusal may be the turn's own effect.** An acquire that meets a lease under the turn's own
//!   name that has not ended, a checkpoint that is already where it should be, and a release of
//!   a lease that is free under the turn's epoch, with the checkpoint where the release moves it, had
//!   all been applied before, and count as done.
//! - **Any other refusal of a write under the lease ends the turn**, because another worker may
//!   have the lease. The exception is a release that new work refuses: the turn goes on.
//!
//! [`ReadLease`]: crate::store::Request::ReadLease
//! [`SetLease`]: crate::store::Request::SetLease
//! [`Acquire`]: crate::store::Request::Acquire
//! [`Wake`]: crate::store::Request::Wake
//! [`ReadEvents`]: crate::store::Request::ReadEvents
//! [`Renew`]: crate::store::Request::Renew
//! [`Void`]: crate::store::Request::Void
//! [`Checkpoint`]: crate::store::Request::Checkpoint
//! [`Release`]: crate::store::Request::Release

mod giving_up;
mod machine;
mod parents;
mod reading;
mod requests;
mod seek;
mod state;
mod taking;
mod turn;

pub use machine::News;
pub use seek::{Seek, SeekEnd};
pub use state::Consume;
pub use turn::{Delivery, Outcome, Wants};
