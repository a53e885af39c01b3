//! L3 where an operator moves a checkpoint: only one that asked for it, only to where it said, and only
//! while it holds the lease as not begun.

use std::collections::BTreeSet;

use gapless::Live;
use gapless_model::store::{Lease, Request};
use gapless_model::{PartitionId, Seq};

use super::evidence::{AppliedCall, LeaseKey};
use super::lineage::Lineage;
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
