//! L2: at most one worker is active on a partition for a group, in true time, where
//! clocks keep their bound and no worker stood still between its clock and its act.

use std::collections::{BTreeMap, HashMap};

use gapless_model::{Epoch, Invariant};

use super::evidence::{Handed, LeaseKey};
use super::verdict::{Verdict, broken};
use crate::plan::{Millis, Process};

/// A delivery that a handler is at.
#[derive(Clone, Copy, Debug)]
struct Active {
    process: Process,
    epoch: Epoch,
    since: Millis,
}

/// Who is at what.
#[derive(Debug, Default)]
pub(crate) struct Activity {
    active: HashMap<LeaseKey, Vec<(u64, Active)>>,
    latest: BTreeMap<LeaseKey, Epoch>,
    /// When each process last stood still, until when.
    still: HashMap<Process, Millis>,
    next: u64,
}

impl Activity {
    /// A process stands still until then, or stood still till now.
    pub(crate) fn stood_still(&mut self, process: Process, until: Millis) {
        let still = self.still.entry(process).or_default();
        *still = (*still).max(until);
    }

    /// A handler begins. Under clocks out of bounds only the epochs' order is promised.
    pub(crate) fn begun(&mut self, at: Millis, handed: &Handed, timely: bool) -> Verdict {
        let key = (handed.group.clone(), handed.partition.clone());
        let latest = self.latest.entry(key.clone()).or_default();
        let before = *latest;
        *latest = before.max(handed.epoch);
        if !timely {
            return Ok(());
        }
        let whose = format!("{} on {}", handed.group, handed.partition);
        if handed.epoch < before {
            return broken(
                Invariant::L2,
                format!(
                    "{whose}: a delivery under epoch {} begins after one under {before}",
                    handed.epoch
                ),
            );
        }
        let others = self.active.get(&key).into_iter().flatten().map(|(_, active)| active);
        let mut moving = others.filter(|active| {
            let still = self.still.get(&active.process).copied().unwrap_or_default();
            active.process != handed.process && still < active.since
        });
        match moving.next() {
            None => Ok(()),
            Some(other) => broken(
                Invariant::L2,
                format!(
                    "{whose}: process {} begins under epoch {} at {at}, and process {} is active under epoch {} since {}",
                    handed.process.0, handed.epoch, other.process.0, other.epoch, other.since
                ),
            ),
        }
    }

    /// Enters a delivery; the number takes it out again.
    pub(crate) fn enter(&mut self, at: Millis, handed: &Handed) -> u64 {
        self.next += 1;
        let active = Active { process: handed.process, epoch: handed.epoch, since: at };
        let key = (handed.group.clone(), handed.partition.clone());
        self.active.entry(key).or_default().push((self.next, active));
        self.next
    }

    /// Its handler is done, or was dropped.
    pub(crate) fn leave(&mut self, handed: &Handed, number: u64) {
        let key = (handed.group.clone(), handed.partition.clone());
        if let Some(active) = self.active.get_mut(&key) {
            active.retain(|(other, _)| *other != number);
        }
    }
}
