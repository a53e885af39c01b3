//! What comes before a partition, and has to be drained before the group begins it (D4).
//!
//! A parent is drained if it is sealed, the group has begun it, and its checkpoint is its head. None of this
//! is ever undone, so plain reads before the acquire will do. That the group has begun the parent says by
//! induction that all before *it* was drained: without that, a grandchild of empty parents would look
//! ready while the grandparent is not consumed, since nothing of nothing is finished.

use super::state::{Blocked, Consume, Phase};
use super::turn::Outcome;
use crate::design::Parents;
use crate::ids::Seq;
use crate::rules::Rules;
use crate::store::{Head, Lease};
use crate::vocabulary::Vocabulary;

impl<V: Vocabulary> Consume<V> {
    /// Goes on to the group's place in a parent, if that is sealed.
    pub(super) fn take_head(&mut self, parent: usize, head: &Head<V>) {
        if head.is_sealed() {
            self.phase = Phase::AskLease { parent, end: head.head };
        } else {
            // D4: it may get more events.
            self.block(Blocked { parent, end: None });
        }
    }

    /// Goes on to the next parent if this one is drained, and after the last one to the acquire that
    /// begins the partition.
    pub(super) fn take_lease(
        &mut self,
        rules: &Rules<V>,
        parent: usize,
        end: Seq,
        lease: Option<&Lease<V>>,
    ) {
        let finished = match rules.design.parents {
            // D4: without the item, what comes before the parent may not be drained.
            Parents::Begun => lease.is_some_and(|lease| lease.checkpoint >= end),
            Parents::Nothing | Parents::Checkpoints | Parents::Ancestors => {
                lease.map_or(Seq::ZERO, |lease| lease.checkpoint) >= end
            }
        };
        if !finished {
            self.block(Blocked { parent, end: Some(end) });
        } else if parent + 1 < self.parents.len() {
            self.phase = Phase::AskHead { parent: parent + 1 };
        } else {
            self.parents.clear();
            self.phase = Self::first_phase(rules);
        }
    }

    fn block(&mut self, blocked: Blocked) {
        self.blocked = Some(blocked);
        self.phase = Phase::Done(Outcome::Blocked);
    }
}
