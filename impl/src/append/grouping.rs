//! When a group of events is a slot.

use std::time::Duration;

/// When a slot is full, and how long to wait for more events.
///
/// `Grouping::default()` suits most callers; the methods change one limit each.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Grouping {
    /// How long the first event of a group waits for others, unless they fill the slot before.
    /// Default: zero. Even then, what arrives while a slot is being written shares the next slot.
    pub linger: Duration,
    /// The most events in a slot. Default: 500. Zero counts as one.
    pub events: usize,
    /// The most bytes of events in a slot. Default: 256 KB. A single event may be larger.
    pub bytes: usize,
    /// How many events may wait for a partition before further appends wait to be queued.
    /// Default: 10,000. Zero counts as one.
    pub waiting: usize,
}

impl Default for Grouping {
    fn default() -> Grouping {
        Grouping { linger: Duration::ZERO, events: 500, bytes: 256 * 1024, waiting: 10_000 }
    }
}

impl Grouping {
    /// Sets how long the first event of a group waits for others.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Grouping {
        self.linger = linger;
        self
    }

    /// Sets the most events in a slot.
    #[must_use]
    pub fn events(mut self, most: usize) -> Grouping {
        self.events = most;
        self
    }

    /// Sets the most bytes of events in a slot.
    #[must_use]
    pub fn bytes(mut self, most: usize) -> Grouping {
        self.bytes = most;
        self
    }

    /// Sets how many events may wait for a partition.
    #[must_use]
    pub fn waiting(mut self, most: usize) -> Grouping {
        self.waiting = most;
        self
    }
}
