//! The commands that use a stream, one a file; and how each gets at it.

pub mod append;
pub mod audit;
pub mod bench;
pub mod consume;
pub mod init;
pub mod read;
pub mod serve;
pub mod showcase;
pub mod status;

use std::error::Error;
use std::fs::File;
use std::io::LineWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use gapless::embedded::Engine;
use gapless::{Config, DecisionLog, Event, Recorded, SetupError, Stream};
use serde::Serialize;

use crate::cli::stream::Place;
use crate::failure::Failure;

/// Runs a command's future.
fn block_on<T>(future: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    // Nothing that a user did not ask for is printed: `GAPLESS_LOG=debug` asks.
    let filter = tracing_subscriber::EnvFilter::try_from_env("GAPLESS_LOG");
    if let Ok(filter) = filter {
        // Somebody else's subscriber is as good.
        drop(
            tracing_subscriber::fmt()
                .with_env_filter(filter)
                .with_writer(std::io::stderr)
                .try_init(),
        );
    }
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(future)
}

/// How the store is reached.
pub enum Reached {
    /// A DynamoDB in this process.
    Embedded(Engine),
    /// One elsewhere, as AWS's own configuration says.
    Elsewhere(Box<aws_config::SdkConfig>),
}

impl Reached {
    /// As the options say.
    pub async fn by(place: &Place) -> Result<Reached, Failure> {
        match &place.embedded {
            Some(file) => Ok(Reached::Embedded(engine(
                Some(file).filter(|file| !file.as_os_str().is_empty()),
            )?)),
            None => Ok(Reached::Elsewhere(Box::new(config(place).await))),
        }
    }

    /// A client of DynamoDB.
    pub fn client(&self) -> Client {
        match self {
            Reached::Embedded(engine) => engine.client(),
            Reached::Elsewhere(config) => Client::new(config.as_ref()),
        }
    }

    /// A client of DynamoDB Streams.
    pub fn streams(&self) -> aws_sdk_dynamodbstreams::Client {
        match self {
            Reached::Embedded(engine) => {
                let config = engine.client().config().to_builder().build();
                let config = aws_sdk_dynamodbstreams::Config::builder()
                    .behavior_version(BehaviorVersion::latest())
                    .region(config.region().cloned())
                    .credentials_provider(aws_sdk_dynamodb::config::Credentials::new(
                        "embedded", "embedded", None, None, "embedded",
                    ))
                    .http_client(engine.http_client())
                    .build();
                aws_sdk_dynamodbstreams::Client::from_conf(config)
            }
            Reached::Elsewhere(config) => aws_sdk_dynamodbstreams::Client::new(config.as_ref()),
        }
    }
}

/// The embedded engine, on a file or in memory.
pub fn engine(file: Option<&PathBuf>) -> Result<Engine, Failure> {
    let opened = file.map_or_else(Engine::memory, |file| Engine::file(file));
    opened.map_err(|source| Failure::Stream {
        doing: "the embedded engine cannot be started",
        help: "the file is one that the engine made, or one that is not there yet".to_owned(),
        source: source.into(),
    })
}

async fn config(place: &Place) -> aws_config::SdkConfig {
    let tls = Provider::Rustls(CryptoMode::Ring);
    let http = aws_smithy_http_client::Builder::new().tls_provider(tls).build_https();
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(2))
        .build();
    let mut loader =
        aws_config::defaults(BehaviorVersion::latest()).http_client(http).timeout_config(timeouts);
    if let Some(region) = &place.region {
        loader = loader.region(aws_config::Region::new(region.clone()));
    }
    if let Some(profile) = &place.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &place.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = loader.load().await;
    // On a loopback endpoint nobody asks who one is; do not demand to be told.
    let local = place.endpoint_url.as_deref().is_some_and(is_loopback);
    if !local {
        return config;
    }
    let mut config = config.into_builder();
    let keys = aws_sdk_dynamodb::config::Credentials::new("local", "local", None, None, "local");
    config.set_credentials_provider(Some(
        aws_sdk_dynamodb::config::SharedCredentialsProvider::new(keys),
    ));
    let region = place.region.clone().unwrap_or_else(|| "us-east-1".to_owned());
    config.set_region(Some(aws_config::Region::new(region)));
    config.build()
}

fn is_loopback(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    host == "localhost" || host.starts_with("127.") || rest.starts_with("[::1]")
}

