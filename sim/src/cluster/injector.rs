//! The injector: which fault strikes an attempt, and which calls the store throttles or
//! answers slowly, until the run is healed.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use crate::moment::{lock, now};
use crate::plan::{CallKind, Fault, Millis, Node, Plan, Trouble};

/// Decides what goes wrong, by chance or as the plan lists it.
pub(crate) struct Injector {
    seed: u64,
    trouble: Trouble,
    /// How many attempts each process has made, counted over all its lives.
    attempts: Vec<AtomicU32>,
    listed: Option<Mutex<HashMap<(Node, u32), Fault>>>,
    healed: AtomicBool,
    storm_until: Mutex<Millis>,
    slow: Mutex<Vec<SlowPartition>>,
}

/// A partition whose calls take longer, until then.
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
        }
    }

    /// The number of a process's next attempt.
    pub(super) fn next_attempt(&self, node: Node) -> u32 {
        self.attempts[usize::from(node.0)].fetch_add(1, Ordering::Relaxed)
    }

    /// What strikes this attempt. After the run is healed nothing does.
    pub(super) fn fault_for(&self, node: Node, attempt: u32, kind: CallKind) -> Option<Fault> {
        if self.is_healed() {
            return None;
        }
        match &self.listed {
            Some(listed) => lock(listed).get(&(node, attempt)).copied(),
            None => self.trouble.fault_for(self.seed, node, attempt, kind),
        }
    }

    /// Strikes the next attempt of a process, where the plan lists what strikes.
    pub(crate) fn strike_next(&self, node: Node, fault: Fault) {
        let next = self.attempts[usize::from(node.0)].load(Ordering::Relaxed);
        if let Some(listed) = &self.listed {
            lock(listed).insert((node, next), fault);
        }
    }

    /// All trouble ends.
    pub(crate) fn heal(&self) {
        self.healed.store(true, Ordering::Relaxed);
        *lock(&self.storm_until) = Millis(0);
        lock(&self.slow).clear();
    }

    pub(crate) fn is_healed(&self) -> bool {
        self.healed.load(Ordering::Relaxed)
    }

    /// Whether the plan's faults strike at random, during the whole run.
    pub(super) fn is_troubled(&self) -> bool {
        self.trouble.ppm > 0
    }

    pub(crate) fn begin_storm(&self, until: Millis) {
        *lock(&self.storm_until) = until;
    }

    /// Whether the store throttles most calls now.
    pub(super) fn is_stormy(&self) -> bool {
        now() < *lock(&self.storm_until)
    }

    pub(crate) fn slow_down(&self, partition: String, by: Millis, until: Millis) {
        lock(&self.slow).push(SlowPartition { partition, by, until });
    }

    /// How much longer a call takes that names these partitions.
    pub(super) fn delay(&self, names: impl Fn(&str) -> bool) -> Option<Millis> {
        lock(&self.slow)
            .iter()
            .filter(|slow| now() < slow.until && names(&slow.partition))
            .map(|slow| slow.by)
            .max()
    }
}
