//! The fault injector: which fault strikes an attempt, and which calls the store throttles
//! or delays, until the run is healed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use gapless::StoreError;

use crate::decode::Read;
use crate::moment::{lock, now};
use crate::plan::{CallKind, Fault, Millis, Node, Plan, StorePart, Trouble};

/// The code of the answer to a node that is locked out.
pub(super) const EXPIRED: &str = "ExpiredTokenException";

/// Decides what goes wrong, at random or as the plan lists it.
pub(crate) struct Injector {
    seed: u64,
    trouble: Trouble,
    /// How many attempts each node has made, counted across restarts.
    attempts: Vec<AtomicU32>,
    listed: Option<Mutex<HashMap<(Node, u32), Fault>>>,
    healed: AtomicBool,
    storm_until: Mutex<Millis>,
    slow: Mutex<Vec<SlowPartition>>,
    /// By how much the calls of a process take longer, and until when.
    slow_processes: Mutex<BTreeMap<Node, (Millis, Millis)>>,
    /// The partitions that are throttled, each until a time.
    hot: Mutex<BTreeMap<String, Millis>>,
    /// Until when the index gets more writes than it can take.
    hot_index_until: Mutex<Millis>,
    /// The parts of the store that fail, each until a time.
    out: Mutex<BTreeMap<StorePart, Millis>>,
    locked_out: Mutex<HashMap<Node, LockOuts>>,
}

/// A node that was locked out.
#[derive(Clone, Copy, Default)]
struct LockOuts {
    /// How often.
    count: u32,
    until: Millis,
}

/// A partition whose calls take longer for a while.
struct SlowPartition {
    partition: String,
    by: Millis,
    until: Millis,
}

impl Injector {
    pub(super) fn new(plan: &Plan) -> Injector {
        let listed = plan.strikes.as_ref().map(|strikes| {
            let all = strikes.iter().map(|strike| ((strike.node, strike.attempt), strike.fault));
            Mutex::new(all.collect())
        });
        Injector {
            seed: plan.seed,
            trouble: plan.trouble.clone(),
            attempts: (0..plan.nodes()).map(|_| AtomicU32::new(0)).collect(),
            listed,
            healed: AtomicBool::new(false),
            storm_until: Mutex::default(),
            slow: Mutex::default(),
            slow_processes: Mutex::default(),
            hot: Mutex::default(),
            hot_index_until: Mutex::default(),
            out: Mutex::default(),
            locked_out: Mutex::default(),
        }
    }

    /// Takes the number of a node's next attempt.
    pub(super) fn next_attempt(&self, node: Node) -> u32 {
        self.attempts[usize::from(node.0)].fetch_add(1, Ordering::Relaxed)
    }

    /// The number of the attempt that a node makes next.
    pub(super) fn upcoming_attempt(&self, node: Node) -> u32 {
        self.attempts[usize::from(node.0)].load(Ordering::Relaxed)
    }

    /// The fault that strikes an attempt; none after the run is healed.
    pub(super) fn fault_for(
        &self,
        node: Node,
        attempt: u32,
        kind: CallKind,
        read: Option<Read>,
    ) -> Option<Fault> {
        if self.is_healed() {
            return None;
        }
        if let Some(listed) = &self.listed {
            return lock(listed).get(&(node, attempt)).copied();
        }
        let eventual = read.filter(|read| !read.consistent);
        let stale = |read: Read| {
            let source = read.source as u64;
            self.trouble.stale_for(self.seed, (node, attempt), source, now())
        };
        let fault = self.trouble.fault_for(self.seed, node, attempt, kind);
        fault.or_else(|| eventual.and_then(stale))
    }

    /// Lists a fault for the next attempt of a node. Without effect if faults are random.
    pub(crate) fn strike_next(&self, node: Node, fault: Fault) {
        let next = self.upcoming_attempt(node);
        if let Some(listed) = &self.listed {
            lock(listed).insert((node, next), fault);
        }
    }

