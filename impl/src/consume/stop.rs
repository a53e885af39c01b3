//! The request to stop a worker.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use event_listener::Event;

/// A request to stop, made once and seen by every clone.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<State>);

#[derive(Debug, Default)]
struct State {
    requested: AtomicBool,
    made: Event,
}

impl Stop {
    /// Creates a request that is not made yet.
    #[must_use]
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Makes the request, and wakes every task that waits for it. It cannot be taken back.
    pub fn request(&self) {
        self.0.requested.store(true, Ordering::SeqCst);
        self.0.made.notify(usize::MAX);
    }

    /// Whether the request was made.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.requested.load(Ordering::SeqCst)
    }

    /// Waits until the request is made. Dropping the future changes nothing.
    pub async fn wait(&self) {
        let made = self.0.made.listen();
        // A request that was made before this listened does not wake it.
        if !self.is_requested() {
            made.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::poll;

    use super::*;

    #[tokio::test]
    async fn wakes_every_task_that_waits() {
        let stop = Stop::new();
        let waits = |stop: Stop| tokio::spawn(async move { stop.wait().await });
        let waiting = [waits(stop.clone()), waits(stop.clone())];
        tokio::task::yield_now().await;
        stop.request();
        for waits in waiting {
            let woken = tokio::time::timeout(std::time::Duration::from_secs(10), waits).await;
            woken.expect("it is woken").expect("no panic");
        }
        stop.wait().await;
    }

    /// A worker that runs for months waits in each of its turns.
    #[tokio::test]
    async fn those_who_no_longer_wait_leave_nothing_behind() {
        let stop = Stop::new();
        for _ in 0..100 {
            let mut waits = Box::pin(stop.wait());
            assert!(poll!(&mut waits).is_pending());
            assert!(poll!(&mut waits).is_pending());
            assert_eq!(stop.0.made.total_listeners(), 1);
        }
        assert_eq!(stop.0.made.total_listeners(), 0);
    }
}
