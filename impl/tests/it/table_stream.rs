//! Hints from the table's own stream, as the embedded engine serves it.
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_sdk_dynamodbstreams::config::{
    BehaviorVersion, Builder, Credentials, Region, SharedHttpClient,
};
use gapless::embedded::Engine;
use gapless::trigger::{Hint, TableStream, Trigger};
use gapless::{Config, Delivery, Event, HandlerError, Layout, Seq, Stream};

/// The configuration of a client for tables' own streams.
pub fn streams_config(over: SharedHttpClient) -> Builder {
    aws_sdk_dynamodbstreams::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("embedded", "embedded", None, None, "embedded"))
        .http_client(over)
}

fn streams(engine: &Engine) -> aws_sdk_dynamodbstreams::Client {
    let config = streams_config(engine.http_client()).build();
    aws_sdk_dynamodbstreams::Client::from_conf(config)
}

#[tokio::test]
async fn tells_which_partitions_were_written() {
    let engine = Engine::memory().expect("an engine");
    let config = Config::new("t-").table_stream(true).layout(Layout::Fixed { bits: 4 });
    let stream = Stream::create(engine.client(), config).await.expect("a stream");
    stream.append(Event::new("before", "x")).await.expect("appended");
    let hints = TableStream::new(streams(&engine), &stream).expect("a reader");
    let written = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        stream.append(Event::new("after", "x")).await.expect("appended").partition
    };
    let (heard, written) = futures_util::join!(hints.next(), written);
    // The first sweep finds what was there before.
    assert_eq!(heard, [Hint::of_slot(written, Seq(1))]);
}

#[tokio::test]
async fn a_worker_hears_of_an_event_long_before_its_next_sweep() {
    let engine = Engine::memory().expect("an engine");
    let stream = Stream::create(engine.client(), Config::new("t-").table_stream(true))
        .await
        .expect("a stream");
    // As in another process: its notices do not arrive here.
    let elsewhere = Stream::open(engine.client(), Config::new("t-")).await.expect("the stream");
    let hints = TableStream::new(streams(&engine), &stream).expect("a reader");
    let (heard, arrived) = futures_channel::oneshot::channel::<Instant>();
    let heard = std::sync::Mutex::new(Some(heard));
    let worker = stream
        .worker("g", move |_: Delivery| {
            if let Some(heard) = heard.lock().expect("no panic").take() {
                heard.send(Instant::now()).expect("the test waits");
            }
            async { Ok::<(), HandlerError>(()) }
        })
        .sweep_every(Duration::from_secs(600))
        .trigger(Arc::new(hints));
    let stop = worker.stopper();
    let written = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        elsewhere.append(Event::new("k", "x")).await.expect("appended");
        let written = Instant::now();
        let arrived = tokio::time::timeout(Duration::from_secs(10), arrived).await;
        stop.request();
        arrived.expect("it arrives").expect("it was delivered") - written
    };
    let (worked, took) = futures_util::join!(worker.run(), written);
    assert_eq!(worked.expect("stopped").events, 1);
    assert!(took < Duration::from_secs(5), "{took:?}");
}