    /// Ends all faults.
    pub(crate) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
        *lock(&self.storm_until) = Millis(0);
        lock(&self.slow).clear();
        lock(&self.slow_processes).clear();
        lock(&self.hot).clear();
        *lock(&self.hot_index_until) = Millis(0);
        lock(&self.out).clear();
        lock(&self.locked_out).values_mut().for_each(|locked| locked.until = Millis(0));
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// Whether the plan has random faults at all. A plan that lists its faults has none, and without them the
    /// queue has no dead letters, and the table's stream no limit, no trimmed records and no short iterators.
    fn is_troubled(&self) -> bool {
        self.trouble.ppm > 0
    }

    /// Whether random faults may strike now.
    pub(super) fn is_striking(&self) -> bool {
        self.is_troubled() && !self.is_healed()
    }

    pub(crate) fn begin_storm(&self, until: Millis) {
        *lock(&self.storm_until) = until;
    }

    /// Whether the store throttles most calls now.
    pub(super) fn is_stormy(&self) -> bool {
        now() < *lock(&self.storm_until)
    }

    pub(crate) fn lock_out(&self, node: Node, until: Millis) {
        let mut locked_out = lock(&self.locked_out);
        let locked = locked_out.entry(node).or_default();
        *locked = LockOuts { count: locked.count + 1, until };
    }

    /// How often a node was locked out so far.
    pub(super) fn lock_outs(&self, node: Node) -> u32 {
        lock(&self.locked_out).get(&node).map_or(0, |locked| locked.count)
    }

    /// Whether a node was refused something for good because it was locked out.
    pub(super) fn explains_refusal(&self, node: Node, error: &StoreError) -> bool {
        let is_expired = matches!(error, StoreError::Refused { why, .. } if why.contains(EXPIRED));
        is_expired && self.lock_outs(node) > 0
    }

    /// Whether the store refuses a call of a node now: the node is locked out, or has been since it
    /// signed the call. That goes for copies as well.
    pub(super) fn has_expired(&self, node: Node, signed: u32) -> bool {
        let refuses = |locked: &LockOuts| now() < locked.until || locked.count > signed;
        lock(&self.locked_out).get(&node).is_some_and(refuses)
    }

    pub(crate) fn slow_down(&self, partition: String, by: Millis, until: Millis) {
        lock(&self.slow).push(SlowPartition { partition, by, until });
    }

    pub(crate) fn slow_process(&self, node: Node, by: Millis, until: Millis) {
        lock(&self.slow_processes).insert(node, (by, until));
    }

    /// How much longer a call of a process takes now before it leaves.
    pub(super) fn lag(&self, node: Node) -> Option<Millis> {
        let slow = lock(&self.slow_processes).get(&node).copied();
        slow.filter(|(_, until)| now() < *until).map(|(by, _)| by)
    }

    pub(crate) fn heat(&self, partition: String, until: Millis) {
        lock(&self.hot).insert(partition, until);
    }

    /// Whether a call names a partition that is hot now.
    pub(super) fn is_hot(&self, names: impl Fn(&str) -> bool) -> bool {
        lock(&self.hot).iter().any(|(partition, until)| now() < *until && names(partition))
    }

    pub(crate) fn heat_index(&self, until: Millis) {
        *lock(&self.hot_index_until) = until;
    }

    /// Whether the index gets more writes now than it can take.
    pub(super) fn is_index_hot(&self) -> bool {
        now() < *lock(&self.hot_index_until)
    }

    pub(crate) fn begin_outage(&self, part: StorePart, until: Millis) {
        lock(&self.out).insert(part, until);
    }

    /// Whether a call is about a part of the store that fails now.
    pub(super) fn is_out(&self, is_about: impl Fn(StorePart) -> bool) -> bool {
        lock(&self.out).iter().any(|(part, until)| now() < *until && is_about(*part))
    }

    /// How much longer a call takes, by the slow partitions that it names.
    pub(super) fn delay(&self, names: impl Fn(&str) -> bool) -> Option<Millis> {
        lock(&self.slow)
            .iter()
            .filter(|slow| now() < slow.until && names(&slow.partition))
            .map(|slow| slow.by)
            .max()
    }
}
