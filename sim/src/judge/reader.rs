//! Reading without a group: a reader is given what the slots hold, in their order, without a gap that
//! isn't void, and to the end of what stood there when it began.

use gapless::{Event, Position, Receipt};
use gapless_model::{PartitionId, Seq};

use super::all::Judge;
use super::judgement::{Breach, Finding, Judgement};
use super::readings::{Readable, Session};
use super::words::{partition_name, seconds, slot_name};
use crate::plan::{Millis, Node};

impl Judge {
    /// Judges an event that a reader is given.
    pub(crate) fn judge_read_event(
        &mut self,
        at: Millis,
        session: &mut Session,
        (partition, position, event): (&PartitionId, Position, &Event),
    ) -> Judgement {
        let name = event.text().unwrap_or_default();
        let wrong = |what: String| {
            let (who, at) = (self.chronicle.name(session.node), seconds(at));
            let place = slot_name(partition, position.slot);
            let sentence = format!("{who} was given event {name} of {place} at {at}, {what}.");
            Err((Breach::Reader, Finding::new(sentence).at(partition, position.slot)))
        };
        if self.slots.place_of(name) != Some((partition.clone(), position)) {
            let held = self.slots.words(&(partition.clone(), position.slot));
            return wrong(format!("as position {position}, but the slot holds {held}"));
        }
        if !session.readable.has(partition, &event.key) {
            return wrong(format!("of key {}, which it does not read", event.key));
        }
        let due = session.next(&self.slots, partition, position.slot);
        match due {
            Some((due, _)) if due == position => {}
            Some((due, other)) if due < position => {
                return wrong(format!("without event {other} at position {due} before it"));
            }
            Some(_) | None => {
                let last = session.given_upto(partition).unwrap_or(Position::START);
                return wrong(format!("although it was at position {last} already"));
            }
        }
        // S3: what comes behind is given behind, whatever was split or merged in between.
        let place = (partition.clone(), position);
        let before = session.keys.insert(event.key.clone(), place.clone());
        if let Some((other, at)) = before.filter(|before| *before > place) {
            let other = slot_name(&other, at.slot);
            return wrong(format!(
                "behind another one of its key, of {other}, which comes behind it"
            ));
        }
        let first = session.given_upto(partition).map_or(1, |last| last.slot.0);
        for slot in (first..position.slot.0).map(Seq) {
            let key = (partition.clone(), slot);
            if !self.slots.is_settled(&key) {
                return wrong(format!("although slot {slot} before it is empty"));
            }
            if self.slots.events_in(&key).is_empty() {
                self.readings.marks.insert("a reader passes a void");
            }
        }
        session.last.insert(partition.clone(), position);
        self.readings.given.entry(session.node).or_default().insert(name.to_owned());
        Ok(())
    }

    /// Judges that a read has come to its end: what stood there when it began was given.
    pub(crate) fn judge_read_end(&mut self, at: Millis, session: &Session) -> Judgement {
        for (partition, due) in &session.due {
            if self.slots.tails().get(partition).is_some_and(|tail| tail > due) {
                self.readings.marks.insert("a reader stops before an empty slot");
            }
            if session.readable == Readable::Listed {
                continue;
            }
            if let Some((position, event)) = session.next(&self.slots, partition, *due) {
                let sentence = format!(
                    "{} read {} to its end at {} and was not given event {event} at position \
                     {position}, although no slot up to there was empty when it began, at {}.",
                    self.chronicle.name(session.node),
                    partition_name(partition),
                    seconds(at),
                    seconds(session.began),
                );
                let finding = Finding::new(sentence).at(partition, position.slot);
                return Err((Breach::Reader, finding));
            }
        }
        Ok(())
    }

