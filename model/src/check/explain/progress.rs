//! What went wrong with progress (P1), and why no continuation without a fault helps.

use super::super::action::{Action, Process};
use super::super::small::{GroupNo, WorkerNo};
use super::super::world::{Turn, Work};
use super::outlook::Outlook;
use super::path::Path;
use crate::append::Want;
use crate::explanation::listed;
use crate::invariant::Invariant;
use crate::store::{Request, Slot};
use crate::vocabulary::Seen;

/// P1: something is left undone, and no step that is left does it.
pub(super) fn stuck(path: &Path, outlook: Option<&Outlook>) -> Option<String> {
    if let Some(step) = path.broke(Invariant::P1) {
        return acknowledged_and_lost(path, step);
    }
    // What is true of some of the states that are left need not be true of all.
    let outlook = outlook.filter(|outlook| outlook.complete)?;
    let undelivered = path.groups.iter().find_map(|&group| {
        let slots = outlook.undelivered(group);
        (!slots.is_empty()).then_some((group, slots))
    });
    if let Some((group, slots)) = undelivered {
        return Some(never_delivered(path, outlook, group, &slots));
    }
    if let Some(producer) = outlook.unanswered() {
        let event = match &path.end().producers[producer.index()].work {
            Work::Append(append) => format!("append of {}", append.token()),
            Work::Claim(_) | Work::Between(_) | Work::Finished | Work::Dead => "append".to_owned(),
        };
        return Some(format!(
            "producer {producer}'s {event} is never answered: no step that is left leads to an answer."
        ));
    }
    let busy = path.groups.iter().find(|group| !outlook.groups[group.index()].quiet)?;
    Some(format!(
        "the work of group {busy} never comes to an end: in every state that can still be reached, \
         a trigger of {busy} waits or a turn for it is under way."
    ))
}

/// An append was acknowledged, and its event is not in the slot.
fn acknowledged_and_lost(path: &Path, step: usize) -> Option<String> {
    let Process::Producer(producer) = path.deed(step).who? else { return None };
    let (before, after) = (path.before(step), path.after(step));
    let Work::Append(append) = &before.producers[producer.index()].work else { return None };
    let event = append.token();
    let marked = (1..=after.room())
        .find(|&slot| after.is_acknowledged(slot) && !before.is_acknowledged(slot));
    let asked = path.deed(step).request.as_ref().and_then(Request::slot);
    let slot = asked.map(|slot| slot.0 as usize).or(marked)?;
    let holds = match (after.slot(slot), after.events(slot)) {
        (_, Some(events)) => format!("holds {events}"),
        (Slot::Void, None) => "is void".to_owned(),
        (_, None) => "is empty".to_owned(),
    };
    Some(format!(
        "producer {producer} was told at step {step} that event {event} is in slot {slot}, but \
         slot {slot} {holds}, so {event} can never be delivered from there."
    ))
}

/// Events are acknowledged, now or later, and no step that is left delivers them.
fn never_delivered(path: &Path, outlook: &Outlook, group: GroupNo, slots: &[usize]) -> String {
    let end = path.end();
    let name = |slot: &usize| outlook.events(*slot);
    let (now, later): (Vec<usize>, Vec<usize>) =
        slots.iter().partition(|slot| end.is_acknowledged(**slot));
    let told = |slot: &usize| match path.acknowledged(*slot) {
        Some(step) => format!("{} (slot {slot}, acknowledged at step {step})", name(slot)),
        None => format!("{} (slot {slot})", name(slot)),
    };
    // What is acknowledged already says more than what is still to be written.
    let (events, slots) = if now.is_empty() {
        let first = later.iter().copied().find(|slot| outlook.certain[slot - 1]);
        let slot = first.unwrap_or(later[0]);
        let coming = if first.is_some() { "is still to" } else { "may still" };
        let event = match end.events(slot) {
            Some(events) => format!("{events} (slot {slot}, not acknowledged yet)"),
            None => format!(
                "{}, which {coming} be written into slot {slot} and acknowledged,",
                name(&slot)
            ),
        };
        (vec![event], vec![slot])
    } else {
        (now.iter().map(told).collect::<Vec<_>>(), now)
    };
    let noun = if events.len() == 1 { "event" } else { "events" };
    let cause = cause(path, outlook, group, slots[0]);
    let cause = cause.map_or(String::new(), |cause| format!(": {cause}"));
    format!("{noun} {} will never be delivered to group {group}{cause}.", listed(&events))
}

