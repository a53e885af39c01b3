//! The command `gapless`: check, explore, and (as they come) run ordered event streams on DynamoDB.

mod cli;
mod commands;
mod failure;
mod files;
mod interrupt;
mod progress;
mod report;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};

/// What the exit status says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    /// Everything holds.
    Holds = 0,
    /// Something is violated.
    Violated = 1,
    /// A limit ended it before it was exhaustive.
    Unfinished = 3,
}

/// Unusable input; clap uses the same status.
const UNUSABLE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        None => commands::main_job::run(),
        Some(Command::Check(args)) => commands::check::run(args),
        Some(Command::Explore(args)) => commands::explore::run(args),
        Some(Command::Designs(args)) => commands::designs::run(args),
    };
    match done {
        Ok(status) => ExitCode::from(status as u8),
        // Whoever reads the output has heard enough.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            let report = miette::Report::new(failure);
            eprintln!("{report:?}");
            ExitCode::from(UNUSABLE)
        }
    }
}
