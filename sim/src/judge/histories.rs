//! S4 for a key: an append to a history is acknowledged only if the history had every event of its key
//! that is before it, or can be later. And a history that is loaded has what was acknowledged.

use std::collections::BTreeSet;

use gapless::Receipt;
use gapless_model::{Invariant, PartitionId, Seq};

use super::all::Judge;
use super::judgement::{Finding, Judgement, broken};
use super::words::{events, partition_name, seconds, slot_name};
use crate::plan::{Millis, Node};

/// An event as a history shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    /// Its slot.
    pub(crate) slot: Seq,
    /// Its index in the slot.
    pub(crate) index: u32,
    /// Its name.
    pub(crate) name: String,
}

impl Judge {
    /// The acknowledged events of a key.
    pub(crate) fn acknowledged_of(&self, key: &str) -> BTreeSet<String> {
        let is_of = |event: &&String| {
            let place = self.slots.position_of(event);
            let home = place.filter(|place| self.slots.keys_in(place).iter().any(|of| of == key));
            home.is_some_and(|place| self.events_of(key, &place).any(|told| told.name == **event))
        };
        self.order.acknowledged_events().iter().filter(is_of).cloned().collect()
    }

    /// Judges a history that was loaded: it is what the slots up to its head hold, and has what was
    /// acknowledged before.
    pub(crate) fn judge_history(
        &mut self,
        at: Millis,
        node: Node,
        acknowledged: &BTreeSet<String>,
        (partition, key, told): (&PartitionId, &str, &[Told]),
        head: Seq,
    ) -> Judgement {
        let what = format!(
            "{} loaded a history of {key} at {}, up to slot {head} of {}",
            self.chronicle.name(node),
            seconds(at),
            partition_name(partition),
        );
        self.judge_told(&what, (partition, key, told), head)?;
        match acknowledged.iter().find(|event| told.iter().all(|told| told.name != **event)) {
            Some(lost) => {
                let sentence = format!(
                    "{what}, and event {lost}, acknowledged before it began, is not in it."
                );
                broken(Invariant::S4, Finding::new(sentence).at(partition, head))
            }
            None => Ok(()),
        }
    }

    /// Judges the receipt for a batch that was appended to a history of a key with these events.
    pub(crate) fn judge_history_receipt(
        &mut self,
        at: Millis,
        node: Node,
        batch: &[String],
        (receipt, key, told): (&Receipt, &str, &[Told]),
    ) -> Judgement {
        let judgement = self.judge_receipt(at, node, batch, receipt);
        self.unless_unwatched(judgement)?;
        let (partition, own) = (&receipt.partition, receipt.position.slot);
        let what = format!(
            "{} {} acknowledged in {} at {}, appended to a history of {key}",
            events(batch),
            if batch.len() == 1 { "was" } else { "were" },
            slot_name(partition, own),
            seconds(at),
        );
        self.judge_told(&what, (partition, key, told), Seq(own.0.saturating_sub(1)))
    }

    /// Judges that a history is what the slots up to one hold, and that none of them is empty.
    fn judge_told(
        &self,
        what: &str,
        (partition, key, told): (&PartitionId, &str, &[Told]),
        upto: Seq,
    ) -> Judgement {
        let mut stored = Vec::new();
        // What comes before it is part of the history too, up to its end.
        let before = self.lineage.ancestors_of(key, partition);
        let whole = before.into_iter().map(|it| (it, self.lineage.end(it)));
        for (partition, upto) in whole.chain([(partition, upto)]) {
            for slot in (1..=upto.0).map(Seq) {
                let place = (partition.clone(), slot);
                if !self.slots.is_settled(&place) {
                    let sentence = format!(
                        "{what}, although {} is empty and may get an event that is not in it.",
                        slot_name(partition, slot)
                    );
                    return broken(Invariant::S4, Finding::new(sentence).at(partition, slot));
                }
                stored.extend(self.events_of(key, &place));
            }
        }
        let mut told = told.iter();
        let other = stored.iter().find(|stored| told.next() != Some(stored));
        let (slot, difference) = match (other, told.next()) {
            (Some(Told { slot, name, .. }), _) => {
                (*slot, format!("event {name} of the key, in slot {slot}, is not there in it"))
            }
            (None, Some(Told { slot, name, .. })) => {
                (*slot, format!("event {name}, which is in it, is not before it in slot {slot}"))
            }
            (None, None) => return Ok(()),
        };
        let sentence = format!("{what}, although {difference}.");
        broken(Invariant::S4, Finding::new(sentence).at(partition, slot))
    }

