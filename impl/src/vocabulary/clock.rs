//! Time and sleep, as the SDK client's configuration provides them, and the waits
//! between attempts.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, default_async_sleep};
use aws_smithy_async::time::SharedTimeSource;

use super::error::SetupError;
use super::time::Timestamp;

/// A process's clock.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    time: SharedTimeSource,
    sleep: SharedAsyncSleep,
}

impl Clock {
    /// The clock of a client.
    pub(crate) fn of(client: &Client) -> Result<Clock, SetupError> {
        // As in the SDK: the configuration's, or the one that the SDK's features bring.
        let sleep = client.config().sleep_impl().or_else(default_async_sleep);
        let sleep = sleep.ok_or(SetupError::Client {
            what: "way to sleep",
            help: "enable the SDK's feature `rt-tokio`, or give its configuration a `sleep_impl`",
        })?;
        // The SDK falls back to the system's clock as well.
        let time = client.config().time_source().unwrap_or_default();
        Ok(Clock { time, sleep })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.time.now().into()
    }

    pub(crate) async fn sleep(&self, length: Duration) {
        if !length.is_zero() {
            self.sleep.sleep(length).await;
        }
    }

    /// Sleeps until a time of this clock.
    pub(crate) async fn sleep_until(&self, then: Timestamp) {
        self.sleep(then.since(self.now())).await;
    }
}

/// Waits that double up to two seconds, or another most. Each is drawn at random between its half
/// and its whole, so that callers who were refused together do not come back together.
#[derive(Clone, Debug)]
pub(crate) struct Backoff {
    next: Duration,
    most: Duration,
}

impl Backoff {
    pub(crate) fn new(first: Duration) -> Backoff {
        Backoff::up_to(first, Duration::from_secs(2))
    }

    pub(crate) fn up_to(first: Duration, most: Duration) -> Backoff {
        Backoff { next: first, most }
    }

    pub(crate) fn next(&mut self) -> Duration {
        let now = self.next;
        self.next = now.saturating_mul(2).min(self.most);
        shortened(now, 0.5)
    }
}

/// A time that is shortened at random, by up to this part of it.
pub(crate) fn shortened(length: Duration, most: f64) -> Duration {
    // By what is taken away: a product with 1 could be more than a duration can be.
    length - length.mul_f64(most * fastrand::f64()).min(length)
}

/// Puts things into a random order, so that processes that see the same begin with different ones.
pub(crate) fn shuffle<T>(things: &mut [T]) {
    fastrand::shuffle(things);
}

impl Default for Backoff {
    fn default() -> Backoff {
        Backoff::new(Duration::from_millis(20))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_two_seconds_and_are_spread_between_half_and_whole() {
        let mut backoff = Backoff::new(Duration::from_millis(300));
        for most in [300, 600, 1_200, 2_000, 2_000] {
            let waits: Vec<_> = (0..64).map(|_| backoff.clone().next()).collect();
            let bounds = Duration::from_millis(most / 2)..=Duration::from_millis(most);
            assert!(waits.iter().all(|wait| bounds.contains(wait)), "{waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]), "they come back together");
            backoff.next();
        }
    }
}
