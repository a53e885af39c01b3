//! Steps and states in the words of the decision log.

use std::fmt::Write as _;

use super::action::{Action, Process, Sight};
use super::lineage::{self, Role};
use super::protocol::Protocol;
use super::small::{GroupNo, OperatorNo, PartitionNo, ProducerNo, Small, WorkerNo};
use super::steps::expiries;
use super::world::{Flight, Late, World};
use crate::consume::News;
use crate::ids::Seq;
use crate::store::{
    Lease, Reply, Request, View, apply, lease_words, partition_words, record_words, reply_words,
    request_words, slot_words,
};
use crate::vocabulary::{Page, Seen, Time};

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
    /// The same step as the work of a fault.
    fn struck(self, fault: &'static str) -> Words {
        Words { fault: Some(fault), ..self }
    }

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

impl World {
    /// The head and the slots. An asterisk marks a slot that was acknowledged.
    pub(super) fn slots_line(&self, partition: PartitionNo) -> String {
        let log = self.log(partition);
        let mut text = format!("head {} [", log.head);
        for slot in 1..=log.len().max(log.head.0) {
            let _ = write!(text, " {}", slot_words(log.slot(Seq(slot))));
            if log.was_acknowledged(slot) {
                text.push('*');
            }
        }
        text.push_str(" ]");
        if log.is_sealed() {
            let _ = write!(text, " sealed for {}", partition_words::<Small>(&log.children));
        }
        text
    }

    /// A lease in words, its end counted from the present.
    pub(super) fn lease_words(&self, group: GroupNo, partition: PartitionNo) -> String {
        let lease = self.lease(group, partition).cloned();
        lease_words(lease.map(|lease| self.at_present(lease)).as_ref())
    }

    fn at_present(&self, lease: Lease<Small>) -> Lease<Small> {
        Lease { until: lease.until.minus(self.now.0), ..lease }
    }

    /// A reply in words, the end of a lease in it counted from the present.
    fn reply_words(&self, reply: Reply<Small>) -> String {
        let reply = match reply {
            Reply::Leased(lease) => Reply::Leased(self.at_present(lease)),
            Reply::Lease(lease) => Reply::Lease(lease.map(|lease| self.at_present(lease))),
            Reply::Refused { lease, taken } => {
                Reply::Refused { lease: lease.map(|lease| self.at_present(lease)), taken }
            }
            other => other,
        };
        reply_words(&reply)
    }
}

impl Protocol {
    /// Returns an action in the words of the decision log, as it is taken in a state.
    ///
    /// Replaying a log compares these words. To reword one is to change the format: see
    /// [`VERSION`](crate::log::VERSION).
    #[must_use]
    pub fn words(&self, world: &World, action: Action) -> Words {
        let worker = Process::Worker;
        match action {
            Action::Begin { producer, count } => beginning_words(producer, count),
            Action::Operate { operator } => self.operator_words(operator),
            Action::Send { process } => self.request_words(world, process, View::Latest, None),
            Action::StaleRead { worker: reader, view } => {
                self.stale_read_words(world, worker(reader), view)
            }
            Action::LoseReply { process } => {
                let words = self.request_words(world, process, View::Latest, Some("reply lost"));
                Words { heard: false, ..words }
            }
            Action::Delay { process } => {
                let words = self.request_words(world, process, View::Latest, Some("late request"));
                Words { answer: None, did: format!("{} (under way)", words.did), ..words }
            }
            Action::Arrive { copy } => arrival_words(world, copy),
            Action::Crash { process, applied } => self.crash_words(world, process, applied),
            Action::Restart { producer } => {
                Words::of(Process::Producer(producer), "runs again".to_owned())
            }
            Action::Twin { producer } => {
                Words::of(Process::Producer(producer), "starts a second run".to_owned())
                    .struck("second run")
            }
            Action::Lengthen { producer } => {
                Words::of(Process::Producer(producer), "has one event more to append".to_owned())
                    .struck("longer input")
            }
            Action::Take { worker: taker, group, partition } => {
                Words::of(worker(taker), format!("takes a trigger{}", self.of(group, partition)))
            }
            Action::Depart { worker: sender } => {
                let words =
                    self.request_words(world, worker(sender), View::Latest, Some("slow request"));
                Words { answer: None, did: format!("{} (slow)", words.did), ..words }
            }
            Action::Land { worker: sender } => self.landing_words(world, sender),
            Action::Hear { worker: sender } => {
                Words::of(worker(sender), "hears the reply".to_owned())
            }
            Action::Deliver { worker: reader } => {
                Words::of(worker(reader), self.delivery_words(world, reader, u8::MAX))
            }
            Action::Fail { worker, delivered } => self.failure_words(world, worker, delivered),
            Action::Drop { worker, applied } => self.drop_words(world, worker, applied),
            Action::Clock { worker: reader } => {
                Words::of(worker(reader), self.clock_words(world, reader).to_owned())
            }
            Action::Stop { worker: stopped } => {
                Words::of(worker(stopped), "runs out of time".to_owned()).struck("time limit")
            }
            Action::Tick => tick_words(world),
            Action::SetClock { worker: set, ahead } => {
                Words::of(worker(set), clock_set_words(ahead)).struck("clock set")
            }
            Action::LoseTrigger { process } => {
                Words::of(process, "fails to send a trigger".to_owned()).struck("trigger lost")
            }
            Action::DuplicateTrigger { group, partition } => {
                Words::of_world(format!("a trigger{} arrives again", self.of(group, partition)))
                    .struck("trigger twice")
            }
            Action::Sweep { group, partition } => {
                Words::of_world(format!("a sweep finds a lag{}", self.of(group, partition)))
            }
        }
    }

