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

/// What follows the help of commands that judge.
pub const EXIT_STATUS: &str = "\
Exit status:
  0  everything that was checked holds
  1  something is violated
  2  the input is unusable, or an error ended the command
  3  a limit or Ctrl-C ended the command before it was done";
