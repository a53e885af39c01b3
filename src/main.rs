//! The command `gapless`: checks, simulates and runs ordered event streams on DynamoDB.

mod calls;
mod checkpoint;
mod cli;
mod commands;
mod failure;
mod files;
mod input;
mod interrupt;
mod output;
mod progress;
mod report;
mod status;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use commands::stream::read::Follow;
use status::UNUSABLE;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match &cli.command {
        None => commands::main_job::run(),
        Some(Command::Check(args)) => commands::check::run(args),
        Some(Command::Explore(args)) => commands::explore::run(args),
        Some(Command::Designs(args)) => commands::designs::run(args),
        Some(Command::Simulation(command)) => commands::simulation::run(command),
        Some(Command::Init(args)) => commands::stream::init::run(args),
        Some(Command::Append(args)) => commands::stream::append::run(args),
        Some(Command::Consume(args)) => commands::stream::consume::run(args),
        Some(Command::Read(args)) => commands::stream::read::run(args, Follow::No),
        Some(Command::Tail(args)) => commands::stream::read::run(args, Follow::Yes),
        Some(Command::Status(args)) => commands::stream::status::run(args),
        Some(Command::Partitions(args)) => commands::stream::partitions::run(args),
        Some(Command::Split(args)) => commands::stream::split::run(args),
        Some(Command::Merge(args)) => commands::stream::merge::run(args),
        Some(Command::Scale(args)) => commands::stream::scale::run(args),
        Some(Command::Producers(args)) => commands::stream::producers::run(args),
        Some(Command::Seek(args)) => commands::stream::seek::run(args),
        Some(Command::Audit(args)) => commands::stream::audit::run(args),
        Some(Command::Validate(args)) => commands::validate::run(args),
        Some(Command::Serve(args)) => commands::stream::serve::run(args),
        Some(Command::Bench(args)) => commands::stream::bench::run(args),
    };
    match done {
        Ok(status) => ExitCode::from(status as u8),
        // The reader of the output has read enough, as `head` does.
        Err(failure) if failure.is_broken_pipe() => ExitCode::SUCCESS,
        Err(failure) => {
            let report = miette::Report::new(failure);
            // Where standard error is closed, the exit status still tells.
            let _ = writeln!(std::io::stderr(), "{report:?}");
            ExitCode::from(UNUSABLE)
        }
    }
}