    fn operator_words(&self, operator: OperatorNo) -> Words {
        let what = match lineage::role(&self.bounds, operator) {
            Role::Splits => format!("begins to split {}", lineage::ROOT),
            Role::SplitsAgain => format!("begins to split {}", lineage::HALVES[1]),
            Role::Resets => format!("begins to move the checkpoint of {} back", lineage::ROOT),
            Role::Merges => {
                let [first, second] = lineage::HALVES;
                format!("begins to merge {first} and {second}")
            }
        };
        Words::of(Process::Operator(operator), what)
    }

    fn crash_words(&self, world: &World, process: Process, applied: bool) -> Words {
        if !applied {
            return Words::of(process, "crashes".to_owned()).struck("crash");
        }
        let words = self.request_words(world, process, View::Latest, Some("crash"));
        Words { heard: false, did: format!("{}, and crashes", words.did), ..words }
    }

    fn failure_words(&self, world: &World, worker: WorkerNo, delivered: u8) -> Words {
        let did = match self.delivery_words(world, worker, delivered) {
            words if words == "delivers" => "fails before it delivers".to_owned(),
            words => format!("{words}, and fails"),
        };
        Words::of(Process::Worker(worker), did).struck("handler failed")
    }

    fn drop_words(&self, world: &World, worker: WorkerNo, applied: bool) -> Words {
        let (process, fault) = (Process::Worker(worker), Some("turn dropped"));
        if !applied {
            return Words { fault, ..Words::of(process, "drops its turn".to_owned()) };
        }
        let words = self.request_words(world, process, View::Latest, fault);
        Words { heard: false, did: format!("{}, and drops its turn", words.did), ..words }
    }

    fn stale_read_words(&self, world: &World, reader: Process, view: Sight) -> Words {
        let words = self.request_words(world, reader, view.view(), Some("stale read"));
        let missed = match view {
            Sight::Before(slot) => format!("nothing from slot {slot} on is seen"),
            Sight::Without(slot) => format!("slot {slot} is not seen"),
        };
        Words { did: format!("{} ({missed})", words.did), ..words }
    }

