//! How each process reaches the stream.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use gapless::{Config, Stream};

use super::meter::{Counting, Meter};

/// The group of all workers.
pub const GROUP: &str = "readers";

/// A client of the endpoint.
pub fn client(endpoint: &str) -> Client {
    Client::from_conf(builder(endpoint).build())
}

/// A client whose requests are counted.
pub fn counted(endpoint: &str) -> (Client, Arc<Meter>) {
    let meter = Arc::new(Meter::default());
    let config = builder(endpoint).interceptor(Counting(Arc::clone(&meter)));
    (Client::from_conf(config.build()), meter)
}

fn builder(endpoint: &str) -> aws_sdk_dynamodb::config::Builder {
    aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(endpoint)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "soak"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
}

/// The stream's configuration. A lease is short, so that a killed worker's partitions wait little, and
/// longer than a busy machine keeps a process waiting.
pub fn config(prefix: &str) -> Config {
    Config::new(prefix)
        .lease(Duration::from_secs(2))
        .skew(Duration::from_millis(100))
        .grace(Duration::from_millis(300))
}

/// The prefix of the tables that all processes share.
pub const PREFIX: &str = "soak-";

/// Opens the stream that all processes share.
pub async fn open(client: Client) -> anyhow::Result<Stream> {
    Ok(Stream::open(client, config(PREFIX)).await?)
}
