//! Where an unfinished search is kept, and why it may not be possible to go on from there.

use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// The number of the format. It is raised whenever what is written, or what it means, changes.
pub(super) const FORMAT: u32 = 2;

/// Where an unfinished search is kept. A program that searches decides what that is.
pub trait CheckpointFile: Send {
    /// Opens what is kept; `None` if nothing is.
    ///
    /// # Errors
    /// It cannot be read.
    fn open(&mut self) -> io::Result<Option<Box<dyn Read>>>;

    /// Replaces what is kept by what `write` writes, as a whole or not at all. `write` writes in
    /// large blocks.
    ///
    /// # Errors
    /// It cannot be written. What was kept before is kept still.
    fn replace(
        &mut self,
        write: &mut dyn FnMut(&mut dyn Write) -> io::Result<()>,
    ) -> io::Result<()>;
}

/// How a search is kept while it is unfinished.
pub struct Checkpointing<'a> {
    /// Where it is kept.
    pub file: &'a mut dyn CheckpointFile,
    /// The time between two checkpoints. One more is written when the search ends, early or not.
    pub every: Duration,
    /// What tells the program's builds apart. A search goes on only under the build that began it,
    /// since another may take other steps or count other states.
    pub build: &'a str,
}

/// The error for a checkpoint file from which a search cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[source] io::Error),
    /// It is something else.
    #[error("it is not a checkpoint file: it does not begin with `gapless-checkpoint`")]
    Alien,
    /// Its format is another one.
    #[error("it has format {found}, and this version of gapless reads format {FORMAT}")]
    Format {
        /// The number of its format.
        found: u32,
    },
    /// Another build wrote it.
    #[error("it was written by gapless {found}, and this is gapless {here}")]
    Build {
        /// The version and the build that wrote it.
        found: String,
        /// The version and the build of this program.
        here: String,
    },
    /// A build for another kind of processor wrote it, which sorts requests under way otherwise.
    #[error("it was written by a build for another kind of processor")]
    Processor,
    /// It keeps another search.
    #[error("it keeps another search: {}", .differences.join("; "))]
    Search {
        /// What differs, each with its value there and here.
        differences: Vec<String>,
    },
    /// It is not what was written.
    #[error("it is damaged or cut short: {what}")]
    Damaged {
        /// What shows it.
        what: String,
    },
    /// The task is to be searched by an engine that keeps no checkpoints.
    #[error("only the engine of gapless keeps checkpoints")]
    Engine,
    /// The search moves states to disk, which checkpoints do not keep.
    #[error("a search that moves states to disk keeps no checkpoints")]
    Disk,
}

impl CheckpointError {
    /// The error for bytes that could not be read, or are not what they should be.
    pub(super) fn reading(error: io::Error) -> CheckpointError {
        match error.kind() {
            ErrorKind::InvalidData => CheckpointError::Damaged { what: error.to_string() },
            ErrorKind::UnexpectedEof => {
                CheckpointError::Damaged { what: "it ends too early".to_owned() }
            }
            _ => CheckpointError::Read(error),
        }
    }
}
