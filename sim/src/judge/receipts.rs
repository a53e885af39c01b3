//! Receipts: each event is where its receipt says (S2), and acknowledged events are in the log (P1),
//! in order (S3), and as their appends expected (S4).

use std::collections::VecDeque;

use gapless::{Position, Receipt};
use gapless_model::explanation::capital;
use gapless_model::{Invariant, PartitionId};

use super::all::Judge;
use super::evidence::SlotKey;
use super::judgement::{Finding, Judgement, broken};
use super::words::{events, partition_name, seconds, slot_name};
use crate::plan::{Millis, Node};

impl Judge {
    /// Judges the receipt for a batch: its first event is at the receipt's position, the others
    /// follow, and nothing else was acknowledged with them.
    pub(crate) fn judge_receipt(
        &mut self,
        at: Millis,
        node: Node,
        batch: &[String],
        receipt: &Receipt,
    ) -> Judgement {
        let Receipt { partition, position, .. } = receipt;
        for (index, event) in (position.index..).zip(batch) {
            let place = (partition, Position { index, ..*position });
            self.judge_acknowledgement(at, node, event, Some(place))?;
        }
        if receipt.events as usize == batch.len() {
            let doubt = self.machines.judge_receipt(node, partition, position.slot);
            return self.judge_machine(at, node, doubt);
        }
        let sentence = format!(
            "{} got a receipt for {} events at {}, and it is that of {}.",
            self.chronicle.name(node),
            receipt.events,
            seconds(at),
            events(batch),
        );
        broken(Invariant::S2, Finding::new(sentence).at(partition, position.slot))
    }

    /// Judges the receipt for a batch that was appended with an expected position.
    pub(crate) fn judge_expected_receipt(
        &mut self,
        at: Millis,
        node: Node,
        batch: &[String],
        (receipt, expected): (&Receipt, &SlotKey),
    ) -> Judgement {
        let judgement = self.judge_receipt(at, node, batch, receipt);
        self.unless_unwatched(judgement)?;
        let Some(event) = batch.first() else { return Ok(()) };
        let place = (&receipt.partition, receipt.position.slot);
        let known = self.order.acknowledged_events();
        let what = (event.as_str(), expected);
        let judge = (&self.slots, &self.lineage, &self.chronicle);
        self.expectations.judge_met(at, what, place, known, judge)
    }

    /// Judges a receipt of a named producer, and removes what it acknowledges from `waiting`: what
    /// that run of the producer was given for the receipt's partition, in order, and knows nothing
    /// of yet. A receipt is for the events in its slot. Those before them are in the log as well:
    /// an earlier run has appended them, or their receipt was lost with an error.
    pub(crate) fn judge_named_receipt(
        &mut self,
        at: Millis,
        node: Node,
        waiting: &mut VecDeque<String>,
        receipt: &Receipt,
    ) -> Judgement {
        let Receipt { partition, position, .. } = receipt;
        let stored = self.slots.events_in(&(partition.clone(), position.slot));
        // Some may have been settled in a partition whose place this one took.
        let last = stored.last().and_then(|last| waiting.iter().position(|event| event == last));
        for event in waiting.iter().take(last.unwrap_or(0)).cloned().collect::<Vec<_>>() {
            let place = self.slots.position_of(&event);
            if place.is_some_and(|(other, _)| other < *partition && other.overlaps(partition)) {
                waiting.retain(|waits| *waits != event);
                self.judge_acknowledgement(at, node, &event, None)?;
            }
        }
        let from = stored.first().and_then(|first| waiting.iter().position(|event| event == first));
        let Some(from) = from else {
            let mut next = waiting.iter().take(receipt.events as usize);
            if let Some(lost) = next.find(|event| self.slots.place_of(event).is_none()) {
                self.judge_acknowledgement(at, node, lost, None)?;
            }
            let sentence = format!(
                "{} got a receipt for {} at {}, which holds {}: nothing that it waits for.",
                self.chronicle.name(node),
                slot_name(partition, position.slot),
                seconds(at),
                self.slots.words(&(partition.clone(), position.slot)),
            )
            .replace("holds empty", "is empty");
            return broken(Invariant::S2, Finding::new(sentence).at(partition, position.slot));
        };
        let earlier: Vec<_> = waiting.drain(..from).collect();
        for event in earlier {
            self.judge_acknowledgement(at, node, &event, None)?;
        }
        let batch: Vec<_> = waiting.drain(..stored.len().min(waiting.len())).collect();
        self.judge_receipt(at, node, &batch, receipt)
    }

