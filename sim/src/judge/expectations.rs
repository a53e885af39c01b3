//! S4: an append with an expected position is acknowledged only if nothing is acknowledged between that
//! position and its own, before it or later.

use std::collections::{BTreeMap, BTreeSet};

use gapless_model::{Invariant, PartitionId, Seq};

use super::chronicle::Chronicle;
use super::judgement::{Finding, Judgement, broken};
use super::slots::SlotContents;
use super::words::{partition_name, seconds};
use crate::plan::Millis;

/// An append whose expectation was met, as far as its producer was told.
#[derive(Debug)]
struct Met {
    event: String,
    expected: Seq,
    slot: Seq,
    at: Millis,
}

/// The expectations that were acknowledged as met.
#[derive(Debug, Default)]
pub(crate) struct Expectations(BTreeMap<PartitionId, Vec<Met>>);

impl Expectations {
    /// Judges the acknowledgement of an append with an expected position, by its first event.
    pub(super) fn judge_met(
        &mut self,
        at: Millis,
        (event, expected): (&str, Seq),
        (partition, slot): (&PartitionId, Seq),
        acknowledged: &BTreeSet<String>,
        slots: &SlotContents,
        chronicle: &Chronicle,
    ) -> Judgement {
        let met = Met { event: event.to_owned(), expected, slot, at };
        let mut between = expected.next();
        while between < slot {
            let stored = slots.events_in(&(partition.clone(), between));
            if let Some(other) = stored.iter().find(|event| acknowledged.contains(*event)) {
                return broken(Invariant::S4, unmet(&met, other, (partition, between), chronicle));
            }
            between = between.next();
        }
        self.0.entry(partition.clone()).or_default().push(met);
        Ok(())
    }

    /// Judges any acknowledgement: the event stands in no gap that an expectation leaves.
    pub(super) fn judge_acknowledgement(
        &self,
        event: &str,
        (partition, slot): (&PartitionId, Seq),
        chronicle: &Chronicle,
    ) -> Judgement {
        let mut met = self.0.get(partition).into_iter().flatten();
        match met.find(|met| met.expected < slot && slot < met.slot) {
            Some(met) => broken(Invariant::S4, unmet(met, event, (partition, slot), chronicle)),
            None => Ok(()),
        }
    }
}

/// S4 in words.
fn unmet(
    met: &Met,
    other: &str,
    (partition, between): (&PartitionId, Seq),
    chronicle: &Chronicle,
) -> Finding {
    let Met { event, expected, slot, at } = met;
    let known = chronicle.acknowledged(other);
    let known =
        known.map_or(String::new(), |(at, _)| format!(", acknowledged at {},", seconds(at)));
    let sentence = format!(
        "the append of event {event} expected nothing behind slot {expected} of {} and was \
         acknowledged in slot {slot} at {}, although event {other}{known} is in slot {between} \
         between them.",
        partition_name(partition),
        seconds(*at),
    );
    Finding::new(sentence).at(partition, between).at(partition, *slot)
}
