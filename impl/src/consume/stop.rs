//! The request to stop a worker.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

/// A request to stop, made once and seen by every clone.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    requested: bool,
    waiting: Vec<Waker>,
}

impl Stop {
    /// Creates a request that is not made yet.
    #[must_use]
    pub fn new() -> Stop {
        Stop::default()
    }

    /// Makes the request, and wakes every task that waits for it. It cannot be taken back.
    pub fn request(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.requested = true;
        for waker in state.waiting.drain(..) {
            waker.wake();
        }
    }

    /// Whether the request was made.
    #[must_use]
    pub fn is_requested(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).requested
    }

    /// Waits until the request is made. Dropping the future changes nothing.
    pub async fn wait(&self) {
        poll_fn(|context| {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.requested {
                return Poll::Ready(());
            }
            if !state.waiting.iter().any(|waker| waker.will_wake(context.waker())) {
                state.waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
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
    }
}
