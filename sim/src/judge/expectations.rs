//! S4: an append with an expected position is acknowledged only if nothing is acknowledged between that
//! position and its own, before it or later.

use std::collections::{BTreeMap, BTreeSet};

use gapless_model::{Invariant, PartitionId, Seq};

use super::chronicle::Chronicle;
use super::evidence::SlotKey;
use super::judgement::{Finding, Judgement, broken};
use super::lineage::Lineage;
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
        (event, expected): (&str, &SlotKey),
        (partition, slot): (&PartitionId, Seq),
        acknowledged: &BTreeSet<String>,
        (slots, lineage, chronicle): (&SlotContents, &Lineage, &Chronicle),
    ) -> Judgement {
        // In a partition whose place was taken since, the expectation goes to its end, and in those that
        // took it, it begins at their beginning.
        let whole = |one: &PartitionId| (one.clone(), Seq::ZERO, lineage.end(one).next());
        let mut spans = match *partition == expected.0 {
            true => vec![(partition.clone(), expected.1, slot)],
            false => {
                let end = lineage.end(&expected.0).next();
                vec![(expected.0.clone(), expected.1, end), (partition.clone(), Seq::ZERO, slot)]
            }
        };
        // On the way of the event's key.
        let key = slots.key_of(event).unwrap_or_default();
        let between = lineage.ancestors_of(&key, partition).into_iter();
        let between = between.filter(|it| **it > expected.0 && it.overlaps(&expected.0));
        spans.extend(between.map(whole));
        for (partition, expected, slot) in spans {
            let met = Met { event: event.to_owned(), expected, slot, at };
            let mut between = expected.next();
            while between < slot {
                let stored = slots.events_in(&(partition.clone(), between));
                if let Some(other) = stored.iter().find(|event| acknowledged.contains(*event)) {
                    let place = (&partition, between);
                    return broken(Invariant::S4, unmet(&met, other, place, chronicle));
                }
                between = between.next();
            }
            self.0.entry(partition).or_default().push(met);
        }
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
