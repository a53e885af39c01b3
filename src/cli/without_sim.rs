//! The commands that simulate, in a build without the simulation: known, and refused.

use std::ffi::OsString;

use clap::{Args, Subcommand};

/// The commands that simulate.
#[derive(Debug, Subcommand)]
pub enum SimulationCommand {
    /// Simulate whole clusters (not in this build).
    Sim(Anything),
    /// Repeat a simulated run (not in this build).
    Replay(Anything),
    /// Break the traffic or the protocol on purpose (not in this build).
    Mutants(Anything),
}

/// Whatever follows the command: the answer is the same.
#[derive(Debug, Args)]
pub struct Anything {
    /// Not read.
    #[arg(hide = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub ignored: Vec<OsString>,
}
