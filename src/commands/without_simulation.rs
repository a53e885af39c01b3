//! What simulates, in a build without the simulation: it says so.

use std::io::Write;

use crate::cli::sim::SimulationCommand;
use crate::failure::Failure;
use crate::status::Status;

const ABSENT: &str = "this build has no simulation";
const INSTEAD: &str = "build in the repository, or set RUSTFLAGS=\"--cfg madsim\"";

/// There is no last part to announce.
pub fn announcement() -> Option<String> {
    None
}

/// There is nothing to suggest.
pub fn suggestion() -> Option<(&'static str, &'static str)> {
    None
}

/// Refuses each of the commands.
pub fn run(_command: &SimulationCommand) -> Result<Status, Failure> {
    Err(Failure::Usage { what: ABSENT.to_owned(), help: INSTEAD.to_owned() })
}

/// The main job's part is left out, which violates nothing.
pub fn showcase(out: &mut impl Write) -> Result<Status, Failure> {
    writeln!(out, "\nThe simulation is skipped: {ABSENT}; {INSTEAD}")?;
    Ok(Status::Holds)
}
