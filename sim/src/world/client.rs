//! A process's own SDK client: the real one, but for its clock, its sleep and its wire.

use std::sync::Arc;
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Region, SharedAsyncSleep, SharedHttpClient, StalledStreamProtectionConfig,
};
use aws_smithy_async::time::SharedTimeSource;
use aws_smithy_runtime::client::retries::RetryPartition;

use super::clock::ProcessClock;
use super::connector::Connector;
use super::shared::World;
use crate::plan::Process;

/// The settings of a client, in which the SDK's crates for the tables and for their
/// streams differ by name alone.
macro_rules! settings {
    ($sdk:ident, $world:expr, $process:expr) => {{
        let (world, process): (&Arc<World>, Process) = ($world, $process);
        let clock = ProcessClock { offsets: Arc::clone(&world.offsets), process };
        let connector = Connector::new(Arc::clone(world), process).await;
        let attempts = if world.plan.sdk_retries { 3 } else { 1 };
        let retries = RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_initial_backoff(Duration::from_millis(50))
            .with_max_backoff(Duration::from_secs(1));
        $sdk::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("sim"))
            // A signature is a tenth of a call's time, and nobody here would check it.
            .allow_no_auth()
            .http_client(SharedHttpClient::new(connector))
            .time_source(SharedTimeSource::new(clock.clone()))
            .sleep_impl(SharedAsyncSleep::new(clock))
            .retry_config(retries)
            // Its own bucket of tokens: the usual one is shared by the whole program.
            .retry_partition(RetryPartition::custom("sim").build())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .build()
    }};
}

/// A client for one life of a process.
pub(crate) async fn client(world: &Arc<World>, process: Process) -> Client {
    Client::from_conf(settings!(aws_sdk_dynamodb, world, process))
}

/// A client of the tables' streams.
pub(super) async fn streams_client(
    world: &Arc<World>,
    process: Process,
) -> aws_sdk_dynamodbstreams::Client {
    let settings = settings!(aws_sdk_dynamodbstreams, world, process);
    aws_sdk_dynamodbstreams::Client::from_conf(settings)
}
