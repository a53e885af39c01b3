//! Faults between the wire and the engine: every request of an append or a turn, one after
//! another, is throttled, lost, applied and not answered, half answered, or abandoned by its
//! caller. The log and the group end as the machines say each time.
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::{HttpRequest, HttpResponse};
use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use gapless::embedded::Engine;
use gapless::{
    AppendError, Config, Delivery, Event, Grouping, HandlerError, Number, Position, Seq, Stream,
    Target, WorkerError,
};

/// What happens to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    /// Refused as too many, and not applied.
    Throttled,
    /// An internal error, and not applied.
    Failed,
    /// An internal error, though applied.
    FailedAfter,
    /// It never arrives, and no answer comes.
    Lost,
    /// Applied, and no answer comes.
    Unanswered,
    /// Applied, and the answer is cut short.
    HalfAnswered,
    /// The connection breaks before it is sent.
    Refused,
    /// Applied twice, and the second answer arrives, as when the SDK retries by itself.
    Twice,
}

const FAULTS: [Fault; 8] = [
    Fault::Throttled,
    Fault::Failed,
    Fault::FailedAfter,
    Fault::Lost,
    Fault::Unanswered,
    Fault::HalfAnswered,
    Fault::Refused,
    Fault::Twice,
];

/// An engine whose network strikes one request with a fault.
#[derive(Clone)]
pub struct Network {
    engine: SharedHttpClient,
    sent: Arc<AtomicUsize>,
    strike: Arc<Mutex<Option<(usize, Fault)>>>,
    struck: Arc<AtomicBool>,
}

impl std::fmt::Debug for Network {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Network")
    }
}

impl Network {
    pub fn new() -> Network {
        let engine = Engine::memory().expect("an engine").http_client();
        Network { engine, sent: Arc::default(), strike: Arc::default(), struck: Arc::default() }
    }

    /// A client over it. With a retry of its own, the SDK hides most faults.
    pub fn client(&self, attempts: u32) -> Client {
        let base = Engine::memory().expect("an engine").client();
        let config = base.config().to_builder().http_client(self.clone());
        let retry = RetryConfig::standard()
            .with_max_attempts(attempts)
            .with_initial_backoff(Duration::from_millis(1));
        Client::from_conf(config.retry_config(retry).build())
    }

    /// Strikes one request, after `after` others.
    fn strike(&self, after: usize, fault: Fault) {
        self.sent.store(0, Ordering::SeqCst);
        *self.strike.lock().expect("no panic") = Some((after, fault));
    }

    fn struck(&self) -> bool {
        self.struck.load(Ordering::SeqCst)
    }

    /// Strikes nothing more.
    fn calm_down(&self) {
        *self.strike.lock().expect("no panic") = None;
    }
}

impl HttpClient for Network {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let engine = self.engine.http_connector(settings, components);
        SharedHttpConnector::new(Wire { network: self.clone(), engine })
    }
}

#[derive(Debug)]
struct Wire {
    network: Network,
    engine: SharedHttpConnector,
}

fn answer(status: u16, body: &str) -> HttpResponse {
    HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body))
}

