//! Soaks: what must hold is held against minutes of work, kills included.
//!
//! Without a subcommand, one process keeps a stream busy on the embedded engine. `reshape` has real
//! processes on `gapless serve`, whose partitions split and merge meanwhile.

mod busy;
mod reshape;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Parser, Subcommand};

/// Keep a stream busy, and look what comes of it
#[derive(Parser)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Exit status: 0 if nothing is wrong, 1 if something is, 2 if it could not begin."
)]
struct Args {
    /// How long to append.
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = humantime::parse_duration)]
    time: Duration,
    #[command(subcommand)]
    kind: Option<Kind>,
}

#[derive(Subcommand)]
enum Kind {
    /// Split and merge partitions under real processes, of which some are killed
    Reshape(reshape::Args),
    /// One of the processes that `reshape` starts
    #[command(hide = true)]
    Part(reshape::PartArgs),
}

#[tokio::main(worker_threads = 2)]
async fn main() -> anyhow::Result<ExitCode> {
    let args = Args::parse();
    match args.kind {
        None => busy::run(args.time).await,
        Some(Kind::Reshape(args)) => reshape::run(&args).await,
        Some(Kind::Part(args)) => reshape::play_part(args).await,
    }
}
