//! Steps and states in words: those of the decision log, and shorter ones for the Explorer.

use std::fmt::Write as _;

use super::action::{Action, Process, Sight};
use super::protocol::Protocol;
use super::small::{GroupNo, ProducerNo, Run, Tick, Token, WorkerNo};
use super::world::{ACKNOWLEDGED, PARTITION, World};
use crate::design::Producer;
use crate::store::{
    Tables, View, apply, lease_words, record_words, reply_words, request_words, slot_words,
};
use crate::vocabulary::{Page, Seen};

/// One step in the words of the decision log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Words {
    /// What took the step.
    pub who: Actor,
    /// What was done.
    pub did: String,
    /// What the store answered, if it was asked.
    pub answer: Option<String>,
    /// Whether the reply reached the sender.
    pub heard: bool,
    /// The fault that struck, if one did.
    pub fault: Option<&'static str>,
}

impl Words {
    /// A step of a process that asks the store nothing and meets no fault.
    fn of(process: Process, did: String) -> Words {
        Words { who: Actor::Process(process), did, answer: None, heard: true, fault: None }
    }

    /// A step that no process takes, and that asks the store nothing.
    fn of_world(did: String) -> Words {
        Words { who: Actor::World, did, answer: None, heard: true, fault: None }
    }
}

/// What takes a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Actor {
    /// A process.
    Process(Process),
    /// The network, the passing of time, or the source of triggers.
    World,
}

impl std::fmt::Display for ProducerNo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", char::from(b'A' + self.0))
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

impl std::fmt::Display for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "worker {}{}", self.worker, "'".repeat(self.run.into()))
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

/// Shows an action without its state, for Stateright's Explorer. [`Protocol::words`] says more.
impl std::fmt::Display for Action {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Action::Begin { producer, count } => {
                write!(f, "producer {producer} begins to append a batch of {count}")
            }
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
            Action::Take { worker, group } => {
                write!(f, "worker {worker} takes a trigger of {group}")
            }
            Action::Deliver { worker } => write!(f, "worker {worker} delivers"),
            Action::Clock { worker, now } => match *now {
                Tick::RENEW => write!(f, "worker {worker} sees that it should renew its lease"),
                Tick::GRACE => write!(f, "worker {worker} has waited long enough at the gap"),
                _ => write!(f, "worker {worker} sees that a lease has ended"),
            },
            Action::Stop { worker } => write!(f, "worker {worker} runs out of time"),
            Action::Lapse { group, aware: true } => {
                write!(f, "the lease of {group} ends, and its owner knows")
            }
            Action::Lapse { group, aware: false } => write!(f, "the lease of {group} ends"),
            Action::LoseTrigger { process } => write!(f, "{process} fails to send a trigger"),
            Action::DuplicateTrigger { group } => write!(f, "a trigger of {group} arrives again"),
            Action::Sweep { group } => write!(f, "a sweep finds that {group} lags"),
        }
    }
}

/// Shows a state for people: what the tables hold, and what each process is about to do.
impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize> std::fmt::Debug
    for World<P, W, G, S, L>
{
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "{}", self.slots_line())?;
        for group in (0..G as u8).map(GroupNo) {
            let waiting = self.triggers[group.index()];
            let lease = lease_words(self.lease(group).as_ref());
            writeln!(f, "{group}: {lease}; {waiting} triggers wait")?;
        }
        for (index, producer) in self.producers.iter().enumerate() {
            writeln!(f, "producer {}: {:?}", ProducerNo(index as u8), producer.work)?;
        }
        for (index, worker) in self.workers.iter().enumerate() {
            write!(f, "worker {}: ", WorkerNo(index as u8))?;
            match &worker.turn {
                Some(turn) => {
                    let late = if turn.late { " (its lease has ended)" } else { "" };
                    writeln!(f, "for {}{late} {:?}", turn.group, turn.machine)?;
                }
                None => writeln!(f, "idle")?,
            }
        }
        for request in self.under_way.iter().flatten() {
            writeln!(f, "under way: {}", request_words(request))?;
        }
        write!(f, "left: {:?}", self.left)
    }
}

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    World<P, W, G, S, L>
{
    /// The head and the slots. An asterisk marks a slot that was acknowledged.
    fn slots_line(&self) -> String {
        let head = self.tables.head(&PARTITION);
        let tail = self.tables.tail(&PARTITION).max(head).0 as usize;
        let mut text = format!("head {head} [");
        for slot in 1..=tail.min(S) {
            let content = self.tables.slot(&PARTITION, crate::ids::Seq(slot as u64));
            let acknowledged = self.ghost.marks[slot - 1] & ACKNOWLEDGED != 0;
            let _ = write!(text, " {}", slot_words(&content));
            if acknowledged {
                text.push('*');
            }
        }
        text.push_str(" ]");
        text
    }
}

