//! Ranks: an estimate of the work that is left, which saves most searches for P1.
//!
//! If a fault-free step leads from a state to one of lower rank, then everything can be delivered
//! from the first if it can from the second, and the second is reachable, so P1 is judged there
//! too. Ranks cannot fall forever, so only states from which no step lowers the rank need a
//! search. This is sound whatever the numbers are: bad numbers cost searches, but change no
//! verdict. (P1 is not judged in a state that violates another invariant, so a step to such a
//! state does not count.)

use super::protocol::{Protocol, Steps};
use super::small::{Small, Tick};
use super::world::{Work, World};
use crate::append::Want;
use crate::consume::Wants;
use crate::store::Request;

/// The rank of a waiting trigger: more than any stage of the turn that it begins.
const TRIGGER: u32 = 12;
/// The rank of a slot beyond the checkpoint: more than the turn that delivers it.
const SLOT: u32 = 20;
/// The rank of a turn that will end without effect and give its trigger back.
const LOST: u32 = 30;
/// The rank of an event without an answer: more than everything that its write causes.
const EVENT: u32 = 120;

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// Whether some fault-free step leads to a state of lower rank.
    pub(super) fn descends(&self, world: &World<P, W, G, S, L>) -> bool {
        let here = self.rank(world);
        let mut lower = false;
        self.steps(world, Steps::FaultFree, &mut |action| {
            lower = lower
                || self
                    .step(world, action)
                    .is_some_and(|next| self.rank(&next) < here && !self.is_ruined(&next));
        });
        lower
    }

    /// Returns whether a random walk of at most `steps` fault-free steps reaches a state in which
    /// everything is delivered.
    ///
    /// It stands in for [`judge`](Self::judge) of P1 where a search would be too large. The walk
    /// is the same each time, and takes every step sooner or later that stays possible.
    #[must_use]
    pub fn drains(&self, world: &World<P, W, G, S, L>, steps: usize) -> bool {
        let mut world = world.clone();
        let mut draw = 0x9e37_79b9_7f4a_7c15_u64;
        let mut possible = Vec::new();
        for _ in 0..steps {
            if self.finished(&world) {
                return true;
            }
            possible.clear();
            self.steps(&world, Steps::FaultFree, &mut |action| possible.push(action));
            if possible.is_empty() {
                return false;
            }
            draw = draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let chosen = (draw >> 33) as usize % possible.len();
            if let Some(next) = self.step(&world, possible[chosen]) {
                world = next;
            }
        }
        self.finished(&world)
    }

    fn rank(&self, world: &World<P, W, G, S, L>) -> u32 {
        let producers = world.producers.iter().map(|producer| {
            let left = u32::from(self.bounds.events - producer.answered) * EVENT;
            match &producer.work {
                Work::Finished | Work::Dead => 0,
                Work::Claim(claim) => left + claim.wants().map_or(0, |request| stage(&request)),
                Work::Between(_) => left,
                Work::Append(append) => match append.wants(&self.rules) {
                    Want::Store(request) => left + stage(&request),
                    // The append may have its answer already, where a trigger is attempted once.
                    Want::Trigger => left + TRIGGER * u32::from(self.bounds.groups) + 1,
                    Want::Nothing => left,
                },
            }
        });
        let workers = world.workers.iter().filter_map(|worker| worker.turn.as_ref()).map(|turn| {
            let holds = turn.machine.holds_lease();
            let current =
                !holds || world.lease(turn.group).is_some_and(|l| l.epoch == turn.machine.epoch());
            let lost = if turn.late || !current { LOST } else { 0 };
            lost + turn_stage(&turn.machine.wants(&self.rules))
        });
        let groups = self.groups().map(|group| {
            let first = world.tables.checkpoint(group.index()) + 1;
            let tail = (first..=S).rev().find(|&slot| world.holds_something(slot));
            let slots = tail.map_or(0, |tail| tail + 1 - first) as u32;
            let empty =
                (first..=tail.unwrap_or(0)).filter(|&slot| !world.holds_something(slot)).count();
            let held = world.lease(group).is_some_and(|l| l.active && l.until != Tick::NOW);
            let waiting = u32::from(world.triggers[group.index()]);
            slots * SLOT + empty as u32 * SLOT + waiting * TRIGGER + u32::from(held)
        });
        producers.sum::<u32>() + workers.sum::<u32>() + groups.sum::<u32>()
    }
}

/// How far a process is from the end of its work, by the request that it wants.
fn stage(request: &Request<Small>) -> u32 {
    match request {
        Request::ReadLease { .. } => 11,
        Request::SetLease { .. } | Request::Acquire { .. } => 10,
        Request::Wake { .. } => 9,
        Request::ReadHead { .. } | Request::ReadTail { .. } | Request::ReadEvents { .. } => 8,
        Request::Claim { .. } => 7,
        Request::ReadSlot { .. } => 6,
        Request::Void { .. } => 6,
        Request::Raise(_) | Request::RaiseAndWrite { .. } => 5,
        Request::Renew { .. } => 5,
        Request::Write(_) | Request::Checkpoint { .. } => 4,
        Request::Release { .. } => 2,
    }
}

/// How far a turn is from its end, by what it wants.
fn turn_stage(wants: &Wants<'_, Small>) -> u32 {
    let delivering = if wants.deliver.is_some() { 5 } else { 0 };
    match &wants.store {
        Some(request) => stage(request) + delivering,
        None if wants.deliver.is_some() => delivering,
        None if wants.trigger => TRIGGER + 3,
        // The turn waits at a gap, or watches another worker's lease.
        None => 7,
    }
}
