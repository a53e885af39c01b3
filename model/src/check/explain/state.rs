//! A state, line by line: what stands in the tables, and what each process is about to do.

use super::super::action::Process;
use super::super::small::{GroupNo, ProducerNo, Small, Tick, WorkerNo};
use super::super::world::{Turn, Work};
use super::path::{Path, Scene, events};
use super::phrase::asked;
use crate::append::Want;
use crate::explanation::listed;
use crate::ids::Seq;
use crate::store::{Request, Slot, Spoken};
use crate::vocabulary::{Page, Seen};

/// All of it.
pub(super) fn lines(path: &Path, scene: &Scene) -> Vec<String> {
    let mut lines = tables(path, scene);
    for (index, producer) in scene.producers.iter().enumerate() {
        let name = Process::Producer(ProducerNo(index as u8));
        lines.push(format!("{name}: {}", working(path, name, &producer.work)));
    }
    for (index, worker) in scene.workers.iter().enumerate() {
        let number = WorkerNo(index as u8);
        let name = Process::Worker(number);
        let doing = match &worker.turn {
            Some(turn) => consuming(path, scene, number, turn),
            None if worker.run > 0 => match path.crashed(name) {
                Some(step) => format!("idle again after its crash at step {step}"),
                None => "idle".to_owned(),
            },
            None => "idle".to_owned(),
        };
        lines.push(format!("{name}: {doing}"));
    }
    lines.extend(scene.under_way.iter().map(|request| {
        format!("a delayed request that may still arrive: {}", request_words(request))
    }));
    lines
}

/// What stands in the tables, and the triggers that wait.
pub(super) fn tables(path: &Path, scene: &Scene) -> Vec<String> {
    let mut lines = Vec::new();
    if path.counts {
        lines.push(format!("head: {}", scene.head));
    }
    lines.extend((1..=scene.last()).map(|slot| slot_line(path, scene, slot)));
    if path.named {
        for (index, record) in scene.records.iter().enumerate() {
            let name = ProducerNo(index as u8);
            if let Some(record) = record {
                let last = match record.number.0 {
                    0 => "nothing appended yet".to_owned(),
                    number => format!("{name}{number} was given slot {}", record.slot),
                };
                lines.push(format!("record of producer {name}: epoch {}, {last}", record.epoch));
            }
        }
    }
    for &group in &path.groups {
        lines.push(format!("group {group}: {}", lease_line(scene, group)));
        let waiting = scene.triggers[group.index()];
        lines.push(format!("triggers waiting for group {group}: {waiting}"));
    }
    lines
}

fn slot_line(path: &Path, scene: &Scene, slot: usize) -> String {
    let events = match scene.slot(slot) {
        Slot::Empty => return format!("slot {slot}: empty"),
        Slot::Void => return format!("slot {slot}: void"),
        Slot::Events { token, batch } => Small::events(token, batch),
    };
    let acknowledged =
        if scene.is_acknowledged(slot) { "acknowledged" } else { "not acknowledged" };
    let groups: Vec<String> = path
        .groups
        .iter()
        .filter(|group| scene.is_delivered(**group, slot))
        .map(GroupNo::to_string)
        .collect();
    let delivered = match groups.as_slice() {
        [] => "not delivered".to_owned(),
        groups => format!("delivered to {}", listed(groups)),
    };
    format!("slot {slot}: event {events}, {acknowledged}, {delivered}")
}

fn lease_line(scene: &Scene, group: GroupNo) -> String {
    let Some(lease) = scene.lease(group) else {
        return "no checkpoint and no lease yet".to_owned();
    };
    let (owner, epoch) = (lease.owner, lease.epoch);
    let held = match (lease.active, lease.until) {
        (false, _) => format!("lease free, last held by {owner} (epoch {epoch})"),
        (true, Tick::NOW) => format!("lease of {owner} (epoch {epoch}) has ended"),
        (true, _) => format!("lease held by {owner} (epoch {epoch})"),
    };
    format!("checkpoint {}, {held}", lease.checkpoint)
}

/// What a producer is doing.
fn working(path: &Path, name: Process, work: &Work) -> String {
    match work {
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
        Work::Dead => match path.crashed(name) {
            Some(step) => format!("dead, it crashed at step {step}"),
            None => "dead".to_owned(),
        },
    }
}

/// What a worker is doing.
fn consuming(path: &Path, scene: &Scene, worker: WorkerNo, turn: &Turn) -> String {
    let (group, epoch) = (turn.group, turn.machine.epoch());
    let holds = turn.machine.holds_lease();
    let current = scene.lease(group).is_some_and(|lease| {
        lease.active && lease.owner == scene.owner(worker) && lease.epoch == epoch
    });
    let standing = match (holds, current) {
        (true, true) => format!("at work for {group} under epoch {epoch}"),
        (true, false) => format!("at work for {group} as if its lease of epoch {epoch} still held"),
        (false, _) => format!("on a trigger of {group}, without the lease"),
    };
    format!("{standing}, {}", next(path, scene, turn))
}

/// What a turn does next.
fn next(path: &Path, scene: &Scene, turn: &Turn) -> String {
    if turn.late && turn.machine.holds_lease() {
        return "about to see that its lease has ended, and to stop".to_owned();
    }
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
    let named = shown.map(|slot| match events(scene.slot(slot as usize)) {
        Some(events) => format!("{events} (slot {slot})"),
        None => format!("slot {slot}"),
    });
    listed(&named.collect::<Vec<_>>())
}

fn request_words(request: &Request<Small>) -> String {
    asked(&crate::store::request_words(request))
}
