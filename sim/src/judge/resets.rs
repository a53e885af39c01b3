//! L3 where an operator moves a checkpoint: only one that asked for it, only to where it said, and only
//! while it holds the lease as not begun.

use std::collections::BTreeSet;

use gapless::Live;
use gapless_model::store::{Lease, Request};
use gapless_model::{Invariant, PartitionId, Seq};

use super::evidence::{AppliedCall, LeaseKey};
use super::judgement::{Finding, Judgement, broken};
use super::leases::Leases;
use super::lineage::Lineage;
use super::words::partition_name;
use crate::plan::{Node, Plan};

/// The checkpoints that operators have asked to move, and those that they have moved.
#[derive(Debug)]
pub(crate) struct Resets {
    operator: Node,
    asked: Vec<(LeaseKey, Seq)>,
    moved: Vec<(LeaseKey, Seq)>,
    marks: BTreeSet<&'static str>,
}

impl Resets {
    pub(crate) fn new(plan: &Plan) -> Resets {
        let (asked, moved, marks) = (Vec::new(), Vec::new(), BTreeSet::new());
        Resets { operator: plan.operator(), asked, moved, marks }
    }

    /// Notes that an operator asks for a move. Returns how many were made before.
    pub(crate) fn ask(&mut self, key: &LeaseKey, to: Seq) -> usize {
        self.asked.push((key.clone(), to));
        self.moved.len()
    }

    /// Whether a checkpoint was moved there, or found there, since so many moves were made.
    pub(crate) fn has_moved(&self, key: &LeaseKey, to: Seq, before: usize) -> bool {
        let since = self.moved.get(before..).unwrap_or_default();
        since.iter().any(|(moved, place)| moved == key && *place == to)
    }

    /// Whether a change of a lease is a move that an operator has asked for: of the partition itself, or,
    /// to its beginning, of one that came of it.
    pub(super) fn explains(
        &self,
        key: &LeaseKey,
        (old, new): (&Lease<Live>, &Lease<Live>),
        applied: &AppliedCall<'_>,
        lineage: &Lineage,
    ) -> bool {
        let held = old.active && !old.begun;
        let own = match applied.request {
            Request::Release { to: Some(to), fence: Some(epoch), .. } => {
                *to == new.checkpoint && *epoch == old.epoch
            }
            _ => false,
        };
        held && own && applied.node == self.operator && self.is_asked(key, new.checkpoint, lineage)
    }

    fn is_asked(&self, (group, partition): &LeaseKey, to: Seq, lineage: &Lineage) -> bool {
        let before = |it: &PartitionId| lineage.ancestors(partition).contains(it);
        self.asked.iter().any(|((whose, asked), place)| {
            let itself = asked == partition && *place == to;
            whose == group && (itself || (to == Seq::ZERO && before(asked)))
        })
    }

    /// Judges a change of a lease that an operator has asked for, by the leases on everything that came of
    /// the partition: whatever stops the operator then, none keeps its place behind a parent that goes back.
    pub(super) fn judge_order(
        &self,
        (group, partition): &LeaseKey,
        (from, to): (Seq, Seq),
        leases: &Leases,
        lineage: &Lineage,
    ) -> Judgement {
        if to >= from {
            return Ok(());
        }
        let of_group = leases.iter().filter(|((whose, _), _)| whose == group);
        let mut after =
            of_group.filter(|((_, child), _)| lineage.ancestors(child).contains(partition));
        let is_early = |lease: &Lease<Live>| lease.begun || lease.checkpoint > Seq::ZERO;
        let Some(((_, child), lease)) = after.find(|(_, lease)| is_early(lease)) else {
            return Ok(());
        };
        let sentence = format!(
            "The checkpoint of {group} on {} went back from slot {from} to slot {to}, although it is at slot \
             {} of {}, which came of that.",
            partition_name(partition),
            lease.checkpoint,
            partition_name(child),
        );
        // D4: what it is given again would be older than what it is given no more.
        broken(
            Invariant::D4,
            Finding::new(sentence).at(partition, to.next()).at(child, lease.checkpoint),
        )
    }

    /// Notes a change of a lease that an operator has asked for.
    pub(super) fn note(&mut self, key: &LeaseKey, (from, to): (Seq, Seq)) {
        self.moved.push((key.clone(), to));
        if to < from {
            self.marks.insert("a checkpoint is moved back");
            let itself = self.asked.iter().any(|(asked, _)| asked == key);
            self.marks.extend((!itself).then_some("what came of a partition is delivered again"));
        }
    }

    /// The coverage marks that resets have reached.
    pub(crate) fn marks(&self) -> &BTreeSet<&'static str> {
        &self.marks
    }
}

#[cfg(test)]
mod tests {
    use gapless::Group;
    use gapless_model::Epoch;
    use gapless_model::design::Design;
    use gapless_model::store::{Guard, Reply};
    use serde_json::Value;

    use super::super::leases::some_lease;
    use super::*;
    use crate::plan::{Millis, Profile};

    fn key(partition: &str) -> LeaseKey {
        (Group::from("g"), partition.parse().expect("an id"))
    }

