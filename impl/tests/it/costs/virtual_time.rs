//! Time that passes only when nothing else can happen: what is waited for is known to the
//! millisecond, and waiting takes none.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;

/// A clock that stands still until its sleepers are all that is left.
#[derive(Clone, Debug, Default)]
pub struct VirtualTime(Arc<Mutex<Standing>>);

#[derive(Debug, Default)]
struct Standing {
    now: Duration,
    /// By how many milliseconds the clock is off.
    offset: i64,
    /// Who sleeps, and until when.
    sleepers: BTreeMap<(Duration, u64), Waker>,
    next: u64,
}

impl VirtualTime {
    const LONGEST: Duration = Duration::from_secs(3 * 3600);

    /// The time since it began.
    pub fn elapsed(&self) -> Duration {
        self.0.lock().expect("no panic").now
    }

    /// Sets what the clock shows: ahead of the time by so many milliseconds, or behind it.
    pub fn set_clock(&self, ahead: i64) {
        self.0.lock().expect("no panic").offset = ahead;
    }

    /// A sleep of this clock.
    pub fn wait(&self, length: Duration) -> Sleeper {
        let mut standing = self.0.lock().expect("no panic");
        standing.next += 1;
        let key = (standing.now + length, standing.next);
        Sleeper { time: self.clone(), key }
    }

    /// Runs a future to its end.
    ///
    /// # Panics
    /// If it waits for something other than this clock, or for more than three hours.
    pub fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return output;
            }
            if !woken.0.swap(false, Ordering::SeqCst) {
                self.go_on();
            }
        }
    }

    /// Wakes who sleeps shortest.
    fn go_on(&self) {
        let mut standing = self.0.lock().expect("no panic");
        let ((then, _), waker) = standing.sleepers.pop_first().expect("somebody sleeps");
        let now = then.max(standing.now);
        standing.now = now;
        drop(standing);
        assert!(now < VirtualTime::LONGEST, "it goes on and on");
        waker.wake();
    }
}

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// A sleep. One that is dropped is forgotten: time does not pass for it.
pub struct Sleeper {
    time: VirtualTime,
    key: (Duration, u64),
}

impl Future for Sleeper {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut standing = self.time.0.lock().expect("no panic");
        if standing.now >= self.key.0 {
            return Poll::Ready(());
        }
        standing.sleepers.insert(self.key, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        self.time.0.lock().expect("no panic").sleepers.remove(&self.key);
    }
}

impl AsyncSleep for VirtualTime {
    fn sleep(&self, length: Duration) -> Sleep {
        Sleep::new(self.wait(length))
    }
}

impl TimeSource for VirtualTime {
    fn now(&self) -> SystemTime {
        let Standing { now, offset, .. } = &*self.0.lock().expect("no panic");
        let shown = UNIX_EPOCH + Duration::from_secs(1_700_000_000) + *now;
        let off = Duration::from_millis(offset.unsigned_abs());
        if offset.is_negative() { shown - off } else { shown + off }
    }
}