    /// Judges the acknowledgement of an event: it must be in a slot (P1), the acknowledged one
    /// (S2), and after everything that was acknowledged before its append began (S3).
    pub(crate) fn judge_acknowledgement(
        &mut self,
        at: Millis,
        node: Node,
        event: &str,
        stated: Option<(&PartitionId, Position)>,
    ) -> Judgement {
        self.chronicle.note_acknowledgement(at, node, event);
        let (who, when) = (self.chronicle.name(node), seconds(at));
        let Some((partition, position)) = self.slots.place_of(event) else {
            let sentence = format!(
                "event {event} was acknowledged to {who} at {when}, but it is in no slot: it is \
                 lost, and no group will be given it."
            );
            let mut finding = self.finding_on(node, sentence);
            finding.why = Some(format!(
                "{} was told that {event} is stored and will not write it again, and workers \
                 deliver only what is in a slot.",
                capital(who)
            ));
            return broken(Invariant::P1, finding);
        };
        if let Some((named, stated)) = stated
            && (named, stated) != (&partition, position)
        {
            let sentence = format!(
                "event {event} was acknowledged to {who} at position {stated} of {} at {when}, but \
                 it is at position {position} of {}.",
                partition_name(named),
                partition_name(&partition),
            );
            let finding = Finding::new(sentence).at(named, stated.slot);
            return broken(Invariant::S2, finding.at(&partition, position.slot));
        }
        self.readings.note_receipt(&partition, position);
        let place = (&partition, position.slot);
        self.order.judge_acknowledgement(at, event, place, &self.slots, &self.chronicle)?;
        self.expectations.judge_acknowledgement(event, place, &self.chronicle)
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::Seq;
    use gapless_model::design::Design;

    use super::*;
    use crate::cluster::Recorder;
    use crate::judge::Breach;
    use crate::judge::evidence::ObservedDelivery;
    use crate::plan::Profile;

    const NODE: Node = Node(0);

    fn partition(id: &str) -> PartitionId {
        id.parse().expect("an id")
    }

    /// Slot 1 of p0 holds a and b, slot 2 holds c and d.
    fn judge() -> Judge {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let mut judge = Recorder::new(&plan, plan.config().rules().expect("it is valid")).judge;
        judge.slots.put((partition("p0"), Seq(1)), &["a", "b"]);
        judge.slots.put((partition("p0"), Seq(2)), &["c", "d"]);
        judge
    }

    fn receipt(id: &str, slot: u64, index: u32, events: u32) -> Receipt {
        Receipt::new(partition(id), Position { slot: Seq(slot), index }, events)
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn breach(judgement: Judgement) -> Option<(Breach, String)> {
        judgement.err().map(|(breach, finding)| (breach, finding.sentence))
    }

    #[track_caller]
    fn assert_broken(judgement: Judgement, invariant: Invariant, why: &str) {
        let (breach, sentence) = breach(judgement).expect("it is broken");
        assert_eq!(breach, Breach::Invariant(invariant), "{sentence}");
        assert!(sentence.contains(why), "{sentence}");
    }

    #[test]
    fn a_receipt_says_where_each_event_of_its_batch_is() {
        let judged = |batch: &[&str], receipt: Receipt| {
            judge().judge_receipt(Millis(1), NODE, &names(batch), &receipt)
        };
        assert_eq!(judged(&["a", "b"], receipt("p0", 1, 0, 2)), Ok(()));
        assert_eq!(judged(&["d"], receipt("p0", 2, 1, 1)), Ok(()));
        let wrong = [
            (vec!["a", "b"], receipt("p1", 1, 0, 2), "at position 1.0 of p1 at"),
            (vec!["a", "b"], receipt("p0", 2, 0, 2), "at position 2.0 of p0 at"),
            (vec!["d"], receipt("p0", 2, 0, 1), "but it is at position 2.1 of p0"),
            (vec!["b", "a"], receipt("p0", 1, 0, 2), "but it is at position 1.1 of p0"),
            (vec!["a", "b"], receipt("p0", 1, 0, 3), "a receipt for 3 events"),
        ];
        for (batch, receipt, why) in wrong {
            assert_broken(judged(&batch, receipt), Invariant::S2, why);
        }
    }

    #[test]
    fn a_receipt_of_a_named_producer_is_for_what_waits_and_tells_of_what_was_before() {
        let judged = |waiting: &mut VecDeque<String>, receipt: Receipt| {
            let mut judge = judge();
            let judgement = judge.judge_named_receipt(Millis(1), NODE, waiting, &receipt);
            let known = judge.order.acknowledged_events().clone();
            judgement.map(|()| known.into_iter().collect::<Vec<_>>())
        };
        // A rerun is fed everything, and its first receipt is for what is new.
        let mut waiting = names(&["a", "b", "c", "d", "e"]).into();
        let known = judged(&mut waiting, receipt("p0", 2, 0, 2));
        assert_eq!(known, Ok(names(&["a", "b", "c", "d"])));
        assert_eq!(waiting, names(&["e"]));

        let mut lost = names(&["lost", "c"]).into();
        let empty = judged(&mut lost, receipt("p0", 3, 0, 1)).map(drop);
        assert_broken(empty, Invariant::P1, "it is in no slot");
        let mut late = names(&["c", "d"]).into();
        let again = judged(&mut late, receipt("p0", 1, 0, 2)).map(drop);
        assert_broken(again, Invariant::S2, "nothing that it waits for");
        let mut mixed = names(&["a", "c"]).into();
        let wrong = judged(&mut mixed, receipt("p0", 1, 0, 2)).map(drop);
        assert_broken(wrong, Invariant::S2, "event c was acknowledged");
        let mut lost = names(&["lost", "a", "b"]).into();
        let before = judged(&mut lost, receipt("p0", 1, 0, 2)).map(drop);
        assert_broken(before, Invariant::P1, "it is in no slot");
    }

    #[test]
    fn what_is_acknowledged_between_an_expected_position_and_its_append_is_noticed() {
        let expecting = |judge: &mut Judge, expected: u64| {
            let expected = (partition("p0"), Seq(expected));
            let met = (&receipt("p0", 3, 0, 1), &expected);
            judge.judge_expected_receipt(Millis(2), NODE, &names(&["e"]), met)
        };
        let judge_with_third = || {
            let mut judge = judge();
            judge.slots.put((partition("p0"), Seq(3)), &["e"]);
            judge
        };
        let between = |judge: &mut Judge| judge.judge_acknowledgement(Millis(1), NODE, "c", None);
        let mut judge = judge_with_third();
        assert_eq!((between(&mut judge), expecting(&mut judge, 2)), (Ok(()), Ok(())));

        let mut judge = judge_with_third();
        assert_eq!(between(&mut judge), Ok(()));
        assert_broken(expecting(&mut judge, 1), Invariant::S4, "although event c");
        // What is acknowledged later stood there before.
        let mut judge = judge_with_third();
        assert_eq!(expecting(&mut judge, 1), Ok(()));
        assert_broken(between(&mut judge), Invariant::S4, "although event c");
    }

    #[test]
    fn the_events_of_a_slot_are_delivered_all_together_and_in_their_order() {
        let judged = |events: &[(u32, &str)]| {
            let position = |index| Position { slot: Seq(1), index };
            let delivery = ObservedDelivery {
                node: NODE,
                group: "group-1".into(),
                partition: partition("p0"),
                epoch: gapless_model::Epoch(1),
                upto: Seq(1),
                attempt: 1,
                events: events.iter().map(|(at, name)| (position(*at), (*name).into())).collect(),
            };
            judge().judge_delivery(Millis(1), &delivery, true)
        };
        assert_eq!(judged(&[(0, "a"), (1, "b")]), Ok(()));
        for wrong in [&[(0, "b"), (1, "a")][..], &[(1, "a"), (2, "b")], &[(0, "a")]] {
            let holds = "where the slot holds events a and b in that order";
            assert_broken(judged(wrong), Invariant::D2, holds);
        }
    }
}
