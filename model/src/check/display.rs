//! Names, actions and states as text, without the rules of a protocol.

use super::action::{Action, Process, Sight};
use super::describe::Actor;
use super::small::{GroupNo, Owner, PartitionNo, ProducerNo, Token, WorkerNo};
use super::world::{Work, World};
use crate::store::request_words;

/// Shows a producer as a letter, with a prime for its second run.
impl std::fmt::Display for ProducerNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let second = if self.is_second() { "'" } else { "" };
        write!(f, "{}{second}", char::from(b'A' + self.first().0))
    }
}

/// Shows a partition as `p1`, `p2`.
impl std::fmt::Display for PartitionNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "p{}", self.0 + 1)
    }
}

impl std::fmt::Display for WorkerNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0 + 1)
    }
}

impl std::fmt::Display for GroupNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "g{}", self.0 + 1)
    }
}

/// Shows an owner as its worker, and names the turn unless it is the worker's first.
impl std::fmt::Display for Owner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match *self {
            Owner::PAST => write!(f, "an earlier turn"),
            Owner::SHARED => write!(f, "a turn"),
            Owner::OPERATOR => write!(f, "an operator"),
            Owner { worker, turn: 0 } => write!(f, "worker {worker}"),
            Owner { worker, turn } => write!(f, "worker {worker}'s turn {}", u16::from(turn) + 1),
        }
    }
}

/// Shows an event as its producer's letter and number, with a prime for each run before this one.
impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{}{}", self.producer, self.number, "'".repeat(self.run.into()))
    }
}

impl std::fmt::Display for Process {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Process::Producer(producer) => write!(f, "producer {producer}"),
            Process::Worker(worker) => write!(f, "worker {worker}"),
            Process::Operator(operator) => write!(f, "operator {}", operator.0 + 1),
        }
    }
}

impl std::fmt::Display for Actor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Actor::Process(process) => process.fmt(f),
            Actor::World => f.write_str("world"),
        }
    }
}

/// Shows an action without its state, for Stateright's Explorer.
/// [`Protocol::words`](super::Protocol::words) says more.
impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Action::Begin { producer, count } => {
                write!(f, "producer {producer} begins to append a batch of {count}")
            }
            Action::Operate { operator } => write!(f, "operator {} begins", operator.0 + 1),
            Action::Send { process } => write!(f, "{process} sends what it wants"),
            Action::LoseReply { process } => {
                write!(f, "{process} sends its request, and the reply is lost")
            }
            Action::Delay { process } => {
                write!(f, "{process} sends its request, which stays under way")
            }
            Action::Arrive { copy } => write!(f, "late request {} arrives", copy + 1),
            Action::StaleRead { worker, view: Sight::Before(slot) } => {
                write!(f, "worker {worker} reads, and sees nothing from slot {slot} on")
            }
            Action::StaleRead { worker, view: Sight::Without(slot) } => {
                write!(f, "worker {worker} reads, and does not see slot {slot}")
            }
            Action::Crash { process, applied: true } => {
                write!(f, "{process} sends its request, and crashes before the reply")
            }
            Action::Crash { process, applied: false } => write!(f, "{process} crashes"),
            Action::Restart { producer } => write!(f, "producer {producer} runs again"),
            Action::Twin { producer } => write!(f, "{} starts", Process::Producer(*producer)),
            Action::Lengthen { producer } => {
                write!(f, "producer {producer} has one event more to append")
            }
            Action::Take { worker, group, partition } => {
                write!(f, "worker {worker} takes a trigger of {group} in {partition}")
            }
            Action::Depart { worker } => write!(f, "worker {worker} sends a slow request"),
            Action::Land { worker } => write!(f, "the request of worker {worker} is applied"),
            Action::Hear { worker } => write!(f, "worker {worker} hears the reply"),
            Action::Deliver { worker } => write!(f, "worker {worker} delivers"),
            Action::Fail { worker, delivered } => {
                write!(f, "the handler of worker {worker} fails after {delivered} slots")
            }
            Action::Drop { worker, applied: true } => {
                write!(f, "worker {worker} sends its request, and its turn is dropped")
            }
            Action::Drop { worker, applied: false } => {
                write!(f, "the turn of worker {worker} is dropped")
            }
            Action::Clock { worker } => write!(f, "worker {worker} looks at its clock"),
            Action::Stop { worker } => write!(f, "worker {worker} runs out of time"),
            Action::Tick => write!(f, "time passes"),
            Action::SetClock { worker, ahead } => {
                write!(f, "the clock of worker {worker} is set to {ahead} ahead")
            }
            Action::LoseTrigger { process } => write!(f, "{process} fails to send a trigger"),
            Action::DuplicateTrigger { group, partition } => {
                write!(f, "a trigger of {group} in {partition} arrives again")
            }
            Action::Sweep { group, partition } => {
                write!(f, "a sweep finds that {group} lags in {partition}")
            }
        }
    }
}

/// Shows a state for people: what the tables hold, and what each process is about to do.
impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for partition in 0..self.logs.len() {
            writeln!(f, "{}", self.slots_line(PartitionNo(partition as u8)))?;
        }
        for (group, partition) in self.places() {
            let waiting = self.triggers[self.seat_index(group, partition)];
            let lease = self.lease_words(group, partition);
            writeln!(f, "{group} in {partition}: {lease}; {waiting} triggers wait")?;
        }
        for (index, producer) in self.producers.iter().enumerate() {
            if producer.work == Work::Asleep {
                continue;
            }
            let process = Process::Producer(ProducerNo(index as u8));
            writeln!(f, "{process}: {:?}", producer.work)?;
        }
        for (index, worker) in self.workers.iter().enumerate() {
            let number = WorkerNo(index as u8);
            let clock = self.clock(number);
            write!(f, "worker {number} (clock {}): ", clock.0)?;
            let Some(turn) = &worker.turn else {
                writeln!(f, "idle")?;
                continue;
            };
            let late = if turn.is_over(clock) { " (its lease has ended)" } else { "" };
            writeln!(f, "for {} in {}{late} {:?}", turn.group, turn.partition, turn.machine)?;
            if let Some(flight) = &turn.flight {
                writeln!(f, "  waits: {flight:?}")?;
            }
        }
        for late in &self.network.0 {
            writeln!(f, "under way: {}", request_words(&late.request))?;
        }
        write!(f, "left: {:?}", self.left)
    }
}