/// Pending once, so that a caller can be dropped here.
async fn yield_once() {
    let mut yielded = false;
    std::future::poll_fn(|context: &mut Context<'_>| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let index = self.network.sent.fetch_add(1, Ordering::SeqCst);
        let mut strike = self.network.strike.lock().expect("no panic");
        let fault = strike.take_if(|(wanted, _)| *wanted == index).map(|(_, fault)| fault);
        self.network.struck.fetch_or(fault.is_some(), Ordering::SeqCst);
        let again = request.try_clone().expect("a body in memory");
        let engine = self.engine.clone();
        HttpConnectorFuture::new(async move {
            yield_once().await;
            let never = std::future::pending::<HttpResponse>;
            let response = match fault {
                None => engine.call(request).await?,
                Some(Fault::Throttled) => answer(
                    400,
                    r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException","message":"slow down"}"#,
                ),
                Some(Fault::Failed) => answer(500, r#"{"__type":"InternalServerError"}"#),
                Some(Fault::FailedAfter) => {
                    engine.call(request).await?;
                    answer(500, r#"{"__type":"InternalServerError"}"#)
                }
                Some(Fault::Lost) => never().await,
                Some(Fault::Unanswered) => {
                    engine.call(request).await?;
                    never().await
                }
                Some(Fault::HalfAnswered) => {
                    let whole = engine.call(request).await?;
                    let status = whole.status().as_u16();
                    let body = String::from_utf8_lossy(whole.body().bytes().unwrap_or_default());
                    answer(status, &body[..body.len() / 2])
                }
                Some(Fault::Refused) => {
                    return Err(ConnectorError::io("connection refused".into()));
                }
                Some(Fault::Twice) => {
                    engine.call(again).await?;
                    engine.call(request).await?
                }
            };
            yield_once().await;
            Ok(response)
        })
    }
}

fn config() -> Config {
    Config::new("t-")
        .lease(Duration::from_millis(1500))
        .skew(Duration::from_millis(50))
        .grace(Duration::from_millis(20))
        .attempt(Duration::from_millis(40))
        .patience(Duration::from_secs(20))
}

async fn events(stream: &Stream, network: &Network) -> Vec<String> {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let heard = Arc::clone(&seen);
    let worker = stream.worker("auditor", move |delivery: Delivery| {
        let mut heard = heard.lock().expect("no panic");
        heard.extend(delivery.events().filter_map(|e| e.event.text().map(str::to_owned)));
        async { Ok::<(), HandlerError>(()) }
    });
    let worker = worker.sweep_every(Duration::from_millis(20));
    worker.until_caught_up().await.expect("caught up");
    // An audit does not survive every fault: people repeat it.
    network.calm_down();
    let audit = stream.audit(|_| ()).await.expect("audited");
    assert_eq!(audit.findings, []);
    std::mem::take(&mut *seen.lock().expect("no panic"))
}

/// Runs a scenario with each fault at each of its requests, until no request is left to
/// strike. Returns how many were struck.
async fn strike_each<F>(attempts: u32, scenario: impl Fn(Stream, Network, Fault) -> F) -> usize
where
    F: Future<Output = ()>,
{
    let mut struck = 0;
    for fault in FAULTS {
        for after in 0.. {
            let network = Network::new();
            let stream =
                Stream::create(network.client(attempts), config()).await.expect("a stream");
            network.strike(after, fault);
            scenario(stream, network.clone(), fault).await;
            if !network.struck() {
                break;
            }
            struck += 1;
        }
    }
    struck
}

#[tokio::test]
async fn an_append_is_in_the_log_once_whatever_befalls_one_of_its_requests() {
    // Without the SDK's retries every fault is the adapter's to survive; with them it is hidden.
    for attempts in [1, 3] {
        let struck = strike_each(attempts, async |stream, network, fault| {
            for text in ["1", "2"] {
                stream.append(Event::new("k", text)).await.expect("appended");
            }
            assert_eq!(events(&stream, &network).await, ["1", "2"], "{fault:?}");
        })
        .await;
        // Two requests for each append, and those of the worker and the audit.
        assert!(struck >= 8 * 4, "{struck}");
    }
}

/// Its patience is over at the first fault, and it is settled for each of its events.
#[tokio::test]
async fn a_group_is_in_the_log_once_whatever_befalls_one_of_its_requests() {
    let struck = strike_each(1, async |stream, network, fault| {
        let impatient = config().patience(Duration::ZERO);
        let other = Stream::open(network.client(1), impatient).await;
        let appender = other.unwrap_or_else(|_| stream.clone()).appender(Grouping::default());
        let one = async |text: &str| {
            let mut ended = appender.append(Event::new("k", text)).await;
            while let Err(error) = ended {
                assert!(error.is_unsettled(), "{fault:?}: {error}");
                ended = error.settle().await;
            }
            ended.expect("settled").position
        };
        let (first, second) = futures_util::join!(one("1"), one("2"));
        assert_eq!((first.index, second), (0, Position { index: 1, ..first }), "{fault:?}");
        assert_eq!(events(&stream, &network).await, ["1", "2"], "{fault:?}");
    })
    .await;
    assert!(struck >= 8 * 4, "{struck}");
}

/// One of two is dropped after so many polls, the one that leads or the one that follows.
#[tokio::test]
async fn a_grouped_append_whose_fellow_is_dropped_anywhere_is_in_the_log_once() {
    let mut both = 0;
    for (polls, leads) in (0..30).flat_map(|polls| [(polls, true), (polls, false)]) {
        let network = Network::new();
        let stream = Stream::create(network.client(1), config()).await.expect("a stream");
        let appender = stream.appender(Grouping::default());
        let append = |text: &str| Box::pin(appender.append(Event::new("k", text)));
        let (mut dropped, mut kept) = (append("dropped"), append("kept"));
        if !leads {
            assert!(futures_util::poll!(&mut kept).is_pending());
        }
        let mut ended = None;
        for _ in 0..polls {
            if futures_util::poll!(&mut dropped).is_ready() {
                break;
            }
            if let std::task::Poll::Ready(receipt) = futures_util::poll!(&mut kept) {
                ended = Some(receipt);
                break;
            }
        }
        drop(dropped);
        let ended = match ended {
            Some(ended) => ended,
            None => kept.await,
        };
        ended.expect("appended");
        let seen = events(&stream, &network).await;
        let count = |text: &str| seen.iter().filter(|seen| *seen == text).count();
        assert_eq!(count("kept"), 1, "{polls} {leads}: {seen:?}");
        assert!(count("dropped") <= 1, "{polls} {leads}: {seen:?}");
        both += count("dropped");
    }
    assert!(both > 0, "some of them got through");
}

#[tokio::test]
async fn an_expected_append_tells_its_own_retry_from_a_conflict() {
    let struck = strike_each(1, async |stream, network, fault| {
        let (of_k, event) = (stream.route("k"), |text: &str| vec![Event::new("k", text)]);
        let first = stream.append_expecting(&of_k, Seq::ZERO, event("1")).await;
        assert_eq!(first.expect("no other producer").position.slot, Seq(1), "{fault:?}");
        let late = stream.append_expecting(&of_k, Seq::ZERO, event("2")).await;
        assert!(matches!(late, Err(AppendError::Conflict { .. })), "{fault:?}: {late:?}");
        assert_eq!(events(&stream, &network).await, ["1"], "{fault:?}");
    })
    .await;
    assert!(struck >= 8 * 3, "{struck}");
}

#[tokio::test]
async fn a_named_producer_appends_once_whatever_befalls_one_of_its_requests() {
    let struck = strike_each(1, async |stream, network, fault| {
        for _ in 0..2 {
            let mut producer = stream.producer("p").batches_of(1);
            for number in 1..=3 {
                let event = Event::new("k", number.to_string());
                producer.push(Number(number), event).await.expect("pushed");
            }
            producer.finish().await.expect("finished");
        }
        assert_eq!(events(&stream, &network).await, ["1", "2", "3"], "{fault:?}");
    })
    .await;
    assert!(struck >= 8 * 8, "{struck}");
}

#[tokio::test]
async fn a_turn_delivers_everything_in_order_whatever_befalls_one_of_its_requests() {
    let struck = strike_each(1, async |stream, network, fault| {
        // What is struck is what comes after the appends.
        let pending = network.strike.lock().expect("no panic").take();
        for text in ["1", "2", "3"] {
            stream.append(Event::new("k", text)).await.expect("appended");
        }
        if let Some((after, fault)) = pending {
            network.strike(after, fault);
        }
        assert_eq!(events(&stream, &network).await, ["1", "2", "3"], "{fault:?}");
    })
    .await;
    assert!(struck >= 8 * 5, "{struck}");
}

#[tokio::test]
async fn an_append_that_is_dropped_anywhere_is_in_the_log_once_at_most() {
    let mut appended = 0;
    for polls in 0..30 {
        let network = Network::new();
        let stream = Stream::create(network.client(1), config()).await.expect("a stream");
        let mut dropped = Box::pin(stream.append(Event::new("k", "dropped")));
        let mut finished = false;
        for _ in 0..polls {
            finished = futures_util::poll!(&mut dropped).is_ready();
            if finished {
                break;
            }
        }
        drop(dropped);
        stream.append(Event::new("k", "after")).await.expect("appended");
        let seen = events(&stream, &network).await;
        assert_eq!(seen.last().map(String::as_str), Some("after"));
        assert!(seen.len() <= 2, "{seen:?}");
        assert!(!finished || seen.len() == 2, "acknowledged, so it is there: {seen:?}");
        appended += seen.len() - 1;
    }
    assert!(appended > 0, "some of them got through");
}

#[tokio::test]
async fn a_worker_that_is_dropped_anywhere_loses_nothing() {
    for polls in (0..60).step_by(3) {
        let network = Network::new();
        let short = config().lease(Duration::from_millis(120));
        let stream = Stream::create(network.client(1), short).await.expect("a stream");
        for text in ["1", "2"] {
            stream.append(Event::new("k", text)).await.expect("appended");
        }
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let handler = |seen: Arc<Mutex<Vec<String>>>| {
            move |delivery: Delivery| {
                let mut seen = seen.lock().expect("no panic");
                seen.extend(delivery.events().filter_map(|e| e.event.text().map(str::to_owned)));
                yield_once().map_ok()
            }
        };
        let crashed = stream.worker("g", handler(Arc::clone(&seen)));
        let mut crash: Pin<Box<dyn Future<Output = _>>> = Box::pin(crashed.until_caught_up());
        for _ in 0..polls {
            if futures_util::poll!(&mut crash).is_ready() {
                break;
            }
        }
        drop(crash);
        let after: Arc<Mutex<Vec<String>>> = Arc::default();
        let worker = stream.worker("g", handler(Arc::clone(&after)));
        worker.until_caught_up().await.expect("caught up");
        let (seen, after) = (seen.lock().expect("no panic"), after.lock().expect("no panic"));
        let all: Vec<_> = seen.iter().chain(after.iter()).collect();
        assert!(["1", "2"].iter().all(|text| all.iter().any(|seen| seen == text)), "{all:?}");
        assert!(after.is_sorted() && seen.is_sorted());
    }
}

trait MapOk: Future<Output = ()> + Send + Sized {
    fn map_ok(self) -> impl Future<Output = Result<(), HandlerError>> + Send {
        async {
            self.await;
            Ok(())
        }
    }
}

impl<F: Future<Output = ()> + Send> MapOk for F {}

#[tokio::test]
async fn when_patience_runs_out_an_append_can_be_settled_later() {
    let network = Network::new();
    let impatient = config().patience(Duration::ZERO);
    let stream = Stream::create(network.client(1), impatient).await.expect("a stream");
    // The slot is written, and the answer is lost.
    network.strike(1, Fault::Unanswered);
    let unsettled = match stream.append(Event::new("k", "1")).await {
        Err(AppendError::Unsettled(unsettled)) => unsettled,
        other => panic!("{other:?}"),
    };
    let receipt = unsettled.settle().await.expect("the store answers again");
    assert_eq!(receipt.position.slot, Seq(1));
    let all = stream.read(Target::Everything).collect().await.expect("read");
    assert_eq!(all.len(), 1);
}

#[tokio::test]
async fn a_worker_whose_store_is_gone_says_so() {
    let network = Network::new();
    let impatient = config().patience(Duration::from_millis(50));
    let stream = Stream::create(network.client(1), impatient).await.expect("a stream");
    stream.append(Event::new("k", "1")).await.expect("appended");
    let strike = Arc::clone(&network.strike);
    let sent = Arc::clone(&network.sent);
    let worker = stream
        .worker("g", |_: Delivery| async { Ok::<(), HandlerError>(()) })
        .sweep_every(Duration::from_millis(5));
    let gone = async {
        // Every request from now on.
        loop {
            *strike.lock().expect("no panic") = Some((sent.load(Ordering::SeqCst), Fault::Refused));
            yield_once().await;
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        ended = worker.run() => match ended {
            Err(WorkerError::Store(error)) => assert!(error.is_transient(), "{error}"),
            other => panic!("{other:?}"),
        },
        () = gone => unreachable!("it never ends"),
        () = tokio::time::sleep(Duration::from_secs(10)) => panic!("it should have given up"),
    }
}
