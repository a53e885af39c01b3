//! What a verdict of the checker rests on: each of these was once taken for granted.

use std::num::NonZeroUsize;

use crate::common::{CALM, assert_breaks, assert_holds, broken, mutated, run, task};
use gapless_model::check::{Bounds, Clocks, Engine, Task};
use gapless_model::design::{Checkpoint, Design, Expiry, NAMED, OwnToken, Producer};
use gapless_model::{Invariant, Mutant};

const R: Design = Design::RECOMMENDED;

/// Within these bounds everything holds in the recommended design, and each kind of step is exercised.
#[track_caller]
fn assert_holds_and_exercises_all(bounds: Bounds) {
    let report = run(&task(R, bounds));
    assert_eq!(report.violated(), []);
    assert_eq!(report.missed_marks, Vec::<&str>::new());
}

/// Time is a number: how long a lease is counted, and by which clock, is checked and not assumed.
mod clocks {
    use super::*;

    const CLOCKS: Bounds = Bounds { faults: 2, expiries: 1, clock_steps: 1, slow: 1, ..CALM };

    #[test]
    fn a_lease_that_its_owner_counts_twice_breaks_l2() {
        assert_breaks(&mutated(R, CLOCKS, Mutant::LeaseCountedTwice), Invariant::L2);
    }

    #[test]
    fn a_lease_that_counts_from_its_reply_breaks_l2() {
        assert_breaks(&mutated(R, CLOCKS, Mutant::LeaseFromReply), Invariant::L2);
    }

    #[test]
    fn clocks_without_an_allowance_break_l2() {
        assert_breaks(&mutated(R, CLOCKS, Mutant::SkewIgnored), Invariant::L2);
        let observer = Design { expiry: Expiry::Observer, ..R };
        assert_breaks(&mutated(observer, CLOCKS, Mutant::SkewIgnored), Invariant::L2);
    }

    #[test]
    fn a_lease_that_is_taken_a_tick_early_breaks_l2() {
        assert_breaks(&mutated(R, CLOCKS, Mutant::LeaseTakenEarly), Invariant::L2);
    }

    #[test]
    fn the_recommended_design_survives_slow_requests_and_clocks_that_are_set() {
        assert_holds(&task(R, CLOCKS));
    }

    #[test]
    fn a_slow_checkpoint_survives_a_clock_that_is_set_back() {
        // L2 broke here once: asked for by a clock that was set back, it ended the lease in the
        // table before its owner heard of it.
        let bounds = Bounds { faults: 4, clock_steps: 3, slow: 1, ..CALM };
        assert_holds(&task(R, bounds));
    }

    #[test]
    fn a_renewal_whose_reply_is_lost_survives_a_clock_that_is_set_back() {
        // D2 broke here once: the repeated renewal asks for less, and its refusal was no loss.
        let bounds = Bounds { faults: 3, clock_steps: 2, lost_replies: 1, ..CALM };
        assert_holds(&task(R, bounds));
    }

    #[test]
    fn an_observer_survives_them_too() {
        assert_holds(&task(Design { expiry: Expiry::Observer, ..R }, CLOCKS));
    }
}

/// The write log judges every request, whichever process sent it and however late.
mod late_requests {
    use super::*;

    #[test]
    fn two_zombies_are_no_counterexample() {
        let bounds = Bounds { faults: 4, late: 2, expiries: 1, ..CALM };
        assert_holds(&Task { checked: vec![Invariant::L2], ..task(R, bounds) });
    }

    #[test]
    fn three_late_requests_break_nothing_under_any_clock() {
        let bounds = Bounds { faults: 3, late: 3, ..CALM };
        assert_holds(&task(R, bounds));
        let checked = Task::applicable(Clocks::Unbounded);
        assert_holds(&Task { clocks: Clocks::Unbounded, checked, ..task(R, bounds) });
    }

    #[test]
    fn a_late_checkpoint_without_a_fence_breaks_l3() {
        let design = Design { checkpoint: Checkpoint::Unconditional, ..R };
        assert_breaks(&task(design, Bounds { faults: 1, late: 1, ..CALM }), Invariant::L3);
    }
}

/// A turn owns its lease under a name of its own, and can be dropped at any moment.
mod turns {
    use super::*;

    const DROPS: Bounds = Bounds { faults: 2, failures: 1, late: 1, ..CALM };

    #[test]
    fn under_its_workers_name_a_turn_adopts_the_lease_that_a_dropped_one_then_releases() {
        let task = mutated(R, DROPS, Mutant::OwnerPerWorker);
        assert_eq!(assert_breaks(&task, Invariant::L2), 20);
    }

    #[test]
    fn a_crash_does_not_show_that_because_the_next_process_has_another_name() {
        let bounds = Bounds { crashes: 1, failures: 0, ..DROPS };
        assert_holds(&mutated(R, bounds, Mutant::OwnerPerWorker));
    }

    #[test]
    fn of_two_turns_under_one_name_each_takes_the_others_lease_for_its_own() {
        let task = mutated(R, CALM, Mutant::OwnerShared);
        assert_eq!(assert_breaks(&task, Invariant::L2), 12);
        assert_eq!(assert_breaks(&task, Invariant::D2), 16);
    }

