//! The checked world: tables, processes, triggers, requests under way, and what the judge of the
//! invariants remembers.

use std::hash::{Hash, Hasher};

use super::bounds::Bounds;
use super::digest::Digest;
use super::packed::Packed;
use super::small::{GroupNo, PartitionNo, ProducerNo, Run, Small, Token, WorkerNo};
use crate::append::{Append, Claim};
use crate::consume::Consume;
use crate::ids::Seq;
use crate::invariant::Invariant;
use crate::store::{Lease, Request, Tables};

/// The only partition of the checked world.
pub const PARTITION: PartitionNo = PartitionNo(0);

/// A state of the checked world, with room for `P` producers, `W` workers, `G` groups, `S` slots
/// and `L` requests under way.
///
/// Everything is inline and of fixed size, so that a clone is a copy. `Debug` prints a state for
/// people, over several lines.
#[derive(Clone, PartialEq, Eq)]
pub struct World<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize> {
    pub(super) tables: Packed<P, G, S>,
    pub(super) producers: [Producer; P],
    pub(super) workers: [Worker; W],
    /// Triggers that wait to be taken, for each group.
    pub(super) triggers: [u8; G],
    /// Copies of requests that arrive later, or never.
    pub(super) under_way: [Option<Request<Small>>; L],
    pub(super) left: Left,
    pub(super) ghost: Ghost<P, G, S>,
}

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize> Hash
    for World<P, W, G, S, L>
{
    fn hash<H: Hasher>(&self, state: &mut H) {
        let World { tables, producers, workers, triggers, under_way, left, ghost } = self;
        let mut digest = Digest::new(state);
        (tables, producers, workers).hash(&mut digest);
        (triggers, under_way, left, ghost).hash(&mut digest);
        digest.close();
    }
}

/// A producer and its place in its input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Producer {
    pub(super) work: Work,
    /// The number of crashes before this run of an anonymous producer; 0 for a named one.
    pub(super) run: u8,
    /// The number of events of its input that have an answer.
    pub(super) answered: u8,
    /// The last slot that was acknowledged to any producer when the present append sent its first
    /// request, if it has sent one (S3). For a named producer an append is one and the same across
    /// restarts.
    pub(super) since: Option<u8>,
}

/// What a producer is doing.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Work {
    /// The producer claims its name.
    Claim(Claim<Small>),
    /// The producer is about to begin an append, with its record if it has a name.
    Between(Option<crate::store::Record>),
    /// The producer appends.
    Append(Append<Small>),
    /// The producer has an answer for all of its input.
    Finished,
    /// The producer has crashed.
    Dead,
}

/// A worker and its turn.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Worker {
    pub(super) turn: Option<Turn>,
    /// The number of crashes before this run.
    pub(super) run: u8,
}

/// A worker's turn for a group. The trigger that it took stays with it until the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Turn {
    pub(super) group: GroupNo,
    pub(super) machine: Consume<Small>,
    /// Whether it has sent no request yet.
    pub(super) fresh: bool,
    /// Whether its lease has ended, and it will see that at its next look at the clock.
    pub(super) late: bool,
    /// The last slot delivered under this lease (D2).
    pub(super) delivered: u8,
}

/// What the judge of the invariants remembers. No machine reads it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Ghost<const P: usize, const G: usize, const S: usize> {
    /// For each slot: bit `g` if it was delivered to group `g`; the top bit if it was acknowledged.
    pub(super) marks: [u8; S],
    /// For each group: the last slot that was finished when a lease last ended as it should (D2).
    pub(super) settled: [u8; G],
    /// For each producer: bit `n` if its present run was told that event `n` is refused (D1).
    pub(super) refused: [u8; P],
    /// The invariants that some step broke.
    pub(super) broken: Broken,
}

/// The top bit of a slot's mark.
pub(super) const ACKNOWLEDGED: u8 = 1 << 7;

/// A set of invariants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Broken(u16);

impl Broken {
    pub(super) fn insert(&mut self, invariant: Invariant) {
        self.0 |= 1 << invariant as u16;
    }

    pub(super) fn contains(self, invariant: Invariant) -> bool {
        self.0 & 1 << invariant as u16 != 0
    }
}

/// The faults that may still strike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Left {
    pub(super) faults: u8,
    pub(super) crashes: u8,
    pub(super) lost_replies: u8,
    pub(super) late: u8,
    pub(super) stale: u8,
    pub(super) expiries: u8,
    pub(super) handovers: u8,
    pub(super) renewals: u8,
    pub(super) lost_triggers: u8,
    pub(super) duplicate_triggers: u8,
}

