//! What is dropped is not sent any more: once all appends of a group are dropped, none of its events is
//! sent again, since their callers may have appended them anew by then. Where some of them go on, what the
//! others were to append may still be.

use std::collections::BTreeMap;

use super::chronicle::Chronicle;
use super::evidence::SlotKey;
use super::judgement::{Breach, Finding, Judgement};
use super::words::{seconds, slot_name};
use crate::plan::{Millis, Node};

/// When an append was dropped, and the number of the attempt that its process made next.
#[derive(Clone, Copy, Debug)]
struct Drop {
    at: Millis,
    next: u32,
}

/// The events whose appends were dropped, with all others of their groups.
#[derive(Debug, Default)]
pub(crate) struct Dropped(BTreeMap<String, Drop>);

impl Dropped {
    /// Notes that the appends of these events are dropped, and nothing else appends them. The next
    /// attempt of their process has the number `next`.
    pub(crate) fn note(&mut self, at: Millis, events: &[String], next: u32) {
        self.0.extend(events.iter().map(|event| (event.clone(), Drop { at, next })));
    }

    /// Judges a write that filled a slot with these events, by the number of its attempt. What was sent
    /// before may arrive at any time.
    pub(super) fn judge_write(
        &self,
        key: &SlotKey,
        written: &[String],
        (at, node, attempt): (Millis, Node, u32),
        chronicle: &Chronicle,
    ) -> Judgement {
        let sent_again = |event: &String| self.0.get(event).filter(|drop| attempt >= drop.next);
        let Some((event, drop)) =
            written.iter().find_map(|event| Some((event, sent_again(event)?)))
        else {
            return Ok(());
        };
        let sentence = format!(
            "{} sent event {event}, which is in {} since {}, although every append of its group had \
             been dropped at {}.",
            chronicle.name(node),
            slot_name(&key.0, key.1),
            seconds(at),
            seconds(drop.at),
        );
        Err((Breach::Machine, Finding::new(sentence).at(&key.0, Some(key.1))))
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::design::Design;
    use gapless_model::{PartitionId, Seq};

    use super::*;
    use crate::plan::Profile;

    #[test]
    fn what_was_sent_before_its_append_was_dropped_may_arrive_and_what_is_sent_after_may_not() {
        let chronicle = Chronicle::new(&Profile::Calm.plan(1, Design::RECOMMENDED));
        let key = (PartitionId::covering(0, 0), Seq(1));
        let mut dropped = Dropped::default();
        dropped.note(Millis(1_000), &["p1.1.1".to_owned()], 7);
        let said = |event: &str, attempt| {
            let sent = (Millis(2_000), Node(0), attempt);
            let judged = dropped.judge_write(&key, &[event.to_owned()], sent, &chronicle);
            judged.err().map(|(_, finding)| finding.sentence)
        };
        assert_eq!(said("p1.1.1", 6), None);
        assert_eq!(said("p1.2.1", 7), None);
        let again = said("p1.1.1", 7).expect("it was sent again");
        assert!(again.contains("producer 1 sent event p1.1.1"), "{again}");
        assert!(again.contains("been dropped at 1 s"), "{again}");
    }
}
