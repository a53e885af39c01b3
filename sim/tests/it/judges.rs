//! Every judge can fail: each notices a defect that is planted into the traffic.

use gapless_model::Invariant;
use gapless_model::Mutant;
use gapless_model::design::{Design, named};
use gapless_sim::{Breach, Campaign, Profile};

/// What the runs break first, judged by everything or by the invariants alone.
fn breaches(design: Design, mutant: Option<Mutant>, invariants_only: bool) -> Vec<Breach> {
    let mut campaign = Campaign::new(design, Profile::Swarm, 60);
    (campaign.mutant, campaign.invariants_only) = (mutant, invariants_only);
    campaign.keep_going = true;
    campaign.run(&|_| true).breaches()
}

#[track_caller]
fn noticed(breach: Breach, mutant: Mutant, invariants_only: bool) {
    let found = breaches(Design::RECOMMENDED, Some(mutant), invariants_only);
    assert!(found.contains(&breach), "{mutant:?} should break {breach} and breaks {found:?}");
}

#[track_caller]
fn invariant(invariant: Invariant, mutant: Mutant) {
    noticed(Breach::Invariant(invariant), mutant, true);
}

#[test]
fn slots_that_change_are_noticed() {
    invariant(Invariant::S1, Mutant::BlindWrites);
}

#[test]
fn an_event_in_two_slots_is_noticed() {
    invariant(Invariant::S2, Mutant::RecordForgotten);
}

#[test]
fn an_append_that_overtakes_another_is_noticed() {
    invariant(Invariant::S3, Mutant::NumbersSwapped);
}

#[test]
fn an_event_that_was_not_appended_there_is_noticed() {
    invariant(Invariant::D1, Mutant::EventsSwapped);
}

#[test]
fn a_redelivery_without_a_reason_is_noticed() {
    invariant(Invariant::D2, Mutant::CheckpointForgotten);
}

#[test]
fn an_event_below_the_checkpoint_that_was_never_delivered_is_noticed() {
    invariant(Invariant::D3, Mutant::CheckpointAhead);
}

#[test]
fn two_owners_of_an_epoch_are_noticed() {
    invariant(Invariant::L1, Mutant::EpochStandsStill);
}

#[test]
fn two_active_workers_are_noticed() {
    invariant(Invariant::L2, Mutant::LeaseTakenEarly);
}

#[test]
fn a_checkpoint_that_goes_back_is_noticed() {
    let known = named("unfenced-checkpoint").expect("it has a name");
    let mut campaign = Campaign::new(known.design, Profile::Hostile, 100);
    campaign.keep_going = true;
    let found = campaign.run(&|_| true).breaches();
    assert!(found.contains(&Breach::Invariant(Invariant::L3)), "{found:?}");
}

#[test]
fn a_lost_event_is_noticed() {
    invariant(Invariant::P1, Mutant::UnknownAsDone);
}

#[test]
fn an_engine_that_does_something_else_is_noticed() {
    noticed(Breach::Refinement, Mutant::IncrementTwice, false);
}

#[test]
fn a_process_that_is_told_something_else_is_noticed() {
    noticed(Breach::Machine, Mutant::RefusalAsDone, false);
}

#[test]
fn what_an_audit_finds_beside_live_traffic_is_noticed() {
    noticed(Breach::Audit, Mutant::EventHidden, true);
}

#[test]
fn an_error_that_no_fault_explains_is_noticed() {
    noticed(Breach::Error, Mutant::ForeignVersion, true);
}
