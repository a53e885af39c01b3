//! Failures seen in the field, as named checks: the recommended design survives
//! each, and the design without the protection does not.

use crate::common::{CALM, assert_breaks, assert_holds, mutated, task};
use gapless_model::check::{Bounds, Clocks, Task};
use gapless_model::design::{
    Acquire, Busy, Checkpoint, Design, Finish, Gap, OwnToken, Producer, SlotWrite, Trigger,
};
use gapless_model::{Invariant, Mutant};

const R: Design = Design::RECOMMENDED;

/// Scenario 1: A reader steps over a number that is allocated and not yet visible. The slow
/// writer resumes, or dies, or writes after its slot was voided.
mod scenario_1_a_number_allocated_and_not_yet_visible {
    use super::*;

    const BOUNDS: Bounds = Bounds { faults: 2, crashes: 1, late: 1, ..CALM };

    #[test]
    fn the_recommended_design_survives() {
        assert_holds(&task(R, BOUNDS));
    }

    #[test]
    fn skipping_the_gap_loses_the_slow_writers_event() {
        assert_breaks(&task(Design { gap: Gap::Skip, ..R }, BOUNDS), Invariant::D3);
    }

    #[test]
    fn waiting_at_the_gap_strands_everything_behind_a_dead_writer() {
        assert_breaks(&task(Design { gap: Gap::Wait, ..R }, BOUNDS), Invariant::P1);
    }

    #[test]
    fn a_blind_write_overwrites_the_void() {
        assert_breaks(&task(Design { slot_write: SlotWrite::Blind, ..R }, BOUNDS), Invariant::S1);
    }

    #[test]
    fn a_condition_stripped_on_the_wire_does_the_same() {
        assert_breaks(&mutated(R, BOUNDS, Mutant::BlindWrites), Invariant::S1);
    }
}

/// Scenario 2: One's own retry looks like losing, on every kind of write, with retries that
/// the sender never sees, and with a recovery read that is stale.
mod scenario_2_ones_own_retry_looks_like_losing {
    use super::*;

    const BOUNDS: Bounds = Bounds { faults: 2, lost_replies: 2, late: 1, crashes: 1, ..CALM };

    #[test]
    fn the_recommended_design_survives() {
        assert_holds(&task(R, BOUNDS));
    }

    #[test]
    fn every_way_to_increment_survives() {
        use gapless_model::design::Increment::{Add, CompareAndSet, None, Transaction};
        for increment in [CompareAndSet, Add, Transaction, None] {
            let design = Design { increment, producer: Producer::Anonymous, ..R };
            assert_holds(&task(design, BOUNDS));
        }
    }

    #[test]
    fn an_append_that_demands_a_head_survives_however_it_increments() {
        use gapless_model::design::Increment::{Add, CompareAndSet, None, Transaction};
        let bounds = Bounds { expected: 1, ..BOUNDS };
        for increment in [CompareAndSet, Add, Transaction, None] {
            assert_holds(&task(Design { increment, producer: Producer::Anonymous, ..R }, bounds));
        }
        assert_holds(&task(R, bounds));
    }

    #[test]
    fn a_writer_that_ignores_its_own_token_appends_twice() {
        let design = Design { own_token: OwnToken::Ignore, ..R };
        assert_breaks(&task(design, BOUNDS), Invariant::S2);
    }

    #[test]
    fn a_stale_recovery_read_is_harmless_because_the_write_is_conditional() {
        // It believes its slot empty and writes; the condition tells it that its event is there.
        assert_holds(&mutated(R, BOUNDS, Mutant::StaleRecovery));
    }

    #[test]
    fn a_stale_recovery_read_with_a_blind_write_overwrites_a_void() {
        let design = Design { slot_write: SlotWrite::Blind, ..R };
        assert_breaks(&mutated(design, BOUNDS, Mutant::StaleRecovery), Invariant::S1);
    }
}

/// Scenario 3: Handoff limbo: either side of a handover crashes, at each of its steps.
mod scenario_3_handoff_limbo {
    use super::*;
    use gapless_model::design::Handover;

    const BOUNDS: Bounds = Bounds { faults: 3, handovers: 2, crashes: 1, expiries: 1, ..CALM };

    #[test]
    fn the_recommended_design_survives() {
        assert_holds(&task(R, BOUNDS));
    }

    #[test]
    fn a_best_effort_trigger_after_the_release_strands_what_is_left() {
        let handover = Handover::ReleaseThenTrigger;
        let design = Design { handover, trigger: Trigger::BestEffort, ..R };
        assert_breaks(&task(design, BOUNDS), Invariant::P1);
    }

