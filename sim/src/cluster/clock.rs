//! The clocks of the nodes: each has an offset, drifts, and is set now and then.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};
use aws_smithy_async::time::TimeSource;

use super::pace::Pace;
use super::stepped::{LONG, SteppedTime, Woken};
use crate::judge::Step;
use crate::moment::{BEGINNING, lock, now};
use crate::plan::{ClockPlan, Millis, Node};

/// The offsets of all nodes' clocks from true time.
pub(super) struct ClockOffsets {
    offsets: Vec<Mutex<ClockOffset>>,
    /// The clocks of a run that follows a script, until its end.
    pub(super) stepped: Option<SteppedTime>,
}

#[derive(Clone, Copy)]
struct ClockOffset {
    millis: i64,
    /// How much the clock gains, in parts per million.
    drift: i64,
    since: Millis,
}

impl ClockOffsets {
    pub(super) fn new(plans: &[ClockPlan], is_stepped: bool) -> ClockOffsets {
        let offset = |plan: &ClockPlan| {
            Mutex::new(ClockOffset { millis: plan.offset, drift: plan.drift, since: Millis(0) })
        };
        let beginning = BEGINNING.as_millis() as u64;
        let stepped = is_stepped.then(|| SteppedTime::new(plans.len(), beginning));
        ClockOffsets { offsets: plans.iter().map(offset).collect(), stepped }
    }

    pub(super) fn set(&self, node: Node, millis: i64, at: Millis) {
        let mut offset = lock(&self.offsets[usize::from(node.0)]);
        (offset.millis, offset.since) = (millis, at);
    }

    /// What a node's clock shows now, in milliseconds since the Unix epoch.
    pub(super) fn read(&self, node: Node) -> u64 {
        let stepped = self.stepped.as_ref().and_then(|stepped| stepped.read(node));
        stepped.unwrap_or_else(|| self.read_running(node))
    }

    fn read_running(&self, node: Node) -> u64 {
        let offset = *lock(&self.offsets[usize::from(node.0)]);
        let running = now().0.saturating_sub(offset.since.0) as i64;
        let offset = offset.millis + running * offset.drift / 1_000_000;
        let truly = BEGINNING.as_millis() as i64 + now().0 as i64;
        (truly + offset).max(0) as u64
    }

    /// Lets clocks that stood still run again, from where they are.
    pub(super) fn release(&self) {
        let Some(stepped) = &self.stepped else { return };
        let truly = BEGINNING.as_millis() as i64 + now().0 as i64;
        for (node, shown) in (0..).map(Node).zip(stepped.release()) {
            self.set(node, shown as i64 - truly, now());
        }
    }

    /// Sleeps until a time of a node's clock that stands still, or runs again meanwhile.
    async fn sleep_stepped(&self, node: Node, span: Duration) {
        let Some(stepped) = &self.stepped else { return };
        let due = self.read(node) + span.as_millis() as u64;
        match stepped.wait(node, due).await {
            Woken::Due => {}
            Woken::Released => {
                let left = due.saturating_sub(self.read(node));
                madsim::time::sleep(Duration::from_millis(left)).await;
            }
        }
    }

    fn drift(&self, node: Node) -> i64 {
        lock(&self.offsets[usize::from(node.0)]).drift
    }
}

/// A node's clock and sleep, in the form that the SDK takes.
#[derive(Clone)]
pub(super) struct NodeClock {
    pub(super) offsets: Arc<ClockOffsets>,
    pub(super) pace: Arc<Pace>,
    pub(super) node: Node,
}

impl std::fmt::Debug for NodeClock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("NodeClock").field(&self.node).finish()
    }
}

impl TimeSource for NodeClock {
    fn now(&self) -> SystemTime {
        self.pace.step(self.node, Step::Clock);
        UNIX_EPOCH + Duration::from_millis(self.offsets.read(self.node))
    }
}

impl AsyncSleep for NodeClock {
    fn sleep(&self, duration: Duration) -> Sleep {
        let stepped = self.offsets.stepped.as_ref().and_then(|stepped| stepped.read(self.node));
        if stepped.is_some() && duration >= LONG {
            let (offsets, node) = (Arc::clone(&self.offsets), self.node);
            return Sleep::new(async move { offsets.sleep_stepped(node, duration).await });
        }
        // A clock that runs fast wakes its node early.
        let drift = self.offsets.drift(self.node);
        let nanos = duration.as_nanos() as i128;
        let truly = nanos * 1_000_000 / i128::from(1_000_000 + drift);
        Sleep::new(madsim::time::sleep(Duration::from_nanos(truly.max(0) as u64)))
    }
}
