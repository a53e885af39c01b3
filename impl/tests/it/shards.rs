//! A table's stream of many shards: it is listed page by page, and each shard is read for itself.
use std::collections::BTreeMap;
use std::time::Duration;

use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use gapless::embedded::{Engine, http_response, operation_and_body};
use gapless::trigger::{Hint, TableStream, Trigger};
use gapless::{Config, Layout, Stream};
use serde_json::{Value, json};

use super::table_stream::streams_config;

/// A table's stream whose list of shards has pages of two. Each read of a shard shows that its partition
/// was written, if it has one.
#[derive(Debug)]
struct Sharded(BTreeMap<&'static str, Option<&'static str>>);

impl Sharded {
    fn answer(&self, operation: &str, call: &Value) -> Value {
        match operation {
            "ListStreams" => json!({ "Streams": [{ "StreamArn": "arn" }] }),
            "DescribeStream" => {
                let from = call["ExclusiveStartShardId"].as_str().unwrap_or_default();
                let mut left = self.0.keys().filter(|shard| **shard > from).peekable();
                let page: Vec<_> = left.by_ref().take(2).collect();
                let last = left.peek().and(page.last());
                let shards: Vec<_> = page.iter().map(|id| json!({ "ShardId": id })).collect();
                json!({ "StreamDescription": {
                    "StreamStatus": "ENABLED", "Shards": shards, "LastEvaluatedShardId": last,
                } })
            }
            "GetShardIterator" => json!({ "ShardIterator": call["ShardId"] }),
            "GetRecords" => {
                let shard = call["ShardIterator"].as_str().unwrap_or_default();
                let record = |id| json!({ "dynamodb": { "Keys": { "partitionId": { "S": id } } } });
                let written = self.0.get(shard).copied().flatten();
                let records: Vec<_> = written.into_iter().map(record).collect();
                json!({ "Records": records, "NextShardIterator": shard })
            }
            _ => json!({}),
        }
    }
}

impl HttpConnector for Sharded {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = operation_and_body(&request);
        let call = serde_json::from_slice(body).unwrap_or_default();
        let answer = self.answer(operation, &call).to_string();
        HttpConnectorFuture::ready(Ok(http_response(200, answer.into_bytes())))
    }
}

/// What a look at the stream tells of.
async fn told<const N: usize>(shards: [(&'static str, Option<&'static str>); N]) -> Vec<Hint> {
    let sharded = SharedHttpConnector::new(Sharded(shards.into()));
    let engine = Engine::memory().expect("an engine");
    let config = Config::new("t-").layout(Layout::Fixed { bits: 1 });
    let stream = Stream::create(engine.client(), config).await.expect("a stream");
    let http = http_client_fn(move |_, _| sharded.clone());
    let client = aws_sdk_dynamodbstreams::Client::from_conf(streams_config(http).build());
    let hints = TableStream::new(client, &stream).expect("a reader");
    let told = tokio::time::timeout(Duration::from_secs(10), hints.next()).await;
    told.expect("it is told within some looks")
}

fn hint(id: &str) -> Hint {
    Hint::of(id.parse().expect("an id"))
}

#[tokio::test]
async fn a_shard_on_the_second_page_of_the_list_is_read() {
    let told = told([("1", None), ("2", None), ("3", Some("p1"))]).await;
    assert_eq!(told, [hint("p1")]);
}

#[tokio::test]
async fn a_busy_shard_keeps_no_other_one_from_being_read() {
    let told = told([("1", Some("p0")), ("2", Some("p1"))]).await;
    assert_eq!(told, [hint("p0"), hint("p1")]);
}