    #[test]
    fn a_successor_triggered_too_early_is_dropped() {
        let handover = Handover::TriggerThenRelease;
        let design = Design { handover, busy: Busy::Drop, ..R };
        assert_breaks(&task(design, BOUNDS), Invariant::P1);
    }
}

/// Scenario 6: Memory runs ahead of the table: a checkpoint fails, or did land and is rolled back.
mod scenario_6_memory_runs_ahead_of_the_table {
    use super::*;

    const BOUNDS: Bounds = Bounds { faults: 2, lost_replies: 1, late: 1, ..CALM };

    #[test]
    fn the_recommended_design_survives() {
        assert_holds(&task(R, BOUNDS));
    }

    #[test]
    fn a_checkpoint_reported_as_done_is_delivered_again_after_a_clean_release() {
        let design = Design { finish: Finish::TwoWrites, ..R };
        assert_breaks(&mutated(design, BOUNDS, Mutant::CheckpointUnknownAsDone), Invariant::D2);
    }
}

/// Scenario 7: Zombie owner: paused past its lease, taken over, resumes with a queued write.
mod scenario_7_zombie_owner {
    use super::*;

    const BOUNDS: Bounds = Bounds { faults: 2, expiries: 1, late: 1, ..CALM };

    fn unbounded(task: Task) -> Task {
        Task { clocks: Clocks::Unbounded, checked: Task::applicable(Clocks::Unbounded), ..task }
    }

    #[test]
    fn the_recommended_design_survives_whatever_its_clocks_do() {
        assert_holds(&task(R, BOUNDS));
        assert_holds(&unbounded(task(R, BOUNDS)));
    }

    #[test]
    fn an_unfenced_checkpoint_lets_the_zombie_move_it() {
        let design = Design { checkpoint: Checkpoint::Unconditional, ..R };
        assert_breaks(&unbounded(task(design, BOUNDS)), Invariant::L3);
    }

    #[test]
    fn a_fence_dropped_on_the_wire_does_the_same() {
        let lost_fence = mutated(R, BOUNDS, Mutant::LeaseUnfenced);
        assert_breaks(&unbounded(lost_fence), Invariant::L3);
    }

    #[test]
    fn an_epoch_alone_does_not_stop_a_late_checkpoint_of_ones_own() {
        let design = Design { checkpoint: Checkpoint::Epoch, ..R };
        assert_breaks(&task(design, BOUNDS), Invariant::L3);
    }
}

/// Scenario 9: Clock errors: skew, steps, drift; live leases as well as ended ones; a
/// heartbeat after the release.
mod scenario_9_clock_errors {
    use super::*;
    use gapless_model::design::Expiry;

    const BOUNDS: Bounds = Bounds { faults: 3, expiries: 2, late: 1, ..CALM };

    fn under(clocks: Clocks, design: Design) -> Task {
        Task { clocks, checked: Task::applicable(clocks), ..task(design, BOUNDS) }
    }

    #[test]
    fn the_recommended_design_survives() {
        for clocks in [Clocks::Timely, Clocks::Unbounded] {
            assert_holds(&under(clocks, R));
        }
    }

    #[test]
    fn an_observer_that_watches_the_lease_survives_too() {
        for clocks in [Clocks::Timely, Clocks::Unbounded] {
            assert_holds(&under(clocks, Design { expiry: Expiry::Observer, ..R }));
        }
    }

    #[test]
    fn a_heartbeat_without_a_fence_revives_anothers_lease() {
        let design = Design { checkpoint: Checkpoint::Unconditional, ..R };
        assert_breaks(&under(Clocks::Timely, design), Invariant::L2);
    }

    #[test]
    fn no_design_keeps_to_one_active_worker_when_clocks_are_unbounded() {
        let task = under(Clocks::Unbounded, R);
        assert_breaks(&task, Invariant::L2);
    }
}

/// Scenario 10: An orphan in a balanced group: the table shows an owner that is not there,
/// and nobody acts on it until something else happens.
mod scenario_10_an_orphan {
    use super::*;

    const BOUNDS: Bounds = Bounds { faults: 2, crashes: 1, late: 1, lost_replies: 1, ..CALM };

    #[test]
    fn the_recommended_design_survives() {
        assert_holds(&task(R, BOUNDS));
    }

    #[test]
    fn a_trigger_dropped_at_a_dead_workers_lease_leaves_it_an_orphan() {
        assert_breaks(&task(Design { busy: Busy::Drop, ..R }, BOUNDS), Invariant::P1);
    }

    #[test]
    fn two_workers_that_read_and_then_set_both_believe_in_their_lease() {
        let design = Design { acquire: Acquire::ReadThenSet, ..R };
        assert_breaks(&task(design, BOUNDS), Invariant::L2);
    }
}
