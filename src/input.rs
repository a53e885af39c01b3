//! An input that the user names: a file, or `-` for standard input.

use std::ffi::OsString;
use std::fmt;
use std::path::PathBuf;

/// Where input comes from. On the command line `-` is standard input; a file of that
/// name is `./-`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// Standard input.
    Stdin,
    /// A file.
    File(PathBuf),
}

impl From<OsString> for Input {
    fn from(argument: OsString) -> Input {
        if argument == "-" { Input::Stdin } else { Input::File(argument.into()) }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Input::Stdin => f.write_str("standard input"),
            Input::File(path) => path.display().fmt(f),
        }
    }
}
