//! The invariants as predicates of a state.
//!
//! What only a step can break (S1, S3, D1, D2, L1, L3, and an append that is acknowledged and not
//! in its slot) is judged where the step is taken, and remembered in the state.

use std::sync::atomic::Ordering;

use super::protocol::Protocol;
use super::world::{ACKNOWLEDGED, Work, World};
use crate::invariant::Invariant;
use crate::store::Slot;

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// Whether an invariant holds in a state, for Stateright. Once its first violation is found,
    /// or the search is asked to end, it is not judged again.
    pub(super) fn holds(&self, invariant: Invariant, world: &World<P, W, G, S, L>) -> bool {
        let found = &self.found[invariant as usize];
        if found.load(Ordering::Relaxed) || self.stop.load(Ordering::Relaxed) {
            return true;
        }
        let holds = self.judge(invariant, world);
        if !holds {
            found.store(true, Ordering::Relaxed);
        }
        holds
    }

    /// Whether a checked invariant other than P1 is violated in a state. Such a state is explored
    /// no further, because a second violation may be no more than a consequence of the first. (If
    /// only one invariant is checked, no other one hides its violations.)
    pub(super) fn is_ruined(&self, world: &World<P, W, G, S, L>) -> bool {
        let mut safety = self.checked.iter().filter(|invariant| **invariant != Invariant::P1);
        safety.any(|invariant| !self.judge(*invariant, world))
    }

    /// The same for a state whose invariants were just judged: as long as no violation was found
    /// anywhere, none was found here. This saves most of the work.
    pub(super) fn was_judged_ruined(&self, world: &World<P, W, G, S, L>) -> bool {
        self.found.iter().any(|found| found.load(Ordering::Relaxed)) && self.is_ruined(world)
    }

    /// Returns whether an invariant holds in a state.
    #[must_use]
    pub fn judge(&self, invariant: Invariant, world: &World<P, W, G, S, L>) -> bool {
        match invariant {
            Invariant::S1
            | Invariant::S3
            | Invariant::D1
            | Invariant::D2
            | Invariant::L1
            | Invariant::L3 => !world.ghost.broken.contains(invariant),
            // An event can be in two slots only if two slots hold events.
            Invariant::S2 => !world.holds_several() || one_slot_an_event(world),
            Invariant::D3 => self.nothing_skipped(world),
            Invariant::L2 => self.one_active(world),
            Invariant::P1 => {
                let lost = world.ghost.broken.contains(Invariant::P1);
                self.was_judged_ruined(world)
                    || !lost && ((!self.shortest && self.descends(world)) || self.can_finish(world))
            }
        }
    }

    /// D3: every slot at or below a group's checkpoint that holds events was delivered to the
    /// group. Every state is judged, so an event that is written below the checkpoint later is
    /// found as well.
    fn nothing_skipped(&self, world: &World<P, W, G, S, L>) -> bool {
        self.groups().all(|group| {
            (1..=world.tables.checkpoint(group.index()))
                .all(|slot| !world.holds_events(slot) || world.was_delivered(group.index(), slot))
        })
    }

    /// L2: at most one worker acts as the owner of a lease. A worker does not act if its lease has
    /// ended and it will see that on its clock first.
    fn one_active(&self, world: &World<P, W, G, S, L>) -> bool {
        self.groups().all(|group| {
            let turns = world.workers.iter().filter_map(|worker| worker.turn.as_ref());
            let active =
                turns.filter(|turn| turn.group == group && turn.machine.is_active() && !turn.late);
            active.count() <= 1
        })
    }

    /// Whether everything is done, which is the goal of P1: every living producer has its answers,
    /// no trigger waits, no turn is under way, and every acknowledged event was delivered to every
    /// group.
    pub(super) fn finished(&self, world: &World<P, W, G, S, L>) -> bool {
        let answered = world
            .producers
            .iter()
            .all(|producer| matches!(producer.work, Work::Finished | Work::Dead));
        let idle = world.workers.iter().all(|worker| worker.turn.is_none());
        let quiet = world.triggers.iter().all(|&waiting| waiting == 0);
        answered && idle && quiet && self.all_delivered(world)
    }

    /// Returns the number of events that were delivered to each group, by group.
    #[must_use]
    pub fn delivered(&self, world: &World<P, W, G, S, L>) -> Vec<u64> {
        let events = |group: usize| {
            (1..=S)
                .filter(|&slot| world.was_delivered(group, slot))
                .map(|slot| match world.tables.cells()[slot - 1].unpack() {
                    Slot::Events { batch, .. } => u64::from(batch.0),
                    Slot::Empty | Slot::Void => 0,
                })
                .sum()
        };
        self.groups().map(|group| events(group.index())).collect()
    }

    /// Whether every acknowledged event was delivered to every group.
    pub(super) fn all_delivered(&self, world: &World<P, W, G, S, L>) -> bool {
        let all_groups = (1 << self.bounds.groups) - 1;
        world
            .ghost
            .marks
            .iter()
            .all(|mark| mark & ACKNOWLEDGED == 0 || mark & all_groups == all_groups)
    }
}

/// S2: no event is in two slots. A batch is named by its last event, and holds the events before
/// that in its producer's count.
fn one_slot_an_event<
    const P: usize,
    const W: usize,
    const G: usize,
    const S: usize,
    const L: usize,
>(
    world: &World<P, W, G, S, L>,
) -> bool {
    let mut seen = [[0_u8; 16]; P];
    let cells = world.tables.cells();
    for cell in cells.iter().filter(|cell| cell.holds_events()) {
        let Slot::Events { token, batch } = cell.unpack() else { continue };
        let events = ((1_u16 << (token.number + 1)) - (1 << (token.number + 1 - batch.0))) as u8;
        let of_run = &mut seen[token.producer.index()][usize::from(token.run)];
        if *of_run & events != 0 {
            return false;
        }
        *of_run |= events;
    }
    true
}