    /// Whether a release of this node under this epoch explains a move from slot 9 to this one.
    fn explained(
        resets: &Resets,
        (partition, to): (&str, u64),
        (node, epoch, begun): (Node, u64, bool),
    ) -> bool {
        is_explained(resets, (partition, to), (node, epoch, begun), true)
    }

    /// Likewise, of a lease that is held or not.
    fn is_explained(
        resets: &Resets,
        (partition, to): (&str, u64),
        (node, epoch, begun): (Node, u64, bool),
        active: bool,
    ) -> bool {
        let (key, plan) = (key(partition), Profile::Calm.plan(0, Design::RECOMMENDED));
        let request = Request::Release {
            group: key.0.clone(),
            partition: key.1.clone(),
            to: Some(Seq(to)),
            fence: Some(Epoch(epoch)),
            guard: Guard::None,
        };
        let applied = AppliedCall {
            at: Millis(1),
            node,
            attempt: 1,
            request: &request,
            heard: true,
            missed: &BTreeSet::new(),
            token: None,
            producers: &[],
            reply: Some(&Reply::Released),
            status: 200,
            answer: &Value::Null,
            slot: None,
            lease: None,
        };
        let old = Lease { begun, active, ..some_lease(Seq(9), Epoch(4)) };
        let new = Lease { active: false, checkpoint: Seq(to), ..old.clone() };
        let mut lineage = Lineage::new(&plan);
        let parts = ["p0", "p1"].map(|id| id.parse().expect("an id"));
        lineage.divide("p".parse().expect("an id"), parts.to_vec());
        resets.explains(&key, (&old, &new), &applied, &lineage)
    }

    #[test]
    fn an_operator_moves_what_it_asked_for_and_what_came_of_it_while_it_holds_the_lease() {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let (operator, worker) = (plan.operator(), plan.worker(0));
        let mut resets = Resets::new(&plan);
        assert!(!explained(&resets, ("p", 2), (operator, 4, false)), "nothing was asked");
        resets.ask(&key("p"), Seq(2));
        assert!(explained(&resets, ("p", 2), (operator, 4, false)));
        assert!(!explained(&resets, ("p", 3), (operator, 4, false)), "another place");
        assert!(explained(&resets, ("p0", 0), (operator, 4, false)), "it came of p");
        assert!(!explained(&resets, ("p0", 2), (operator, 4, false)), "it begins anew");
        let mut half = Resets::new(&plan);
        half.ask(&key("p0"), Seq(0));
        assert!(explained(&half, ("p0", 0), (operator, 4, false)));
        for other in ["p", "p1"] {
            assert!(!explained(&half, (other, 0), (operator, 4, false)), "{other} came not of p0");
        }
        assert!(!explained(&resets, ("p", 2), (worker, 4, false)), "a worker");
        assert!(!explained(&resets, ("p", 2), (operator, 3, false)), "an older epoch");
        assert!(!explained(&resets, ("p", 2), (operator, 4, true)), "held as begun");
        assert!(!is_explained(&resets, ("p", 2), (operator, 4, false), false), "not held");
    }

    #[test]
    fn what_came_of_a_partition_goes_back_before_it() {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let mut lineage = Lineage::new(&plan);
        let id = |id: &str| id.parse::<PartitionId>().expect("an id");
        lineage.divide(id("p"), vec![id("p0"), id("p1")]);
        lineage.divide(id("p0"), vec![id("p~")]);
        lineage.divide(id("p1"), vec![id("p~")]);
        let said = |child: &str, checkpoint: u64, begun: bool, moved: (u64, u64)| {
            let mut leases = Leases::default();
            leases.put(key(child), Lease { begun, ..some_lease(Seq(checkpoint), Epoch(4)) });
            let moved = (Seq(moved.0), Seq(moved.1));
            let judged = Resets::new(&plan).judge_order(&key("p0"), moved, &leases, &lineage);
            judged.err().map(|(_, finding)| finding.sentence).unwrap_or_default()
        };
        assert_eq!(said("p~", 0, false, (9, 0)), "");
        assert!(said("p~", 5, false, (9, 0)).contains("at slot 5 of p~, which came of that"));
        assert!(said("p~", 0, true, (9, 0)).contains("at slot 0 of p~"));
        assert_eq!(said("p~", 5, true, (4, 9)), "", "forward");
        assert_eq!(said("p1", 5, true, (9, 0)), "", "beside it");
        assert_eq!(said("p", 5, true, (9, 0)), "", "before it");
    }

    #[test]
    fn a_move_counts_for_who_asked_for_it_before() {
        let plan = Profile::Calm.plan(0, Design::RECOMMENDED);
        let mut resets = Resets::new(&plan);
        let before = resets.ask(&key("p"), Seq(2));
        assert!(!resets.has_moved(&key("p"), Seq(2), before));
        resets.note(&key("p"), (Seq(9), Seq(2)));
        assert!(resets.has_moved(&key("p"), Seq(2), before));
        let later = resets.ask(&key("p"), Seq(2));
        assert!(!resets.has_moved(&key("p"), Seq(2), later));
        resets.note(&key("p0"), (Seq(5), Seq(0)));
        assert!(resets.marks().contains("what came of a partition is delivered again"));
    }
}
