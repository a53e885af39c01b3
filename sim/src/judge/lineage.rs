//! P2 and D4: every key has one partition that takes its events, through splits and merges, and nothing
//! is delivered of a partition before everything that comes before it is drained.

use std::collections::{BTreeMap, BTreeSet};

use gapless::{Group, PartitionId};
use gapless_model::explanation::{capital, listed};
use gapless_model::store::{Reply, Request};
use gapless_model::{Invariant, Seq};

use super::chronicle::Chronicle;
use super::evidence::{AppliedCall, ObservedDelivery, SlotKey};
use super::judgement::{Finding, Judgement, broken};
use super::leases::Leases;
use super::sight::Sight;
use super::slots::SlotContents;
use super::words::{partition_name, seconds};
use crate::plan::{Home, Millis, Node, Plan};

/// A partition that takes no more events.
#[derive(Debug)]
struct Sealed {
    children: Vec<PartitionId>,
    /// Its head at that moment.
    end: Seq,
    at: Millis,
    by: Node,
}

/// The partitions of a run, and what took the place of which.
#[derive(Debug)]
pub(crate) struct Lineage {
    home: Home,
    founding: Vec<PartitionId>,
    heads: BTreeMap<PartitionId, Seq>,
    sealed: BTreeMap<PartitionId, Sealed>,
}

impl Lineage {
    pub(crate) fn new(plan: &Plan) -> Lineage {
        let founding = plan.layout().all().unwrap_or_default();
        let (heads, sealed) = (BTreeMap::new(), BTreeMap::new());
        Lineage { home: plan.home(), founding, heads, sealed }
    }

