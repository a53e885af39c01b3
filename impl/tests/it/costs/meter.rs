//! The embedded engine in virtual time, where a call takes none: it counts the calls.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::SharedHttpClient;
use aws_sdk_dynamodb::config::http::HttpRequest;
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use futures_util::future::select;
use gapless::embedded::{Engine, http_response, operation_and_body};
use gapless::{Config, Stream};
use serde_json::{Value, json};

use super::transcripts::Script;
use super::virtual_time::VirtualTime;

pub const PREFIX: &str = "cost-";
#[cfg(feature = "table-stream")]
const DISABLED: &str = "arn:aws:dynamodb:eu-west-1:000000000000:table/cost-events/stream/before";

/// An engine that counts the calls.
#[derive(Clone, Debug)]
pub struct Meter {
    pub time: VirtualTime,
    engine: Engine,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    calls: BTreeMap<String, u64>,
    last: Value,
    /// Where calls are written down, with their answers.
    script: Option<Script>,
    latency: Latency,
    /// What befalls every call.
    wrong: Option<Wrong>,
    /// What befalls the calls of a kind, by how its name begins.
    wrong_with: BTreeMap<&'static str, Spell>,
    /// How many batches are still left unprocessed, whole.
    overloads: u64,
    /// How often tables are still described as being created.
    unready: u64,
    /// Whether a stream that was disabled is listed before the table's own.
    #[cfg(feature = "table-stream")]
    disabled_stream: bool,
}

/// What befalls the calls of a kind.
#[derive(Clone, Debug)]
enum Spell {
    /// Every one.
    Lasting(Wrong),
    /// The next ones, in turn.
    Passing(VecDeque<Wrong>),
}

/// What befalls a call. It isn't applied, but for the last.
#[derive(Clone, Copy, Debug)]
pub enum Wrong {
    /// An internal error.
    Internal,
    /// The caller has no permission.
    Forbidden,
    /// There were too many calls.
    Throttled,
    /// The iterator has expired.
    #[cfg(feature = "table-stream")]
    ExpiredIterator,
    /// An internal error, though it is applied.
    Applied,
    /// Another caller is just doing the same.
    InUse,
}

