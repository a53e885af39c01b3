//! S4 for a key: an append to a history is acknowledged only if the history had every event of its key
//! that is before it, or can be later.

use gapless::Receipt;
use gapless_model::{Invariant, Seq};

use super::all::Judge;
use super::judgement::{Finding, Judgement, broken};
use super::words::{events, partition_name, seconds, slot_name};
use crate::plan::{Millis, Node};

impl Judge {
    /// Judges the receipt for a batch that was appended to a history of a key with these events.
    pub(crate) fn judge_history_receipt(
        &mut self,
        at: Millis,
        node: Node,
        batch: &[String],
        (receipt, key, known): (&Receipt, &str, &[String]),
    ) -> Judgement {
        let judgement = self.judge_receipt(at, node, batch, receipt);
        self.unless_unwatched(judgement)?;
        let (partition, own) = (&receipt.partition, receipt.position.slot);
        let mut stored = Vec::new();
        for slot in (1..own.0).map(Seq) {
            let place = (partition.clone(), slot);
            if !self.slots.is_settled(&place) {
                let sentence = format!(
                    "{} was acknowledged in slot {own} of {} at {}, appended to a history of {key}, \
                     although slot {slot} is still empty and may get an event that was not in it.",
                    events(batch),
                    partition_name(partition),
                    seconds(at),
                );
                let finding = Finding::new(sentence).at(partition, slot).at(partition, own);
                return broken(Invariant::S4, finding);
            }
            let all = self.slots.keys_in(&place).into_iter().zip(self.slots.events_in(&place));
            stored.extend(all.filter(|(of, _)| of == key).map(|(_, name)| (slot, name)));
        }
        let mut known = known.iter();
        let unknown = stored.iter().find(|(_, name)| known.next() != Some(name));
        let (slot, what) = match (unknown, known.next()) {
            (Some((slot, name)), _) => {
                (*slot, format!("{name} of the key, in slot {slot}, was not in it"))
            }
            (None, Some(name)) => {
                (own, format!("{name}, which was in it, is in no slot before it"))
            }
            (None, None) => return Ok(()),
        };
        let sentence = format!(
            "{} was acknowledged in {} at {}, appended to a history of {key}, although event {what}.",
            events(batch),
            slot_name(partition, own),
            seconds(at),
        );
        broken(Invariant::S4, Finding::new(sentence).at(partition, slot).at(partition, own))
    }
}
