//! Partial-order reduction: states in which it is enough to explore the steps of one process.
//!
//! Both rules leave every verdict as it is, for safety and for P1. They leave out only orders of
//! steps that no invariant can tell apart. A test compares verdicts with and without them.

use super::action::Process;
use super::protocol::Protocol;
use super::small::{ProducerNo, WorkerNo};
use super::world::{Fault, Work, World};
use crate::store::Request;

impl Protocol {
    /// The process whose steps alone need to be explored in a state, if there is one.
    pub(super) fn process_to_explore(&self, world: &World) -> Option<Process> {
        if !self.reduced {
            return None;
        }
        fresh_turn(world).or_else(|| self.claim(world))
    }

    /// A producer that claims its name while no copy of its own requests is under way, and no other
    /// run of it is alive or can start.
    ///
    /// Reading and claiming touch only the producer's own record, which no other process reads or
    /// writes. All its steps, including faults, commute with all steps of other processes and with
    /// time; so do the counts of the faults that are left. So its steps are a persistent set, and
    /// they cannot close a cycle.
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
            matches!(world.producers[index].work, Work::Claim(_))
                && alone
                && !world.network.0.iter().any(|late| own(&late.request))
        };
        let claims = (0..world.producers.len()).filter(|&index| claims(index));
        let index = claims.min_by_key(|&index| self.standing(world, ProducerNo(index as u8)))?;
        Some(Process::Producer(ProducerNo(index as u8)))
    }

    /// Where a producer that claims stands, whatever its name. Of two that claim, the one with the
    /// lesser standing goes first, not the one with the lesser name: a state and a renamed one are
    /// to be explored alike. If their standings are equal, nothing but their names tells them apart.
    fn standing(&self, world: &World, producer: ProducerNo) -> impl Ord + use<> {
        let (run, name) = (&world.producers[producer.index()], producer.first().index());
        let partition = self.partition_of(producer);
        let log = world.log(partition);
        let seen = match &run.work {
            Work::Claim(claim) => claim.seen(),
            Work::Between(_) | Work::Append(_) | Work::Finished => None,
            Work::Fenced | Work::Dead | Work::Asleep => None,
        };
        let twin = log.twins >> name & 1;
        // No renaming moves a producer to another partition.
        (partition, log.records[name], seen, run.answered, run.longer, log.began[name], twin)
    }
}

/// A worker that has just taken a trigger. Taking one is a right-mover: whatever happens between it
/// and the worker's first request, the passing of time included, could have happened before it,
/// with the same effect. So the two steps are explored as one.
fn fresh_turn(world: &World) -> Option<Process> {
    let fresh = |turn: &super::world::Turn| turn.fresh && turn.flight.is_none();
    let index = world.workers.iter().position(|worker| worker.turn.as_ref().is_some_and(fresh))?;
    Some(Process::Worker(WorkerNo(index as u8)))
}
