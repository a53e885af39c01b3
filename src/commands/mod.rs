//! The commands, one a file.

pub mod check;
mod counted;
pub mod designs;
pub mod explore;
pub mod main_job;
#[cfg(madsim)]
mod mutants;
#[cfg(madsim)]
mod replay;
#[cfg(madsim)]
mod script;
#[cfg(madsim)]
mod sim;
#[cfg(madsim)]
pub mod simulation;
#[cfg(not(madsim))]
#[path = "without_simulation.rs"]
pub mod simulation;
pub mod stream;
pub mod validate;

use std::ffi::OsString;
use std::path::Path;
use std::sync::Arc;

use gapless_model::design::{Design, all, named, parse};
use miette::NamedSource;

use crate::failure::{Cause, Failure};
use crate::files;
use crate::input::Input;

/// A design, by its name or from a TOML file, and what to call it.
fn find_design(name: &str) -> Result<(String, Design), Failure> {
    if let Some(known) = named(name) {
        return Ok((known.name.to_owned(), known.design));
    }
    let input = Input::from(OsString::from(name));
    let title = match &input {
        Input::Stdin => "stdin".to_owned(),
        Input::File(path) if !path.exists() => return Err(unknown(name)),
        Input::File(path) => title(path),
    };
    let text = files::read(&input)?;
    // An empty file is the recommended design; an empty pipe is a command that failed.
    if input == Input::Stdin && text.trim().is_empty() {
        return Err(Failure::Usage {
            what: format!("{input} is empty, and should hold a design"),
            help: "a design is a TOML file, such as `gapless designs show seed` prints".to_owned(),
        });
    }
    let design = parse(&text).map_err(|error| Failure::Design {
        text: Arc::new(NamedSource::new(input.to_string(), text.clone()).with_language("toml")),
        span: error.span.clone().into(),
        line: error.line,
        source: Cause::of(&error.mistake),
        input,
    })?;
    Ok((title, design))
}

/// Several designs.
fn find_designs(names: &[String]) -> Result<Vec<(String, Design)>, Failure> {
    if names.iter().filter(|name| *name == "-").count() > 1 {
        return Err(Failure::Usage {
            what: "`-` is given twice, and standard input can be read only once".to_owned(),
            help: "give one design on standard input, and the others by name or file".to_owned(),
        });
    }
    names.iter().map(|name| find_design(name)).collect()
}

/// What to call the design in a file.
fn title(path: &Path) -> String {
    path.file_stem().map_or_else(|| "design".to_owned(), |stem| stem.to_string_lossy().into_owned())
}

fn unknown(name: &str) -> Failure {
    let names: Vec<_> = all().map(|known| known.name).collect();
    Failure::UnknownDesign {
        name: name.to_owned(),
        help: format!(
            "the named designs are {}; a design of your own is a TOML file",
            names.join(", ")
        ),
    }
}
