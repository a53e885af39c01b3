//! Every request is decoded from the call that the adapter makes of it, and every reply from the answer.

use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Region, SharedAsyncSleep};
use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::timeout::TimeoutConfig;
use gapless::embedded::{http_response, operation_and_body};
use gapless::{Config, Live, Stream, TableNames};
use gapless_model::store::Request;
use madsim::runtime::Runtime;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::Value;

use crate::decode::{reply, request};
use crate::engine::{EngineKind, StorageEngine};
use crate::moment::lock;

const PREFIX: &str = "decoded-";

/// A call, and what was answered.
type Heard = (String, Value, u16, Value);

/// An engine that keeps the last call.
#[derive(Clone)]
struct Listener {
    engine: Arc<StorageEngine>,
    last: Arc<Mutex<Option<Heard>>>,
}

impl std::fmt::Debug for Listener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Listener")
    }
}

impl HttpConnector for Listener {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = operation_and_body(&request);
        let call: Value = serde_json::from_slice(body).expect("JSON");
        let (status, answer) = self.engine.call(operation, &call).expect("one engine agrees");
        let body = answer.to_string().into_bytes();
        *lock(&self.last) = Some((operation.to_owned(), call, status, answer));
        HttpConnectorFuture::ready(Ok(http_response(status, body)))
    }
}

/// Nothing sleeps here: every answer is there at once.
#[derive(Debug)]
struct NoSleep;

impl AsyncSleep for NoSleep {
    fn sleep(&self, _length: std::time::Duration) -> Sleep {
        Sleep::new(std::future::pending())
    }
}

async fn listening() -> (Listener, Stream) {
    let engine = Arc::new(StorageEngine::new(EngineKind::Light));
    let listener = Listener { engine, last: Arc::default() };
    let connector = SharedHttpConnector::new(listener.clone());
    let settings = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("sim"))
        .allow_no_auth()
        .http_client(http_client_fn(move |_, _| connector.clone()))
        .sleep_impl(SharedAsyncSleep::new(NoSleep))
        .timeout_config(TimeoutConfig::disabled())
        .build();
    let stream = Stream::create(Client::from_conf(settings), Config::new(PREFIX)).await;
    (listener, stream.expect("a stream"))
}

/// All events of the simulation are text.
fn is_text(request: &Request<Live>) -> bool {
    let (Request::Write(write) | Request::RaiseAndWrite { write, .. }) = request else {
        return true;
    };
    write.batch.events().iter().all(|event| event.text().is_some())
}

/// The request as far as its call tells: which record is wanted of a head, it does not.
fn told(request: Request<Live>) -> Request<Live> {
    match request {
        Request::ReadHead { partition, .. } => Request::ReadHead { partition, name: None },
        other => other,
    }
}

#[test]
fn requests_and_replies_are_decoded_as_they_were_meant() {
    let tables = TableNames::prefixed(PREFIX);
    let requests = proptest::collection::vec(super::request().prop_filter("text", is_text), 1..40);
    let outcome = TestRunner::deterministic().run(&requests, |requests| {
        Runtime::new().block_on(async {
            let (listener, stream) = listening().await;
            for asked in requests {
                let replied = stream.wire().send(&asked).await.expect("an answer");
                let heard = lock(&listener.last).take();
                let (operation, call, status, answer) = heard.expect("it was called");
                let decoded = request(&tables, &operation, &call);
                prop_assert_eq!(decoded, Some(told(asked.clone())), "{}", call);
                prop_assert_eq!(reply(&asked, status, &answer), Some(replied), "{}", answer);
            }
            Ok(())
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
