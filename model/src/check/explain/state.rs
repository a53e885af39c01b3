//! A state, line by line: what stands in the tables, and what each process is about to do.

use super::super::action::Process;
use super::super::bounds::Clocks;
use super::super::small::{ProducerNo, Small, WorkerNo};
use super::super::world::{Flight, Turn, Work};
use super::names::name;
use super::path::Path;
use super::phrase::{asked, ticks};
use super::place::{Place, Position};
use super::scene::Scene;
use crate::append::Want;
use crate::explanation::listed;
use crate::ids::Seq;
use crate::store::{Request, Slot, Spoken, partition_words};
use crate::vocabulary::{Page, Seen};

/// All of it.
pub(super) fn lines(path: &Path, scene: &Scene) -> Vec<String> {
    let mut lines = tables(path, scene);
    for (index, producer) in scene.world().producers.iter().enumerate() {
        let process = Process::Producer(ProducerNo(index as u8));
        let doing = working(path, process, &producer.work);
        lines.extend(doing.map(|doing| {
            let name = name(process);
            format!("{}: {doing}", name.strip_prefix("the ").unwrap_or(&name))
        }));
    }
    for (index, operator) in scene.world().operators.iter().enumerate() {
        if let Some(request) = operator.wants(&path.rules, scene.world().now) {
            let doing = asked(&request_words(&request));
            lines.push(format!("operator {}: about to {doing}", index + 1));
        }
    }
    for index in 0..scene.world().workers.len() {
        let worker = WorkerNo(index as u8);
        let clock = match scene.ahead(worker) {
            0 => String::new(),
            ahead => format!("; its clock is {} ahead", ticks(usize::from(ahead))),
        };
        lines.push(format!("worker {worker}: {}{clock}", turning(path, scene, worker)));
    }
    lines.extend(scene.world().network.0.iter().map(|late| {
        format!(
            "a delayed request of {} that may still arrive: {}",
            name(late.sender),
            request_words(&late.request)
        )
    }));
    lines
}

/// What stands in the tables, and the triggers that wait.
pub(super) fn tables(path: &Path, scene: &Scene) -> Vec<String> {
    let mut lines = Vec::new();
    for partition in scene.partitions().filter(|partition| scene.is_told(*partition)) {
        if path.counts {
            lines.push(format!("head{}: {}", path.of_partition(partition), scene.head(partition)));
        }
        let children = &scene.world().log(partition).children;
        if !children.is_empty() {
            lines.push(format!("{partition}: sealed for {}", partition_words::<Small>(children)));
        }
        let slots = (1..=scene.last(partition)).map(|slot| Position { partition, slot });
        lines.extend(slots.map(|position| slot_line(path, scene, position)));
        for (index, record) in scene.world().log(partition).records.iter().enumerate() {
            let name = ProducerNo(index as u8);
            if let Some(record) = record {
                let last = match record.number.0 {
                    0 => "nothing appended yet".to_owned(),
                    number => format!("{name}{number} was given slot {}", record.slot),
                };
                let of = path.of_partition(partition);
                lines
                    .push(format!("record of producer {name}{of}: epoch {}, {last}", record.epoch));
            }
        }
    }
    for place in scene.places().filter(|place| scene.is_told(place.partition)) {
        let group = path.group_name(place);
        lines.push(format!("{group}: {}", lease_line(scene, place)));
        lines.push(format!("triggers waiting for {group}: {}", scene.triggers(place)));
    }
    lines
}

fn slot_line(path: &Path, scene: &Scene, position: Position) -> String {
    let slot = path.slot_name(position);
    let events = match scene.slot(position) {
        Slot::Empty => return format!("{slot}: empty"),
        Slot::Void => return format!("{slot}: void"),
        Slot::Events { token, batch } => Small::events(token, batch),
    };
    let acknowledged =
        if scene.is_acknowledged(position) { "acknowledged" } else { "not acknowledged" };
    let places = scene.places().filter(|place| place.partition == position.partition);
    let groups: Vec<String> = places
        .filter(|place| scene.is_delivered(*place, position.slot))
        .map(|place| place.group.to_string())
        .collect();
    let delivered = match groups.as_slice() {
        [] => "not delivered".to_owned(),
        groups => format!("delivered to {}", listed(groups)),
    };
    format!("{slot}: event {events}, {acknowledged}, {delivered}")
}

fn lease_line(scene: &Scene, place: Place) -> String {
    let Some(lease) = scene.lease(place) else {
        return "no checkpoint and no lease yet".to_owned();
    };
    let (owner, epoch) = (lease.owner, lease.epoch);
    let held = match (lease.active, scene.has_ended(lease)) {
        (false, _) => format!("lease free, last held by {owner} (epoch {epoch})"),
        (true, true) => format!("lease of {owner} (epoch {epoch}) has ended"),
        (true, false) => format!("lease held by {owner} (epoch {epoch})"),
    };
    format!("checkpoint {}, {held}", lease.checkpoint)
}

