//! A DynamoDB in the process: dynoxide, behind an ordinary SDK client.
//!
//! For quick starts, for tests, and for programs that need no server. The client's
//! HTTP client hands each request's body to the engine and its answer back; nothing
//! else differs, so a program that runs on it runs on AWS with another client.

use std::path::Path;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, HttpClient, Region, RuntimeComponents, SharedAsyncSleep,
    SharedHttpClient,
};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A DynamoDB in the process.
#[derive(Clone)]
pub struct Engine {
    database: Database,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

/// Why the engine cannot be had.
#[derive(Debug, thiserror::Error)]
#[error("the embedded engine cannot open {what}: {why}")]
pub struct EngineError {
    what: String,
    why: String,
}

impl Engine {
    /// One that is gone with the last of its clients.
    ///
    /// # Errors
    /// [`EngineError`]
    pub fn memory() -> Result<Engine, EngineError> {
        let opened = Database::memory();
        let failed = |error: DynoxideError| EngineError {
            what: "a database in memory".to_owned(),
            why: error.to_string(),
        };
        opened.map(|database| Engine { database }).map_err(failed)
    }

    /// One that is kept in a file, which is made if it is not there. Every
    /// acknowledged write is on the disk.
    ///
    /// # Errors
    /// [`EngineError`], also if the file is something else.
    pub fn file(path: &Path) -> Result<Engine, EngineError> {
        let failed = |why: String| EngineError { what: path.display().to_string(), why };
        let name = path.to_str().ok_or_else(|| failed("its name is not UTF-8".to_owned()))?;
        let opened = Database::new(name).map_err(|error| failed(error.to_string()))?;
        Ok(Engine { database: opened })
    }

    /// Over a database that was opened otherwise, such as one with its own clock.
    #[must_use]
    pub fn over(database: Database) -> Engine {
        Engine { database }
    }

    /// One operation of DynamoDB's API, from JSON to a status and JSON.
    #[must_use]
    pub fn call(&self, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
        match dispatch(&self.database, operation, body) {
            Ok(answer) => (200, answer),
            Err(error) => (error.status_code(), error.to_json().into_bytes()),
        }
    }

    /// The database itself.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// A client of this engine, under tokio.
    #[must_use]
    pub fn client(&self) -> Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            // The engine asks for none, and the SDK for some.
            .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
            .http_client(self.http_client())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .build();
        Client::from_conf(config)
    }

    /// The HTTP client alone, for a client of one's own: other timeouts, another runtime, DynamoDB Streams.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        SharedHttpClient::new(Connector { engine: self.clone() })
    }
}

/// The operation that a call of DynamoDB's API names, and its body: for an HTTP client
/// that is not this one.
#[must_use]
pub fn operation_and_body(request: &HttpRequest) -> (&str, &[u8]) {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    (operation, request.body().bytes().unwrap_or_default())
}

/// The answer to a call of DynamoDB's API, as the SDK reads it.
///
/// # Panics
/// Never: what is no status is answered as 500.
#[must_use]
pub fn http_response(status: u16, body: Vec<u8>) -> HttpResponse {
    let status = status.try_into().unwrap_or_else(|_| 500.try_into().expect("500 is a status"));
    let mut response = HttpResponse::new(status, SdkBody::from(body));
    response.headers_mut().insert("content-type", "application/x-amz-json-1.0");
    response
}

#[derive(Clone)]
struct Connector {
    engine: Engine,
}

impl std::fmt::Debug for Connector {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Connector")
    }
}

impl HttpClient for Connector {
    fn http_connector(
        &self,
        _settings: &HttpConnectorSettings,
        _components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (operation, body) = operation_and_body(&request);
        let (status, answer) = self.engine.call(operation, body);
        HttpConnectorFuture::ready(Ok(http_response(status, answer)))
    }
}

/// Runs one operation of DynamoDB's API, from JSON to JSON.
fn dispatch(db: &Database, operation: &str, body: &[u8]) -> Result<Vec<u8>, DynoxideError> {
    fn run<Q: DeserializeOwned, A: Serialize>(
        body: &[u8],
        run: impl FnOnce(Q) -> Result<A, DynoxideError>,
    ) -> Result<Vec<u8>, DynoxideError> {
        let request = serde_json::from_slice(body)
            .map_err(|error| DynoxideError::SerializationException(error.to_string()))?;
        let answer = run(request)?;
        serde_json::to_vec(&answer)
            .map_err(|error| DynoxideError::InternalServerError(error.to_string()))
    }
    match operation {
        "PutItem" => run(body, |request| db.put_item(request)),
        "GetItem" => run(body, |request| db.get_item(request)),
        "UpdateItem" => run(body, |request| db.update_item(request)),
        "DeleteItem" => run(body, |request| db.delete_item(request)),
        "Query" => run(body, |request| db.query(request)),
        "Scan" => run(body, |request| db.scan(request)),
        "BatchGetItem" => run(body, |request| db.batch_get_item(request)),
        "BatchWriteItem" => run(body, |request| db.batch_write_item(request)),
        "TransactWriteItems" => run(body, |request| db.transact_write_items(request)),
        "TransactGetItems" => run(body, |request| db.transact_get_items(request)),
        "CreateTable" => run(body, |request| db.create_table(request)),
        "UpdateTable" => run(body, |request| db.update_table(request)),
        "DeleteTable" => run(body, |request| db.delete_table(request)),
        "DescribeTable" => run(body, |request| db.describe_table(request)),
        "ListTables" => run(body, |request| db.list_tables(request)),
        "ListStreams" => run(body, |request| db.list_streams(request)),
        "DescribeStream" => run(body, |request| db.describe_stream(request)),
        "GetShardIterator" => run(body, |request| db.get_shard_iterator(request)),
        "GetRecords" => run(body, |request| db.get_records(request)),
        other => Err(DynoxideError::ValidationException(format!(
            "the embedded engine is not asked for {other:?} by this crate"
        ))),
    }
}
