//! The embedded engine in virtual time, where a call takes none: it counts the calls.

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, HttpClient, Region, RuntimeComponents,
};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use futures_util::future::select;
use gapless::embedded::{Engine, http_response, operation_and_body};
use gapless::{Config, Stream};
use serde_json::{Value, json};

use super::virtual_time::VirtualTime;

const PREFIX: &str = "cost-";

/// An engine that counts the calls.
#[derive(Clone, Debug)]
pub struct Meter {
    pub time: VirtualTime,
    engine: Engine,
    calls: Arc<Mutex<BTreeMap<String, u64>>>,
    is_out: Arc<AtomicBool>,
    expires: Arc<AtomicBool>,
    /// An operation that the caller has no permission for.
    forbidden: Arc<Mutex<Option<&'static str>>>,
    /// An operation that fails with an internal error.
    failing: Arc<Mutex<Option<&'static str>>>,
    /// How many batches are still left unprocessed, whole.
    overloads: Arc<AtomicU64>,
    /// How often tables are still described as being created.
    unready: Arc<AtomicU64>,
    latency: Arc<Mutex<Latency>>,
    last: Arc<Mutex<Value>>,
}

/// How long calls take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    pub queries: Duration,
    pub others: Duration,
}

impl Meter {
    pub fn new() -> Meter {
        let (time, engine) = (VirtualTime::default(), Engine::memory().expect("an engine"));
        Meter {
            time,
            engine,
            calls: Arc::default(),
            is_out: Arc::default(),
            expires: Arc::default(),
            forbidden: Arc::default(),
            failing: Arc::default(),
            overloads: Arc::default(),
            unready: Arc::default(),
            latency: Arc::default(),
            last: Arc::default(),
        }
    }

    pub fn config(&self) -> Config {
        Config::new(PREFIX)
    }

    /// A stream over it. What its creation cost is on the next bill.
    pub fn stream(&self, set: impl FnOnce(Config) -> Config) -> Stream {
        // Jitter is drawn by this thread, which has one test.
        fastrand::seed(7);
        let created = Stream::create(self.client(), set(self.config()));
        self.time.run(created).expect("a stream")
    }

    pub fn client(&self) -> Client {
        let base = self.engine.client();
        let config = base.config().to_builder().http_client(self.clone());
        let config = config.time_source(self.time.clone()).sleep_impl(self.time.clone());
        Client::from_conf(config.retry_config(RetryConfig::disabled()).build())
    }

    /// From now on, whether each call fails with an internal error.
    pub fn set_out_of_order(&self, is_out: bool) {
        self.is_out.store(is_out, Ordering::SeqCst);
    }

    /// The next read of a shard is told that its iterator has expired.
    pub fn expire_iterator(&self) {
        self.expires.store(true, Ordering::SeqCst);
    }

    /// From now on, an operation fails with an internal error.
    pub fn fail(&self, operation: &'static str) {
        *self.failing.lock().expect("no panic") = Some(operation);
    }

    /// From now on, the caller has no permission for an operation.
    pub fn forbid(&self, operation: &'static str) {
        *self.forbidden.lock().expect("no panic") = Some(operation);
    }

    /// The next so many reads of a batch are answered without any of it.
    pub fn overload(&self, batches: u64) {
        self.overloads.store(batches, Ordering::SeqCst);
    }

    /// The next so many descriptions of a table say that it is being created.
    pub fn create_slowly(&self, descriptions: u64) {
        self.unready.store(descriptions, Ordering::SeqCst);
    }

    /// A client for the tables' own streams.
    pub fn streams(&self) -> aws_sdk_dynamodbstreams::Client {
        let config = aws_sdk_dynamodbstreams::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
            .retry_config(RetryConfig::disabled())
            .time_source(self.time.clone())
            .sleep_impl(self.time.clone())
            .http_client(self.clone());
        aws_sdk_dynamodbstreams::Client::from_conf(config.build())
    }

    /// From now on, how long calls take.
    pub fn set_latency(&self, latency: Latency) {
        *self.latency.lock().expect("no panic") = latency;
    }

    /// The last call, as it was sent.
    pub fn last_call(&self) -> Value {
        self.last.lock().expect("no panic").clone()
    }

