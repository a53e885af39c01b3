//! What a tick, or the setting of a clock, puts an end to.

use super::super::bounds::Clocks;
use super::super::small::WorkerNo;
use super::path::Path;
use super::place::Place;
use crate::explanation::listed;

/// The leases that a step ends by the time alone, in a few words; empty if it ends none.
pub(super) fn endings(path: &Path, step: usize) -> String {
    let (before, after) = (path.before(step), path.after(step));
    let mut endings = Vec::new();
    for place in after.places() {
        let ends = before.is_held(place) && !after.is_held(place);
        let of = path.of_place(place);
        let mut owners = after.turns(place).map(|(worker, _)| worker);
        let late = owners.find(|&worker| after.is_over(worker) && !before.is_over(worker));
        match (ends, late) {
            (true, Some(_)) => endings
                .push(format!("the lease{of} ends: its owner was too slow, {}", will_see(path))),
            (true, None) if owner(path, step, place).is_some() => {
                endings.push(format!("the lease{of} ends"));
            }
            (true, None) => endings.push(format!("the lease{of} ends: no worker renews it")),
            (false, Some(worker)) => endings
                .push(format!("by worker {worker}'s clock its lease{of} ends, {}", will_see(path))),
            (false, None) => {}
        }
    }
    listed(&endings)
}

/// The worker that holds a lease, if it is alive and at work.
fn owner(path: &Path, step: usize, place: Place) -> Option<WorkerNo> {
    let before = path.before(step);
    let lease = before.lease(place)?;
    let mut turns = before.turns(place).filter(|(_, turn)| turn.machine.holds_lease());
    let owner = turns.find(|(_, turn)| *turn.machine.owner() == lease.owner);
    owner.map(|(worker, _)| worker)
}

/// What an owner makes of the end of its lease.
fn will_see(path: &Path) -> &'static str {
    match path.clocks {
        Clocks::Timely => "and will see so before it acts",
        Clocks::Unbounded => "and may act before it sees so",
    }
}
