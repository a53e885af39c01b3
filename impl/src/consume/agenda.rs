//! What a worker has to do, now and later.

use std::collections::{BTreeMap, BTreeSet};
use std::future::poll_fn;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::FutureExt;
use gapless_model::{PartitionId, Seq};

use super::aside::Aside;
use super::end::WorkerError;
use super::queue::{Queue, Source};
use super::share::Share;
use super::sweep::Swept;
use crate::vocabulary::{Clock, Hint, Timer, Timestamp, shuffle};

/// The partitions of a worker, by what is to be done with them.
#[derive(Debug)]
pub(super) struct Agenda {
    /// Partitions to take a turn on.
    ready: Queue,
    /// Partitions on which a turn is under way, and how the worker learnt of them.
    running: BTreeMap<PartitionId, Source>,
    /// How many of those that sweeps found are taken on at once.
    share: Share,
    /// When to come back to a partition whose lease another worker holds.
    later: BTreeMap<PartitionId, Timestamp>,
    /// Partitions whose head was ahead of their last slot at the last turn.
    quiet: BTreeSet<PartitionId>,
    /// The last slot that this run has finished of each partition.
    done: BTreeMap<PartitionId, Seq>,
    /// Partitions that failed.
    aside: Aside,
    /// For how long sweeps may go on failing, once one has.
    patience: Option<Timer>,
}

impl Agenda {
    /// The agenda of a worker that takes so many turns at once.
    pub(super) fn new(places: usize) -> Agenda {
        Agenda {
            ready: Queue::default(),
            running: BTreeMap::new(),
            share: Share::of(places),
            later: BTreeMap::new(),
            quiet: BTreeSet::new(),
            done: BTreeMap::new(),
            aside: Aside::default(),
            patience: None,
        }
    }

    /// The partition whose turn can begin.
    fn next(&self) -> Option<PartitionId> {
        let swept = self.running.values().filter(|source| **source == Source::Swept).count();
        self.ready.first(|id, source| {
            let has_room = match source {
                Source::Announced => true,
                Source::Swept => self.share.has_room(swept),
            };
            has_room && !self.running.contains_key(id)
        })
    }

    /// Whether a partition waits for a turn of its own.
    pub(super) fn has_waiting(&self) -> bool {
        self.ready.first(|id, _| !self.running.contains_key(id)).is_some()
    }

    /// Whether a partition was announced, and waits for a turn.
    pub(super) fn is_announced(&self, partition: &PartitionId) -> bool {
        self.ready.source(partition) == Some(Source::Announced)
    }

    /// Moves the next ready partition to the running ones, and returns it.
    pub(super) fn start_next(&mut self) -> Option<PartitionId> {
        let partition = self.next()?;
        let source = self.ready.take(&partition)?;
        self.running.insert(partition.clone(), source);
        Some(partition)
    }

    /// Removes a partition whose turn has ended from the running ones. `was_idle` says that it was
    /// another worker's, or had nothing to deliver. Returns whether the sweep it came from is not to
    /// be followed any further.
    pub(super) fn end_turn(&mut self, partition: &PartitionId, was_idle: bool) -> bool {
        let mut is_stale = false;
        match (self.running.remove(partition), was_idle) {
            (Some(Source::Swept), true) => {
                // Others follow the same sweep. The next one shows what they have left.
                self.share.shrink();
                self.ready.keep_found(&BTreeSet::new());
                is_stale = true;
            }
            (Some(Source::Swept), false) => self.share.grow(),
            (Some(Source::Announced) | None, _) => {}
        }
        if !was_idle {
            self.aside.remove(partition);
        }
        is_stale
    }

    /// Sets a partition aside that failed, for a pause or, without one, for good. Returns the pause
    /// until it is tried again.
    pub(super) fn set_aside(
        &mut self,
        partition: PartitionId,
        why: WorkerError,
        pause: Option<Duration>,
        clock: &Clock,
    ) -> Option<Duration> {
        self.running.remove(&partition);
        self.ready.take(&partition);
        // A sweep need not look into what is left alone in any case.
        self.quiet.remove(&partition);
        self.aside.add(partition, why, pause, clock)
    }

