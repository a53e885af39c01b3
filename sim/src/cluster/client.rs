//! A node's SDK client: the real one, except for its clock, its sleep and its connector.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Region, SharedAsyncSleep, StalledStreamProtectionConfig,
};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime::client::retries::RetryPartition;
use aws_smithy_runtime_api::client::http::{SharedHttpConnector, http_client_fn};

use super::clock::NodeClock;
use super::connector::Connector;
use super::shared::Cluster;
use crate::plan::Node;

/// The settings of a client. The SDK's crates for tables and for their streams take the
/// same ones, by types of different crates.
macro_rules! settings {
    ($sdk:ident, $cluster:expr, $node:expr) => {{
        let (cluster, node): (&Arc<Cluster>, Node) = ($cluster, $node);
        let clock = NodeClock {
            offsets: Arc::clone(&cluster.offsets),
            pace: Arc::clone(&cluster.pace),
            node,
        };
        let connector = SharedHttpConnector::new(Connector::new(Arc::clone(cluster), node).await);
        let attempts = if cluster.plan.sdk_retries { 3 } else { 1 };
        let retries = RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_initial_backoff(Duration::from_millis(50))
            .with_max_backoff(Duration::from_secs(1));
        $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("sim"))
            // Signing takes a tenth of a call's time, and no signature is checked here.
            .allow_no_auth()
            .http_client(http_client_fn(move |_, _| connector.clone()))
            .time_source(SharedTimeSource::new(clock.clone()))
            .sleep_impl(SharedAsyncSleep::new(clock))
            .retry_config(retries)
            // A bucket of retry tokens of its own: the default one is shared by the whole program.
            .retry_partition(RetryPartition::custom("sim").build())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build()
    }};
}

/// A client of the tables, for one life of a node.
pub(crate) async fn client(cluster: &Arc<Cluster>, node: Node) -> Client {
    Client::from_conf(settings!(aws_sdk_dynamodb, cluster, node))
}

/// A client of the tables' streams, for one life of a node.
pub(super) async fn streams_client(
    cluster: &Arc<Cluster>,
    node: Node,
) -> aws_sdk_dynamodbstreams::Client {
    let settings = settings!(aws_sdk_dynamodbstreams, cluster, node);
    aws_sdk_dynamodbstreams::Client::from_conf(settings)
}
