//! D2: positions are delivered in order, and again only after a crash, a failed handler, a dropped
//! turn or a lost lease, each of the very turn that was given them before.

use std::collections::{BTreeMap, BTreeSet};

use gapless_model::explanation::listed;
use gapless_model::{Epoch, Invariant, Seq};

use super::evidence::ObservedDelivery;
use super::judgement::{Finding, Judgement, broken};
use super::missed;
use super::sight::Sight;
use super::turns::Turns;
use super::words::{events, seconds};
use crate::plan::{Millis, Node};

/// What a handler was given under one epoch: every slot behind `after` up to `upto`.
#[derive(Debug)]
struct Given {
    node: Node,
    since: Millis,
    after: Seq,
    upto: Seq,
    finished: Seq,
    /// The first slot of the last delivery, and whether its handler has failed since.
    last: Seq,
    failed: bool,
}

impl Given {
    fn includes(&self, slot: Seq) -> bool {
        self.after < slot && slot <= self.upto
    }

    /// Whether the handler has failed at a slot, and was not given it again.
    fn has_failed_at(&self, slot: Seq) -> bool {
        self.failed && self.last <= slot
    }
}

/// What one group has seen of one partition.
#[derive(Debug, Default)]
pub(super) struct Track {
    /// The checkpoint in the table.
    pub(super) checkpoint: Seq,
    /// The checkpoint with which each epoch began.
    taken: BTreeMap<Epoch, Seq>,
    given: BTreeMap<Epoch, Given>,
    /// The slots with events that some handler was given.
    shown: BTreeSet<Seq>,
    /// The last slot that was finished when the lease was released under an epoch.
    released: BTreeMap<Epoch, Seq>,
    /// Where an operator has moved the checkpoint back to, under which epoch.
    moved_back: BTreeMap<Epoch, Seq>,
}

impl Track {
    /// Notes that the lease was taken.
    pub(super) fn note_taking(&mut self, epoch: Epoch) {
        self.taken.insert(epoch, self.checkpoint);
    }

    /// Notes that a node has released the lease. A turn releases what it has finished, whatever the
    /// checkpoint says. An operator takes it away in the middle.
    pub(super) fn note_release(&mut self, node: Node, epoch: Epoch) {
        let given = self.given.get(&epoch).filter(|given| given.node == node);
        let finished = given.map_or(Seq::ZERO, |given| given.finished);
        self.released.insert(epoch, self.checkpoint.max(finished));
    }

    /// Notes that an operator has moved the checkpoint back. What comes behind is given for the first time
    /// once more.
    pub(super) fn note_move_back(&mut self, epoch: Epoch, to: Seq) {
        self.moved_back.insert(epoch, to);
        self.shown.retain(|slot| *slot <= to);
    }

    /// Whether a slot was moved back behind between two epochs.
    fn is_again(&self, slot: Seq, (after, before): (Epoch, Epoch)) -> bool {
        let mut moves = self.moved_back.iter();
        moves.any(|(epoch, to)| after < *epoch && *epoch < before && *to < slot)
    }

    /// Whether what a turn was given is to be delivered again, since an operator has moved the checkpoint
    /// back after that turn took its lease.
    pub(super) fn is_taken_back(&self, delivery: &ObservedDelivery, slot: Seq) -> bool {
        self.is_again(slot, (delivery.epoch, Epoch(u64::MAX)))
    }

    /// Notes that the handler has finished a delivery.
    pub(super) fn note_finish(&mut self, delivery: &ObservedDelivery) {
        if let Some(given) = self.given.get_mut(&delivery.epoch) {
            given.finished = given.finished.max(delivery.upto);
        }
    }

    /// Notes that the handler has failed at a delivery.
    pub(super) fn note_failure(&mut self, delivery: &ObservedDelivery) {
        if let Some(given) = self.given.get_mut(&delivery.epoch) {
            given.failed = true;
        }
    }

    /// Judges a delivery that begins with this slot.
    pub(super) fn judge_start(
        &mut self,
        delivery: &ObservedDelivery,
        first: Seq,
        sight: Sight<'_>,
        turns: &mut Turns,
    ) -> Judgement {
        let epoch = delivery.epoch;
        let after = self.taken.get(&epoch).copied().unwrap_or(self.checkpoint);
        let given = self.given.entry(epoch).or_insert(Given {
            node: delivery.node,
            since: sight.at,
            after,
            upto: after,
            finished: Seq::ZERO,
            last: Seq::ZERO,
            failed: false,
        });
        let again = first <= given.upto;
        if again {
            judge_again(delivery, first, given, sight)?;
        } else {
            judge_skipped(delivery, first, given, sight)?;
        }
        (given.last, given.failed) = (first, false);
        given.upto = given.upto.max(delivery.upto);
        // What was in order under its own epoch may have been another epoch's before.
        if !again {
            self.judge_epochs(delivery, sight, turns)?;
        }
        self.judge_late(delivery, sight)
    }

    /// D2: no slot is given for the first time when a later one was given before, under whichever epoch.
    fn judge_late(&mut self, delivery: &ObservedDelivery, sight: Sight<'_>) -> Judgement {
        // What a turn has in hand that was overtaken by a move is of the time before.
        let own = delivery.events.iter().map(|(at, _)| at.slot);
        let slots: BTreeSet<Seq> = own.filter(|at| !self.is_taken_back(delivery, *at)).collect();
        let last = self.shown.last().copied().unwrap_or(Seq::ZERO);
        let late = slots.difference(&self.shown).copied().find(|slot| *slot < last);
        self.shown.extend(slots);
        let Some(slot) = late else { return Ok(()) };
        let sentence = format!(
            "{}, for the first time, although slot {last} had been given before.",
            sight.given(delivery, slot)
        );
        let finding = Finding::new(sentence).at(&delivery.partition, slot);
        broken(Invariant::D2, finding.at(&delivery.partition, last))
    }

