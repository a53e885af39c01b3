//! Time and sleep, as the SDK client's configuration provides them, and the waits
//! between attempts.

use std::fmt;
use std::future::{pending, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep, default_async_sleep};
use aws_smithy_async::time::SharedTimeSource;
use futures_util::FutureExt;

use super::error::SetupError;
use super::time::Timestamp;

/// A process's clock: what the time is, where processes must agree on it, and how long something
/// lasts. The time may be set, back or forward; a length of time is slept for, and does not notice.
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

    /// A timer that runs out after so long.
    pub(crate) fn timer(&self, length: Duration) -> Timer {
        if length.is_zero() { Timer::default() } else { Timer(Some(self.sleep.sleep(length))) }
    }

    /// Sleeps until a time of this clock.
    pub(crate) async fn sleep_until(&self, then: Timestamp) {
        self.sleep(then.since(self.now())).await;
    }

    /// Sleeps until a time of this clock, if there is one; otherwise for ever.
    pub(crate) async fn sleep_until_any(&self, then: Option<Timestamp>) {
        match then {
            Some(then) => self.sleep_until(then).await,
            None => pending().await,
        }
    }
}

/// A length of time that runs out, however the time is set meanwhile. The default has run out.
#[derive(Default)]
pub(crate) struct Timer(Option<Sleep>);

impl Timer {
    /// Whether it has run out.
    pub(crate) fn is_over(&mut self) -> bool {
        self.over().now_or_never().is_some()
    }

    /// Waits until it has run out.
    pub(crate) async fn over(&mut self) {
        poll_fn(|context| self.poll_over(context)).await;
    }

    /// As [`Timer::over`], for those who wait for several things.
    pub(crate) fn poll_over(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Some(sleep) = &mut self.0 {
            std::task::ready!(Pin::new(sleep).poll(context));
            self.0 = None;
        }
        Poll::Ready(())
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Timer(runs)" } else { "Timer(over)" })
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
