//! The command's exit status.

/// How a command with usable input ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Everything holds.
    Holds = 0,
    /// Something is violated.
    Violated = 1,
    /// A limit or Ctrl-C ended it before it was done.
    Unfinished = 3,
}

/// The exit status of unusable input and of errors. clap uses the same.
pub const UNUSABLE: u8 = 2;
