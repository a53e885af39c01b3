//! What comes before a partition, and has to be drained before the group begins it (D4).
//!
//! A parent is drained if it is sealed, the group has begun it, and its checkpoint is its head. That the group
//! has begun the parent says by induction that all before *it* was drained: without that, a grandchild of
//! empty parents would look ready while the grandparent is not consumed, since nothing of nothing is
//! finished.
//!
//! Only a [seek](super::Seek) undoes that. While it is at work, what it holds counts as not begun; and it
//! raises the epoch of the child, which the turn has seen before it asked. So plain reads before the acquire
//! will do.

use super::state::{Blocked, Consume, Phase, Seen, Sign};
use super::turn::Outcome;
use crate::design::{Acquire, Parents};
use crate::ids::{Epoch, Seq};
use crate::rules::Rules;
use crate::store::{Head, Lease};
use crate::vocabulary::Vocabulary;

impl<V: Vocabulary> Consume<V> {
    /// Asks whether the parents are drained, before the group begins the partition.
    pub(super) fn ask_parents(&mut self, rules: &Rules<V>, epoch: Epoch, watched: Option<Sign>) {
        // D4: the epoch was seen before the parents are asked, never after.
        self.seen = Some(Seen { epoch, watched });
        self.phase = match self.parents.is_empty() {
            false => Phase::AskHead { parent: 0 },
            true => self.begin_phase(rules),
        };
    }

    /// The phase that begins the partition, once the parents were asked.
    fn begin_phase(&self, rules: &Rules<V>) -> Phase<V> {
        match rules.design.acquire {
            Acquire::ReadThenSet => Phase::ReadLease,
            Acquire::Conditional => {
                Phase::Acquire { seen: self.seen.and_then(|seen| seen.watched) }
            }
        }
    }

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
            // D4: unless it was begun, what comes before the parent may not be drained.
            Parents::Begun => lease.is_some_and(|lease| lease.begun && lease.checkpoint >= end),
            Parents::Nothing | Parents::Checkpoints | Parents::Ancestors => {
                lease.map_or(Seq::ZERO, |lease| lease.checkpoint) >= end
            }
        };
        if !finished {
            self.block(Blocked { parent, end: Some(end) });
        } else if parent + 1 < self.parents.len() {
            self.phase = Phase::AskHead { parent: parent + 1 };
        } else {
            self.phase = self.begin_phase(rules);
        }
    }

    fn block(&mut self, blocked: Blocked) {
        self.blocked = Some(blocked);
        self.phase = Phase::Done(Outcome::Blocked);
    }
}
