//! Simulated time, and locks for a run's single thread.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use madsim::time::TimeHandle;

use crate::plan::Millis;

/// The true time, since the Unix epoch, at which every run begins: 1 January 2026, 00:00 UTC.
pub(crate) const BEGINNING: Duration = Duration::from_secs(1_767_225_600);

/// The simulated time since the run began.
pub(crate) fn now() -> Millis {
    Millis::from(TimeHandle::current().elapsed())
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Everything runs on one thread, and a panic has ended the run already.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