impl Left {
    fn all(bounds: &Bounds) -> Left {
        Left {
            faults: bounds.faults,
            crashes: bounds.crashes,
            lost_replies: bounds.lost_replies,
            late: bounds.late,
            stale: bounds.stale,
            expiries: bounds.expiries,
            handovers: bounds.handovers,
            renewals: bounds.renewals,
            lost_triggers: bounds.lost_triggers,
            duplicate_triggers: bounds.duplicate_triggers,
        }
    }

    /// Whether one more fault of a kind may strike.
    ///
    /// `kind` selects the count of that kind.
    pub(super) fn has(self, kind: fn(&mut Left) -> &mut u8) -> bool {
        let mut copy = self;
        self.faults > 0 && *kind(&mut copy) > 0
    }

    /// Counts one more fault of a kind.
    pub(super) fn spend(&mut self, kind: fn(&mut Left) -> &mut u8) {
        self.faults -= 1;
        *kind(self) -= 1;
    }
}

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    World<P, W, G, S, L>
{
    /// The world before the first step. Producers, workers and groups beyond the bounds take no
    /// part.
    pub(super) fn new(bounds: &Bounds, first: impl Fn(ProducerNo) -> Work) -> Self {
        let idle = Worker { turn: None, run: 0 };
        World {
            tables: Packed::EMPTY,
            producers: std::array::from_fn(|index| {
                let takes_part = index < usize::from(bounds.producers);
                let work = if takes_part { first(ProducerNo(index as u8)) } else { Work::Finished };
                Producer { work, run: 0, answered: 0, since: None }
            }),
            workers: std::array::from_fn(|_| idle.clone()),
            triggers: [0; G],
            under_way: std::array::from_fn(|_| None),
            left: Left::all(bounds),
            ghost: Ghost {
                marks: [0; S],
                settled: [0; G],
                refused: [0; P],
                broken: Broken::default(),
            },
        }
    }

    /// Hashes everything on which the rest of a run without faults depends (P1).
    pub(super) fn hash_outlook<H: Hasher>(&self, state: &mut H) {
        let World { tables, producers, workers, triggers, under_way: _, left: _, ghost } = self;
        let mut digest = Digest::new(state);
        (tables, producers, workers).hash(&mut digest);
        (triggers, &ghost.marks).hash(&mut digest);
        digest.close();
    }

    pub(super) fn lease(&self, group: GroupNo) -> Option<Lease<Small>> {
        self.tables.lease(&group, &PARTITION)
    }

    pub(super) fn owner(&self, worker: WorkerNo) -> Run {
        Run { worker, run: self.workers[worker.index()].run }
    }

    /// The highest slot whose append was acknowledged.
    pub(super) fn acknowledged(&self) -> u8 {
        let last = self.ghost.marks.iter().rposition(|mark| mark & ACKNOWLEDGED != 0);
        last.map_or(0, |index| index as u8 + 1)
    }

    /// Whether an append was refused, and the run that was told so is still alive (D1).
    pub(super) fn was_refused(&self, token: Token) -> bool {
        let producer = token.producer.index();
        let told = self.ghost.refused[producer] & 1 << token.number != 0;
        told && self.producers[producer].run == token.run
    }

    /// Whether a slot's events were delivered to a group.
    pub(super) fn was_delivered(&self, group: usize, slot: usize) -> bool {
        self.ghost.marks[slot - 1] & 1 << group != 0
    }

    /// Whether a slot holds events.
    pub(super) fn holds_events(&self, slot: usize) -> bool {
        self.tables.cells()[slot - 1].holds_events()
    }

    /// Whether more than one slot holds events.
    pub(super) fn holds_several(&self) -> bool {
        self.tables.cells().iter().filter(|cell| cell.holds_events()).count() > 1
    }

    /// Whether a slot holds events or a void.
    pub(super) fn holds_something(&self, slot: usize) -> bool {
        self.tables.cells()[slot - 1].holds_something()
    }

    /// Whether a group has settled slots with events that it has not finished.
    pub(super) fn lags(&self, group: usize) -> bool {
        (self.tables.checkpoint(group) + 1..=S).any(|slot| self.holds_events(slot))
    }

    /// The last slot for which there is room.
    pub(super) const LAST: Seq = Packed::<P, G, S>::LAST;
}