/// What the options say of a stream.
fn settings(place: &Place) -> Config {
    Config::new(&place.table_prefix).patience(place.patience)
}

/// Opens the stream that the options name.
async fn open(place: &Place) -> Result<(Stream, Reached), Failure> {
    let reached = Reached::by(place).await?;
    let opened = Stream::open(reached.client(), settings(place)).await;
    let stream = opened.map_err(|error| unopened(error, place))?;
    Ok((observed(stream, place)?, reached))
}

fn observed(stream: Stream, place: &Place) -> Result<Stream, Failure> {
    let Some(path) = &place.decisions else { return Ok(stream) };
    let failed = |source| Failure::File { doing: "write", path: path.clone(), source };
    let file = File::create(path).map_err(failed)?;
    let log = DecisionLog::new(LineWriter::new(file)).map_err(failed)?;
    Ok(stream.observed(Arc::new(log)))
}

fn unopened(error: SetupError, place: &Place) -> Failure {
    let text = chain(&error);
    let help = match &error {
        SetupError::NoTable { .. } | SetupError::NoStream => {
            "`gapless init` creates the stream; `--table-prefix` says which tables are meant"
                .to_owned()
        }
        SetupError::Schema { .. } => {
            "another prefix (`--table-prefix`), or other tables".to_owned()
        }
        SetupError::Founding { .. } => {
            "leave the options as the stream has them, or take another prefix".to_owned()
        }
        SetupError::Config(_) | SetupError::Client { .. } => "see `gapless init --help`".to_owned(),
        SetupError::Store(_) if text.contains("redential") => {
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, log in, or use \
             --embedded or the --endpoint-url of a local DynamoDB"
                .to_owned()
        }
        SetupError::Store(_) if text.contains("egion") => {
            "give a --region, or set AWS_REGION".to_owned()
        }
        SetupError::Store(_) => match &place.endpoint_url {
            Some(url) => format!("is anything listening at {url}? `gapless serve` would"),
            None => "is the network up, and may you use DynamoDB?".to_owned(),
        },
        _ => "see `gapless init --help`".to_owned(),
    };
    Failure::Stream { doing: "the stream cannot be opened", help, source: error.into() }
}

/// Something failed while the stream was in use.
fn unused(doing: &'static str, error: impl Error + Send + Sync + 'static) -> Failure {
    let help = "nothing is half done: the same command can be given again".to_owned();
    Failure::Stream { doing, help, source: error.into() }
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

/// An event as a line of NDJSON.
#[derive(Serialize)]
struct Line<'a> {
    partition: &'a str,
    position: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    key: &'a str,
    #[serde(flatten)]
    data: Content<'a>,
}

/// What happened, in the plainest form that it has.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum Content<'a> {
    /// It is JSON.
    Data(&'a serde_json::value::RawValue),
    /// It is text, and no JSON.
    Text(&'a str),
    /// It is neither.
    Base64(String),
}

impl<'a> Content<'a> {
    fn of(event: &'a Event) -> Content<'a> {
        use base64::Engine as _;
        match event.text() {
            Some(text) => match serde_json::from_str(text) {
                // A line is one line, whatever the event's own layout.
                Ok(json) if !text.contains('\n') => Content::Data(json),
                _ => Content::Text(text),
            },
            None => Content::Base64(base64::engine::general_purpose::STANDARD.encode(&event.data)),
        }
    }
}

/// Adds an event to NDJSON.
fn add_line(lines: &mut Vec<u8>, recorded: &Recorded) -> Result<(), Failure> {
    let line = Line {
        partition: recorded.partition.as_str(),
        position: recorded.position.to_string(),
        key: &recorded.event.key,
        data: Content::of(&recorded.event),
    };
    serde_json::to_writer(&mut *lines, &line).map_err(std::io::Error::from)?;
    lines.push(b'\n');
    Ok(())
}

/// Ends when Ctrl-C is pressed, or the process is asked to end.
async fn interrupted() {
    let ended = async {
        #[cfg(unix)]
        {
            use tokio::signal::unix::{SignalKind, signal};
            match signal(SignalKind::terminate()) {
                Ok(mut terminate) => drop(terminate.recv().await),
                Err(_) => std::future::pending().await,
            }
        }
        #[cfg(not(unix))]
        std::future::pending::<()>().await;
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = ended => {}
    }
}

/// A file's name for messages.
fn called(path: Option<&Path>) -> String {
    path.map_or_else(|| "standard input".to_owned(), |path| path.display().to_string())
}
