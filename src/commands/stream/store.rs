//! How a command reaches the store: an engine in this process, or DynamoDB elsewhere.

use std::path::Path;
use std::time::Duration;

use aws_config::BehaviorVersion;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::Client;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use gapless::embedded::Engine;

use crate::cli::stream::Place;
use crate::failure::{Cause, Failure};

/// The store that the options name.
pub enum Store {
    /// A DynamoDB in this process.
    Embedded(Engine),
    /// A DynamoDB elsewhere, by AWS's own configuration.
    Remote(Box<aws_config::SdkConfig>),
}

impl Store {
    /// Starts the engine, or loads the configuration of what is elsewhere.
    pub async fn open(place: &Place) -> Result<Store, Failure> {
        if place.embedded.is_some() {
            Ok(Store::Embedded(start_engine(embedded_file(place))?))
        } else {
            Ok(Store::Remote(Box::new(sdk_config(place).await)))
        }
    }

    /// The same for a stream that must be there already: the engine would create its file.
    pub async fn open_existing(place: &Place) -> Result<Store, Failure> {
        if let Some(file) = embedded_file(place)
            // What cannot be looked at is left to the engine, which says why.
            && matches!(file.try_exists(), Ok(false))
        {
            let file = file.display();
            return Err(Failure::Usage {
                what: format!("there is no file {file}, and so no stream in it"),
                help: format!("`gapless init --embedded {file}` creates both"),
            });
        }
        Store::open(place).await
    }

    /// A client of DynamoDB.
    pub fn client(&self) -> Client {
        match self {
            Store::Embedded(engine) => engine.client(),
            Store::Remote(config) => Client::new(config.as_ref()),
        }
    }

    /// A client of DynamoDB Streams.
    pub fn streams(&self) -> aws_sdk_dynamodbstreams::Client {
        match self {
            Store::Embedded(engine) => {
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
            Store::Remote(config) => aws_sdk_dynamodbstreams::Client::new(config.as_ref()),
        }
    }
}

/// The file that keeps the embedded engine's tables; `None` if they are in memory or elsewhere.
fn embedded_file(place: &Place) -> Option<&Path> {
    place.embedded.as_deref().filter(|file| !file.as_os_str().is_empty())
}

/// Starts the embedded engine, on a file or in memory.
pub fn start_engine(file: Option<&Path>) -> Result<Engine, Failure> {
    let started = file.map_or_else(Engine::memory, Engine::file);
    started.map_err(|error| Failure::Stream {
        what: "the embedded engine cannot be started",
        help: "give a file that gapless created, or one that does not exist yet".to_owned(),
        source: Cause::of(&error),
    })
}

async fn sdk_config(place: &Place) -> aws_config::SdkConfig {
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
    // A local endpoint checks no credentials and has no region: do not demand any.
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
