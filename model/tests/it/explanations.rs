//! What a counterexample says of itself: for each invariant, in whatever way it is broken,
//! the sentence names the slots, events, groups, workers and steps that matter.

use crate::common::{CALM, mutated, run, task};
use gapless_model::check::{Bounds, Clocks, Task, Trace, Verdict};
use gapless_model::design::{
    Acquire, Busy, Checkpoint, Design, Finish, Gap, Increment, OwnToken, Producer, Release,
    SlotWrite,
};
use gapless_model::{Invariant, Mutant};

const R: Design = Design::RECOMMENDED;

fn trace(task: &Task, invariant: Invariant) -> Trace {
    let report = run(&Task { checked: vec![invariant], ..task.clone() });
    match &report.verdicts[&invariant] {
        Verdict::Violated(trace) => (**trace).clone(),
        verdict => panic!("{invariant} should be violated: {verdict:?}"),
    }
}

/// Asserts that the sentence says all of this, in this order.
fn says(trace: &Trace, parts: &[&str]) {
    let sentence = &trace.explanation.sentence;
    let mut rest = sentence.as_str();
    for part in parts {
        let Some(place) = rest.find(part) else {
            panic!("`{part}` is missing in: {sentence}\n\n{}", trace.story())
        };
        rest = &rest[place + part.len()..];
    }
}

/// Asserts that this is a line of the end.
fn ends_with(trace: &Trace, line: &str) {
    assert!(trace.explanation.end.iter().any(|known| known == line), "{}", trace.story());
}

#[test]
fn s1_names_the_slot_what_it_held_and_what_it_holds_now() {
    let blind = Design { slot_write: SlotWrite::Blind, ..R };
    let found = trace(&task(blind, CALM), Invariant::S1);
    says(&found, &["Worker 1 voided slot 1 at step", "producer A overwrote", "event A1 at step"]);
    ends_with(&found, "slot 1: event A1, acknowledged, not delivered");

    let found = trace(&mutated(R, CALM, Mutant::BlindVoids), Invariant::S1);
    says(&found, &["Slot 1 held event A1", "producer A wrote it", "overwrote it with a void"]);
}

#[test]
fn s2_names_both_slots_of_the_event() {
    let design = Design { own_token: OwnToken::Ignore, ..R };
    let bounds = Bounds { faults: 1, lost_replies: 1, ..CALM };
    let found = trace(&task(design, bounds), Invariant::S2);
    says(
        &found,
        &[
            "Event A1 is in two slots",
            "producer A wrote it into slot 1",
            "heard no reply",
            "slot 2",
        ],
    );
}

#[test]
fn s3_names_both_appends_and_their_slots() {
    let design = Design { producer: Producer::Anonymous, ..R };
    let found = trace(&mutated(design, CALM, Mutant::NumbersSwapped), Invariant::S3);
    says(
        &found,
        &["Event B1 was acknowledged in slot 1", "below event A1 in slot 2", "append of B1 began"],
    );
}

#[test]
fn d1_names_the_slot_that_held_no_event() {
    let found = trace(&mutated(R, CALM, Mutant::VoidsAsEvents), Invariant::D1);
    says(
        &found,
        &["Worker 1 delivered slot 1 to group g1", "slot 1 is void", "never held an event"],
    );
}

#[test]
fn d2_names_the_delivery_that_came_before() {
    let bounds = Bounds { faults: 1, late: 1, ..CALM };
    let design = Design { finish: Finish::TwoWrites, ..R };
    let found = trace(&mutated(design, bounds, Mutant::CheckpointUnknownAsDone), Invariant::D2);
    says(&found, &["delivered A1 (slot 1) to group g1 again", "had delivered it", "in good order"]);

    let bounds = Bounds { faults: 1, expiries: 1, ..CALM };
    let found = trace(&task(Design { gap: Gap::Skip, ..R }, bounds), Invariant::D2);
    says(&found, &["Group g1 was given B1 (slot 2)", "A1 (slot 1) only at step", "still empty"]);
}

#[test]
fn d3_names_the_event_the_checkpoint_and_why_it_was_missed() {
    let skips = Design { gap: Gap::Skip, ..R };
    let found = trace(&task(skips, CALM), Invariant::D3);
    says(
        &found,
        &["group g1's checkpoint to slot 2", "acknowledged event A1 in slot 1", "still empty"],
    );
    ends_with(&found, "slot 1: event A1, acknowledged, not delivered");

    let found = trace(&mutated(R, CALM, Mutant::CheckpointAhead), Invariant::D3);
    says(&found, &["checkpoint", "slot 2", "B1", "never delivered to g1"]);

    let two = Bounds { groups: 2, ..CALM };
    let found = trace(&task(skips, two), Invariant::D3);
    says(&found, &["group g", "checkpoint to slot 2", "A1 in slot 1", "never delivered to g"]);
}

#[test]
fn l1_names_the_epoch_and_both_owners() {
    let design = Design { acquire: Acquire::ReadThenSet, ..R };
    let found = trace(&task(design, CALM), Invariant::L1);
    says(
        &found,
        &[
            "Epoch 1 of group g1's lease has two owners",
            "worker 1 took the lease",
            "worker 2, which had found it free at step",
        ],
    );

    let found = trace(&mutated(R, CALM, Mutant::EpochStandsStill), Invariant::L1);
    says(&found, &["has two owners", "worker 1", "another turn of worker 1 took it"]);
}