impl<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>
    Protocol<P, W, G, S, L>
{
    /// Returns an action in the words of the decision log, as it is taken in a state.
    ///
    /// Replaying a log compares these words. To reword one is to change the format: see
    /// [`VERSION`](crate::log::VERSION).
    #[must_use]
    pub fn words(&self, world: &World<P, W, G, S, L>, action: Action) -> Words {
        let worker = Process::Worker;
        match action {
            Action::Begin { producer, count } => {
                let events = if count == 1 { "event" } else { "events" };
                let did = format!("begins to append {count} {events}");
                Words::of(Process::Producer(producer), did)
            }
            Action::Send { process } => self.request_words(world, process, View::Latest, None),
            Action::StaleRead { worker: reader, view } => {
                self.stale_read_words(world, worker(reader), view)
            }
            Action::LoseReply { process } => Words {
                heard: false,
                ..self.request_words(world, process, View::Latest, Some("reply lost"))
            },
            Action::Delay { process } => {
                let words = self.request_words(world, process, View::Latest, Some("late request"));
                Words { answer: None, did: format!("{} (under way)", words.did), ..words }
            }
            Action::Arrive { copy } => arrival_words(world, copy),
            Action::Crash { process, applied: false } => {
                Words { fault: Some("crash"), ..Words::of(process, "crashes".to_owned()) }
            }
            Action::Crash { process, applied: true } => {
                let words = self.request_words(world, process, View::Latest, Some("crash"));
                Words { heard: false, did: format!("{}, and crashes", words.did), ..words }
            }
            Action::Restart { producer } => {
                Words::of(Process::Producer(producer), "runs again".to_owned())
            }
            Action::Take { worker: taker, group } => {
                Words::of(worker(taker), format!("takes a trigger{}", self.of_group(group)))
            }
            Action::Deliver { worker: reader } => {
                Words::of(worker(reader), self.delivery_words(world, reader))
            }
            Action::Clock { worker: reader, now } => {
                Words::of(worker(reader), self.clock_words(world, reader, now).to_owned())
            }
            Action::Stop { worker: stopped } => Words {
                fault: Some("time limit"),
                ..Words::of(worker(stopped), "runs out of time".to_owned())
            },
            Action::Lapse { group, aware } => self.lapse_words(world, group, aware),
            Action::LoseTrigger { process } => Words {
                fault: Some("trigger lost"),
                ..Words::of(process, "fails to send a trigger".to_owned())
            },
            Action::DuplicateTrigger { group } => Words {
                fault: Some("trigger twice"),
                ..Words::of_world(format!("a trigger{} arrives again", self.of_group(group)))
            },
            Action::Sweep { group } => {
                Words::of_world(format!("a sweep finds a lag{}", self.of_group(group)))
            }
        }
    }

    fn stale_read_words(
        &self,
        world: &World<P, W, G, S, L>,
        reader: Process,
        view: Sight,
    ) -> Words {
        let words = self.request_words(world, reader, view.view(), Some("stale read"));
        let missed = match view {
            Sight::Before(slot) => format!("nothing from slot {slot} on is seen"),
            Sight::Without(slot) => format!("slot {slot} is not seen"),
        };
        Words { did: format!("{} ({missed})", words.did), ..words }
    }

    fn clock_words(
        &self,
        world: &World<P, W, G, S, L>,
        worker: WorkerNo,
        now: Tick,
    ) -> &'static str {
        match now {
            Tick::RENEW => "sees that it should renew its lease",
            Tick::GRACE => "has waited long enough at the empty slot",
            _ if self.watches(world, worker) => "has watched the lease for its whole length",
            _ => "sees that its lease has ended, and stops",
        }
    }

    fn lapse_words(&self, world: &World<P, W, G, S, L>, group: GroupNo, aware: bool) -> Words {
        let lives = world.lease(group).is_some_and(|lease| {
            let worker = lease.owner.worker;
            world.owner(worker) == lease.owner && world.workers[worker.index()].turn.is_some()
        });
        let (note, fault) = match (lives, aware) {
            (false, _) => ("nobody renews it", None),
            (true, true) => ("its owner was too slow, and knows", Some("expiry")),
            (true, false) => ("its owner does not know", Some("expiry")),
        };
        let did = format!("the lease{} ends: {note}", self.of_group(group));
        Words { fault, ..Words::of_world(did) }
    }

    /// Whether a worker watches a lease that it does not hold.
    fn watches(&self, world: &World<P, W, G, S, L>, worker: WorkerNo) -> bool {
        let turn = world.workers[worker.index()].turn.as_ref();
        turn.is_some_and(|turn| !turn.machine.holds_lease())
    }

    /// Names the group, where there is more than one.
    fn of_group(&self, group: GroupNo) -> String {
        if self.bounds.groups > 1 { format!(" of {group}") } else { String::new() }
    }

    fn request_words(
        &self,
        world: &World<P, W, G, S, L>,
        process: Process,
        view: View,
        fault: Option<&'static str>,
    ) -> Words {
        let who = Actor::Process(process);
        match self.wanted(world, process) {
            Some(request) => {
                let reply = apply(&mut world.tables.clone(), &request, view);
                let answer = Some(reply_words(&reply));
                Words { who, did: request_words(&request), answer, heard: true, fault }
            }
            None => {
                let did = "sends a trigger".to_owned();
                Words { who, did, answer: None, heard: true, fault }
            }
        }
    }

    fn delivery_words(&self, world: &World<P, W, G, S, L>, worker: WorkerNo) -> String {
        let Some(turn) = &world.workers[worker.index()].turn else { return String::new() };
        let Some(delivery) = turn.machine.wants(&self.rules).deliver else { return String::new() };
        let mut text = "delivers".to_owned();
        for slot in delivery.after.0 + 1..=delivery.upto.0 {
            let slot = crate::ids::Seq(slot);
            if delivery.page.seen(slot) == Seen::Events {
                let content = slot_words(&world.tables.slot(&PARTITION, slot));
                let _ = write!(text, " {content} (slot {slot})");
            }
        }
        text
    }

    /// Returns the part of a state that matters in one line, in the words of the decision log.
    #[must_use]
    pub fn summary(&self, world: &World<P, W, G, S, L>) -> String {
        let mut text = world.slots_line();
        for group in self.groups() {
            let name = if self.bounds.groups > 1 { format!(" {group}") } else { String::new() };
            let _ = write!(text, " |{name} {}", lease_words(world.lease(group).as_ref()));
            let waiting = world.triggers[group.index()];
            if waiting > 0 {
                let _ = write!(text, ", {waiting} triggered");
            }
        }
        for producer in 0..usize::from(self.bounds.producers) {
            let name = ProducerNo(producer as u8);
            if self.rules.design.producer == Producer::Named
                && let Some(record) = world.tables.record(&PARTITION, &name)
                && record.number.0 > 0
            {
                let _ = write!(text, " | {name}: {}", record_words(&record));
            }
        }
        text
    }
}

/// A late request that arrives; it is the `copy`-th of those under way.
fn arrival_words<const P: usize, const W: usize, const G: usize, const S: usize, const L: usize>(
    world: &World<P, W, G, S, L>,
    copy: u8,
) -> Words {
    match &world.under_way[usize::from(copy)] {
        Some(request) => {
            let reply = apply(&mut world.tables.clone(), request, View::Latest);
            Words {
                answer: Some(reply_words(&reply)),
                heard: false,
                ..Words::of_world(format!("late: {}", request_words(request)))
            }
        }
        None => Words::of_world("nothing arrives".to_owned()),
    }
}