    /// Sets whether a partition's last turn had nothing to deliver. Then a head that is ahead
    /// of its slots is no work yet: the next sweep looks into the partition first.
    pub(super) fn set_quiet(&mut self, partition: &PartitionId, quiet: bool) {
        if quiet {
            self.quiet.insert(partition.clone());
        } else {
            self.quiet.remove(partition);
        }
    }

    /// The partitions whose last turn had nothing to deliver.
    pub(super) fn quiet(&self) -> &BTreeSet<PartitionId> {
        &self.quiet
    }

    /// Adds partitions that may have work.
    pub(super) fn add_ready(&mut self, partitions: Vec<PartitionId>) {
        for partition in partitions {
            if !self.aside.has(&partition) {
                self.ready.add(partition, Source::Announced);
            }
        }
    }

    /// Adds partitions that hints announce. Returns those for which no turn is due, as this run has
    /// finished what was announced.
    pub(super) fn add_hinted(&mut self, hints: Vec<Hint>) -> Vec<PartitionId> {
        let mut done = Vec::new();
        for Hint { partition, upto } in
            hints.into_iter().filter(|it| !self.aside.has(&it.partition))
        {
            match upto {
                // An operator may have moved the checkpoint back since. No hint of an old slot says so:
                // sweeps find that.
                Some(slot) if self.done.get(&partition) >= Some(&slot) => done.push(partition),
                Some(slot) => self.ready.add_slot(partition, slot),
                None => self.ready.add(partition, Source::Announced),
            }
        }
        // What a turn is to look at, or looks at, finishes all of them.
        done.retain(|id| !self.is_announced(id) && !self.running.contains_key(id));
        done
    }

    /// Forgets what was announced of a partition up to this slot, and will be, as a turn was there that has
    /// caught up.
    pub(super) fn forget_done(&mut self, partition: &PartitionId, upto: Seq) {
        self.ready.take_done(partition, upto);
        let done = self.done.entry(partition.clone()).or_default();
        *done = upto.max(*done);
    }

    /// Adds what a sweep found ready, in any order, and replaces what an earlier one found.
    pub(super) fn add_swept(&mut self, swept: Swept) {
        self.patience = None;
        let Swept { mut ready, held, .. } = swept;
        let held: BTreeMap<_, _> = held.into_iter().collect();
        // P1: a turn that goes on has its partition for itself. The share is for what others may be
        // about to take as well, and must not keep places empty.
        for source in self.running.values_mut().filter(|source| **source == Source::Swept) {
            *source = Source::Announced;
            self.share.grow();
        }
        self.aside.keep(|id| ready.contains(id) || held.contains_key(id));
        // Workers that sweep at the same time begin at different partitions.
        shuffle(&mut ready);
        ready.retain(|id| !self.running.contains_key(id) && !self.aside.has(id));
        self.ready.keep_found(&ready.iter().cloned().collect());
        for partition in ready {
            self.ready.add(partition, Source::Swept);
        }
        // The lease of a running turn is its own.
        let is_others = |id: &PartitionId| !self.running.contains_key(id) && !self.aside.has(id);
        self.later = held.into_iter().filter(|(id, _)| is_others(id)).collect();
    }

    /// Waits until the pauses of partitions that failed are over, and moves these to the ready ones.
    pub(super) fn poll_back(&mut self, context: &mut Context<'_>) -> Poll<()> {
        self.aside.poll_back(context).map(|back| {
            for partition in back {
                self.ready.add(partition, Source::Announced);
            }
        })
    }

    /// Moves the partitions whose lease can have ended by now, or whose pause is over, to the
    /// ready ones.
    pub(super) fn come_back(&mut self, now: Timestamp) {
        let _ = poll_fn(|context| self.poll_back(context)).now_or_never();
        let free = self.later.extract_if(.., |_, then| *then <= now).map(|(id, _)| id);
        let mut free: Vec<_> = free.collect();
        // Every worker saw those leases, and comes back at the same time.
        shuffle(&mut free);
        for partition in free {
            self.ready.add(partition, Source::Swept);
        }
    }