impl Wrong {
    fn answer(self) -> (u16, Vec<u8>) {
        let (status, answer) = match self {
            Wrong::Internal | Wrong::Applied => (500, r#"{"__type":"InternalServerError"}"#),
            Wrong::Forbidden => {
                (400, r#"{"__type":"AccessDeniedException","message":"not yours"}"#)
            }
            Wrong::InUse => (400, r#"{"__type":"ResourceInUseException"}"#),
            Wrong::Throttled => (400, r#"{"__type":"ThrottlingException"}"#),
            #[cfg(feature = "table-stream")]
            Wrong::ExpiredIterator => (400, r#"{"__type":"ExpiredIteratorException"}"#),
        };
        (status, answer.into())
    }
}

/// How long calls take.
#[derive(Clone, Copy, Debug, Default)]
pub struct Latency {
    pub queries: Duration,
    pub others: Duration,
}

impl State {
    /// What befalls a call of a kind, if anything does.
    fn befalls(&mut self, kind: &str) -> Option<Wrong> {
        let mut spells = self.wrong_with.iter_mut().filter(|(name, _)| kind.starts_with(**name));
        let with = spells.find_map(|(_, spell)| match spell {
            Spell::Lasting(wrong) => Some(*wrong),
            Spell::Passing(wrongs) => wrongs.pop_front(),
        });
        self.wrong.or(with)
    }
}

impl Meter {
    pub fn new() -> Meter {
        let (time, engine) = (VirtualTime::default(), Engine::memory().expect("an engine"));
        Meter { time, engine, state: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no panic")
    }

    pub fn config(&self) -> Config {
        Config::new(PREFIX)
    }

    /// A stream over it. What its creation cost is on the next bill.
    pub fn stream(&self, set: impl FnOnce(Config) -> Config) -> Stream {
        self.stream_over(self.client(), set)
    }

    /// A stream over a client of this meter.
    pub fn stream_over(&self, client: Client, set: impl FnOnce(Config) -> Config) -> Stream {
        // Jitter is drawn by this thread, which has one test.
        fastrand::seed(7);
        let created = Stream::create(client, set(self.config()));
        self.time.run(created).expect("a stream")
    }

    /// What passes calls to it, for a client of another kind.
    pub fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(self.clone());
        http_client_fn(move |_, _| connector.clone())
    }

    /// A client that leaves retries to the stream.
    pub fn client(&self) -> Client {
        self.client_that_tries(1)
    }

    /// A client that sends a call up to so many times by itself.
    pub fn client_that_tries(&self, tries: u32) -> Client {
        let base = self.engine.client();
        let config = base.config().to_builder().http_client(self.http_client());
        let config = config.time_source(self.time.clone()).sleep_impl(self.time.clone());
        let retries = RetryConfig::standard().with_max_attempts(tries);
        Client::from_conf(config.retry_config(retries).build())
    }

    /// From now on, what befalls every call.
    pub fn set_wrong(&self, wrong: Option<Wrong>) {
        self.state().wrong = wrong;
    }

    /// From now on, what befalls the calls whose kind begins with this, as on a bill.
    pub fn go_wrong(&self, kind: &'static str, wrong: Wrong) {
        self.state().wrong_with.insert(kind, Spell::Lasting(wrong));
    }

    /// From now on, nothing befalls the calls whose kind begins with this.
    pub fn mend(&self, kind: &'static str) {
        self.state().wrong_with.remove(kind);
    }

    /// What befalls the next call whose kind begins with this.
    pub fn go_wrong_once(&self, kind: &'static str, wrong: Wrong) {
        self.go_wrong_in_turn(kind, &[wrong]);
    }

    /// What befalls the next calls whose kind begins with this, one after another.
    pub fn go_wrong_in_turn(&self, kind: &'static str, wrongs: &[Wrong]) {
        self.state().wrong_with.insert(kind, Spell::Passing(wrongs.iter().copied().collect()));
    }

    /// The next so many reads of a batch are answered without any of it.
    pub fn overload(&self, batches: u64) {
        self.state().overloads = batches;
    }

    /// The next so many descriptions of a table say that it is being created.
    pub fn create_slowly(&self, descriptions: u64) {
        self.state().unready = descriptions;
    }

    /// From now on, a stream that was disabled is listed before the table's own.
    #[cfg(feature = "table-stream")]
    pub fn list_disabled_stream(&self) {
        self.state().disabled_stream = true;
    }

    /// From now on, how long calls take.
    pub fn set_latency(&self, latency: Latency) {
        self.state().latency = latency;
    }

    /// From now on, calls are written down.
    pub fn write_into(&self, script: Script) {
        self.state().script = Some(script);
    }

    /// The last call, as it was sent.
    pub fn last_call(&self) -> Value {
        self.state().last.clone()
    }

    /// Every item of a table, as the wire has it.
    pub fn items(&self, table: &str) -> Vec<Value> {
        let body = json!({ "TableName": format!("{PREFIX}{table}") });
        let (status, answer) = self.engine.call("Scan", body.to_string().as_bytes());
        assert_eq!(status, 200);
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        answer["Items"].as_array().expect("a list").clone()
    }

    /// Puts an item into a table, as the wire has it.
    pub fn put(&self, table: &str, item: &Value) {
        let body = json!({ "TableName": format!("{PREFIX}{table}"), "Item": item });
        let (status, _) = self.engine.call("PutItem", body.to_string().as_bytes());
        assert_eq!(status, 200, "{item}");
    }

    /// The calls since the last bill, kind by kind.
    pub fn bill(&self) -> Vec<String> {
        let calls = std::mem::take(&mut self.state().calls);
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

/// The name of a table without what every table's begins with.
pub fn table_name(name: &str) -> String {
    name.strip_prefix(PREFIX).unwrap_or(name).to_lowercase()
}

/// The operation and the tables that it touches, with how many items where those are named. A read that
/// isn't consistent is cheaper, and says so.
fn kind(operation: &str, body: &Value) -> String {
    let tables: Vec<_> = match (&body["TableName"], &body["RequestItems"], &body["TransactItems"]) {
        (Value::String(name), ..) => vec![table_name(name)],
        (_, Value::Object(asked), _) => {
            let keys = |asked: &Value| asked["Keys"].as_array().map_or(0, Vec::len);
            let asked = asked.iter();
            let part = |(name, asked): (&String, &Value)| {
                format!("{} {}{}", keys(asked), table_name(name), weakness(operation, asked))
            };
            asked.map(part).collect()
        }
        (.., Value::Array(acts)) => {
            let name = |act: &Value| {
                let acts = act.as_object().expect("an act");
                let (act, on) = acts.iter().next().expect("an act");
                format!("{act} {}", table_name(on["TableName"].as_str().expect("a table")))
            };
            acts.iter().map(name).collect()
        }
        _ => Vec::new(),
    };
    let weak = if operation == "BatchGetItem" { "" } else { weakness(operation, body) };
    format!("{operation} {}{weak}", tables.join(", ")).trim_end().to_owned()
}

/// Whether one of so many is left, which is one less then.
fn is_one_of(left: &mut u64) -> bool {
    let is_left = *left > 0;
    *left = left.saturating_sub(1);
    is_left
}

fn weakness(operation: &str, asked: &Value) -> &'static str {
    let reads = matches!(operation, "BatchGetItem" | "GetItem" | "Query" | "Scan");
    if reads && asked["ConsistentRead"] != true { ", eventual" } else { "" }
}

impl HttpConnector for Meter {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = operation_and_body(&request);
        let asked: Value = serde_json::from_slice(body).expect("JSON");
        let mut state = self.state();
        let kind = kind(operation, &asked);
        *state.calls.entry(kind.clone()).or_default() += 1;
        let (status, answer) = match state.befalls(&kind) {
            Some(wrong) => {
                if matches!(wrong, Wrong::Applied | Wrong::InUse) {
                    let _ = self.engine.call(operation, body);
                }
                wrong.answer()
            }
            None if operation == "BatchGetItem" && is_one_of(&mut state.overloads) => {
                let left = json!({ "Responses": {}, "UnprocessedKeys": asked["RequestItems"] });
                (200, left.to_string().into())
            }
            #[cfg(feature = "table-stream")]
            None if asked["StreamArn"] == DISABLED => {
                let description = json!({ "StreamArn": DISABLED, "StreamStatus": "DISABLED" });
                (200, json!({ "StreamDescription": description }).to_string().into())
            }
            None => self.engine.call(operation, body),
        };
        #[cfg(feature = "table-stream")]
        let answer = if operation == "ListStreams" && state.disabled_stream {
            let mut listed: Value = serde_json::from_slice(&answer).expect("JSON");
            let streams = listed["Streams"].as_array_mut().expect("a list");
            streams.insert(0, json!({ "StreamArn": DISABLED }));
            listed.to_string().into()
        } else {
            answer
        };
        let answer =
            if operation == "DescribeTable" && status == 200 && is_one_of(&mut state.unready) {
                String::from_utf8_lossy(&answer).replace("\"ACTIVE\"", "\"CREATING\"").into_bytes()
            } else {
                answer
            };
        let told = state.script.as_ref().map(|to| to.call(operation, &asked, status, &answer));
        state.last = asked;
        let Latency { queries, others } = state.latency;
        let comes = self.time.wait(if operation == "Query" { queries } else { others });
        HttpConnectorFuture::new(async move {
            comes.await;
            if let Some(told) = told {
                told.comes();
            }
            Ok(http_response(status, answer))
        })
    }
}
