//! The commands, one a file.

pub mod check;
pub mod designs;
pub mod explore;
pub mod main_job;
#[cfg(madsim)]
mod mutants;
#[cfg(madsim)]
mod replay;
#[cfg(madsim)]
mod sim;
#[cfg(madsim)]
pub mod simulation;
#[cfg(not(madsim))]
#[path = "without_simulation.rs"]
pub mod simulation;
pub mod stream;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use gapless_model::design::{Design, NAMED, named, parse};
use miette::NamedSource;

use crate::failure::Failure;
use crate::files;

/// A design by its name, or from a TOML file; and what to call it.
fn find_design(name: &str) -> Result<(String, Design), Failure> {
    if let Some(known) = named(name) {
        return Ok((known.name.to_owned(), known.design));
    }
    let path = PathBuf::from(name);
    if !path.exists() {
        return Err(unknown(name));
    }
    let text = files::read(&path)?;
    let design = parse(&text).map_err(|source| Failure::Design {
        text: Arc::new(NamedSource::new(name, text.clone()).with_language("toml")),
        span: source.span.clone().into(),
        path: path.clone(),
        source: Box::new(source),
    })?;
    Ok((called(&path), design))
}

fn called(path: &Path) -> String {
    path.file_stem().map_or_else(|| "design".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn unknown(name: &str) -> Failure {
    let names: Vec<_> = NAMED.iter().map(|known| known.name).collect();
    Failure::UnknownDesign {
        name: name.to_owned(),
        help: format!(
            "the named designs are {}; a design of your own is a TOML file",
            names.join(", ")
        ),
    }
}