#[test]
fn l2_names_both_workers_and_how_one_lost_its_lease() {
    let design = Design { acquire: Acquire::ReadThenSet, ..R };
    let found = trace(&task(design, CALM), Invariant::L2);
    says(&found, &["Workers 1 and 2", "group g1", "(epoch 1)", "worker 2", "(epoch 1)"]);

    let unbounded =
        Task { clocks: Clocks::Unbounded, ..task(R, Bounds { faults: 1, expiries: 1, ..CALM }) };
    let found = trace(&unbounded, Invariant::L2);
    says(&found, &["still acts on it", "it ended at step", "worker 2 took it", "(epoch 2)"]);

    let design = Design {
        checkpoint: Checkpoint::Unconditional,
        release: Release::NextEmpty,
        finish: Finish::TwoWrites,
        ..R
    };
    let bounds = Bounds { faults: 1, lost_replies: 1, ..CALM };
    let found = trace(&task(design, bounds), Invariant::L2);
    says(&found, &["its own release was applied", "heard no reply", "worker 2 took it"]);
    let believes = "worker 1: at work for g1 as if its lease of epoch 1 still held, about to read \
                    events after 1";
    ends_with(&found, believes);
}

#[test]
fn l2_names_the_turn_that_took_anothers_lease_for_its_own() {
    let bounds = Bounds { faults: 2, failures: 1, late: 1, ..CALM };
    let found = trace(&mutated(R, bounds, Mutant::OwnerPerWorker), Invariant::L2);
    says(
        &found,
        &[
            "worker 1 took the lease for its own at step 17 (epoch 1)",
            "the release that its last turn had sent at step 14 was applied at step 18",
            "worker 2 took it at step 20 (epoch 2)",
        ],
    );
    assert!(found.story().contains("worker 1    drops its turn   [fault: turn dropped]"));

    let found = trace(&mutated(R, CALM, Mutant::OwnerShared), Invariant::L2);
    says(&found, &["worker 1 took the lease at step", "worker 2 took it for its own at step"]);
}

#[test]
fn l3_names_both_checkpoints_and_whose_request_it_was() {
    let design = Design { checkpoint: Checkpoint::Epoch, ..R };
    let bounds = Bounds { faults: 1, late: 1, ..CALM };
    let found = trace(&task(design, bounds), Invariant::L3);
    says(
        &found,
        &["Group g1's checkpoint went back from slot 2", "to slot 1", "worker 1's request of step"],
    );

    let design = Design { checkpoint: Checkpoint::Unconditional, ..R };
    let bounds = Bounds { faults: 1, expiries: 1, ..CALM };
    let task = Task { clocks: Clocks::Unbounded, ..task(design, bounds) };
    let found = trace(&task, Invariant::L3);
    says(
        &found,
        &["Worker 1 moved group g1's checkpoint from slot 0 to slot 2", "belonged to worker 2"],
    );
}

#[test]
fn p1_tells_who_passed_the_slot() {
    let found = trace(&task(Design { gap: Gap::Skip, ..R }, CALM), Invariant::P1);
    says(
        &found,
        &["Event A1", "slot 1", "never be delivered to group g1", "found slot 1 empty", "slot 2"],
    );
    let why = found.explanation.why.as_deref().expect("P1 has a reason");
    assert!(why.contains("in every one of them A1 is not delivered to g1"), "{why}");
    assert!(why.contains("producer A writes A1 into slot 1"), "{why}");
}

#[test]
fn p1_tells_which_triggers_are_gone() {
    let design = Design { busy: Busy::Drop, ..R };
    let bounds = Bounds { faults: 1, crashes: 1, ..CALM };
    let found = trace(&task(design, bounds), Invariant::P1);
    says(&found, &["never be delivered to group g1", "dropped its trigger", "no other trigger"]);
}

#[test]
fn p1_tells_whose_slot_stays_empty_and_what_repeats_for_ever() {
    let design = Design { gap: Gap::Wait, ..R };
    let bounds = Bounds { faults: 1, crashes: 1, ..CALM };
    let found = trace(&task(design, bounds), Invariant::P1);
    says(&found, &["Event B1", "slot 2", "producer A was given slot 1", "crashed", "stays empty"]);
    let why = found.explanation.why.as_deref().expect("P1 has a reason");
    assert!(why.contains("repeat for ever: worker 1 reads events after 0"), "{why}");
}

#[test]
fn p1_tells_whose_append_is_never_answered() {
    let found = trace(&mutated(R, CALM, Mutant::IncrementNeverSucceeds), Invariant::P1);
    says(&found, &["Producer", "append", "never answered"]);
    let why = found.explanation.why.as_deref().expect("P1 has a reason");
    assert!(why.contains("is not answered"), "{why}");
}

#[test]
fn p1_tells_what_is_in_the_slot_of_an_event_that_was_acknowledged_and_lost() {
    let design = Design { increment: Increment::None, producer: Producer::Anonymous, ..R };
    let found = trace(&mutated(design, CALM, Mutant::TokenReused), Invariant::P1);
    says(&found, &["was told", "event B1 is in slot 1", "slot 1 holds A1"]);
}

#[test]
fn p1_claims_no_event_for_a_slot_that_may_get_another() {
    // With batches it is open what comes behind the gap, and into how many slots.
    let design = Design { gap: Gap::Wait, ..R };
    let bounds = Bounds { events: 2, batch: 2, faults: 1, crashes: 1, ..CALM };
    let found = trace(&task(design, bounds), Invariant::P1);
    says(&found, &["Event B1 or B1-B2", "still to be written into slot 2", "slot 1 stays empty"]);
    assert!(!found.explanation.sentence.contains("slot 3"), "{}", found.story());
}