/// Why a slot's events are never delivered to a group, as far as it can be narrowed.
fn cause(path: &Path, outlook: &Outlook, group: GroupNo, slot: usize) -> Option<String> {
    let end = path.end();
    let prospect = &outlook.groups[group.index()];
    let checkpoint = end.checkpoint(group);
    if checkpoint >= slot {
        let passed = path.passed(group, slot).map_or(String::new(), |step| {
            let why = super::deliveries::missed(path, step, slot);
            let why = why.map_or(String::new(), |why| format!(" ({why})"));
            format!(", where {} moved it at step {step}{why}", path.subject(step))
        });
        return Some(format!("the group's checkpoint already stands at slot {checkpoint}{passed}"));
    }
    let passing = end.turns(group).find_map(|(worker, turn)| passes(path, worker, turn, slot));
    if let Some(passing) = passing.filter(|_| prospect.furthest >= slot) {
        return Some(passing);
    }
    if prospect.deserted[slot - 1] {
        return Some(deserted(path, group, slot, outlook.prompt));
    }
    let gap = checkpoint + 1;
    let stays = prospect.furthest == checkpoint && gap < slot && outlook.empty[gap - 1];
    stays.then(|| gap_stays(path, gap))
}

/// A worker that has read past a slot whose events it did not see.
fn passes(path: &Path, worker: WorkerNo, turn: &Turn, slot: usize) -> Option<String> {
    let wants = turn.machine.wants(&path.rules);
    let upto = match (&wants.deliver, &wants.store) {
        (Some(delivery), _) => delivery.upto.0 as usize,
        (None, Some(Request::Checkpoint { to, .. })) => to.0 as usize,
        (None, _) => return None,
    };
    if slot > upto {
        return None;
    }
    let read = path.read(worker, path.steps())?;
    let saw = match path.saw(read, worker, slot)? {
        Seen::Nothing if path.end().events(slot).is_none() => "found slot {slot} empty",
        Seen::Nothing => "did not see slot {slot}",
        Seen::Void => "found slot {slot} void",
        Seen::Events => return None,
    };
    let saw = saw.replace("{slot}", &slot.to_string());
    Some(format!(
        "worker {worker} read the slots after {} at step {read}, {saw}, and is about to move the \
         group's checkpoint past it, to slot {upto}, where the next reads begin",
        turn.machine.cursor()
    ))
}

/// A slot stays empty, and no worker passes it.
fn gap_stays(path: &Path, gap: usize) -> String {
    let stays = format!("slot {gap} stays empty, and no worker moves past it");
    let Some((producer, step)) = path.given(gap) else { return stays };
    let who = Process::Producer(producer);
    match (&path.end().producers[producer.index()].work, path.crashed(who)) {
        (Work::Dead, Some(crashed)) => format!(
            "{who} was given slot {gap} and crashed at step {crashed} before it wrote it, so {stays}"
        ),
        _ => format!(
            "{who}, which was given slot {gap} at step {step}, does not write it, so {stays}"
        ),
    }
}

/// No trigger is left that would make a worker look.
fn deserted(path: &Path, group: GroupNo, slot: usize, prompt: bool) -> String {
    let end = path.end();
    let mut reasons = dropped(path, group, slot);
    reasons.extend(end.turns(group).map(|(worker, turn)| {
        let prompt = prompt && turn.fresh;
        ends(path, worker, turn, slot, prompt)
    }));
    if reasons.is_empty() {
        return format!("no trigger of {group} is left that would make a worker look");
    }
    format!("{}, and no other trigger of {group} is left", reasons.join(", "))
}

/// How triggers that came after a slot was written were lost, or their turns ended.
fn dropped(path: &Path, group: GroupNo, slot: usize) -> Vec<String> {
    let since = path.written(slot, path.steps() + 1).unwrap_or(path.steps());
    let mut reasons = Vec::new();
    for step in since + 1..=path.steps() {
        let (before, deed) = (path.before(step), path.deed(step));
        match (deed.action, deed.who) {
            (Action::LoseTrigger { process }, _) => {
                reasons.push(format!("{process} failed to send its trigger at step {step}"));
            }
            (Action::Crash { process: Process::Producer(producer), .. }, _) => {
                let work = &before.producers[producer.index()].work;
                let owed = matches!(work, Work::Append(append)
                    if append.wants(&path.rules) == Want::Trigger);
                if owed {
                    reasons.push(format!(
                        "producer {producer} crashed at step {step}, before it sent its trigger"
                    ));
                }
            }
            (_, Some(Process::Worker(worker))) => {
                let turn = before.turn(worker).filter(|turn| turn.group == group);
                let ended = turn.is_some() && path.after(step).turn(worker).is_none();
                let came_back =
                    path.after(step).triggers[group.index()] > before.triggers[group.index()];
                let began = path.began(worker, step).is_some_and(|began| began > since);
                if ended && began && !came_back {
                    reasons.push(turn_ended(path, worker, step, slot));
                }
            }
            _ => {}
        }
    }
    reasons
}

/// How a turn ended at a step.
fn turn_ended(path: &Path, worker: WorkerNo, step: usize, slot: usize) -> String {
    let deed = path.deed(step);
    match (deed.action, &deed.request) {
        (Action::Crash { .. }, _) => format!("worker {worker} crashed at step {step}"),
        (_, Some(Request::Acquire { .. } | Request::ReadLease { .. } | Request::Wake { .. })) => {
            format!("worker {worker} found the lease held at step {step} and dropped its trigger")
        }
        (_, Some(Request::Release { .. })) => {
            let saw = saw_nothing(path, worker, step, slot);
            format!("worker {worker} {saw} and gave up the lease at step {step}")
        }
        (Action::Clock { .. }, _) => format!(
            "worker {worker} saw at step {step} that its lease had ended, and dropped its trigger"
        ),
        _ => format!("worker {worker}'s turn ended at step {step}"),
    }
}

