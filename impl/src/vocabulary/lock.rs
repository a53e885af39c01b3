//! Locks under which nothing panics.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Takes a lock under which nothing panics, so that it is never poisoned.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