    /// The events of a key in a slot.
    fn events_of(
        &self,
        key: &str,
        place: &(PartitionId, Seq),
    ) -> impl Iterator<Item = Told> + use<> {
        let slot = place.1;
        let all = self.slots.keys_in(place).into_iter().zip(self.slots.events_in(place));
        let key = key.to_owned();
        (0..).zip(all).filter(move |(_, (of, _))| *of == key).map(move |(index, (_, name))| Told {
            slot,
            index,
            name,
        })
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::design::Design;

    use super::*;
    use crate::cluster::Recorder;
    use crate::judge::Breach;
    use crate::plan::Profile;

    fn told(all: &[(u64, u32, &str)]) -> Vec<Told> {
        let told = |(slot, index, name): &(u64, u32, &str)| Told {
            slot: Seq(*slot),
            index: *index,
            name: (*name).to_owned(),
        };
        all.iter().map(told).collect()
    }

    /// What is said of a history of k1 up to a slot, where slot 1 of p0 holds a and b, slot 2 holds c,
    /// and slot 4 holds d; c is acknowledged.
    fn said(head: u64, all: &[(u64, u32, &str)]) -> Option<String> {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let mut judge = Recorder::new(&plan, plan.config().rules().expect("it is valid")).judge;
        let partition: PartitionId = "p0".parse().expect("an id");
        for (slot, names) in [(1, &["a", "b"][..]), (2, &["c"]), (4, &["d"])] {
            judge.slots.put((partition.clone(), Seq(slot)), names);
        }
        let (at, node, known) = (Millis(1), Node(0), BTreeSet::from(["c".to_owned()]));
        let told = told(all);
        let judged = judge.judge_history(at, node, &known, (&partition, "k1", &told), Seq(head));
        let (breach, finding) = judged.err()?;
        assert_eq!(breach, Breach::Invariant(Invariant::S4));
        Some(finding.sentence)
    }

    #[test]
    fn a_history_is_what_the_slots_hold() {
        let whole = [(1, 0, "a"), (1, 1, "b"), (2, 0, "c")];
        assert_eq!(said(2, &whole), None);
        for (all, wrong) in [
            (&whole[..2], "event c of the key, in slot 2, is not there in it"),
            (&[whole[0], whole[2], whole[1]], "event b of the key, in slot 1, is not there in it"),
            (&[(1, 1, "a"), whole[1], whole[2]], "event a of the key, in slot 1"),
            (
                &[whole[0], whole[1], whole[2], (2, 1, "x")],
                "event x, which is in it, is not before",
            ),
        ] {
            let sentence = said(2, all).expect("it is wrong");
            assert!(sentence.contains(wrong), "{sentence}");
        }
    }

    #[test]
    fn a_history_ends_before_an_empty_slot_and_behind_what_was_acknowledged() {
        let whole = [(1, 0, "a"), (1, 1, "b"), (2, 0, "c"), (4, 0, "d")];
        let sentence = said(4, &whole).expect("slot 3 is empty");
        assert!(sentence.contains("slot 3 of p0 is empty"), "{sentence}");
        let sentence = said(1, &whole[..2]).expect("c is missing");
        assert!(sentence.contains("event c, acknowledged before it began, is not in it"));
    }
}