    /// Judges what a call did: a number that it was given, or a seal.
    pub(super) fn judge_call(
        &mut self,
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> Judgement {
        match (applied.request, applied.reply) {
            (request, Some(Reply::Raised(number) | Reply::Appended(number))) => {
                let partition = request.partition().clone();
                self.judge_number(&partition, *number, applied, chronicle)
            }
            (Request::Seal { partition, children }, Some(Reply::Sealed)) => {
                self.seal(std::slice::from_ref(partition), children, applied, chronicle)
            }
            (Request::Merge { parents, child }, Some(Reply::Sealed)) => {
                self.seal(parents, std::slice::from_ref(child), applied, chronicle)
            }
            _ => Ok(()),
        }
    }

    /// P2: a partition that is sealed gives out no number.
    fn judge_number(
        &mut self,
        partition: &PartitionId,
        number: Seq,
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> Judgement {
        let head = self.heads.entry(partition.clone()).or_default();
        *head = number.max(*head);
        // A repeated transaction is answered as it was before.
        let Some(seal) = self.sealed.get(partition).filter(|seal| number > seal.end) else {
            return Ok(());
        };
        let sentence = format!(
            "{} was given number {number} of {} at {}, although {}, at slot {}.",
            chronicle.name(applied.node),
            partition_name(partition),
            seconds(applied.at),
            seal.words(chronicle),
            seal.end,
        );
        broken(Invariant::P2, Finding::new(sentence).at(partition, number))
    }

    fn seal(
        &mut self,
        parents: &[PartitionId],
        children: &[PartitionId],
        applied: &AppliedCall<'_>,
        chronicle: &Chronicle,
    ) -> Judgement {
        for parent in parents {
            match self.sealed.get(parent) {
                // A repeated transaction is answered as it was before.
                Some(before) if before.children == children => {}
                Some(before) => {
                    let sentence = format!(
                        "{} sealed {} at {} for {}, although {}.",
                        chronicle.name(applied.node),
                        partition_name(parent),
                        seconds(applied.at),
                        names(children),
                        before.words(chronicle),
                    );
                    return broken(Invariant::P2, Finding::new(sentence).at(parent, None));
                }
                None => {
                    let end = self.heads.get(parent).copied().unwrap_or_default();
                    let (children, at, by) = (children.to_vec(), applied.at, applied.node);
                    self.sealed.insert(parent.clone(), Sealed { children, end, at, by });
                }
            }
        }
        self.judge_leaves(applied, chronicle)
    }

    /// P2: each key has one partition that takes its events.
    fn judge_leaves(&self, applied: &AppliedCall<'_>, chronicle: &Chronicle) -> Judgement {
        let children = self.sealed.values().flat_map(|seal| &seal.children);
        let all: BTreeSet<&PartitionId> = self.founding.iter().chain(children).collect();
        let leaves: Vec<_> = all.into_iter().filter(|it| !self.sealed.contains_key(*it)).collect();
        let double = leaves.iter().enumerate().find_map(|(index, leaf)| {
            let mut others = leaves.iter().skip(index + 1);
            others.find(|other| other.overlaps(leaf)).map(|other| (*leaf, *other))
        });
        let bare = self.founding.iter().find(|it| !it.is_covered_by(leaves.iter().copied()));
        let what = match (double, bare) {
            (Some((one, other)), _) => {
                format!("both {one} and {other} take events of the same keys")
            }
            (None, Some(lost)) => format!("no partition takes the events of some keys of {lost}"),
            (None, None) => return Ok(()),
        };
        let sentence = format!(
            "since {} sealed {} at {}, {what}.",
            chronicle.name(applied.node),
            partition_name(applied.request.partition()),
            seconds(applied.at),
        );
        broken(Invariant::P2, Finding::new(sentence).at(applied.request.partition(), None))
    }

    /// S3: an event is in a partition of the stream that takes the events of its key, or did.
    pub(super) fn judge_places(
        &self,
        at: Millis,
        (partition, slot): &SlotKey,
        keys: &[String],
    ) -> Judgement {
        let stray = keys.iter().find(|key| !self.home.is_of(key, partition));
        let is_known = self.home == Home::EachKey
            || self.founding.contains(partition)
            || self.sealed.values().any(|seal| seal.children.contains(partition));
        let why = match stray {
            Some(key) => {
                format!("an event of key {key}, which belongs elsewhere, was written into")
            }
            None if !is_known => {
                "an event was written into a partition that nothing led to,".to_owned()
            }
            None => return Ok(()),
        };
        let name = super::words::slot_name(partition, *slot);
        let sentence = format!("{why} {name}, at {}.", seconds(at));
        broken(Invariant::S3, Finding::new(sentence).at(partition, *slot))
    }

    /// Has a partition divided, as a split does.
    #[cfg(test)]
    pub(super) fn divide(&mut self, partition: PartitionId, children: Vec<PartitionId>) {
        let (end, at, by) = (Seq::ZERO, Millis(0), Node(0));
        self.sealed.insert(partition, Sealed { children, end, at, by });
    }

    /// The last number of a sealed partition.
    pub(super) fn end(&self, partition: &PartitionId) -> Seq {
        self.sealed.get(partition).map_or(Seq::ZERO, |seal| seal.end)
    }

    /// Everything that comes before a partition.
    pub(super) fn ancestors(&self, partition: &PartitionId) -> BTreeSet<&PartitionId> {
        let mut found = BTreeSet::new();
        let mut next = vec![partition];
        while let Some(child) = next.pop() {
            for (parent, _) in self.sealed.iter().filter(|(_, seal)| seal.children.contains(child))
            {
                if found.insert(parent) {
                    next.push(parent);
                }
            }
        }
        found
    }

    /// What of that takes, or took, the events of a key, in order.
    pub(super) fn ancestors_of(&self, key: &str, partition: &PartitionId) -> Vec<&PartitionId> {
        let ancestors = self.ancestors(partition).into_iter();
        ancestors.filter(|it| self.home.is_of(key, it)).collect()
    }

    /// Whether no slot is empty of what comes before a partition and counts.
    pub(super) fn is_settled_before(
        &self,
        partition: &PartitionId,
        slots: &SlotContents,
        counts: impl Fn(&PartitionId) -> bool,
    ) -> bool {
        let mut ancestors = self.ancestors(partition).into_iter().filter(|it| counts(it));
        ancestors.all(|it| slots.last_settled(it) >= self.end(it))
    }

    /// The end of the first of what comes before a partition that a group has not finished.
    pub(super) fn first_unfinished(
        &self,
        partition: &PartitionId,
        group: &Group,
        leases: &Leases,
    ) -> Option<SlotKey> {
        let is_open = |parent: &&PartitionId| {
            let lease = leases.current(&(group.clone(), (*parent).clone()));
            lease.is_none_or(|lease| lease.checkpoint < self.end(parent))
        };
        let first = self.ancestors(partition).into_iter().find(is_open)?;
        Some((first.clone(), self.end(first)))
    }

    /// D4: the group has begun and finished everything that comes before the partition.
    pub(super) fn judge_delivery(
        &self,
        delivery: &ObservedDelivery,
        leases: &Leases,
        sight: Sight<'_>,
    ) -> Judgement {
        let Some(first) = delivery.first() else { return Ok(()) };
        // Whether an owner may still be active whose lease was taken is for L2 to judge.
        let lease = leases.current(&(delivery.group.clone(), delivery.partition.clone()));
        if lease.is_some_and(|lease| lease.epoch > delivery.epoch) {
            return Ok(());
        }
        for parent in self.ancestors(&delivery.partition) {
            let Some(seal) = self.sealed.get(parent) else { continue };
            let lease = leases.current(&(delivery.group.clone(), parent.clone()));
            let lacks = match lease {
                Some(lease) if lease.checkpoint >= seal.end => continue,
                Some(lease) => format!(
                    "its checkpoint there is slot {}, and the last number is {}",
                    lease.checkpoint, seal.end
                ),
                None => "it has never begun that one".to_owned(),
            };
            let sentence = format!(
                "{}, although {} has not finished {}, which comes before it: {lacks}.",
                sight.given(delivery, first),
                delivery.group,
                partition_name(parent),
            );
            let finding = Finding::new(capital(&sentence)).at(&delivery.partition, first);
            return broken(Invariant::D4, finding.at(parent, seal.end));
        }
        Ok(())
    }
}

impl Sealed {
    fn words(&self, chronicle: &Chronicle) -> String {
        format!(
            "{} had sealed it for {} at {}",
            chronicle.name(self.by),
            names(&self.children),
            seconds(self.at)
        )
    }
}

fn names(partitions: &[PartitionId]) -> String {
    listed(&partitions.iter().map(|id| id.as_str().to_owned()).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use gapless::{Live, Position};
    use gapless_model::Epoch;
    use gapless_model::design::Design;
    use gapless_model::store::{Lease, Raise};
    use serde_json::Value;

    use super::*;
    use crate::cluster::Recorder;
    use crate::judge::Judge;
    use crate::plan::Profile;

    const NODE: Node = Node(0);

    fn id(text: &str) -> PartitionId {
        text.parse().expect("an id")
    }

    fn ids(list: &[&str]) -> Vec<PartitionId> {
        list.iter().map(|text| id(text)).collect()
    }

    /// The judges of a stream of one partition.
    fn judge() -> Judge {
        let mut plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        plan.partition_bits = Some(0);
        Recorder::new(&plan, plan.config().rules().expect("it is valid")).judge
    }

    /// What is said of a request that was answered so.
    fn said(judge: &mut Judge, request: &Request<Live>, reply: &Reply<Live>) -> Option<String> {
        let applied = AppliedCall {
            at: Millis(1_000),
            node: NODE,
            attempt: 1,
            request,
            heard: true,
            missed: &BTreeSet::new(),
            token: None,
            producers: &[],
            reply: Some(reply),
            status: 200,
            answer: &Value::Null,
            slot: None,
            lease: None,
        };
        let judged = judge.lineage.judge_call(&applied, &judge.chronicle);
        judged.err().map(|(_, finding)| finding.sentence)
    }

    fn raised(judge: &mut Judge, partition: &str, number: u64) -> Option<String> {
        let raise = Raise { partition: id(partition), head: None, token: None, record: None };
        said(judge, &Request::Raise(raise), &Reply::Raised(Seq(number)))
    }

    fn split(judge: &mut Judge, partition: &str, children: &[&str]) -> Option<String> {
        let request = Request::Seal { partition: id(partition), children: ids(children) };
        said(judge, &request, &Reply::Sealed)
    }

    fn merge(judge: &mut Judge, parents: &[&str], child: &str) -> Option<String> {
        said(judge, &Request::Merge { parents: ids(parents), child: id(child) }, &Reply::Sealed)
    }

    #[test]
    fn every_key_has_one_partition_through_splits_and_merges() {
        let mut judge = judge();
        assert_eq!(split(&mut judge, "p", &["p0", "p1"]), None);
        assert_eq!(split(&mut judge, "p0", &["p00", "p01"]), None);
        assert_eq!(merge(&mut judge, &["p00", "p01"], "p0~"), None);
        assert_eq!(merge(&mut judge, &["p0~", "p1"], "p~"), None);
        // A repeated transaction is answered as it was before.
        assert_eq!(merge(&mut judge, &["p0~", "p1"], "p~"), None);
    }

    #[test]
    fn two_partitions_of_a_key_and_none_are_noticed() {
        let mut half = judge();
        assert_eq!(split(&mut half, "p", &["p0", "p1"]), None);
        let both = merge(&mut half, &["p0"], "p~").expect("p1 is open");
        assert!(both.contains("both p1 and p~ take events"), "{both}");
        let none = split(&mut judge(), "p", &["p0"]).expect("half is lost");
        assert!(none.contains("no partition takes the events of some keys of p"), "{none}");
    }

    #[test]
    fn a_second_seal_and_a_number_behind_a_seal_are_noticed() {
        let mut judge = judge();
        assert_eq!(raised(&mut judge, "p", 3), None);
        assert_eq!(split(&mut judge, "p", &["p0", "p1"]), None);
        assert_eq!(raised(&mut judge, "p", 3), None, "an answer that is given again");
        let late = raised(&mut judge, "p", 4).expect("it is sealed");
        assert!(late.contains("was given number 4 of p"), "{late}");
        let again = merge(&mut judge, &["p"], "p~").expect("it is sealed");
        assert!(again.contains("had sealed it for p0 and p1"), "{again}");
    }

    #[test]
    fn events_are_where_their_keys_belong() {
        let mut judge = judge();
        assert_eq!(split(&mut judge, "p", &["p0", "p1"]), None);
        let keys = || vec!["k1".to_owned()];
        let home = if Home::Hashed.is_of("k1", &id("p0")) { "p0" } else { "p1" };
        let other = if home == "p0" { "p1" } else { "p0" };
        let place = |partition: &str| (id(partition), Seq(1));
        for own in ["p", home] {
            assert_eq!(judge.lineage.judge_places(Millis(1), &place(own), &keys()), Ok(()));
        }
        let stray = judge.lineage.judge_places(Millis(1), &place(other), &keys());
        assert!(stray.expect_err("it is another's").1.sentence.contains("belongs elsewhere"));
        let nowhere = judge.lineage.judge_places(Millis(1), &place(&format!("{home}0")), &[]);
        assert!(nowhere.expect_err("no split made it").1.sentence.contains("nothing led to"));
    }

    /// A group has the lease on a partition, with this checkpoint.
    fn begin(judge: &mut Judge, partition: &str, checkpoint: u64) {
        let lease = Lease {
            checkpoint: Seq(checkpoint),
            active: false,
            owner: "w/1".into(),
            epoch: Epoch(1),
            until: gapless::Timestamp::from_millis(0),
            beat: 0,
            wake: 0,
            begun: true,
        };
        judge.leases.put(("g".into(), id(partition)), lease);
    }

    #[test]
    fn a_delivery_comes_behind_everything_before_its_partition() {
        let mut judge = judge();
        assert_eq!(raised(&mut judge, "p", 2), None);
        assert_eq!(split(&mut judge, "p", &["p0", "p1"]), None);
        assert_eq!(merge(&mut judge, &["p0", "p1"], "p~"), None);
        let delivery = ObservedDelivery {
            node: NODE,
            group: "g".into(),
            partition: id("p~"),
            epoch: Epoch(1),
            upto: Seq(1),
            attempt: 1,
            events: vec![(Position { slot: Seq(1), index: 0 }, "a".to_owned())],
        };
        let said = |judge: &Judge| {
            let Judge { lineage, leases, slots, chronicle, .. } = judge;
            let sight = Sight { at: Millis(1), slots, chronicle };
            let judged = lineage.judge_delivery(&delivery, leases, sight);
            judged.err().map(|(_, finding)| finding.sentence).unwrap_or_default()
        };
        // It has the lease itself, which says nothing of the others.
        begin(&mut judge, "p~", 0);
        begin(&mut judge, "p", 1);
        assert!(said(&judge).contains("its checkpoint there is slot 1"), "{}", said(&judge));
        begin(&mut judge, "p", 2);
        // An empty one has to be begun as well.
        assert!(said(&judge).contains("has not finished p0"), "{}", said(&judge));
        begin(&mut judge, "p0", 0);
        assert!(said(&judge).contains("has not finished p1"), "{}", said(&judge));
        begin(&mut judge, "p1", 0);
        assert_eq!(said(&judge), "");
    }
}