/// What a producer is doing; `None` for a second run that has not started.
fn working(path: &Path, process: Process, work: &Work) -> Option<String> {
    Some(match work {
        Work::Claim(claim) => match claim.wants() {
            Some(request) => format!("starting, about to {}", request_words(&request)),
            None => "starting".to_owned(),
        },
        Work::Between(_) => "about to begin its next append".to_owned(),
        Work::Append(append) => {
            let event = append.token();
            match append.wants(&path.rules) {
                Want::Store(request) => {
                    format!("appending {event}, about to {}", request_words(&request))
                }
                Want::Trigger => format!("has written {event}, about to send a trigger"),
                Want::Nothing => format!("has its answer for {event}"),
            }
        }
        Work::Finished => "finished, all its appends are answered".to_owned(),
        Work::Fenced => "fenced out, because another run has claimed its name".to_owned(),
        Work::Dead => match path.crashed(process) {
            Some(step) => format!("dead, it crashed at step {step}"),
            None => "dead".to_owned(),
        },
        Work::Asleep => return None,
    })
}

/// What a worker is doing.
fn turning(path: &Path, scene: &Scene, worker: WorkerNo) -> String {
    let crashed = path.crashed(Process::Worker(worker));
    match (scene.turn(worker), crashed) {
        (Some(turn), _) => consuming(path, scene, worker, turn),
        (None, Some(step)) => format!("idle again after its crash at step {step}"),
        (None, None) => "idle".to_owned(),
    }
}

fn consuming(path: &Path, scene: &Scene, worker: WorkerNo, turn: &Turn) -> String {
    let (place, epoch) = (Place::of_turn(turn), turn.machine.epoch());
    let group = path.short_name(place);
    let holds = turn.machine.holds_lease();
    let current = scene.lease(place).is_some_and(|lease| {
        lease.active && lease.owner == *turn.machine.owner() && lease.epoch == epoch
    });
    let standing = match (holds, current) {
        (true, true) => format!("at work for {group} under epoch {epoch}"),
        (true, false) => {
            format!("at work for {group} as if its lease of epoch {epoch} still held")
        }
        (false, _) => format!("on a trigger of {group}, without the lease"),
    };
    format!("{standing}, {}", next(path, scene, worker, turn))
}

/// What a turn does next.
fn next(path: &Path, scene: &Scene, worker: WorkerNo, turn: &Turn) -> String {
    match turn.flight.as_deref() {
        Some(Flight::Sent(request)) => {
            return format!(
                "waiting for its slow request to {}, which has not arrived",
                request_words(request)
            );
        }
        Some(Flight::Applied(_)) => {
            return "waiting for the reply to its slow request, which was applied".to_owned();
        }
        None => {}
    }
    let doing = doing(path, scene, turn);
    match (scene.is_over(worker), path.clocks) {
        (true, Clocks::Timely) => "about to see that its lease has ended, and to stop".to_owned(),
        (true, Clocks::Unbounded) => {
            format!("{doing}, unless it first sees that its lease has ended")
        }
        (false, _) => doing,
    }
}

/// What a turn does next that has not seen its lease's end.
fn doing(path: &Path, scene: &Scene, turn: &Turn) -> String {
    let wants = turn.machine.wants(&path.rules);
    let mut next = Vec::new();
    if wants.deliver.is_some() {
        next.push(format!("deliver {}", delivery(path, scene, turn)));
    }
    next.extend(wants.store.as_ref().map(request_words));
    if wants.trigger {
        next.push("trigger a successor".to_owned());
    }
    if !next.is_empty() {
        return format!("about to {}", listed(&next));
    }
    if turn.machine.holds_lease() {
        return format!("waiting at slot {}, which it saw empty", turn.machine.cursor().next());
    }
    "watching the lease for a sign of life".to_owned()
}

/// What a turn is about to hand to its handler.
fn delivery(path: &Path, scene: &Scene, turn: &Turn) -> String {
    let Some(delivery) = turn.machine.wants(&path.rules).deliver else { return String::new() };
    let slots = delivery.after.0 + 1..=delivery.upto.0;
    let shown = slots.filter(|slot| delivery.page.seen(Seq(*slot)) == Seen::Events);
    let named = shown.map(|slot| match scene.events(Place::of_turn(turn).at(slot)) {
        Some(events) => format!("{events} (slot {slot})"),
        None => format!("slot {slot}"),
    });
    listed(&named.collect::<Vec<_>>())
}

fn request_words(request: &Request<Small>) -> String {
    asked(&crate::store::request_words(request))
}
