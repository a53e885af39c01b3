//! Names that DynamoDB cannot store are refused with an error of their own, before a request.

use gapless::embedded::Engine;
use gapless::{
    AppendError, Config, Delivery, Event, Grouping, HandlerError, Layout, Number, ProducerError,
    StoreError, Stream, WorkerError,
};

async fn stream(layout: Layout) -> Stream {
    let client = Engine::memory().expect("an engine").client();
    Stream::create(client, Config::new("names-").layout(layout)).await.expect("a stream")
}

async fn finishes(_: Delivery) -> Result<(), HandlerError> {
    Ok(())
}

#[tokio::test]
async fn a_group_without_a_name_or_with_a_long_one_is_refused() {
    let stream = stream(Layout::Fixed { bits: 0 }).await;
    for (length, fits) in [(0, false), (1, true), (2048, true), (2049, false)] {
        let ended = stream.worker("g".repeat(length), finishes).until_caught_up().await;
        match ended {
            Ok(_) => assert!(fits, "{length} bytes"),
            Err(WorkerError::Store(StoreError::Name { size, limit: 2048, .. })) => {
                assert!(size == length && !fits, "{length} bytes");
            }
            Err(other) => panic!("{length} bytes: {other}"),
        }
    }
    let standings = stream.standings(&"".into()).await;
    assert!(matches!(standings, Err(StoreError::Name { size: 0, .. })), "{standings:?}");
}

#[tokio::test]
async fn a_producer_without_a_name_or_with_a_long_one_is_refused() {
    let stream = stream(Layout::Fixed { bits: 0 }).await;
    for (length, fits) in [(0, false), (1, true), (512, true), (513, false)] {
        let mut producer = stream.producer("p".repeat(length));
        match producer.push(Number(1), Event::new("k", "e")).await {
            Ok(_) => {
                assert!(fits, "{length} bytes");
                producer.finish().await.expect("appended");
            }
            Err(ProducerError::Append(AppendError::Store(StoreError::Name { size, .. }))) => {
                assert!(size == length && !fits, "{length} bytes");
            }
            Err(other) => panic!("{length} bytes: {other}"),
        }
    }
}

/// Its partition could be written, and no group could ever keep a checkpoint there.
#[tokio::test]
async fn a_key_whose_partition_no_group_could_consume_is_refused() {
    let stream = stream(Layout::EachKey).await;
    let id = "p".len() + 64 + ":".len();
    let event = |length: usize| Event::new("k".repeat(length - id), "e");
    stream.append(event(1024)).await.expect("appended");
    let too_long = |error: &AppendError| {
        matches!(error, AppendError::Store(StoreError::Name { size: 1025, limit: 1024, .. }))
    };
    let alone = stream.append(event(1025)).await.expect_err("too long");
    assert!(too_long(&alone), "{alone}");
    assert!(alone.to_string().contains("has 1025 bytes: it takes 1 to 1024"), "{alone}");
    let appender = stream.appender(Grouping::default());
    let grouped = appender.append(event(1025)).await.expect_err("too long");
    assert!(too_long(grouped.reason()), "{grouped}");
    match stream.producer("p").push(Number(1), event(1025)).await {
        Err(ProducerError::Append(error)) => assert!(too_long(&error), "{error}"),
        other => panic!("{other:?}"),
    }
    let summary = stream.worker("g", finishes).until_caught_up().await.expect("caught up");
    assert_eq!(summary.events, 1);
}

#[tokio::test]
async fn the_empty_key_is_a_key() {
    for layout in [Layout::Fixed { bits: 4 }, Layout::EachKey] {
        let stream = stream(layout).await;
        stream.append(Event::new("", "e")).await.expect("appended");
        let summary = stream.worker("g", finishes).until_caught_up().await.expect("caught up");
        assert_eq!(summary.events, 1, "{layout}");
    }
}