    /// Judges that a reader was told that a receipt's event can be read.
    pub(crate) fn judge_settled(&self, at: Millis, node: Node, receipt: &Receipt) -> Judgement {
        let Receipt { partition, position, .. } = receipt;
        let end = self.slots.last_settled(partition);
        if end >= position.slot {
            let has_its_keys = |before: &PartitionId| before.overlaps(partition);
            if self.lineage.is_settled_before(partition, &self.slots, has_its_keys) {
                return Ok(());
            }
            let sentence = format!(
                "{} was told at {} that what comes before {} is settled, but a slot of a partition before \
                 it is empty.",
                self.chronicle.name(node),
                seconds(at),
                slot_name(partition, position.slot),
            );
            return Err((Breach::Reader, Finding::new(sentence).at(partition, position.slot)));
        }
        let sentence = format!(
            "{} was told at {} that every slot up to {} is settled, but slot {} is empty.",
            self.chronicle.name(node),
            seconds(at),
            slot_name(partition, position.slot),
            end.next(),
        );
        Err((Breach::Reader, Finding::new(sentence).at(partition, end.next())))
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::design::Design;

    use super::*;
    use crate::cluster::Recorder;
    use crate::plan::Profile;

    const NODE: Node = Node(0);

    fn partition() -> PartitionId {
        "p0".parse().expect("an id")
    }

    /// Slot 1 of p0 holds a and b, slot 2 is void, slot 3 holds c, slot 4 is empty, slot 5 holds d.
    fn judge() -> Judge {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let mut judge = Recorder::new(&plan, plan.config().rules().expect("it is valid")).judge;
        for (slot, names) in [(1, &["a", "b"][..]), (2, &[]), (3, &["c"]), (5, &["d"])] {
            judge.slots.put((partition(), Seq(slot)), names);
        }
        judge
    }

    /// What is said of a reader that is given these events and then comes to its end.
    fn judged(readable: Readable, from: u64, events: &[(u64, u32, &str)]) -> Option<String> {
        let mut judge = judge();
        let last = (partition(), Position { slot: Seq(from), index: 9 });
        let behind = (from > 0).then_some(last).into_iter().collect();
        let sees = (&judge.slots, &judge.lineage);
        let mut session = judge.readings.begin((Millis(1), NODE), readable, behind, sees);
        let mut read = || {
            for (slot, index, name) in events {
                let position = Position { slot: Seq(*slot), index: *index };
                let given = (&partition(), position, &Event::new("k1", *name));
                judge.judge_read_event(Millis(2), &mut session, given)?;
            }
            judge.judge_read_end(Millis(3), &session)
        };
        read().err().map(|(_, finding)| finding.sentence)
    }

    #[test]
    fn a_reader_is_given_what_stands_before_the_first_empty_slot() {
        let all = || Readable::Everything;
        let whole = [(1, 0, "a"), (1, 1, "b"), (3, 0, "c")];
        assert_eq!(judged(all(), 0, &whole), None);
        assert_eq!(judged(all(), 2, &whole[2..]), None);
        assert_eq!(judged(Readable::Key("k2".to_owned()), 0, &[]), None);
        let wrong = |readable, events: &[_], why: &str| {
            let said = judged(readable, 0, events).unwrap_or_default();
            assert!(said.contains(why), "{said}");
        };
        wrong(all(), &[(1, 0, "b")], "but the slot holds events a and b");
        wrong(all(), &[(1, 1, "b")], "without event a at position 1.0 before it");
        wrong(all(), &[(1, 0, "a"), (1, 0, "a")], "although it was at position 1.0 already");
        wrong(all(), &whole[..2], "was not given event c at position 3.0");
        let over = [whole[0], whole[1], whole[2], (5, 0, "d")];
        wrong(all(), &over, "although slot 4 before it is empty");
        wrong(Readable::Key("k2".to_owned()), &whole, "of key k1, which it does not read");
        let other = Readable::Partition("p1".parse().expect("an id"));
        wrong(other, &whole, "which it does not read");
    }

    #[test]
    fn a_receipt_is_settled_when_no_slot_before_it_is_empty() {
        let settled = |slot| {
            let receipt = Receipt::new(partition(), Position { slot: Seq(slot), index: 0 }, 1);
            judge().judge_settled(Millis(1), NODE, &receipt).is_ok()
        };
        assert_eq!([1, 3, 5].map(settled), [true, true, false]);
    }
}