    /// The calls since the last bill, kind by kind.
    pub fn bill(&self) -> Vec<String> {
        let calls = std::mem::take(&mut *self.calls.lock().expect("no panic"));
        calls.iter().map(|(kind, count)| format!("{count} {kind}")).collect()
    }

    /// Runs a future to its end, and says what that cost.
    pub fn run<T>(&self, what: impl Future<Output = T>) -> (T, Vec<String>) {
        let _ = self.bill();
        let output = self.time.run(what);
        (output, self.bill())
    }

    /// Runs a future for so long.
    pub fn run_for<T>(&self, length: Duration, what: impl Future<Output = T>) -> Vec<String> {
        self.run(select(pin!(what), self.time.wait(length))).1
    }
}

/// The operation and the tables that it touches, with how many items where those are named. A read that
/// isn't consistent is cheaper, and says so.
fn kind(operation: &str, body: &Value) -> String {
    let table = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_lowercase();
    let tables: Vec<_> = match (&body["TableName"], &body["RequestItems"], &body["TransactItems"]) {
        (Value::String(name), ..) => vec![table(name)],
        (_, Value::Object(asked), _) => {
            let keys = |asked: &Value| asked["Keys"].as_array().map_or(0, Vec::len);
            let asked = asked.iter();
            let part = |(name, asked): (&String, &Value)| {
                format!("{} {}{}", keys(asked), table(name), weakness(operation, asked))
            };
            asked.map(part).collect()
        }
        (.., Value::Array(acts)) => {
            let name = |act: &Value| {
                let acts = act.as_object().expect("an act");
                let (act, on) = acts.iter().next().expect("an act");
                format!("{act} {}", table(on["TableName"].as_str().expect("a table")))
            };
            acts.iter().map(name).collect()
        }
        _ => Vec::new(),
    };
    let weak = if operation == "BatchGetItem" { "" } else { weakness(operation, body) };
    format!("{operation} {}{weak}", tables.join(", ")).trim_end().to_owned()
}

/// Whether one of so many is left, which is one less then.
fn is_one_of(left: &AtomicU64) -> bool {
    let one_less = |left: u64| left.checked_sub(1);
    left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok()
}

fn weakness(operation: &str, asked: &Value) -> &'static str {
    let reads = matches!(operation, "BatchGetItem" | "GetItem" | "Query" | "Scan");
    if reads && asked["ConsistentRead"] != true { ", eventual" } else { "" }
}

impl HttpClient for Meter {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Meter {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = operation_and_body(&request);
        let asked: Value = serde_json::from_slice(body).expect("JSON");
        let mut calls = self.calls.lock().expect("no panic");
        *calls.entry(kind(operation, &asked)).or_default() += 1;
        *self.last.lock().expect("no panic") = asked.clone();
        let fails = *self.failing.lock().expect("no panic") == Some(operation);
        let (status, answer) = if fails || self.is_out.load(Ordering::SeqCst) {
            (500, br#"{"__type":"InternalServerError"}"#.to_vec())
        } else if *self.forbidden.lock().expect("no panic") == Some(operation) {
            (400, br#"{"__type":"AccessDeniedException","message":"not yours"}"#.to_vec())
        } else if operation == "GetRecords" && self.expires.swap(false, Ordering::SeqCst) {
            (400, br#"{"__type":"ExpiredIteratorException"}"#.to_vec())
        } else {
            self.engine.call(operation, body)
        };
        let answer = if operation == "BatchGetItem" && is_one_of(&self.overloads) {
            json!({ "Responses": {}, "UnprocessedKeys": asked["RequestItems"] }).to_string().into()
        } else if operation == "DescribeTable" && status == 200 && is_one_of(&self.unready) {
            String::from_utf8_lossy(&answer).replace("\"ACTIVE\"", "\"CREATING\"").into_bytes()
        } else {
            answer
        };
        let Latency { queries, others } = *self.latency.lock().expect("no panic");
        let comes = self.time.wait(if operation == "Query" { queries } else { others });
        HttpConnectorFuture::new(async move {
            comes.await;
            Ok(http_response(status, answer))
        })
    }
}
