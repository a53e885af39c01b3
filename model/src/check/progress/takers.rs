//! The processes for which a schedule must be fair.

use super::super::action::{Action, Process};
use super::super::world::World;

/// A set of processes for which a schedule must be fair, a bit for each.
pub(in crate::check) type Takers = u64;

/// The processes that take a step.
pub(in crate::check) fn takers(world: &World, action: Action) -> Takers {
    const WORKERS: u32 = 16;
    const HANDLERS: u32 = 20;
    const TIME: u32 = 24;
    const OPERATORS: u32 = 25;
    const SEATS: u32 = 30;
    let seat = |group, partition| 1 << (SEATS + world.seat_index(group, partition) as u32);
    match action {
        Action::Send { process } => match process {
            Process::Producer(producer) => 1 << producer.0,
            Process::Worker(worker) => 1 << (WORKERS + u32::from(worker.0)),
            Process::Operator(operator) => 1 << (OPERATORS + u32::from(operator.0)),
        },
        Action::Begin { producer, .. } => 1 << producer.0,
        Action::Take { worker, group, partition } => {
            1 << (WORKERS + u32::from(worker.0)) | seat(group, partition)
        }
        Action::Clock { worker } | Action::Land { worker } | Action::Hear { worker } => {
            1 << (WORKERS + u32::from(worker.0))
        }
        Action::Deliver { worker } => 1 << (HANDLERS + u32::from(worker.0)),
        Action::Tick => 1 << TIME,
        Action::Sweep { group, partition } => seat(group, partition),
        // Faults are over.
        Action::LoseReply { .. }
        | Action::Delay { .. }
        | Action::Arrive { .. }
        | Action::Depart { .. }
        | Action::StaleRead { .. }
        | Action::Crash { .. }
        | Action::Restart { .. }
        | Action::Operate { .. }
        | Action::Twin { .. }
        | Action::Lengthen { .. }
        | Action::Fail { .. }
        | Action::Drop { .. }
        | Action::Stop { .. }
        | Action::SetClock { .. }
        | Action::LoseTrigger { .. }
        | Action::DuplicateTrigger { .. } => 0,
    }
}
