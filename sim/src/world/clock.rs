//! Each process's clock: off by an offset, drifting, and set now and then.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;

use crate::moment::{BEGINNING, lock, now};
use crate::plan::{ClockPlan, Millis, Process};

/// What the clocks are off by.
pub(super) struct Offsets(Vec<Mutex<Offset>>);

#[derive(Clone, Copy)]
struct Offset {
    millis: i64,
    /// How much it gains in a million.
    drift: i64,
    since: Millis,
}

impl Offsets {
    pub(super) fn new(plans: &[ClockPlan]) -> Offsets {
        let offset = |plan: &ClockPlan| {
            Mutex::new(Offset { millis: plan.offset, drift: plan.drift, since: Millis(0) })
        };
        Offsets(plans.iter().map(offset).collect())
    }

    pub(super) fn set(&self, process: Process, millis: i64, at: Millis) {
        let mut offset = lock(&self.0[usize::from(process.0)]);
        (offset.millis, offset.since) = (millis, at);
    }

    fn read(&self, process: Process) -> i64 {
        let offset = *lock(&self.0[usize::from(process.0)]);
        let running = now().0.saturating_sub(offset.since.0) as i64;
        offset.millis + running * offset.drift / 1_000_000
    }

    fn drift(&self, process: Process) -> i64 {
        lock(&self.0[usize::from(process.0)]).drift
    }
}

/// A process's clock and its way to sleep, as the SDK takes them.
#[derive(Clone)]
pub(super) struct ProcessClock {
    pub(super) offsets: Arc<Offsets>,
    pub(super) process: Process,
}

impl std::fmt::Debug for ProcessClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("ProcessClock").field(&self.process).finish()
    }
}

impl TimeSource for ProcessClock {
    fn now(&self) -> SystemTime {
        let millis = BEGINNING.as_millis() as i64 + now().0 as i64;
        let shown = (millis + self.offsets.read(self.process)).max(0) as u64;
        UNIX_EPOCH + Duration::from_millis(shown)
    }
}

impl AsyncSleep for ProcessClock {
    fn sleep(&self, duration: Duration) -> Sleep {
        // A clock that runs fast wakes its process early.
        let drift = self.offsets.drift(self.process);
        let nanos = duration.as_nanos() as i128;
        let truly = nanos * 1_000_000 / i128::from(1_000_000 + drift);
        Sleep::new(madsim::time::sleep(Duration::from_nanos(truly.max(0) as u64)))
    }
}
