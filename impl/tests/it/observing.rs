//! What a decision log holds of a process, and what it leaves out.

use std::io::Write;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use gapless::embedded::Engine;
use gapless::{Config, DecisionLog, Event, Layout, LogLine, Observer, Stream};

use crate::faults::Network;

/// A file in memory.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().expect("not poisoned").write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Shared {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().expect("not poisoned").clone()).expect("UTF-8")
    }

    /// The lines after the header.
    fn lines(&self) -> Vec<LogLine<'static>> {
        let parse = |line: &str| serde_json::from_str(line).expect("a line of a log");
        self.text().lines().skip(1).map(parse).collect()
    }
}

async fn stream(client: Client, observer: impl Observer + 'static) -> Stream {
    let config = Config::new("observed-").layout(Layout::Fixed { bits: 0 });
    Stream::create(client, config).await.expect("a stream").observed(Arc::new(observer))
}

fn event() -> Event {
    Event::new("customer-7", "confidential")
}

#[tokio::test]
async fn a_request_is_logged_before_it_is_sent_and_its_answer_after() {
    let log = Shared::default();
    let client = Engine::memory().expect("an engine").client();
    let stream = stream(client, DecisionLog::new(log.clone()).expect("a header")).await;
    stream.append(event()).await.expect("appended");
    let lines = log.lines();
    assert!(lines.len() >= 4, "{lines:?}");
    for pair in lines.chunks(2) {
        let [LogLine::Asked { call: asked, .. }, LogLine::Heard { call: heard, .. }] = pair else {
            panic!("{pair:?}");
        };
        assert_eq!(asked, heard);
    }
}

#[tokio::test]
async fn a_request_whose_sender_is_dropped_stays_without_an_answer() {
    let log = Shared::default();
    let client = Network::new().client(1);
    let stream = stream(client, DecisionLog::new(log.clone()).expect("a header")).await;
    let mut append = Box::pin(stream.append(event()).into_future());
    assert!(futures_util::poll!(&mut append).is_pending());
    drop(append);
    let lines = log.lines();
    assert!(matches!(lines[..], [LogLine::Asked { .. }]), "{lines:?}");
}

#[tokio::test]
async fn digests_stand_for_events_unless_payloads_are_asked_for() {
    let data = serde_json::to_string(b"confidential").expect("JSON");
    for (payloads, appended) in [(false, "d"), (true, "e")] {
        let log = Shared::default();
        let begin = if payloads { DecisionLog::with_payloads } else { DecisionLog::new };
        let to = begin(log.clone()).expect("a header");
        let client = Engine::memory().expect("an engine").client();
        let stream = stream(client, to).await;
        stream.append(event()).await.expect(appended);
        let read = stream.worker("g", async |_| Ok(())).until_caught_up().await.expect("read");
        assert_eq!(read.events, 1);
        let text = log.text();
        assert_eq!(text.contains("customer-7"), payloads, "{text}");
        let times = text.matches(&data).count();
        assert!(if payloads { times >= 2 } else { times == 0 }, "{times} in {text}");
    }
}
