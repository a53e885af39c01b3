//! Why nothing could be said of the faults.

use std::io;
use std::path::PathBuf;

use thiserror::Error;

/// What was wrong, and what would be right.
#[derive(Debug, Error)]
pub enum Mistake {
    /// There is no checkout of gapless.
    #[error("{folder} is no checkout of gapless: run this in the root of the repository", folder = folder.display())]
    NoCheckout {
        /// Where it was looked for.
        folder: PathBuf,
    },
    /// A program could not be started.
    #[error("could not run {program}: {why}")]
    Run {
        /// Which.
        program: String,
        /// Why.
        why: io::Error,
    },
    /// A file could not be read.
    #[error("could not read {path}: {why}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A file could not be written.
    #[error("could not write {path}: {why}", path = path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        why: io::Error,
    },
    /// A source that can't be parsed.
    #[error("{file} is no Rust: {why}")]
    Parse {
        /// Which.
        file: String,
        /// Why.
        why: syn::Error,
    },
    /// The copy can't be built.
    #[error("the copy with its faults can't be built:\n{what}")]
    Build {
        /// What the compiler says.
        what: String,
    },
    /// A check fails where nothing is broken.
    #[error("`{check}` fails without any fault, so it says nothing: {how}")]
    Baseline {
        /// Which.
        check: String,
        /// How.
        how: String,
    },
    /// A program of the build is missing.
    #[error("the build has no program `{name}`")]
    NoProgram {
        /// Which.
        name: String,
    },
    /// The list of harmless faults can't be used.
    #[error("{path}: {what}", path = path.display())]
    Harmless {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        what: String,
    },
    /// Nothing was chosen.
    #[error("{what}")]
    Usage {
        /// What is wrong.
        what: String,
    },
}
