//! Why a slot's events are never delivered to a group (P1), as far as it can be narrowed.

use super::super::action::{Action, Process};
use super::super::small::WorkerNo;
use super::super::world::{Turn, Work};
use super::names::name;
use super::outlook::Outlook;
use super::path::Path;
use super::place::{Place, Position};
use crate::append::Want;
use crate::store::Request;
use crate::vocabulary::Seen;

/// Why a slot's events are never delivered to a group.
pub(super) fn cause(path: &Path, outlook: &Outlook, place: Place, slot: u64) -> Option<String> {
    let end = path.end();
    let prospect = outlook.prospect(place);
    let checkpoint = end.checkpoint(place);
    if checkpoint >= slot {
        let passed = path.passed(place, slot).map_or(String::new(), |step| {
            let why = super::deliveries::missed(path, step, place.at(slot));
            let why = why.map_or(String::new(), |why| format!(" ({why})"));
            format!(", where {} moved it at step {step}{why}", path.subject(step))
        });
        return Some(format!("the group's checkpoint already stands at slot {checkpoint}{passed}"));
    }
    let passing = end.turns(place).find_map(|(worker, turn)| passes(path, worker, turn, slot));
    if let Some(passing) = passing.filter(|_| prospect.furthest >= slot) {
        return Some(passing);
    }
    if prospect.is_deserted(slot) {
        return Some(deserted(path, place, slot));
    }
    let gap = place.at(checkpoint + 1);
    let stays = prospect.furthest == checkpoint && gap.slot < slot && outlook.stays_empty(gap);
    stays.then(|| gap_stays(path, gap))
}

/// A worker that has read past a slot whose events it did not see.
fn passes(path: &Path, worker: WorkerNo, turn: &Turn, slot: u64) -> Option<String> {
    let wants = turn.machine.wants(&path.rules);
    let upto = match (&wants.deliver, &wants.store) {
        (Some(delivery), _) => delivery.upto.0,
        (None, Some(Request::Checkpoint { to, .. } | Request::Release { to: Some(to), .. })) => {
            to.0
        }
        // It looks behind what it has delivered.
        (None, Some(Request::ReadEvents { after, .. })) => after.0,
        (None, _) => return None,
    };
    if slot > upto {
        return None;
    }
    let read = path.read(worker, path.steps(), slot)?;
    let position = Place::of_turn(turn).at(slot);
    let saw = match path.saw(read, worker, slot)? {
        Seen::Nothing if path.end().events(position).is_none() => {
            format!("found slot {slot} empty")
        }
        Seen::Nothing => format!("did not see slot {slot}"),
        Seen::Void => format!("found slot {slot} void"),
        Seen::Events => return None,
    };
    Some(format!(
        "worker {worker} read the slots after {} at step {read}, {saw}, and is about to move the \
         group's checkpoint past it, to slot {upto}, where the next reads begin",
        turn.machine.cursor()
    ))
}

/// A slot stays empty, and no worker passes it.
fn gap_stays(path: &Path, gap: Position) -> String {
    let slot = gap.slot;
    let stays = format!("slot {slot} stays empty, and no worker moves past it");
    let Some((producer, step)) = path.given(gap) else { return stays };
    let process = Process::Producer(producer);
    let who = name(process);
    match (&path.end().world().producers[producer.index()].work, path.crashed(process)) {
        (Work::Dead, Some(crashed)) => format!(
            "{who} was given slot {slot} and crashed at step {crashed} before it wrote it, so \
             {stays}"
        ),
        _ => format!(
            "{who}, which was given slot {slot} at step {step}, does not write it, so {stays}"
        ),
    }
}

/// No trigger is left that would make a worker look.
fn deserted(path: &Path, place: Place, slot: u64) -> String {
    let end = path.end();
    let group = path.short_name(place);
    let mut reasons = dropped(path, place, slot);
    let turns = end.turns(place);
    reasons.extend(turns.map(|(worker, turn)| ends(path, worker, turn, place.at(slot))));
    if reasons.is_empty() {
        return format!("no trigger of {group} is left that would make a worker look");
    }
    format!("{}, and no other trigger of {group} is left", reasons.join(", "))
}