    fn clock_words(&self, world: &World, worker: WorkerNo) -> &'static str {
        let Some(turn) = &world.workers[worker.index()].turn else { return "looks at its clock" };
        if turn.is_over(world.clock(worker)) {
            "sees that its lease has ended, and stops"
        } else if !turn.machine.holds_lease() {
            "has watched the lease for its whole length"
        } else if turn.machine.can_do_without() {
            "looks no more behind its delivery, as it should renew its lease"
        } else {
            let mut looked = turn.machine.clone();
            looked.tell(&self.rules, world.clock(worker), News::Time);
            match looked.wants(&self.rules).store {
                Some(Request::Renew { .. }) => "sees that it should renew its lease",
                _ => "has waited long enough at the empty slot",
            }
        }
    }

    fn landing_words(&self, world: &World, worker: WorkerNo) -> Words {
        let process = Process::Worker(worker);
        let turn = world.workers[worker.index()].turn.as_ref();
        let flight = turn.and_then(|turn| turn.flight.as_deref());
        let Some(Flight::Sent(request)) = flight else {
            return Words::of(process, "hears nothing".to_owned());
        };
        let mut world = world.clone();
        let reply = self.answer(&mut world, request, View::Latest);
        let did = format!("slow: {}", request_words(request));
        Words { answer: Some(world.reply_words(reply)), ..Words::of(process, did) }
    }

    /// Names the partition that a request is about, where partitions come of one another.
    fn about(&self, request: &Request<Small>) -> String {
        match request {
            Request::Create { .. } | Request::Seal { .. } | Request::Merge { .. } => String::new(),
            _ if self.bounds.has_lineage() => format!(" in {}", request.partition()),
            _ => String::new(),
        }
    }

    /// Whether there is more than one partition.
    fn has_partitions(&self) -> bool {
        self.bounds.all_partitions() > 1
    }

    /// Names the group and the partition, where there is more than one.
    fn of(&self, group: GroupNo, partition: PartitionNo) -> String {
        match (self.bounds.groups > 1, self.has_partitions()) {
            (false, false) => String::new(),
            (true, false) => format!(" of {group}"),
            (false, true) => format!(" of {partition}"),
            (true, true) => format!(" of {group} in {partition}"),
        }
    }

    fn request_words(
        &self,
        world: &World,
        process: Process,
        view: View,
        fault: Option<&'static str>,
    ) -> Words {
        let who = Actor::Process(process);
        let mut world = world.clone();
        if let Process::Worker(worker) = process {
            self.look(&mut world, worker);
        }
        match self.wanted(&world, process) {
            Some(request) => {
                let reply = self.answer(&mut world, &request, view);
                let answer = Some(world.reply_words(reply));
                let did = format!("{}{}", request_words(&request), self.about(&request));
                Words { who, did, answer, heard: true, fault }
            }
            None => {
                let did = "sends a trigger".to_owned();
                Words { who, did, answer: None, heard: true, fault }
            }
        }
    }

    fn delivery_words(&self, world: &World, worker: WorkerNo, most: u8) -> String {
        let Some(turn) = &world.workers[worker.index()].turn else { return String::new() };
        let Some(delivery) = turn.machine.wants(&self.rules).deliver else { return String::new() };
        let mut text = "delivers".to_owned();
        let last = delivery.upto.0.min(delivery.after.0 + u64::from(most));
        for slot in delivery.after.0 + 1..=last {
            if delivery.page.seen(Seq(slot)) == Seen::Events {
                let content = slot_words(world.slot(turn.partition, slot));
                let _ = write!(text, " {content} (slot {slot})");
            }
        }
        text
    }

    /// Returns the part of a state that matters in one line, in the words of the decision log.
    #[must_use]
    pub fn summary(&self, world: &World) -> String {
        let several = self.has_partitions();
        let logs = (0..world.logs.len() as u8).map(|partition| {
            let partition = PartitionNo(partition);
            let name = if several { format!("{partition}: ") } else { String::new() };
            format!("{name}{}", world.slots_line(partition))
        });
        let mut text = logs.collect::<Vec<_>>().join(" | ");
        for (group, partition) in world.places() {
            let name = self.of(group, partition);
            let name = name.strip_prefix(" of").unwrap_or_default();
            let _ = write!(text, " |{name} {}", world.lease_words(group, partition));
            let waiting = world.triggers[world.seat_index(group, partition)];
            if waiting > 0 {
                let _ = write!(text, ", {waiting} triggered");
            }
        }
        for name in (0..self.bounds.producers).map(ProducerNo) {
            let log = self.path_of(name).into_iter().map(|partition| world.log(partition));
            let records = log.filter_map(|log| log.records[name.index()]);
            let record = records.max_by_key(|record| record.number);
            if let Some(record) = record.filter(|record| record.number.0 > 0) {
                let _ = write!(text, " | {name}: {}", record_words(&record));
            }
        }
        text
    }
}

fn beginning_words(producer: ProducerNo, count: u8) -> Words {
    let events = if count == 1 { "event" } else { "events" };
    Words::of(Process::Producer(producer), format!("begins to append {count} {events}"))
}

fn tick_words(world: &World) -> Words {
    let did = "time passes: one tick".to_owned();
    match expiries(world) {
        0 => Words::of_world(did),
        _ => {
            let did = format!("{did}, and an owner was too slow for its lease");
            Words::of_world(did).struck("expiry")
        }
    }
}

fn clock_set_words(ahead: u8) -> String {
    match ahead {
        0 => "sets its clock to the time of the world".to_owned(),
        1 => "sets its clock to one tick ahead".to_owned(),
        ahead => format!("sets its clock to {ahead} ticks ahead"),
    }
}

/// A late request that arrives; it is the `copy`-th of those under way.
fn arrival_words(world: &World, copy: u8) -> Words {
    match world.network.0.get(usize::from(copy)) {
        Some(Late { request, .. }) => {
            let reply = apply(&mut world.clone(), request, View::Latest);
            Words {
                answer: Some(world.reply_words(reply)),
                heard: false,
                ..Words::of_world(format!("late: {}", request_words(request)))
            }
        }
        None => Words::of_world("nothing arrives".to_owned()),
    }
}
