//! Counts the steps of a run's processes, and ends those that don't come to rest. A loop without an
//! end becomes a violation of the run that it is in, instead of eating the machine.
//!
//! Simulated time stands still while a process computes, and hardly moves while one wakes itself:
//! madsim adds less than 100 ns for each poll. So no timer ends such a loop. Its steps are counted
//! where every process must come by: when it is polled, when it reads its clock, and when it sends a
//! call. A loop that does none of these shows only from outside, in [`Pace::progress`].

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::task::Poll;

use crate::judge::{Overrun, Step, StepCounts};
use crate::moment::{lock, now};
use crate::plan::{Millis, Node};

/// Why a process is ended from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// It did more than it may.
    Overrun(Overrun),
    /// The run is cut off.
    CutOff,
}

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    /// The number of steps of all processes.
    pub(crate) steps: u64,
    /// The simulated time of the last of them.
    pub(crate) at: Millis,
    /// The process that is polled now.
    pub(crate) polled: Option<Node>,
}

/// The pace of a run.
#[derive(Debug)]
pub(crate) struct Pace {
    counts: Mutex<StepCounts>,
    steps: AtomicU64,
    at: AtomicU64,
    /// The node that is polled now, plus one; 0 if none is.
    polled: AtomicU32,
    cut_off: AtomicBool,
}

impl Pace {
    pub(super) fn new(nodes: u16) -> Pace {
        Pace {
            counts: Mutex::new(StepCounts::new(nodes)),
            steps: AtomicU64::new(0),
            at: AtomicU64::new(0),
            polled: AtomicU32::new(0),
            cut_off: AtomicBool::new(false),
        }
    }

    /// Cuts the run off: its processes end at their next step.
    pub(crate) fn cut_off(&self) {
        self.cut_off.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_cut_off(&self) -> bool {
        self.cut_off.load(Ordering::Relaxed)
    }

    /// How far the run has come. A thread outside of the run may ask.
    pub(crate) fn progress(&self) -> Progress {
        let polled = self.polled.load(Ordering::Relaxed).checked_sub(1);
        Progress {
            steps: self.steps.load(Ordering::Relaxed),
            at: Millis(self.at.load(Ordering::Relaxed)),
            polled: polled.map(|node| Node(u16::try_from(node).unwrap_or(u16::MAX))),
        }
    }

    /// Counts a step; the error is why the process takes no further one.
    fn count(&self, node: Node, step: Step) -> Result<(), Ended> {
        let at = now();
        self.steps.fetch_add(1, Ordering::Relaxed);
        self.at.store(at.0, Ordering::Relaxed);
        if self.is_cut_off() {
            return Err(Ended::CutOff);
        }
        lock(&self.counts).count(at, node, step).map_err(Ended::Overrun)
    }

    /// Counts a step that a process takes while it is polled. A process that may not go on is
    /// unwound from here to [`Pace::poll`].
    pub(super) fn step(&self, node: Node, step: Step) {
        if let Err(ended) = self.count(node, step) {
            resume_unwind(Box::new(ended));
        }
    }

    /// Polls a process.
    ///
    /// # Errors
    /// Why it may not be polled again.
    pub(super) fn poll<T>(
        &self,
        node: Node,
        poll: impl FnOnce() -> Poll<T>,
    ) -> Result<Poll<T>, Ended> {
        self.count(node, Step::Poll)?;
        self.polled.store(u32::from(node.0) + 1, Ordering::Relaxed);
        let polled = catch_unwind(AssertUnwindSafe(poll));
        self.polled.store(0, Ordering::Relaxed);
        polled.or_else(|panic| match panic.downcast::<Ended>() {
            Ok(ended) => Err(*ended),
            Err(panic) => resume_unwind(panic),
        })
    }
}
