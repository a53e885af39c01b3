//! The commands that use a stream, one a module, and how each of them opens it.

pub mod append;
pub mod audit;
pub mod bench;
pub mod consume;
pub mod init;
pub mod merge;
pub mod partitions;
pub mod producers;
pub mod read;
pub mod scale;
pub mod seek;
pub mod serve;
pub mod showcase;
pub mod split;
pub mod status;

mod ending;
mod event_line;
mod lineage;
mod store;

use std::error::Error;
use std::io::LineWriter;
use std::sync::Arc;

use gapless::{Config, DecisionLog, SetupError, Stream};

use self::store::Store;
use crate::calls;
use crate::cli::stream::Place;
use crate::failure::{Cause, Failure};

/// What is true of every command that only reads.
const READ_ONLY: &str = "nothing was changed: the same command can be given again";

/// Runs a command's future.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    // Nothing is logged unless `GAPLESS_LOG` asks for it, as in `GAPLESS_LOG=debug`.
    let filter = tracing_subscriber::EnvFilter::try_from_env("GAPLESS_LOG");
    if let Ok(filter) = filter {
        // Where the reader of the log has read enough, the command goes on without.
        let subscriber =
            tracing_subscriber::fmt().with_env_filter(filter).log_internal_errors(false);
        // This fails where a subscriber is installed already, which is as good.
        drop(subscriber.with_writer(std::io::stderr).try_init());
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let ended = runtime.block_on(future);
    // An output that nobody reads must not keep the process.
    runtime.shutdown_background();
    ended
}

/// The stream's configuration, as far as the options determine it.
fn config(place: &Place) -> Config {
    Config::new(&place.table_prefix).patience(place.patience)
}

/// Opens the stream that the options name. Creates nothing, not even an empty file.
async fn open(place: &Place) -> Result<(Stream, Store), Failure> {
    open_as(place, config(place)).await
}

/// The same, used as the configuration says.
async fn open_as(place: &Place, config: Config) -> Result<(Stream, Store), Failure> {
    let store = Store::open_existing(place).await?;
    let opened = Stream::open(store.client(), config).await;
    let stream = opened.map_err(|error| open_failure(&error, place))?;
    Ok((log_decisions(stream, place)?, store))
}

/// The same stream, with every decision written to the file of `--decisions`.
fn log_decisions(stream: Stream, place: &Place) -> Result<Stream, Failure> {
    let Some(path) = &place.decisions else { return Ok(stream) };
    let file = calls::open_for_writing(path)?;
    let begin = if place.payloads { DecisionLog::with_payloads } else { DecisionLog::new };
    let log = begin(LineWriter::new(file))
        .map_err(|source| Failure::Write { path: path.clone(), source })?;
    Ok(stream.observed(Arc::new(log)))
}

/// Why a stream cannot be opened, and what would help.
fn open_failure(error: &SetupError, place: &Place) -> Failure {
    let source = Cause::of(error);
    let help = match error {
        SetupError::NoTable { .. } | SetupError::NoStream => {
            "`gapless init` creates the stream; `--table-prefix` chooses another one".to_owned()
        }
        SetupError::Schema { .. } => {
            "these tables belong to something else: choose another --table-prefix".to_owned()
        }
        SetupError::Founding { .. } | SetupError::Design { .. } => {
            "a stream keeps the options it was created with: give those, or choose another \
             --table-prefix"
                .to_owned()
        }
        SetupError::Config(_) | SetupError::Client { .. } => {
            "`gapless init --help` says what each option takes".to_owned()
        }
        SetupError::Store(_) if source.mentions("redential") => {
            "log in, or set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY; or use \
             --embedded, or --endpoint-url with a local DynamoDB"
                .to_owned()
        }
        SetupError::Store(_) if source.mentions("egion") => {
            "give a --region, or set AWS_REGION".to_owned()
        }
        SetupError::Store(_) => match &place.endpoint_url {
            Some(url) => {
                format!("is anything listening at {url}? `gapless serve` starts a local DynamoDB")
            }
            None => "check the network, and that you are allowed to use DynamoDB".to_owned(),
        },
        _ => "`gapless init --help` says what each option takes".to_owned(),
    };
    Failure::Stream { what: "the stream cannot be opened", help, source }
}

/// Something failed while the stream was in use.
fn use_failure(
    what: &'static str,
    error: &(dyn Error + 'static),
    help: impl Into<String>,
) -> Failure {
    Failure::Stream { what, help: help.into(), source: Cause::of(error) }
}
