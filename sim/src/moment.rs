//! Simulated time, and the locks of a run's single thread.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use madsim::time::TimeHandle;

use crate::plan::Millis;

/// When simulated time begins, by a true clock: the first day of 2026.
pub(crate) const BEGINNING: Duration = Duration::from_secs(1_767_225_600);

/// The time since the run began.
pub(crate) fn now() -> Millis {
    Millis::from(TimeHandle::current().elapsed())
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Everything runs on one thread; what panicked has ended the run already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
