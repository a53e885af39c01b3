//! How long a group waits for its next worker, after a stop and after a crash.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use aws_sdk_dynamodb::Client;
use gapless::{Config, Delivery, Event, Handler, HandlerError, Stream, Worker};
use serde::Serialize;

use super::scratch::{delete_tables, failure};
use crate::cli::stream::Place;
use crate::commands::stream::open_failure;
use crate::failure::Failure;

/// The leases' length in this measurement.
const LEASE: Duration = Duration::from_secs(2);
/// How often each is measured.
const TIMES: usize = 5;

/// From a worker's end to the next delivery by another, in seconds.
#[derive(Clone, Debug, Serialize)]
pub struct Takeover {
    lease: f64,
    after_stop: Vec<f64>,
    after_crash: Vec<f64>,
}

impl fmt::Display for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let worst = |times: &[f64]| times.iter().copied().fold(0.0, f64::max);
        let (stop, crash) = (worst(&self.after_stop), worst(&self.after_crash));
        write!(
            f,
            "takeover, lease {:.0} s, slowest of {TIMES}: {stop:.2} s after a stop, \
             {crash:.2} s after a crash ({:.2} leases)",
            self.lease,
            crash / self.lease,
        )
    }
}

/// Notes when events arrive.
#[derive(Clone, Default)]
struct Arrivals(Arc<Mutex<Vec<Instant>>>);

impl Handler for Arrivals {
    async fn handle(&self, _delivery: Delivery) -> Result<(), HandlerError> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(Instant::now());
        Ok(())
    }
}

impl Arrivals {
    fn last(&self) -> Option<Instant> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).last().copied()
    }
}

/// A handler that takes this long; without a time it never ends.
#[derive(Clone)]
struct Slow(Option<Duration>);

impl Handler for Slow {
    async fn handle(&self, _delivery: Delivery) -> Result<(), HandlerError> {
        match self.0 {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
        Ok(())
    }
}

/// Measures both. The next worker stands by all the time, as it would in production.
pub async fn measure(client: &Client, prefix: &str, place: &Place) -> Result<Takeover, Failure> {
    let config = Config::new(prefix).lease(LEASE).skew(Duration::from_millis(200));
    // Each opens the stream for itself, so that none hears another's notices.
    let open = || async {
        let opened = Stream::create(client.clone(), config.clone()).await;
        opened.map_err(|error| open_failure(&error, place))
    };
    let parties = Parties { producer: open().await?, first: open().await?, second: open().await? };
    let (mut after_stop, mut after_crash) = (Vec::new(), Vec::new());
    for _ in 0..TIMES {
        after_stop.push(parties.hand_over(Some(Duration::from_millis(700))).await?);
        after_crash.push(parties.hand_over(None).await?);
    }
    delete_tables(&parties.producer).await?;
    Ok(Takeover { lease: LEASE.as_secs_f64(), after_stop, after_crash })
}

/// The streams of a measurement, one for each party.
struct Parties {
    producer: Stream,
    first: Stream,
    second: Stream,
}

impl Parties {
    async fn append(&self) -> Result<(), Failure> {
        let appended = self.producer.append(Event::new("key", "event")).await;
        appended.map(drop).map_err(|error| failure("an event cannot be appended", &error))
    }

    /// One worker works and another stands by. The first is asked to stop while its handler
    /// takes `handling`, or crashes where the handler never ends. Returns the seconds until
    /// the other delivers.
    async fn hand_over(&self, handling: Option<Duration>) -> Result<f64, Failure> {
        let arrivals = Arrivals::default();
        let one = self.first.worker("takeover", Slow(handling));
        let (stop, next) = (one.stopper(), self.second.worker("takeover", arrivals.clone()));
        self.append().await?;
        let ending = async {
            let working = one.run();
            let busy = async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                // For the next worker to find.
                self.append().await?;
                tokio::time::sleep(Duration::from_millis(200)).await;
                stop.request();
                Ok::<_, Failure>(())
            };
            match handling {
                Some(_) => {
                    let (worked, stopped) = futures_util::future::join(working, busy).await;
                    stopped?;
                    worked.map_err(|error| failure("a worker ended", &error))?;
                }
                None => tokio::select! {
                    worked = working => {
                        worked.map_err(|error| failure("a worker ended", &error))?;
                    }
                    stopped = busy => stopped?,
                },
            }
            // From here on the first worker is gone.
            Ok::<_, Failure>(Instant::now())
        };
        let standing_by = async {
            tokio::time::sleep(Duration::from_millis(100)).await;
            until_first(&next, &arrivals).await
        };
        let (ended, arrived) = futures_util::future::join(ending, standing_by).await;
        Ok(arrived?.saturating_duration_since(ended?).as_secs_f64())
    }
}

/// Runs a worker until it has delivered something, and stops it. Returns when it delivered.
async fn until_first(worker: &Worker<Arrivals>, arrivals: &Arrivals) -> Result<Instant, Failure> {
    let stop = worker.stopper();
    let first = async {
        loop {
            if let Some(arrived) = arrivals.last() {
                stop.request();
                return arrived;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    let (worked, arrived) = futures_util::future::join(worker.run(), first).await;
    worked.map_err(|error| failure("a worker ended", &error))?;
    Ok(arrived)
}