    #[test]
    fn the_recommended_design_survives_turns_that_are_dropped() {
        let bounds = Bounds { faults: 4, failures: 2, late: 2, ..DROPS };
        assert_holds_and_exercises_all(bounds);
        let checked = Task::applicable(Clocks::Unbounded);
        let bounds = Bounds { faults: 3, expiries: 1, ..DROPS };
        assert_holds(&Task { clocks: Clocks::Unbounded, checked, ..task(R, bounds) });
    }

    #[test]
    fn a_dropped_turn_excuses_no_delivery_that_was_finished() {
        let bounds = Bounds { faults: 1, failures: 1, ..CALM };
        assert_breaks(&mutated(R, bounds, Mutant::CheckpointForgotten), Invariant::D2);
    }
}

/// Expected positions, and two live runs of one producer.
mod appends {
    use super::*;

    const EXPECTING: Bounds = Bounds { expected: 1, ..CALM };

    #[test]
    fn an_expectation_without_a_check_breaks_s4() {
        let anonymous = Design { producer: Producer::Anonymous, ..R };
        for design in [R, anonymous] {
            let task = mutated(design, EXPECTING, Mutant::ExpectationUnguarded);
            assert_breaks(&task, Invariant::S4);
        }
    }

    #[test]
    fn expected_positions_hold_under_faults() {
        let bounds = Bounds { faults: 2, crashes: 1, lost_replies: 1, late: 1, ..EXPECTING };
        assert_holds(&task(R, bounds));
    }

    #[test]
    fn two_live_runs_of_a_producer_append_nothing_twice() {
        let bounds = Bounds { faults: 2, twins: 1, lost_replies: 1, late: 1, ..CALM };
        assert_holds_and_exercises_all(bounds);
    }

    #[test]
    fn a_second_append_with_its_record_meets_faults_too() {
        let bounds = Bounds { faults: 2, long_inputs: 1, crashes: 1, lost_replies: 1, ..CALM };
        assert_holds_and_exercises_all(bounds);
    }

    #[test]
    fn an_event_that_is_acknowledged_again_did_not_begin_with_the_next_append() {
        let design = Design { own_token: OwnToken::Ignore, ..R };
        let bounds = Bounds { events: 2, faults: 1, twins: 1, ..CALM };
        assert_breaks(&task(design, bounds), Invariant::S2);
        let task = Task { checked: vec![Invariant::S3], ..task(design, bounds) };
        assert_holds(&task);
    }
}

/// P1 under fairness.
mod progress {
    use super::*;

    #[test]
    fn a_livelock_that_only_a_fair_schedule_shows_breaks_p1() {
        let bounds = Bounds { faults: 1, crashes: 1, ..CALM };
        assert_breaks(&mutated(R, bounds, Mutant::GivesUpAtGaps), Invariant::P1);
    }
}

/// The engine against Stateright.
mod engines {
    use super::*;

    const BOUNDS: Bounds =
        Bounds { faults: 1, crashes: 1, lost_replies: 1, late: 1, expiries: 1, slow: 1, ..CALM };

    #[test]
    fn both_engines_reach_the_same_number_of_states() {
        for known in NAMED {
            let ours = Task { symmetric: false, ..safety(known.design) };
            let theirs = Task { engine: Engine::Stateright, ..ours.clone() };
            let (ours, theirs) = (run(&ours), run(&theirs));
            // A violation ends Stateright's search of that property early, not ours.
            if ours.violated().is_empty() {
                assert_eq!(ours.unique, theirs.unique, "{}", known.name);
            }
        }
    }

    /// Ours remembers the steps of a process whatever faults are left; only those that happen count.
    #[test]
    fn both_engines_exercise_the_same_steps() {
        let kinds = Bounds::FAULTS.iter().flat_map(|kind| {
            [Clocks::Timely, Clocks::Unbounded].map(|clocks| {
                let mut bounds = Bounds { faults: 1, ..CALM };
                (kind.set)(&mut bounds, 1);
                (kind.name, bounds, clocks)
            })
        });
        for (kind, bounds, clocks) in kinds {
            let checked = vec![Invariant::D1];
            let ours = Task { symmetric: false, clocks, checked, ..task(R, bounds) };
            let theirs = Task { engine: Engine::Stateright, ..ours.clone() };
            let (ours, theirs) = (run(&ours).missed_marks, run(&theirs).missed_marks);
            assert_eq!(ours, theirs, "{kind} {clocks:?}");
        }
    }

    #[test]
    fn states_that_differ_in_names_alone_have_one_verdict() {
        for known in NAMED {
            let symmetric = safety(known.design);
            let full = Task { symmetric: false, ..symmetric.clone() };
            assert_eq!(broken(&symmetric), broken(&full), "{}", known.name);
        }
    }

    #[test]
    fn any_number_of_threads_reaches_the_same_states() {
        let one = Task { threads: NonZeroUsize::MIN, ..safety(R) };
        let four = Task { threads: NonZeroUsize::new(4).expect("not zero"), ..safety(R) };
        let (one, four) = (run(&one), run(&four));
        assert_eq!((one.unique, one.generated), (four.unique, four.generated));
    }

    fn safety(design: Design) -> Task {
        let checked = Task::applicable(Clocks::Timely);
        let checked = checked.into_iter().filter(|&invariant| invariant != Invariant::P1).collect();
        Task { checked, ..task(design, BOUNDS) }
    }
}
