//! Waits for searches, and ends them when a limit is reached.

use std::sync::atomic::Ordering;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::engine::Tally;
use super::report::{Ended, Progress, Watch};
use super::task::Task;

/// Waits for searches, and ends them when a limit is reached.
pub(super) struct Supervisor<'a> {
    began: Instant,
    /// The time that earlier runs of the same search took.
    pub(super) spent_before: Duration,
    pub(super) peak: usize,
    timeout: Option<Duration>,
    pub(super) max_memory: Option<usize>,
    /// Whether the watch has ended a search before, and need not say so again.
    interrupted: bool,
    watch: &'a mut dyn Watch,
}

impl<'a> Supervisor<'a> {
    pub(super) fn new(task: &Task, watch: &'a mut dyn Watch) -> Self {
        let (timeout, max_memory) = (task.timeout, task.max_memory);
        Supervisor {
            began: Instant::now(),
            spent_before: Duration::ZERO,
            peak: 0,
            timeout,
            max_memory,
            interrupted: false,
            watch,
        }
    }

    /// The time that the search has taken, in this run and before it.
    pub(super) fn elapsed(&self) -> Duration {
        self.spent_before + self.began.elapsed()
    }

    /// Lets the search for counterexamples take the time that it needs, though little or none is
    /// left: what the search before it found is to be shown. A search on one thread, once for each
    /// number of faults, meets it again within this time.
    pub(super) fn allow_again(&mut self, task: &Task, ended: Ended) {
        let spent = self.elapsed();
        let again = task.threads.get() as u32 * (u32::from(task.bounds.faults) + 1);
        let enough = self.began.elapsed() + spent * again + Duration::from_secs(5);
        match ended {
            Ended::Timeout | Ended::Interrupted => self.timeout = Some(enough),
            Ended::Exhausted | Ended::Memory | Ended::Disk | Ended::Outgrown | Ended::Crowded => {
                self.timeout = self.timeout.map(|most| most.max(enough));
            }
        }
        self.interrupted = ended == Ended::Interrupted;
    }

    /// Runs a search on a thread of its own until it is done. Returns what it returns, and why it
    /// ended.
    pub(super) fn run<T: Send>(
        &mut self,
        tally: &Tally,
        shortening: bool,
        search: impl FnOnce() -> T + Send,
    ) -> (T, Ended) {
        let mut ended = Ended::Exhausted;
        let mut pause = Duration::from_micros(200);
        // Nothing is sent: the channel closes when the search ends, even in a panic. So a short
        // search is not held up until the next look at its limits.
        let (running, end) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let search = scope.spawn(move || {
                let found = search();
                drop(running);
                found
            });
            loop {
                if let Some(limit) = self.limit(tally, shortening) {
                    tally.stop.store(true, Ordering::Relaxed);
                    ended = limit;
                }
                if end.recv_timeout(pause) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            self.limit(tally, shortening);
            (search.join().expect("a search does not panic"), ended)
        })
    }

    /// The limit that is reached, if one is.
    fn limit(&mut self, tally: &Tally, shortening: bool) -> Option<Ended> {
        let memory = memory_stats::memory_stats().map_or(0, |stats| stats.physical_mem);
        self.peak = self.peak.max(memory);
        let progress = Progress {
            unique: tally.unique.load(Ordering::Relaxed),
            generated: tally.generated.load(Ordering::Relaxed),
            depth: tally.depth.load(Ordering::Relaxed),
            memory,
            shortening,
        };
        if !self.watch.proceed(progress) && !self.interrupted {
            Some(Ended::Interrupted)
        } else if self.timeout.is_some_and(|most| self.began.elapsed() > most) {
            Some(Ended::Timeout)
        } else if self.max_memory.is_some_and(|most| memory > most) {
            Some(Ended::Memory)
        } else {
            None
        }
    }
}
