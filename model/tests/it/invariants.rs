//! Every invariant can fail: for each there is a design, or a protection taken
//! out of the traffic, that violates it. A check that cannot fail checks nothing.

use crate::common::{CALM, assert_breaks, assert_holds, mutated, task};
use gapless_model::{Invariant, Mutant};
use std::time::Duration;

use gapless_model::check::{Bounds, Clocks, Ended, Progress, Task, Verdict, check};
use gapless_model::design::{
    Acquire, Busy, Checkpoint, Design, Finish, Gap, Increment, OwnToken, Producer, Read, SlotWrite,
};

const R: Design = Design::RECOMMENDED;

#[test]
fn s1_fails_when_slots_are_written_blind() {
    let design = Design { slot_write: SlotWrite::Blind, ..R };
    assert_breaks(&task(design, CALM), Invariant::S1);
}

#[test]
fn s2_fails_when_a_writer_does_not_know_its_own_token() {
    let design = Design { own_token: OwnToken::Ignore, ..R };
    let bounds = Bounds { faults: 1, lost_replies: 1, ..CALM };
    assert_breaks(&task(design, bounds), Invariant::S2);
}

#[test]
fn s3_fails_when_numbers_are_taken_in_blocks() {
    let design = Design { producer: Producer::Anonymous, ..R };
    assert_breaks(&mutated(design, CALM, Mutant::NumbersSwapped), Invariant::S3);
}

#[test]
fn d1_fails_when_voids_are_taken_for_events() {
    assert_breaks(&mutated(R, CALM, Mutant::VoidsAsEvents), Invariant::D1);
}

#[test]
fn d2_fails_when_an_unknown_checkpoint_is_reported_as_done() {
    let bounds = Bounds { faults: 1, late: 1, ..CALM };
    let design = Design { finish: Finish::TwoWrites, ..R };
    assert_breaks(&mutated(design, bounds, Mutant::CheckpointUnknownAsDone), Invariant::D2);
}

#[test]
fn d3_fails_when_gaps_are_skipped() {
    assert_breaks(&task(Design { gap: Gap::Skip, ..R }, CALM), Invariant::D3);
}

#[test]
fn l1_and_l2_fail_when_a_lease_is_read_and_then_set() {
    let design = Design { acquire: Acquire::ReadThenSet, ..R };
    assert_breaks(&task(design, CALM), Invariant::L1);
    assert_breaks(&task(design, CALM), Invariant::L2);
}

#[test]
fn l3_fails_when_a_checkpoint_may_go_back() {
    let design = Design { checkpoint: Checkpoint::Epoch, ..R };
    let bounds = Bounds { faults: 1, late: 1, ..CALM };
    assert_breaks(&task(design, bounds), Invariant::L3);
}

#[test]
fn p1_fails_at_a_dead_end() {
    // A dropped trigger leaves a state in which nothing at all can happen.
    let design = Design { busy: Busy::Drop, ..R };
    let bounds = Bounds { faults: 1, crashes: 1, ..CALM };
    assert_breaks(&task(design, bounds), Invariant::P1);
}

#[test]
fn p1_fails_in_a_livelock() {
    // A reader that waits looks at the gap for ever: there is always a next step,
    // and none of them leads out. `eventually` would have said nothing.
    let design = Design { gap: Gap::Wait, ..R };
    let bounds = Bounds { faults: 1, crashes: 1, ..CALM };
    assert_breaks(&task(design, bounds), Invariant::P1);
}

#[test]
fn p1_fails_when_retries_go_round_for_ever() {
    // A writer that is told each time that its put failed tries for ever. There is
    // always a next step, and none of them leads out.
    assert_breaks(&mutated(R, CALM, Mutant::IncrementNeverSucceeds), Invariant::P1);
}

#[test]
fn p1_fails_when_an_append_is_acknowledged_and_anothers_event_is_in_its_slot() {
    let design = Design { increment: Increment::None, producer: Producer::Anonymous, ..R };
    assert_breaks(&mutated(design, CALM, Mutant::TokenReused), Invariant::P1);
}

#[test]
fn the_recommended_design_survives_what_breaks_the_others() {
    let bounds = Bounds { faults: 1, lost_replies: 1, late: 1, crashes: 1, ..CALM };
    assert_holds(&task(R, bounds));
}

#[test]
fn where_clocks_are_unbounded_l2_is_not_promised_and_the_rest_holds() {
    let bounds = Bounds { faults: 2, expiries: 1, late: 1, ..CALM };
    let unbounded = Task { clocks: Clocks::Unbounded, ..task(R, bounds) };
    assert_breaks(&unbounded, Invariant::L2);
    assert_holds(&Task { checked: Task::applicable(Clocks::Unbounded), ..unbounded });
}

#[test]
fn stale_reads_refute_a_plain_release() {
    let design = Design { read: Read::Eventual, ..R };
    let bounds = Bounds { faults: 1, stale: 1, ..CALM };
    assert_breaks(&task(design, bounds), Invariant::P1);
}

#[test]
fn a_search_that_runs_out_of_time_keeps_what_it_found() {
    let endless = mutated(R, Bounds::DEEP, Mutant::LeaseTakenAnyway);
    let report = check(
        &Task { timeout: Some(Duration::from_millis(700)), ..endless },
        &mut |_: Progress| true,
    );
    assert_eq!(report.ended, Ended::Timeout);
    assert!(matches!(report.verdicts[&Invariant::L2], Verdict::Violated(_)), "{report:?}");
}

/// Everything that a mutant of the traffic breaks in the simulation and that the model has:
/// what the checker makes of it, under the kinds of fault that it needs.
#[test]
fn each_protection_taken_out_is_missed_or_guarded_twice() {
    let needs = Bounds { faults: 2, lost_replies: 1, late: 1, crashes: 1, expiries: 1, ..CALM };
    let broken = [
        (Mutant::BlindVoids, Invariant::S1),
        (Mutant::EpochStandsStill, Invariant::L1),
        (Mutant::ReleaseUnfenced, Invariant::L2),
        (Mutant::RenewalShortens, Invariant::L2),
        (Mutant::CheckpointAhead, Invariant::D3),
        (Mutant::CheckpointForgotten, Invariant::D2),
        (Mutant::HeadStandsStill, Invariant::P1),
        (Mutant::RefusalAsDone, Invariant::P1),
        (Mutant::UnknownAsDone, Invariant::P1),
        (Mutant::EventHidden, Invariant::P1),
    ];
    for (mutant, invariant) in broken {
        assert_breaks(&mutated(R, needs, mutant), invariant);
    }
    for mutant in [Mutant::RenewalRevives, Mutant::IncrementTwice] {
        assert_holds(&mutated(R, needs, mutant));
    }
}
