//! Keeping an unfinished search in a file, and going on from there.
//!
//! A checkpoint file has two lines of text, which say whose search it is and how far it has come,
//! and then the search itself in blocks with checksums. It has nothing to do with the checkpoint
//! of a group.

mod blocks;
mod file;
mod header;
mod keeper;

pub use file::{CheckpointError, CheckpointFile, Checkpointing};
pub(super) use keeper::Keeper;
