//! What must be unique differs even where two processes have the same generator in the same state,
//! as on fresh micro-VMs or after a snapshot.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::interceptors::BeforeTransmitInterceptorContextRef;
use aws_sdk_dynamodb::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_dynamodb::error::BoxError;
use gapless::embedded::Engine;
use gapless::{Config, Delivery, Event, HandlerError, Stream, Token, WorkerId};
use gapless_model::design::named;

/// What a process does, for each of three that draw alike.
fn alike<T>(mut run: impl FnMut() -> T) -> [T; 3] {
    std::array::from_fn(|_| {
        fastrand::seed(7);
        run()
    })
}

#[test]
fn the_generators_state_decides_no_workers_name() {
    let names = alike(|| WorkerId::fresh("w").expect("random bytes"));
    assert!(names.iter().all(|id| id.as_str().len() == "w#".len() + 16), "{names:?}");
    assert_eq!(BTreeSet::from(names).len(), 3);
}

#[test]
fn the_generators_state_decides_no_appends_token() {
    let tokens = alike(|| Token::fresh().expect("random bytes"));
    assert!(tokens.iter().all(|token| token.as_str().len() == 32), "{tokens:?}");
    assert_eq!(BTreeSet::from(tokens).len(), 3);
}

/// Keeps the idempotence token of each transaction.
#[derive(Clone, Debug, Default)]
struct Seen(Arc<Mutex<Vec<String>>>);

impl Intercept for Seen {
    fn name(&self) -> &'static str {
        "idempotence tokens"
    }

    fn read_before_transmit(
        &self,
        context: &BeforeTransmitInterceptorContextRef<'_>,
        _: &RuntimeComponents,
        _: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let body = context.request().body().bytes().unwrap_or_default();
        let call: serde_json::Value = serde_json::from_slice(body)?;
        let token = call["ClientRequestToken"].as_str().map(str::to_owned);
        self.0.lock().expect("no panic").extend(token);
        Ok(())
    }
}

/// The idempotence tokens of one process, which appends an event and consumes it.
async fn transactions_of_a_process() -> Vec<String> {
    let seen = Seen::default();
    let base = Engine::memory().expect("an engine").client();
    let config = base.config().to_builder().interceptor(seen.clone());
    let client = Client::from_conf(config.build());
    let checked = named("checked-release").expect("a design").design;
    let config = Config::new("t-").design(checked);
    let stream = Stream::create(client, config).await.expect("a stream");
    stream.append(Event::new("k", "e")).await.expect("appended");
    let finishes = |_: Delivery| async { Ok::<(), HandlerError>(()) };
    stream.worker("g", finishes).until_caught_up().await.expect("caught up");
    std::mem::take(&mut *seen.0.lock().expect("no panic"))
}

#[tokio::test]
async fn the_generators_state_decides_no_transactions_token() {
    let mut tokens = Vec::new();
    for _ in 0..3 {
        fastrand::seed(7);
        tokens.extend(transactions_of_a_process().await);
    }
    assert!(tokens.len() >= 3, "this design releases a lease in a transaction: {tokens:?}");
    let different: BTreeSet<_> = tokens.iter().collect();
    assert_eq!(different.len(), tokens.len(), "{tokens:?}");
}
