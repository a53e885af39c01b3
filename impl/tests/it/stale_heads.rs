//! Heads that are behind: "caught up" must not rest on one (P1).
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use futures_util::future::select;
use gapless::embedded::{Engine, http_response, operation_and_body};
use gapless::{Config, Delivery, Event, HandlerError, Stream};

/// An engine that shows no head to a batch that does not ask for consistency, as if all of
/// them had been raised just now.
#[derive(Clone, Debug)]
struct Behind {
    engine: Engine,
    hidden: Arc<AtomicU64>,
}

impl HttpConnector for Behind {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = operation_and_body(&request);
        let consistent = String::from_utf8_lossy(body).contains("\"ConsistentRead\":true");
        let (status, answer) = if operation == "BatchGetItem" && !consistent {
            self.hidden.fetch_add(1, Ordering::SeqCst);
            (200, br#"{"Responses":{}}"#.to_vec())
        } else {
            self.engine.call(operation, body)
        };
        HttpConnectorFuture::ready(Ok(http_response(status, answer)))
    }
}

async fn behind() -> (Behind, Stream) {
    let behind = Behind { engine: Engine::memory().expect("an engine"), hidden: Arc::default() };
    let base = behind.engine.client();
    let connector = SharedHttpConnector::new(behind.clone());
    let http = http_client_fn(move |_, _| connector.clone());
    let config = base.config().to_builder().http_client(http).build();
    let stream = Stream::create(Client::from_conf(config), Config::new("t-")).await;
    (behind, stream.expect("a stream"))
}

/// What a sweep misses, the next one finds, so a worker that runs on pays half for its sweeps.
#[tokio::test]
async fn a_worker_that_runs_on_asks_for_no_consistent_heads() {
    let (behind, stream) = behind().await;
    let worker = stream.worker("g", |_: Delivery| async { Ok::<(), HandlerError>(()) });
    let soon = tokio::time::sleep(std::time::Duration::from_millis(100));
    select(Box::pin(worker.run()), Box::pin(soon)).await;
    assert!(behind.hidden.load(Ordering::SeqCst) > 0);
}

#[tokio::test]
async fn until_caught_up_does_not_believe_a_head_that_may_be_behind() {
    let (behind, stream) = behind().await;
    let partition = stream.append(Event::new("k", "x")).await.expect("appended").partition;
    let worker = stream.worker("g", |_: Delivery| async { Ok::<(), HandlerError>(()) });
    let summary = worker.until_caught_up().await.expect("caught up");
    assert_eq!(summary.events, 1);
    // The engine does hide: without consistency no head is seen.
    let heads = stream.heads(std::slice::from_ref(&partition)).await.expect("an answer");
    assert!(heads.is_empty(), "{heads:?}");
    assert!(behind.hidden.load(Ordering::SeqCst) > 0);
}
