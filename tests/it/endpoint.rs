//! The quick start's program with its one line changed: it talks to an endpoint.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use gapless::{Config, Delivery, Event, HandlerError, Stream, Target};

/// A served engine; it ends with the test.
pub struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Serves an engine in memory, and returns where.
pub fn serve() -> (Served, String) {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("gapless"));
    let mut child = command
        .args(["serve", "--port", "0"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut line = String::new();
    let out = child.stdout.take().expect("its output");
    BufReader::new(out).read_line(&mut line).expect("it says where it listens");
    let url = line.trim().strip_prefix("listening on ").expect("an address").to_owned();
    (Served(child), url)
}

#[tokio::test]
async fn a_program_runs_on_an_endpoint_as_it_runs_embedded() {
    let (_served, url) = serve();
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .endpoint_url(url)
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("local", "local", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    let client = aws_sdk_dynamodb::Client::from_conf(config);
    let stream = Stream::create(client, Config::new("shop-")).await.expect("a stream");

    let receipt = stream.append(Event::new("order-17", "placed")).await.expect("appended");
    let worker = stream.worker("billing", async |delivery: Delivery| {
        assert_eq!(delivery.events().count(), 1);
        Ok::<(), HandlerError>(())
    });
    assert_eq!(worker.until_caught_up().await.expect("caught up").events, 1);
    let read = stream.read(Target::Key("order-17".into())).collect().await.expect("read");
    assert_eq!(read[0].position, receipt.position);
}
