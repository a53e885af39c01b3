//! S2 for named producers: only the run that was the last to claim a partition is given slots there,
//! and a run is told that it is fenced only if a later one has claimed the partition.

use std::collections::{BTreeMap, BTreeSet};

use gapless::{Live, ProducerName};
use gapless_model::store::{Keep, Reply, Request};
use gapless_model::{Epoch, Invariant, PartitionId, Seq};

use super::chronicle::{Chronicle, Fate};
use super::evidence::AppliedCall;
use super::judgement::{Breach, Finding, Judgement, broken};
use super::words::{partition_name, seconds, slot_name};
use crate::plan::{Millis, Node};

/// The partition and the name that a run claims.
type ClaimKey = (PartitionId, ProducerName);

/// A claim that was applied.
#[derive(Clone, Copy, Debug)]
struct Claimed {
    at: Millis,
    node: Node,
    epoch: Epoch,
}

/// The last claim of each name in each partition.
#[derive(Debug, Default)]
pub(crate) struct Fences {
    claims: BTreeMap<ClaimKey, Claimed>,
    /// The transactions that gave out a number. Each is answered again as it was before.
    given: BTreeSet<String>,
    /// Whether an instance claimed a partition of another one that was alive and not done.
    fenced_twin: bool,
}

impl Fences {
    /// Judges a call that reached the tables.
    pub(super) fn judge_call(
        &mut self,
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> Judgement {
        match (applied.request, applied.reply) {
            (Request::Claim { partition, name, .. }, Some(Reply::Claimed(record))) => {
                let claimed = Claimed { at: applied.at, node: applied.node, epoch: record.epoch };
                self.note_claim((partition.clone(), name.clone()), claimed, chronicle);
                Ok(())
            }
            (
                Request::Raise(raise) | Request::RaiseAndWrite { raise, .. },
                Some(Reply::Raised(slot) | Reply::Appended(slot)),
            ) => match &raise.record {
                Some(_) if applied.token.is_some_and(|it| !self.given.insert(it.to_owned())) => {
                    Ok(())
                }
                Some(keep) => self.judge_raise(applied, (&raise.partition, *slot), keep, chronicle),
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    fn note_claim(&mut self, key: ClaimKey, claimed: Claimed, chronicle: &Chronicle) {
        let before = self.claims.insert(key, claimed);
        let lives = |node: Node| {
            !matches!(chronicle.fate(node), Some(Fate::Crashed(_)))
                && !chronicle.has_appended_everything(node)
        };
        self.fenced_twin |=
            before.is_some_and(|before| before.node != claimed.node && lives(before.node));
    }

    fn judge_raise(
        &self,
        applied: &AppliedCall<'_>,
        (partition, slot): (&PartitionId, Seq),
        keep: &Keep<Live>,
        chronicle: &Chronicle,
    ) -> Judgement {
        let last = self.claims.get(&(partition.clone(), keep.name.clone()));
        let mine = |last: &&Claimed| (last.node, last.epoch) == (applied.node, keep.seen.epoch);
        if last.is_some_and(|last| mine(&last)) {
            return Ok(());
        }
        let since = last.map_or("no run has claimed it".to_owned(), |last| {
            let (who, at) = (chronicle.name(last.node), seconds(last.at));
            format!("{who} had claimed it under epoch {} at {at}", last.epoch)
        });
        let sentence = format!(
            "{} was given {} at {} as `{}` of epoch {}, although {since}.",
            chronicle.name(applied.node),
            slot_name(partition, slot),
            seconds(applied.at),
            keep.name,
            keep.seen.epoch,
        );
        broken(Invariant::S2, Finding::new(sentence).at(partition, slot))
    }

    /// Judges that a node was told that a later run of its name has claimed a partition.
    pub(super) fn judge_told(
        &self,
        at: Millis,
        node: Node,
        (partition, name): (&PartitionId, &ProducerName),
        chronicle: &Chronicle,
    ) -> Judgement {
        let last = self.claims.get(&(partition.clone(), name.clone()));
        if last.is_some_and(|last| last.node != node) {
            return Ok(());
        }
        let truth = last.map_or("no run has claimed it".to_owned(), |last| {
            format!("its own claim at {} was the last one", seconds(last.at))
        });
        let sentence = format!(
            "{} was told at {} that a later run of `{name}` has claimed {}, but {truth}.",
            chronicle.name(node),
            seconds(at),
            partition_name(partition),
        );
        Err((Breach::Error, Finding::new(sentence).at(partition, None)))
    }

    /// The mark that a run has reached.
    pub(crate) fn mark(&self) -> Option<&'static str> {
        self.fenced_twin.then_some("a live twin fences its other")
    }
}

#[cfg(test)]
mod tests {
    use gapless_model::design::Design;

    use super::*;
    use crate::plan::Profile;

    #[test]
    fn a_run_is_fenced_only_by_a_later_claim_of_another() {
        let chronicle = Chronicle::new(&Profile::Calm.plan(0, Design::RECOMMENDED));
        let (partition, name) = ("p0".parse().expect("an id"), ProducerName::from("p1"));
        let mut fences = Fences::default();
        let told = |fences: &Fences, node: u16| {
            let judged = fences.judge_told(Millis(9), Node(node), (&partition, &name), &chronicle);
            judged.err().map(|(_, finding)| finding.sentence)
        };
        assert!(told(&fences, 0).is_some_and(|why| why.contains("no run has claimed it")));
        let mut claim = |node: u16, epoch: u64| {
            let claimed = Claimed { at: Millis(1), node: Node(node), epoch: Epoch(epoch) };
            fences.note_claim((partition.clone(), name.clone()), claimed, &chronicle);
        };
        claim(0, 1);
        claim(0, 2);
        assert_eq!(fences.mark(), None);
        assert!(told(&fences, 0).is_some_and(|why| why.contains("its own claim")));
        let claimed = Claimed { at: Millis(2), node: Node(1), epoch: Epoch(3) };
        fences.note_claim((partition.clone(), name.clone()), claimed, &chronicle);
        assert_eq!((told(&fences, 0), told(&fences, 1).is_some()), (None, true));
        assert_eq!(fences.mark(), Some("a live twin fences its other"));
    }
}
