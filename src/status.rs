//! What the command's exit status says.

/// How a command ended that had usable input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything holds.
    Holds = 0,
    /// Something is violated.
    Violated = 1,
    /// A limit ended it before it was exhaustive.
    Unfinished = 3,
}

/// The exit status of unusable input. clap uses the same.
pub const UNUSABLE: u8 = 2;
