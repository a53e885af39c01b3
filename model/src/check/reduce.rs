//! Partial-order reduction: states in which it is enough to explore the steps of one process.
//!
//! Both rules leave every verdict as it is, for safety and for P1. They leave out only orders of
//! steps that no invariant can tell apart. A test compares verdicts with and without them.

use super::action::Process;
use super::lineage;
use super::protocol::Protocol;
use super::small::{OperatorNo, PartitionNo, ProducerNo, WorkerNo};
use super::steps::Steps;
use super::world::{Fault, Operator, Work, World};
use crate::mutant::Mutant;
use crate::store::Request;

impl Protocol {
    /// The process whose steps alone need to be explored in a state, if there is one.
    pub(super) fn process_to_explore(&self, world: &World, which: Steps) -> Option<Process> {
        if !self.reduced {
            return None;
        }
        // P1: while a turn is fresh, its worker takes no other trigger, and a circle through that state may
        // be fair because of it. So where states are passed through, it is none of them.
        let turn = match which {
            Steps::FaultFree if self.bounds.has_lineage() => None,
            Steps::FaultFree | Steps::All => fresh_turn(world),
        };
        turn.or_else(|| fresh_operator(world)).or_else(|| self.claim(world))
    }

    /// A producer that claims its name while no copy of its own requests is under way, and no other
    /// run of it is alive or can start.
    ///
    /// Reading and claiming touch only the producer's own record, which no other process reads or
    /// writes. Reading tells whether the partition is sealed as well, which must be settled; a claim does
    /// not ask. All its steps,
    /// including faults, commute with all steps of other processes and with time; so do the counts
    /// of the faults that are left. So its steps are a persistent set, and they cannot close a cycle.
    fn claim(&self, world: &World) -> Option<Process> {
        let claims = |index: usize| {
            let name = ProducerNo(index as u8).first();
            let own = |request: &Request<_>| request.producer() == Some(&name);
            let alone = self.other_run(world, ProducerNo(index as u8)).is_none_or(|other| {
                match world.producers[other.index()].work {
                    Work::Finished | Work::Fenced => true,
                    Work::Asleep => !world.left.has(Fault::Twin, 1),
                    Work::Claim(_) | Work::Between(_) | Work::Append(_) | Work::Dead => false,
                }
            });
            let route = world.producers[index].route;
            let Work::Claim(claim) = &world.producers[index].work else { return false };
            (claim.seen().is_some() || self.is_settled(world, route))
                && alone
                && !world.network.0.iter().any(|late| own(&late.request))
        };
        let claims = (0..world.producers.len()).filter(|&index| claims(index));
        let index = claims.min_by_key(|&index| self.standing(world, ProducerNo(index as u8)))?;
        Some(Process::Producer(ProducerNo(index as u8)))
    }

    /// Whether no operator changes any more what takes a partition's place.
    fn is_settled(&self, world: &World, partition: PartitionNo) -> bool {
        let is_sealed =
            self.mutant != Some(Mutant::SealUnguarded) && world.log(partition).is_sealed();
        let is_last = partition == lineage::MERGED || partition == lineage::PART;
        // What a producer does next must not depend on a child that is still to be created.
        let are_there = || {
            let mut children = world.log(partition).children.iter();
            children.all(|child| lineage::is_there(self.design(), world, *child))
        };
        !self.bounds.has_lineage() || is_sealed && are_there() || is_last
    }

    /// Where a producer that claims stands, whatever its name. Of two that claim, the one with the
    /// lesser standing goes first, not the one with the lesser name: a state and a renamed one are
    /// to be explored alike. If their standings are equal, nothing but their names tells them apart.
    fn standing(&self, world: &World, producer: ProducerNo) -> impl Ord + use<> {
        let (run, name) = (&world.producers[producer.index()], producer.first().index());
        let partition = run.route;
        let log = world.log(partition);
        let seen = match &run.work {
            Work::Claim(claim) => claim.seen(),
            Work::Between(_) | Work::Append(_) | Work::Finished => None,
            Work::Fenced | Work::Dead | Work::Asleep => None,
        };
        // The judges remember these where the producer began.
        let home = world.log(self.home_of(producer));
        let twin = home.twins >> name & 1;
        // No renaming moves a producer to another partition.
        (partition, log.records[name], seen, run.answered, run.longer, home.began[name], twin)
    }
}

/// An operator that has just begun. Beginning is a right-mover like taking a trigger: its first request
/// depends on nothing but what it is to do.
fn fresh_operator(world: &World) -> Option<Process> {
    let index = world.operators.iter().position(Operator::is_fresh)?;
    Some(Process::Operator(OperatorNo(index as u8)))
}

/// A worker that has just taken a trigger. Taking one is a right-mover: whatever happens between it
/// and the worker's first request, the passing of time included, could have happened before it,
/// with the same effect. So the two steps are explored as one. Where partitions come of one another, a turn
/// that is blocked meanwhile would leave a trigger for this one, which could have been taken for the one that
/// this turn took: one trigger more, and no other difference.
fn fresh_turn(world: &World) -> Option<Process> {
    let fresh = |turn: &super::world::Turn| turn.fresh && turn.flight.is_none();
    let index = world.workers.iter().position(|worker| worker.turn.as_ref().is_some_and(fresh))?;
    Some(Process::Worker(WorkerNo(index as u8)))
}
