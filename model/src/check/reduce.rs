//! Partial-order reduction: states in which it is enough to explore the steps of one process.
//!
//! Both rules leave every verdict as it is, for safety and for P1. They leave out only orders of
//! steps that no invariant can tell apart. A test compares verdicts with and without them.

use super::action::Process;
use super::protocol::Protocol;
use super::small::{ProducerNo, WorkerNo};
use super::world::{Work, World};

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// The process whose steps alone need to be explored in a state, if there is one.
    pub(super) fn process_to_explore(&self, world: &World<P, W, G, S, L>) -> Option<Process> {
        if !self.reduced {
            return None;
        }
        fresh_turn(world).or_else(|| claim(world))
    }
}

/// A worker that has just taken a trigger. Taking one is a right-mover: whatever another process
/// does between it and the worker's first request, it could have done before, with the same
/// effect. So the two steps are explored as one.
fn fresh_turn<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    world: &World<P, W, G, S, L>,
) -> Option<Process> {
    let fresh = |turn: &super::world::Turn| turn.fresh;
    let index = world.workers.iter().position(|worker| worker.turn.as_ref().is_some_and(fresh))?;
    Some(Process::Worker(WorkerNo(index as u8)))
}

/// A producer that claims its name while no copy of its own requests is under way.
///
/// Reading and claiming touch only the producer's own record, which no other process reads or
/// writes. All its steps, including faults, commute with all steps of other processes; so do the
/// counts of the faults that are left. So its steps are a persistent set, and they cannot close a
/// cycle.
fn claim<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    world: &World<P, W, G, S, L>,
) -> Option<Process> {
    let index = world.producers.iter().enumerate().position(|(index, producer)| {
        let name = ProducerNo(index as u8);
        let own = |copy: &crate::store::Request<_>| copy.producer() == Some(&name);
        matches!(producer.work, Work::Claim(_)) && !world.under_way.iter().flatten().any(own)
    })?;
    Some(Process::Producer(ProducerNo(index as u8)))
}
