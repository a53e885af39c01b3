//! What can be wrong with what the user gave us: where, and what would be right.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use gapless_model::check::{BoundsError, ReplayError};
use gapless_model::design::DesignError;
use miette::{Diagnostic, NamedSource, SourceSpan};

/// Everything that ends the command with exit status 2.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Failure {
    /// No design has that name, and no file either.
    #[error("there is no design `{name}`, and no file of that name")]
    #[diagnostic(help("{help}"))]
    UnknownDesign {
        /// What was asked for.
        name: String,
        /// What would be right.
        help: String,
    },
    /// A design file is wrong.
    #[error("{}: line {}", .path.display(), .source.line)]
    Design {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Box<DesignError>,
        /// Its text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// The place.
        #[label("here")]
        span: SourceSpan,
    },
    /// A bound cannot be met.
    #[error(transparent)]
    #[diagnostic(help("`gapless check --help` lists the bounds"))]
    Bounds(#[from] BoundsError),
    /// A log cannot be replayed.
    #[error("{} cannot be replayed", .path.display())]
    Replay {
        /// The file.
        path: PathBuf,
        /// Why.
        source: ReplayError,
    },
    /// A file cannot be read or written.
    #[error("cannot {doing} {}", .path.display())]
    File {
        /// What was tried.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An option's value is none.
    #[error("{0}")]
    #[diagnostic(help("{1}"))]
    Option(String, String),
    /// A stream cannot be opened, or not be used.
    #[error("{doing}")]
    #[diagnostic(help("{help}"))]
    Stream {
        /// What was tried.
        doing: &'static str,
        /// What would help.
        help: String,
        /// Why not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A line of the input is none.
    #[error("{input}: line {line}: {what}")]
    #[diagnostic(help("{help}"))]
    Line {
        /// The file, or standard input.
        input: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
        /// What became of the lines before.
        help: String,
    },
    /// The output cannot be written.
    #[error("cannot write the output")]
    Output(#[from] io::Error),
}

impl Failure {
    /// Whether the reader of the output went away.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}