/// How triggers that came after a slot was written were lost, or their turns ended.
fn dropped(path: &Path, place: Place, slot: u64) -> Vec<String> {
    let position = place.at(slot);
    let since = path.written(position, path.steps() + 1).unwrap_or(path.steps());
    let mut reasons = Vec::new();
    for step in since + 1..=path.steps() {
        let (before, after, deed) = (path.before(step), path.after(step), path.deed(step));
        match (deed.action, deed.who) {
            (Action::LoseTrigger { process }, _) if is_about(path, process, step, place) => {
                reasons
                    .push(format!("{} failed to send its trigger at step {step}", name(process)));
            }
            (Action::Crash { process: Process::Producer(producer), .. }, _) => {
                let process = Process::Producer(producer);
                let work = &before.world().producers[producer.index()].work;
                let owed = matches!(work, Work::Append(append)
                    if append.wants(&path.rules) == Want::Trigger);
                if owed && is_about(path, process, step, place) {
                    reasons.push(format!(
                        "{} crashed at step {step}, before it sent its trigger",
                        name(process)
                    ));
                }
            }
            (_, Some(Process::Worker(worker))) => {
                let turn = before.turn(worker).filter(|turn| Place::of_turn(turn) == place);
                let ended = turn.is_some() && after.turn(worker).is_none();
                let came_back = after.triggers(place) > before.triggers(place);
                let began = path.began(worker, step).is_some_and(|began| began > since);
                if ended && began && !came_back {
                    reasons.push(turn_ended(path, worker, step, position));
                }
            }
            _ => {}
        }
    }
    reasons
}

/// Whether a process is at work for a place at a step: a producer is for every group.
fn is_about(path: &Path, process: Process, step: usize, place: Place) -> bool {
    match process {
        Process::Producer(producer) => path.before(step).route(producer) == place.partition,
        Process::Operator(_) => false,
        Process::Worker(worker) => {
            path.before(step).turn(worker).is_some_and(|turn| Place::of_turn(turn) == place)
        }
    }
}

/// How a turn ended at a step.
fn turn_ended(path: &Path, worker: WorkerNo, step: usize, position: Position) -> String {
    let deed = path.deed(step);
    let over = path.before(step).is_over(worker);
    match (deed.action, &deed.request) {
        (Action::Crash { .. }, _) => format!("worker {worker} crashed at step {step}"),
        (Action::Fail { .. }, _) => format!("worker {worker}'s handler failed at step {step}"),
        (Action::Drop { .. }, _) => format!("worker {worker}'s turn was dropped at step {step}"),
        (Action::Clock { .. }, _) => format!(
            "worker {worker} saw at step {step} that its lease had ended, and dropped its trigger"
        ),
        (_, Some(asked @ (Request::ReadHead { .. } | Request::ReadLease { .. })))
            if *asked.partition() != position.partition =>
        {
            format!(
                "worker {worker} found at step {step} that {} is not drained",
                asked.partition()
            )
        }
        (_, Some(Request::Acquire { .. } | Request::ReadLease { .. } | Request::Wake { .. })) => {
            format!("worker {worker} found the lease held at step {step} and dropped its trigger")
        }
        (_, Some(Request::Release { .. })) if !over => {
            let saw = saw_nothing(path, worker, step, position);
            format!("worker {worker} {saw} and gave up the lease at step {step}")
        }
        (Action::Hear { .. }, _) if over => format!(
            "worker {worker} heard at step {step}, after the end of its lease, what came of its \
             request, and dropped its trigger"
        ),
        (_, Some(Request::Renew { .. } | Request::Checkpoint { .. })) => format!(
            "worker {worker} took its lease for lost at step {step} and dropped its trigger"
        ),
        _ => format!("worker {worker}'s turn ended at step {step}"),
    }
}

/// How a turn that is under way ends.
fn ends(path: &Path, worker: WorkerNo, turn: &Turn, position: Position) -> String {
    if path.end().is_over(worker) {
        let ended = path.last(|path, step| {
            !path.before(step).is_over(worker) && path.after(step).is_over(worker)
        });
        let at = ended.map_or(String::new(), |step| format!(" at step {step}"));
        return format!("worker {worker}, whose lease ended{at}, stops and drops its trigger");
    }
    match turn.machine.wants(&path.rules).store {
        Some(Request::Release { .. }) => {
            let saw = saw_nothing(path, worker, path.steps(), position);
            format!("worker {worker} {saw} and is about to give up the lease")
        }
        Some(Request::Void { slot, .. }) if slot.0 == position.slot => {
            format!("worker {worker} is about to void slot {slot}")
        }
        _ => format!("worker {worker}'s turn ends before it comes to slot {}", position.slot),
    }
}

/// What a worker that is done with reading did not see.
fn saw_nothing(path: &Path, worker: WorkerNo, step: usize, position: Position) -> String {
    let Some(read) = path.read(worker, step, position.slot) else {
        return "saw nothing new".to_owned();
    };
    let stale = match path.deed(read).action {
        Action::StaleRead { .. } => " in a stale read",
        _ => "",
    };
    match path.written(position, read) {
        Some(_) => format!("did not see slot {}{stale} at step {read}", position.slot),
        None => format!("saw nothing new{stale} at step {read}"),
    }
}
