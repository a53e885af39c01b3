//! The processes: producers and workers.

use serde::{Deserialize, Serialize};

use super::super::small::{GroupNo, PartitionNo, Small, Tick};
use crate::append::{Append, Claim};
use crate::consume::{Consume, Seek};
use crate::ids::Epoch;
use crate::lineage::{Merge, Split};
use crate::rules::Rules;
use crate::store::{Record, Reply, Request};

/// A producer and its place in its input.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) struct Producer {
    pub(in crate::check) work: Work,
    /// The number of crashes before this run of an anonymous producer; 0 for a named one.
    pub(in crate::check) run: u8,
    /// The number of events of its input that have an answer.
    pub(in crate::check) answered: u8,
    /// Whether its input has one event more than the bounds say.
    pub(in crate::check) longer: bool,
    /// The partition that it appends to, as far as it knows.
    pub(in crate::check) route: PartitionNo,
    /// The position that the present append expected when it began (S4).
    pub(in crate::check) expected: Option<u8>,
}

/// What a producer is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) enum Work {
    /// The producer claims its name.
    Claim(Claim<Small>),
    /// The producer is about to begin an append, with its record if it has a name.
    Between(Option<Record>),
    /// The producer appends.
    Append(Append<Small>),
    /// The producer has an answer for all of its input.
    Finished,
    /// Another run of the producer has claimed its name.
    Fenced,
    /// The producer has crashed.
    Dead,
    /// The second run of a producer, which has not started.
    Asleep,
}

impl Producer {
    /// The producer without what the judges of safety remember.
    pub(in crate::check) fn after_faults(&self) -> Producer {
        Producer { expected: None, ..self.clone() }
    }
}

impl Work {
    /// Whether a run is alive that has no answer for some of its input yet.
    pub(in crate::check) fn is_unanswered(&self) -> bool {
        match self {
            Work::Claim(_) | Work::Between(_) | Work::Append(_) => true,
            Work::Finished | Work::Fenced | Work::Dead | Work::Asleep => false,
        }
    }
}

/// An operator who splits or merges, or moves a checkpoint back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) enum Operator {
    /// It has not begun, or it has crashed.
    Asleep,
    /// It splits.
    Splits { split: Split<Small>, fresh: bool },
    /// It merges.
    Merges { merge: Merge<Small>, fresh: bool },
    /// It moves a checkpoint back.
    Resets { seek: Seek<Small>, fresh: bool },
    /// It is done, or has found that something else was done.
    Done,
}

impl Operator {
    /// The request that it wants to send.
    pub(in crate::check) fn wants(
        &self,
        rules: &Rules<Small>,
        now: Tick,
    ) -> Option<Request<Small>> {
        match self {
            Operator::Resets { seek, .. } => seek.wants(rules, now),
            Operator::Splits { split, .. } => split.wants(),
            Operator::Merges { merge, .. } => merge.wants(),
            Operator::Asleep | Operator::Done => None,
        }
    }

    /// Whether it has just begun, and has sent nothing yet.
    pub(in crate::check) fn is_fresh(&self) -> bool {
        match self {
            Operator::Asleep | Operator::Done => false,
            Operator::Splits { fresh, .. }
            | Operator::Merges { fresh, .. }
            | Operator::Resets { fresh, .. } => *fresh,
        }
    }

    /// Notes that it has sent a request.
    pub(in crate::check) fn has_sent(&mut self) {
        match self {
            Operator::Asleep | Operator::Done => {}
            Operator::Splits { fresh, .. }
            | Operator::Merges { fresh, .. }
            | Operator::Resets { fresh, .. } => *fresh = false,
        }
    }

    /// Visits the epoch of every lease that it holds.
    pub(in crate::check) fn each_epoch(
        &mut self,
        visit: &mut impl FnMut(GroupNo, PartitionNo, &mut Epoch),
    ) {
        match self {
            Operator::Resets { seek, .. } => {
                let group = *seek.group();
                seek.each_epoch(&mut |partition, epoch| visit(group, *partition, epoch));
            }
            Operator::Splits { .. }
            | Operator::Merges { .. }
            | Operator::Asleep
            | Operator::Done => {}
        }
    }

    /// Tells it a reply.
    pub(in crate::check) fn tell(&mut self, rules: &Rules<Small>, reply: Reply<Small>) {
        let ended = match self {
            Operator::Splits { split, .. } => {
                split.tell(rules, reply);
                split.end().is_some()
            }
            Operator::Merges { merge, .. } => {
                merge.tell(reply);
                merge.end().is_some()
            }
            Operator::Resets { seek, .. } => {
                seek.tell(reply);
                seek.outcome().is_some()
            }
            Operator::Asleep | Operator::Done => false,
        };
        if ended {
            *self = Operator::Done;
        }
    }
}

/// A worker, its clock and its turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) struct Worker {
    pub(in crate::check) turn: Option<Turn>,
    /// How many names of its turns were used up; 0 in the normal form.
    pub(in crate::check) names: u8,
    /// By how many ticks its clock is ahead of the time of the world.
    pub(in crate::check) ahead: u8,
}

/// A worker's turn. The trigger that it took stays with it until the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) struct Turn {
    pub(in crate::check) group: GroupNo,
    pub(in crate::check) partition: PartitionNo,
    pub(in crate::check) machine: Consume<Small>,
    /// Whether it has sent no request yet.
    pub(in crate::check) fresh: bool,
    /// The last slot delivered under this lease (D2).
    pub(in crate::check) delivered: u8,
    /// The request that takes its time. Until it is heard of, the turn is told nothing.
    pub(in crate::check) flight: Option<Box<Flight>>,
}

/// A request on its way to the store, or its reply on the way back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) enum Flight {
    /// The request has not arrived.
    Sent(Request<Small>),
    /// The request was applied.
    Applied(Reply<Small>),
}

impl Turn {
    /// Whether the lease that the turn holds, as far as it knows, has ended by a clock.
    pub(in crate::check) fn is_over(&self, clock: Tick) -> bool {
        self.machine.holds_lease() && clock >= self.machine.lease_end(Tick::LEASE)
    }
}
