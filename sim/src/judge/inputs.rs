//! S3 for named producers: the events of an input stand in a partition in the order of the input,
//! whichever of its runs appends them.

use std::collections::{BTreeMap, HashMap};

use gapless_model::{Invariant, PartitionId, Seq};

use super::chronicle::Chronicle;
use super::evidence::SlotKey;
use super::judgement::{Finding, Judgement, broken};
use super::words::{events, seconds, slot_name};
use crate::plan::{Millis, Node};

/// The numbers of an input that a slot holds.
type Run = (u32, u32);

/// The inputs of named producers, and where their events are.
#[derive(Debug, Default)]
pub(crate) struct Inputs {
    /// The input of each event, and its number there.
    numbers: HashMap<String, (usize, u32)>,
    slots: BTreeMap<(usize, PartitionId), BTreeMap<Seq, Run>>,
}

impl Inputs {
    /// Notes the number of an event in the input of a named producer.
    pub(crate) fn note_event(&mut self, event: &str, input: usize, number: u32) {
        self.numbers.insert(event.to_owned(), (input, number));
    }

    /// Judges what a slot holds after a write.
    pub(super) fn judge_write(
        &mut self,
        (partition, slot): &SlotKey,
        written: &[String],
        (at, node): (Millis, Node),
        chronicle: &Chronicle,
    ) -> Judgement {
        let known: Vec<_> = written.iter().filter_map(|event| self.numbers.get(event)).collect();
        let (Some((input, first)), Some((_, last))) = (known.first(), known.last()) else {
            return Ok(());
        };
        let rising = known.is_sorted_by(|(_, one), (_, next)| one < next);
        let slots = self.slots.entry((*input, partition.clone())).or_default();
        slots.insert(*slot, (*first, *last));
        let before = slots.range(..*slot).next_back().filter(|(_, run)| run.1 >= *first);
        let after = slots.range(slot.next()..).next().filter(|(_, run)| run.0 <= *last);
        let against = before.or(after).map(|(other, run)| (*other, *run));
        let beside = match against {
            Some((other, (from, to))) if from == to => {
                format!("although slot {other} holds event {from} of the same input")
            }
            Some((other, (from, to))) => {
                format!("although slot {other} holds events {from} to {to} of the same input")
            }
            None if !rising => "in another order than that of its input".to_owned(),
            None => return Ok(()),
        };
        let sentence = format!(
            "{} wrote {} into {} at {}, {beside}.",
            chronicle.name(node),
            events(written),
            slot_name(partition, *slot),
            seconds(at),
        );
        let finding = Finding::new(sentence).at(partition, *slot);
        let finding =
            against.iter().fold(finding, |finding, (other, _)| finding.at(partition, *other));
        broken(Invariant::S3, finding)
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::design::Design;

    use super::*;
    use crate::plan::Profile;

    #[test]
    fn an_input_stands_in_its_order() {
        let chronicle = Chronicle::new(&Profile::Calm.plan(0, Design::RECOMMENDED));
        let mut inputs = Inputs::default();
        for number in 1..=6 {
            inputs.note_event(&format!("p1.{number}.0"), 0, number);
        }
        let mut write = |id: &str, slot: u64, numbers: &[u32]| {
            let place = (id.parse().expect("an id"), Seq(slot));
            let written: Vec<_> = numbers.iter().map(|number| format!("p1.{number}.0")).collect();
            let judged = inputs.judge_write(&place, &written, (Millis(1), Node(0)), &chronicle);
            judged.err().map(|(_, finding)| finding.sentence)
        };
        // What a late copy writes again changes nothing, and anonymous events have no order.
        for (slot, numbers) in [(1, &[1, 2][..]), (4, &[5]), (1, &[1, 2]), (3, &[3, 4]), (2, &[9])]
        {
            assert_eq!(write("p0", slot, numbers), None);
        }
        assert_eq!(write("p1", 9, &[2]), None);
        let low = write("p0", 5, &[4]).expect("event 5 is before it");
        assert!(low.contains("although slot 4 holds event 5"), "{low}");
        let high = write("p1", 8, &[6]).expect("event 2 is behind it");
        assert!(high.contains("although slot 9 holds event 2"), "{high}");
        let turned = write("p", 1, &[2, 1]).expect("event 1 is the first");
        assert!(turned.contains("in another order than that of its input"), "{turned}");
    }
}
