//! What ends the command with exit status 2: what went wrong, where, and what to do next.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gapless_model::check::{BoundsError, CheckpointError, ReplayError};
use miette::{Diagnostic, NamedSource, SourceSpan};

use crate::input::Input;

/// Everything that ends the command with exit status 2.
#[derive(Debug, thiserror::Error, Diagnostic)]
pub enum Failure {
    /// No design has that name, and no file either.
    #[error("there is no design `{name}`, and no file of that name")]
    #[diagnostic(help("{help}"))]
    UnknownDesign {
        /// The name as typed.
        name: String,
        /// The designs that exist.
        help: String,
    },
    /// A design file has a mistake.
    #[error("{input}: line {line}")]
    Design {
        /// Where the design comes from.
        input: Input,
        /// The line, from 1.
        line: usize,
        /// What is wrong, and what would be right.
        source: Cause,
        /// The file's text.
        #[source_code]
        text: Arc<NamedSource<String>>,
        /// The place in the text.
        #[label("here")]
        span: SourceSpan,
    },
    /// A bound is out of its range.
    #[error(transparent)]
    #[diagnostic(help("`gapless check --help` lists the bounds"))]
    Bounds(#[from] BoundsError),
    /// A decision log cannot be replayed.
    #[error("cannot replay {input}")]
    #[diagnostic(help("a decision log comes from `gapless check --trace DIR`"))]
    Replay {
        /// Where the log comes from.
        input: Input,
        /// Why not.
        source: Cause,
    },
    /// A search cannot go on from its checkpoint file.
    #[error("cannot go on from {}", .path.display())]
    #[diagnostic(help("nothing was overwritten; {help}"))]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What to do instead.
        help: &'static str,
        /// Why not.
        source: Cause,
    },
    /// An input cannot be read.
    #[error("cannot read {input}")]
    Read {
        /// The input.
        input: Input,
        /// Why not.
        source: io::Error,
    },
    /// A file or folder cannot be written.
    #[error("cannot write {}", .path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A file that is not needed any more cannot be removed.
    #[error("cannot remove {}", .path.display())]
    Remove {
        /// The file.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Something that was asked for cannot be done.
    #[error("{what}")]
    #[diagnostic(help("{help}"))]
    Usage {
        /// What cannot be done.
        what: String,
        /// What to do instead.
        help: String,
    },
    /// A stream, or the store that holds it, cannot be opened or used.
    #[error("{what}")]
    #[diagnostic(help("{help}"))]
    Stream {
        /// What failed.
        what: &'static str,
        /// What to do next.
        help: String,
        /// Why it failed.
        source: Cause,
    },
    /// A line of events has a mistake.
    #[error("{input}: line {line}: {what}")]
    #[diagnostic(help("{help}"))]
    InputLine {
        /// Where the events come from.
        input: Input,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        what: String,
        /// What happened to the lines before it.
        help: String,
    },
    /// Standard output cannot be written.
    #[error("cannot write to standard output")]
    Output(#[from] io::Error),
}

impl Failure {
    /// A decision log cannot be replayed.
    pub fn replay(input: &Input, error: &ReplayError) -> Failure {
        Failure::Replay { input: input.clone(), source: Cause::of(error) }
    }

    /// A search cannot go on from its checkpoint file.
    pub fn checkpoint(path: &Path, error: &CheckpointError) -> Failure {
        let help = match error {
            CheckpointError::Search { .. } => {
                "give the options of the search that it keeps, or another FILE"
            }
            CheckpointError::Format { .. }
            | CheckpointError::Build { .. }
            | CheckpointError::Processor => {
                "finish its search with the program that wrote it, or give another FILE to begin anew"
            }
            CheckpointError::Alien | CheckpointError::Damaged { .. } => {
                "give another FILE to begin anew, or delete this one"
            }
            CheckpointError::Read(_) => "give another FILE to begin anew",
            CheckpointError::Engine => "search with --engine own",
            CheckpointError::Disk => "leave out --disk",
        };
        Failure::Checkpoint { path: path.to_owned(), help, source: Cause::of(error) }
    }

    /// Whether the reader of standard output closed it, as `head` does.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, Failure::Output(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// What is wrong with a line that should be JSON: the place in it first.
pub fn json_mistake(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(mistake) if error.line() == 1 => format!("column {}: {mistake}", error.column()),
        Some(_) | None => text,
    }
}

/// Why something failed, as it is printed: one cause a line, without repetitions.
#[derive(Debug)]
pub struct Cause {
    text: String,
    next: Option<Box<Cause>>,
}

impl Cause {
    /// An error and its sources. Many errors repeat their source in their own text: the
    /// repetition is left out.
    pub fn of(error: &(dyn Error + 'static)) -> Cause {
        let json = error.downcast_ref::<serde_json::Error>();
        let whole = json.map_or_else(|| error.to_string(), json_mistake);
        let text = without_debug_output(&whole).to_owned();
        let Some(source) = error.source() else { return Cause { text, next: None } };
        let next = Cause::of(source);
        match whole.strip_suffix(&source.to_string()) {
            Some("") => next,
            Some(own) => {
                let text = own.trim_end_matches([':', ' ']).to_owned();
                Cause { text, next: Some(Box::new(next)) }
            }
            None => Cause { text, next: Some(Box::new(next)) },
        }
    }

    /// Whether some line of it contains these words.
    pub fn mentions(&self, words: &str) -> bool {
        self.text.contains(words) || self.next.as_ref().is_some_and(|next| next.mentions(words))
    }
}

/// An SDK error with its context ends with its Debug output in parentheses, which repeats
/// what stands before it.
fn without_debug_output(text: &str) -> &str {
    const VARIANTS: [&str; 5] = [
        " (ConstructionFailure(",
        " (DispatchFailure(",
        " (ResponseError(",
        " (ServiceError(",
        " (TimeoutError(",
    ];
    VARIANTS
        .iter()
        .find_map(|variant| text.split_once(variant))
        .map_or(text, |(context, _debug_output)| context)
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Cause {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.next.as_deref().map(|next| next as _)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("table t: no answer: {why}")]
    struct Outer {
        #[source]
        why: Box<dyn Error + Send + Sync>,
    }

    fn lines(error: &(dyn Error + 'static)) -> Vec<String> {
        let cause = Cause::of(error);
        let mut lines = vec![cause.to_string()];
        let mut next = cause.source();
        while let Some(cause) = next {
            lines.push(cause.to_string());
            next = cause.source();
        }
        lines
    }

    #[test]
    fn a_cause_is_told_once_and_without_debug_output() {
        let sdk = "dispatch failure: refused (DispatchFailure(DispatchFailure { kind: Io }))";
        let error = Outer { why: sdk.into() };
        assert_eq!(lines(&error), ["table t: no answer", "dispatch failure: refused"]);
        let refused = io::Error::other("gone (os error 2)");
        assert_eq!(lines(&refused), ["gone (os error 2)"]);
    }

    #[test]
    fn a_mistake_in_json_names_its_column_first() {
        let error = serde_json::from_str::<serde_json::Value>("{\"a\":").expect_err("no JSON");
        assert_eq!(lines(&error), ["column 5: EOF while parsing a value"]);
        let error = serde_json::from_str::<serde_json::Value>("{\n,").expect_err("no JSON");
        assert!(lines(&error)[0].contains("at line 2 column 1"));
    }
}
