//! A DynamoDB in the process: [dynoxide](https://crates.io/crates/dynoxide-rs), behind an
//! ordinary SDK client.
//!
//! It serves quick starts, tests, and programs that need no server. The client's HTTP client
//! passes each request's body to the engine, and the answer back. Nothing else differs, so a
//! program that runs on it runs on AWS with another client.

use std::path::Path;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedAsyncSleep, SharedHttpClient,
};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use dynoxide::{Database, DynoxideError};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A DynamoDB in the process. Cloning is cheap; clones share the database.
#[derive(Clone)]
pub struct Engine {
    database: Database,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Engine")
    }
}

/// The error of an engine that cannot be opened. The text says which database, and why.
#[derive(Debug, thiserror::Error)]
#[error("the embedded engine cannot open {what}: {why}")]
#[non_exhaustive]
pub struct EngineError {
    what: String,
    why: String,
}

impl Engine {
    /// Opens a database in memory. It is gone with the last clone and the last client.
    ///
    /// # Errors
    /// Returns [`EngineError`] if the engine cannot create it.
    pub fn memory() -> Result<Engine, EngineError> {
        let opened = Database::memory();
        let failed = |error: DynoxideError| EngineError {
            what: "a database in memory".to_owned(),
            why: error.to_string(),
        };
        opened.map(|database| Engine { database }).map_err(failed)
    }

    /// Opens a database in a file, which is created if it does not exist. An acknowledged
    /// write is on the disk.
    ///
    /// One process at a time should use a file.
    ///
    /// # Errors
    /// Returns [`EngineError`] if the path is not UTF-8, if the file cannot be opened, or if it
    /// is not such a database.
    pub fn file(path: &Path) -> Result<Engine, EngineError> {
        let failed = |why: String| EngineError { what: path.display().to_string(), why };
        let name = path.to_str().ok_or_else(|| failed("its name is not UTF-8".to_owned()))?;
        let opened = Database::new(name).map_err(|error| failed(error.to_string()))?;
        Ok(Engine { database: opened })
    }

    /// Creates an engine with an open database, such as one with a clock of its own.
    #[must_use]
    pub fn with_database(database: Database) -> Engine {
        Engine { database }
    }

    /// Runs one operation of DynamoDB's API, from its name and JSON to an HTTP status and
    /// JSON. It blocks until the operation is done.
    #[must_use]
    pub fn call(&self, operation: &str, body: &[u8]) -> (u16, Vec<u8>) {
        match dispatch(&self.database, operation, body) {
            Ok(answer) => (200, answer),
            Err(error) => (error.status_code(), error.to_json().into_bytes()),
        }
    }

    /// Returns the database.
    #[must_use]
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// Creates an SDK client of this engine, for use under tokio.
    #[must_use]
    pub fn client(&self) -> Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            // The SDK insists on credentials; the engine does not look at them.
            .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
            .http_client(self.http_client())
            .sleep_impl(SharedAsyncSleep::new(TokioSleep::new()))
            .build();
        Client::from_conf(config)
    }

    /// Creates the HTTP client alone, for an SDK client with other timeouts or another
    /// runtime, or for a client of DynamoDB Streams.
    #[must_use]
    pub fn http_client(&self) -> SharedHttpClient {
        let connector = SharedHttpConnector::new(Connector { engine: self.clone() });
        http_client_fn(move |_, _| connector.clone())
    }
}

/// Returns the operation that a request of DynamoDB's API names, and its body. It is for HTTP
/// clients other than [`Engine::http_client`], in front of [`Engine::call`].
#[must_use]
pub fn operation_and_body(request: &HttpRequest) -> (&str, &[u8]) {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default();
    (operation, request.body().bytes().unwrap_or_default())
}

/// Returns the HTTP response that the SDK reads, from what [`Engine::call`] returned. A status
/// that is none becomes 500.
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
            "the embedded engine does not offer {other:?} here"
        ))),
    }
}
