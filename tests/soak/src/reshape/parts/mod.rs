//! The processes of the cluster, from the inside. Each ends once its standard input does, so none outlives
//! the one that started it.

mod operator;
mod prober;
mod producer;
pub mod worker;

pub use self::producer::last_reached;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use gapless::Stop;

use super::steps::Step;

/// One process, and where the stream is.
#[derive(Args)]
pub struct PartArgs {
    #[command(subcommand)]
    part: Part,
    /// Where the stream is.
    #[arg(long, global = true, default_value = "http://127.0.0.1:8000")]
    endpoint: String,
}

#[derive(Subcommand)]
enum Part {
    /// A named producer
    Producer {
        number: u16,
        /// How far its runs have come.
        reached: PathBuf,
    },
    /// A worker
    Worker { out: PathBuf },
    /// Appends to one key in each range, without a name
    Prober { out: PathBuf },
    /// Splits and merges
    Operator { steps: Vec<Step> },
}

/// Plays the part until it is done, or until standard input ends.
pub async fn play_part(args: PartArgs) -> anyhow::Result<ExitCode> {
    let endpoint = &args.endpoint;
    match args.part {
        Part::Producer { number, reached } => {
            producer::produce(endpoint, number, &reached, &until_input_ends(Stop::new())).await?;
        }
        Part::Worker { out } => worker::work(endpoint, &out).await?,
        Part::Prober { out } => {
            prober::probe(endpoint, &out, &until_input_ends(Stop::new())).await?;
        }
        Part::Operator { steps } => operator::operate(endpoint, &steps).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Requests the stop once standard input has ended. A thread, because such a read cannot be given up.
fn until_input_ends(stop: Stop) -> Stop {
    let ending = stop.clone();
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        ending.request();
    });
    stop
}