    /// D2: what an earlier epoch was given is delivered again only if that turn had to leave it, and
    /// not after a release that had finished it.
    fn judge_epochs(
        &self,
        delivery: &ObservedDelivery,
        sight: Sight<'_>,
        turns: &mut Turns,
    ) -> Judgement {
        let ObservedDelivery { group, partition, .. } = delivery;
        let finding = |slot: Seq, why: &str| {
            let sentence = format!("{}, although {why}.", sight.given(delivery, slot));
            Finding::new(sentence).at(partition, slot)
        };
        let mut slots: Vec<_> = delivery.events.iter().map(|(position, _)| position.slot).collect();
        slots.dedup();
        for slot in slots {
            let mut earlier = self.given.range(..delivery.epoch).rev();
            let again = |epoch: Epoch| self.is_again(slot, (epoch, delivery.epoch));
            let given = earlier.find(|(epoch, given)| given.includes(slot) && !again(**epoch));
            let Some((epoch, given)) = given else {
                continue;
            };
            if let Some(finished) = self.released.get(epoch).filter(|finished| slot <= **finished) {
                let why = format!(
                    "{group} had finished that slot: its lease was released under epoch {epoch} \
                     after slot {finished} was finished"
                );
                return broken(Invariant::D2, finding(slot, &why));
            }
            if given.has_failed_at(slot) {
                continue;
            }
            let key = (group.clone(), partition.clone());
            turns.judge_overtaking(&key, *epoch, |how| {
                let why = format!(
                    "{} had been given it under epoch {epoch} at {} and nothing befell that turn: \
                     its handler had not failed, its process had not crashed, its lease had not \
                     ended, and it {how}",
                    sight.chronicle.name(given.node),
                    seconds(given.since),
                );
                finding(slot, &why)
            })?;
        }
        Ok(())
    }
}

/// D2: under one epoch a delivery is repeated only after its handler has failed.
fn judge_again(
    delivery: &ObservedDelivery,
    first: Seq,
    given: &Given,
    sight: Sight<'_>,
) -> Judgement {
    let is_retry = first == given.last && delivery.upto == given.upto;
    let why = match delivery.attempt {
        attempt if attempt > 1 && is_retry && given.failed => return Ok(()),
        attempt if attempt > 1 && is_retry => {
            "its handler had not failed at the attempt before".to_owned()
        }
        _ if given.last == Seq::ZERO => format!(
            "the checkpoint was at slot {} when it took the lease under that epoch",
            given.after
        ),
        _ => format!(
            "its handler had been given everything up to slot {} under the same epoch",
            given.upto
        ),
    };
    let sentence = format!("{}, although {why}.", sight.given(delivery, first));
    broken(Invariant::D2, Finding::new(sentence).at(&delivery.partition, first))
}

/// D2: no slot between the last delivery and this one holds an event.
fn judge_skipped(
    delivery: &ObservedDelivery,
    first: Seq,
    given: &Given,
    sight: Sight<'_>,
) -> Judgement {
    let partition = &delivery.partition;
    let mut between = given.upto.next();
    while between < first {
        let place = (partition.clone(), between);
        let skipped = sight.slots.events_in(&place);
        if !skipped.is_empty() {
            let sentence = format!(
                "{}, before {} in slot {between}, which its turn stepped over{}.",
                sight.given(delivery, first),
                events(&skipped),
                missed::because(delivery.node, &place, sight.chronicle),
            );
            let finding = Finding::new(sentence).at(partition, between).at(partition, first);
            return broken(Invariant::D2, finding);
        }
        between = between.next();
    }
    Ok(())
}

/// D2: the events of a slot are delivered all together, and in their order; and so are slots, from the
/// first one in the delivery up to the one that it reaches.
pub(super) fn judge_batches(delivery: &ObservedDelivery, sight: Sight<'_>) -> Judgement {
    let partition = &delivery.partition;
    let Some(first) = delivery.first() else { return Ok(()) };
    let mut given: Vec<Seq> = delivery.events.iter().map(|(position, _)| position.slot).collect();
    given.dedup();
    let (holding, stored): (Vec<Seq>, Vec<_>) = (first.0..=delivery.upto.0)
        .map(|slot| (Seq(slot), sight.slots.events_in(&(partition.clone(), Seq(slot)))))
        .filter(|(_, stored)| !stored.is_empty())
        .unzip();
    if given != holding {
        let listed = |slots: &[Seq]| listed(&slots.iter().map(Seq::to_string).collect::<Vec<_>>());
        let sentence = format!(
            "{}, with slots {} in that order, where slots {} hold events up to slot {}.",
            sight.given(delivery, first),
            listed(&given),
            listed(&holding),
            delivery.upto,
        );
        return broken(Invariant::D2, Finding::new(sentence).at(partition, first));
    }
    let batches = delivery.events.chunk_by(|(one, _), (other, _)| one.slot == other.slot);
    for ((slot, stored), batch) in given.into_iter().zip(stored).zip(batches) {
        let given = batch.iter().map(|(position, event)| (position.index, event));
        if !given.eq((0..).zip(&stored)) {
            let positions = batch.iter().map(|(position, event)| format!("{event} at {position}"));
            let sentence = format!(
                "{}, as {}, where the slot holds {} in that order.",
                sight.given(delivery, slot),
                listed(&positions.collect::<Vec<_>>()),
                events(&stored),
            );
            return broken(Invariant::D2, Finding::new(sentence).at(partition, slot));
        }
    }
    Ok(())
}