    /// When the first of the partitions that are held is to be tried again.
    pub(super) fn next_return(&self) -> Option<Timestamp> {
        self.later.values().min().copied()
    }

    /// Whether no partition waits for a turn, now or later.
    pub(super) fn is_clear(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty()
    }

    /// Why one of the partitions that are set aside failed.
    pub(super) fn into_failure(self) -> Option<WorkerError> {
        self.aside.into_failure()
    }

    /// Notes that a sweep failed. Returns whether sweeps have failed for longer than
    /// `patience`.
    pub(super) fn sweep_failed(&mut self, clock: &Clock, patience: Duration) -> bool {
        match &mut self.patience {
            Some(patience) => patience.is_over(),
            None => {
                self.patience = Some(clock.timer(patience));
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn partitions(of: std::ops::Range<u64>) -> Vec<PartitionId> {
        of.map(|index| PartitionId::covering(index << 56, 8)).collect()
    }

    fn started(agenda: &mut Agenda) -> usize {
        std::iter::from_fn(|| agenda.start_next()).count()
    }

    /// What was announced to this worker is not what others are about to take.
    #[test]
    fn turns_on_what_was_announced_leave_the_share_of_what_a_sweep_found() {
        let mut agenda = Agenda::new(8);
        agenda.add_ready(partitions(0..2));
        assert_eq!(started(&mut agenda), 2);
        agenda.add_swept(Swept { ready: partitions(2..10), ..Swept::default() });
        assert_eq!(started(&mut agenda), 4);
        assert!(agenda.has_waiting());
    }

    /// A hint can come long after the sweep that found the same, and costs no lease then.
    #[test]
    fn a_hint_of_a_slot_that_is_finished_announces_nothing() {
        let mut agenda = Agenda::new(1);
        let [partition, other] = partitions(0..2).try_into().expect("two");
        let hint = |slot| vec![Hint::of_slot(partition.clone(), Seq(slot))];
        assert_eq!(agenda.add_hinted(hint(2)), []);
        assert_eq!(agenda.start_next().as_ref(), Some(&partition));
        agenda.forget_done(&partition, Seq(2));
        assert_eq!(agenda.add_hinted(hint(2)), [], "the turn that is under way finishes it");
        agenda.end_turn(&partition, false);
        for slot in [1, 2] {
            assert_eq!(agenda.add_hinted(hint(slot)), std::slice::from_ref(&partition));
            assert_eq!(agenda.start_next(), None, "slot {slot}");
        }
        // Another partition's slots are not its own, and what is not finished is due.
        for due in [Hint::of_slot(other, Seq(1)), Hint::of(partition.clone()), hint(3).remove(0)] {
            assert_eq!(agenda.add_hinted(vec![due.clone()]), []);
            assert_eq!(agenda.start_next().as_ref(), Some(&due.partition));
            agenda.end_turn(&due.partition, false);
        }
        // A turn that saw less than an older one takes nothing back.
        agenda.forget_done(&partition, Seq(1));
        assert_eq!(agenda.add_hinted(hint(2)), [partition]);
    }

    #[test]
    fn a_sweep_takes_the_place_of_the_one_before_and_leaves_what_was_announced() {
        let mut agenda = Agenda::new(1);
        let [announced, gone] = partitions(0..2).try_into().expect("two");
        agenda.add_swept(Swept { ready: vec![gone], ..Swept::default() });
        agenda.add_ready(vec![announced.clone()]);
        agenda.add_swept(Swept::default());
        assert_eq!(agenda.start_next(), Some(announced.clone()));
        assert!(!agenda.has_waiting());
        agenda.end_turn(&announced, false);
        assert_eq!(started(&mut agenda), 0);
    }
}