/// How a turn that is under way ends.
fn ends(path: &Path, worker: WorkerNo, turn: &Turn, slot: usize, prompt: bool) -> String {
    if turn.late && turn.machine.holds_lease() {
        let ended = path.last(|path, step| {
            let late = |scene: &super::path::Scene| scene.turn(worker).is_some_and(|t| t.late);
            !late(path.before(step)) && late(path.after(step))
        });
        let at = ended.map_or(String::new(), |step| format!(" at step {step}"));
        return format!("worker {worker}, whose lease ended{at}, stops and drops its trigger");
    }
    match turn.machine.wants(&path.rules).store {
        Some(Request::Release { .. }) => {
            let saw = saw_nothing(path, worker, path.steps(), slot);
            format!("worker {worker} {saw} and is about to give up the lease")
        }
        Some(Request::Acquire { .. } | Request::ReadLease { .. }) if prompt => {
            format!("worker {worker} is about to find the lease held and to drop its trigger")
        }
        _ => format!("worker {worker}'s turn ends before it comes to slot {slot}"),
    }
}

/// What a worker that is done with reading did not see.
fn saw_nothing(path: &Path, worker: WorkerNo, step: usize, slot: usize) -> String {
    let Some(read) = path.read(worker, step) else { return "saw nothing new".to_owned() };
    let stale = match path.deed(read).action {
        Action::StaleRead { .. } => " in a stale read",
        _ => "",
    };
    match path.written(slot, read) {
        Some(_) => format!("did not see slot {slot}{stale} at step {read}"),
        None => format!("saw nothing new{stale} at step {read}"),
    }
}

/// Why no continuation without a fault helps.
pub(super) fn why(path: &Path, outlook: &Outlook) -> String {
    let rest = outlook.states - 1;
    let unmet = match unmet(path, outlook).as_slice() {
        [] => "something is left undone".to_owned(),
        unmet => listed(unmet),
    };
    let prompt = match fresh(path).filter(|_| outlook.prompt) {
        Some(worker) => format!(", and if worker {worker} sends its request at once"),
        None => String::new(),
    };
    let reached = match (rest, outlook.complete) {
        (0, _) => {
            return format!(
                "No step is left but another fault: nothing happens any more, and {unmet}."
            );
        }
        (1, true) => format!("only one other state can be reached, and in it {unmet}."),
        (_, true) => {
            format!("{rest} other states can be reached, and in every one of them {unmet}.")
        }
        (_, false) => {
            return format!(
                "Without another fault{prompt}, more than {rest} other states can be reached, and in each \
                 of those {rest} {unmet}."
            );
        }
    };
    let ends = match (outlook.dead_ends > 0, outlook.repeated.is_empty()) {
        (true, true) => "In the end no step is left.".to_owned(),
        (true, false) => format!(
            "In the end no step is left, or some of these repeat for ever: {}.",
            handful(&outlook.repeated)
        ),
        (false, _) => {
            format!(
                "In the end some of these steps repeat for ever: {}.",
                handful(&outlook.repeated)
            )
        }
    };
    let before = match outlook.passing.as_slice() {
        [] => String::new(),
        passing => format!(" Before that: {}.", handful(passing)),
    };
    format!("Without another fault{prompt}, {reached} {ends}{before}")
}

/// A worker that took its trigger in the last step.
fn fresh(path: &Path) -> Option<WorkerNo> {
    let mut turns = path.groups.iter().flat_map(|group| path.end().turns(*group));
    turns.find(|(_, turn)| turn.fresh).map(|(worker, _)| worker)
}

/// What is left undone in every state.
fn unmet(path: &Path, outlook: &Outlook) -> Vec<String> {
    let mut unmet = Vec::new();
    for &group in &path.groups {
        let slots = outlook.undelivered(group);
        let events: Vec<String> = slots.iter().map(|slot| outlook.events(*slot)).collect();
        if !events.is_empty() {
            let is = if events.len() == 1 { "is" } else { "are" };
            unmet.push(format!("{} {is} not delivered to {group}", listed(&events)));
        }
        if !outlook.groups[group.index()].quiet {
            unmet.push(format!("a trigger or a turn of {group} is unfinished"));
        }
    }
    for (index, done) in outlook.done.iter().enumerate() {
        if !done {
            let producer = super::super::small::ProducerNo(index as u8);
            unmet.push(format!("an append of producer {producer} is not answered"));
        }
    }
    unmet
}

/// The first few of the steps.
fn handful(steps: &[String]) -> String {
    const MOST: usize = 5;
    let shown = steps.iter().take(MOST).cloned().collect::<Vec<_>>().join("; ");
    match steps.len().saturating_sub(MOST) {
        0 => shown,
        1 => format!("{shown}; and one other kind of step"),
        more => format!("{shown}; and {more} other kinds of step"),
    }
}
