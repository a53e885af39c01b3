//! Draws scenes: orders of events that protections are for, which chance alone seldom finds.

use super::Plan;
use super::dice::Dice;
use super::fault::FAULTS;
use super::incident::{Ambush, Happening, Incident, Moment};
use super::participants::{Appending, WorkerPlan};
use super::units::Millis;

/// Gives three in five plans one of six scenes.
pub(super) fn add_scene(plan: &mut Plan, works: Millis, dice: &mut Dice) {
    match dice.below(100) {
        0..13 => fall_behind(plan, dice),
        13..24 => die_between(plan, works, dice),
        24..30 => outlast_grace(plan, works, dice),
        30..44 => outlast_lease(plan, works, dice),
        44..53 => repeat_renewals(plan, dice),
        53..61 => die_behind_checkpoint(plan, dice),
        _ => {}
    }
}

/// Lets a group fall behind by more than a page: one partition, a busy producer, and workers that are
/// away for a long time.
fn fall_behind(plan: &mut Plan, dice: &mut Dice) {
    plan.partition_bits = Some(0);
    let busy = &mut plan.producers[0];
    if busy.appending == Appending::Expecting {
        busy.appending = Appending::Single;
    }
    (busy.events, busy.batch) = (dice.between(120, 220) as u16, 1);
    busy.pause = Millis(dice.below(3));
    let down = Millis(plan.heals.0 * dice.between(60, 100) / 100);
    let group = dice.below(u64::from(plan.groups)) as u8;
    let away = |(index, worker): (usize, &WorkerPlan)| {
        let happening = Happening::Crash { node: plan.worker(index), down };
        let incident = Incident { at: Millis(20), happening, ambush: None };
        (worker.group == group).then_some(incident)
    };
    let away: Vec<_> = plan.workers.iter().enumerate().filter_map(away).collect();
    plan.incidents.extend(away);
}

/// Lets a named producer die between its number and its write, so that a rerun finds its slot empty.
fn die_between(plan: &mut Plan, works: Millis, dice: &mut Dice) {
    let index = dice.below(plan.producers.len() as u64) as usize;
    plan.producers[index].appending = Appending::Named;
    let down = Millis(dice.between(20, plan.lease.0));
    let happening = Happening::Crash { node: plan.producer(index), down };
    let ambush = Some(Ambush { moment: Moment::Raised, after: Millis(0) });
    plan.incidents.push(Incident { at: Millis(dice.between(50, works.0)), happening, ambush });
}

/// Pauses a producer between its number and its write until a worker has voided the slot.
fn outlast_grace(plan: &mut Plan, works: Millis, dice: &mut Dice) {
    let index = dice.below(plan.producers.len() as u64) as usize;
    let span = Millis(plan.grace.0 + dice.between(500, 3_000));
    let happening = Happening::Freeze { node: plan.producer(index), span };
    let ambush = Some(Ambush { moment: Moment::Raised, after: Millis(0) });
    plan.incidents.push(Incident { at: Millis(dice.between(50, works.0 / 2)), happening, ambush });
}

/// Pauses a worker in its handler until its lease has ended and another has taken it over.
fn outlast_lease(plan: &mut Plan, works: Millis, dice: &mut Dice) {
    let index = dice.below(plan.workers.len() as u64) as usize;
    let worker = &mut plan.workers[index];
    worker.handle_for(Millis(100));
    let span = Millis(plan.lease.0 * dice.between(12, 20) / 10 + 1_500);
    let happening = Happening::Freeze { node: plan.worker(index), span };
    let ambush = Some(Ambush { moment: Moment::Read, after: Millis(dice.between(10, 60)) });
    plan.incidents.push(Incident { at: Millis(dice.between(50, works.0 / 2)), happening, ambush });
}

/// Lets workers renew often, and copies of their requests arrive when others have taken over.
fn repeat_renewals(plan: &mut Plan, dice: &mut Dice) {
    delay_often(plan, &["duplicate", "late"], 10);
    for worker in &mut plan.workers {
        let handling = dice.between(plan.lease.0 / 2, plan.lease.0);
        worker.handle_for(Millis(handling));
    }
}

/// Lets workers die while a checkpoint of theirs is on its way, which arrives when others have taken
/// over.
fn die_behind_checkpoint(plan: &mut Plan, dice: &mut Dice) {
    delay_often(plan, &["late"], 20);
    // More arrives while they are at work, so that a checkpoint is not the end of a turn.
    for producer in &mut plan.producers {
        producer.pause = producer.pause.min(Millis(200));
    }
    for index in 0..plan.workers.len() {
        // The other one is still at work on what the checkpoint is behind.
        plan.workers[index].handle_for(Millis(dice.between(plan.lease.0 / 2, plan.lease.0)));
        let down = Millis(plan.lease.0 * dice.between(10, 20) / 10);
        let happening = Happening::Crash { node: plan.worker(index), down };
        let ambush = Some(Ambush { moment: Moment::CheckpointDelayed, after: Millis(0) });
        plan.incidents.push(Incident { at: Millis(50), happening, ambush });
    }
}

/// Lets these kinds of fault strike often, and what they delay arrive after the end of a lease.
fn delay_often(plan: &mut Plan, kinds: &[&str], weight: u8) {
    for (kind, known) in FAULTS.iter().zip(&mut plan.trouble.weights) {
        if kinds.contains(kind) {
            *known = weight;
        }
    }
    plan.trouble.ppm = plan.trouble.ppm.max(100_000);
    plan.trouble.span = Millis(plan.lease.0 * 3);
}
