//! The consume machine, news by news: what it makes of each answer, on a clock of ticks.

use gapless_model::check::{Small, Tick};
use gapless_model::consume::{News, Outcome};
use gapless_model::design::{
    Acquire, Design, Expiry, Gap, Handover, Read as ReadDesign, Release as ReleaseDesign,
};
use gapless_model::store::{Free, Guard, Lease, Reply, Request};
use gapless_model::{Epoch, Rules, Seq};

use crate::dialogue::{Dialogue, OTHER, lease, page, refused, rules};

mod taking {
    use super::*;

    #[test]
    fn begins_where_the_checkpoint_is() {
        let dialogue = Dialogue::holding(Design::RECOMMENDED);
        dialogue.reads_after(4);
        assert_eq!(dialogue.turn.epoch(), Epoch(7));
    }

    #[test]
    fn adopts_the_lease_that_its_own_lost_request_took() {
        let dialogue = Dialogue::of(Design::RECOMMENDED).replies(1, refused(lease()));
        dialogue.reads_after(4);
        // It counts from tick 0, when the lost request was sent: at 3 it has ended.
        assert_eq!(dialogue.hears(3, News::Time).ended(), Some(Outcome::Lost));
    }

    #[test]
    fn leaves_a_lease_alone_that_somebody_holds() {
        let held = Lease { owner: OTHER, ..lease() };
        let dialogue = Dialogue::of(Design::RECOMMENDED).replies(0, refused(held));
        assert_eq!(dialogue.ended(), Some(Outcome::Busy));
    }

    #[test]
    fn a_reply_at_the_very_end_of_the_lease_is_too_late() {
        let dialogue = Dialogue::of(Design::RECOMMENDED).replies(3, Reply::Leased(lease()));
        assert_eq!(dialogue.ended(), Some(Outcome::Lost));
    }

    #[test]
    fn an_observer_watches_longer_by_twice_the_bound_on_skew() {
        let design = Design { expiry: Expiry::Observer, ..Design::RECOMMENDED };
        let held = Lease { owner: OTHER, ..lease() };
        let mut dialogue = Dialogue::of(design);
        dialogue.rules.skew = 1;
        let dialogue = dialogue.replies(0, refused(held));
        assert_eq!(dialogue.wakes_at(), Some(Tick(5)));
        let dialogue = dialogue.hears(4, News::Time);
        assert_eq!(dialogue.turn.wants(&dialogue.rules).store, None);
        assert!(dialogue.hears(5, News::Time).asks().writes());
    }

    #[test]
    fn an_observer_watches_for_the_whole_length_and_then_takes_what_did_not_change() {
        let design = Design { expiry: Expiry::Observer, ..Design::RECOMMENDED };
        let held = Lease { owner: OTHER, beat: 2, ..lease() };
        let dialogue = Dialogue::of(design).replies(0, refused(held.clone()));
        assert_eq!(dialogue.wakes_at(), Some(Tick(3)));
        let dialogue = dialogue.hears(2, News::Time);
        assert_eq!(dialogue.turn.wants(&dialogue.rules).store, None);
        let dialogue = dialogue.hears(3, News::Time);
        match dialogue.asks() {
            Request::Acquire { free, .. } => {
                assert_eq!(free, Free::Unchanged { epoch: Epoch(7), beat: 2 });
            }
            other => panic!("{other:?}"),
        }
        // It gave a sign of life: somebody is at work, and watching once is enough.
        let dialogue = dialogue.replies(3, refused(Lease { beat: 3, ..held }));
        assert_eq!(dialogue.ended(), Some(Outcome::Busy));
    }

    mod by_reading_first {
        use super::*;

        const DESIGN: Design = Design { acquire: Acquire::ReadThenSet, ..Design::RECOMMENDED };

        fn sets(lease: Option<Lease<Small>>) -> Option<Epoch> {
            match Dialogue::of(DESIGN).replies(0, Reply::Lease(lease)).turn_asks() {
                Some(Request::SetLease { epoch, .. }) => Some(epoch),
                Some(other) => panic!("{other:?}"),
                None => None,
            }
        }

        impl Dialogue {
            fn turn_asks(&self) -> Option<Request<Small>> {
                self.turn.wants(&self.rules).store
            }
        }

        #[test]
        fn takes_what_nobody_has_was_released_or_has_ended() {
            assert_eq!(sets(None), Some(Epoch(1)));
            assert_eq!(sets(Some(Lease { active: false, ..lease() })), Some(Epoch(8)));
            assert_eq!(sets(Some(Lease { until: Tick(0), ..lease() })), Some(Epoch(8)));
            assert_eq!(sets(Some(lease())), None);
        }

        #[test]
        fn keeps_the_checkpoint_that_it_read() {
            let seen = Lease { active: false, checkpoint: Seq(2), ..lease() };
            let dialogue = Dialogue::of(DESIGN)
                .replies(0, Reply::Lease(Some(seen)))
                .replies(0, Reply::Leased(lease()));
            dialogue.reads_after(2);
        }
    }
}

mod reading {
    use super::*;

    #[test]
    fn what_looks_like_the_tail_is_confirmed_once_where_reads_may_be_stale() {
        let design = Design { read: ReadDesign::EventualConfirmed, ..Design::RECOMMENDED };
        let consistent = |dialogue: &Dialogue| match dialogue.asks() {
            Request::ReadEvents { consistent, .. } => Some(consistent),
            Request::Release { .. } => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(consistent(&Dialogue::holding(Design::RECOMMENDED)), Some(true));
        let dialogue = Dialogue::holding(design);
        assert_eq!(consistent(&dialogue), Some(false));
        let dialogue = dialogue.replies(0, page(&[]));
        assert_eq!(consistent(&dialogue), Some(true));
        assert_eq!(consistent(&dialogue.replies(0, page(&[]))), None);
    }

    #[test]
    fn goes_no_further_than_the_page() {
        for gap in [Gap::Skip, Gap::Wait, Gap::Void] {
            let design = Design { gap, ..Design::RECOMMENDED };
            let dialogue = Dialogue::holding(design).replies(0, page(&[5, 6]));
            let wants = dialogue.turn.wants(&dialogue.rules);
            let delivery = wants.deliver.expect("there are events");
            assert_eq!((delivery.after, delivery.upto, delivery.epoch), (Seq(4), Seq(6), Epoch(7)));
        }
    }

    #[test]
    fn waits_at_a_gap_for_the_grace_period_and_then_voids_it() {
        // The renewal is due before: at tick 1.
        let dialogue = Dialogue::holding(Design::RECOMMENDED).replies(0, page(&[6]));
        assert_eq!(dialogue.wakes_at(), Some(Tick(1)));
        let dialogue = dialogue.hears(1, News::Time);
        assert!(matches!(dialogue.asks(), Request::Renew { .. }));
        // Its answer may take as long as the lease lasts. The simulation found what comes
        // of less: given up at once, and again, no gap was ever waited out (P1).
        assert_eq!(dialogue.wakes_at(), Some(Tick(3)));
        let dialogue = dialogue.replies(1, Reply::Leased(lease()));
        assert_eq!(dialogue.wakes_at(), Some(Tick(2)));
        let dialogue = dialogue.hears(1, News::Time);
        assert_eq!(dialogue.turn.wants(&dialogue.rules).store, None);
        let dialogue = dialogue.hears(2, News::Time);
        assert!(matches!(dialogue.asks(), Request::Void { slot: Seq(5), .. }));
    }

    /// The turn voids this slot, and reads what is there then.
    #[track_caller]
    fn voids(dialogue: Dialogue, tick: i16, slot: u64, then: &[u64]) -> Dialogue {
        match dialogue.asks() {
            Request::Void { slot: asked, .. } => assert_eq!(asked, Seq(slot)),
            other => panic!("it should void slot {slot}, not {other:?}"),
        }
        dialogue.replies(tick, Reply::Written).replies(tick, page(then))
    }

    #[track_caller]
    fn delivers(dialogue: &Dialogue, after: u64, upto: u64) {
        let wants = dialogue.turn.wants(&dialogue.rules);
        let delivery = wants.deliver.expect("there are events to deliver");
        assert_eq!((delivery.after, delivery.upto), (Seq(after), Seq(upto)));
    }

    #[test]
    fn gaps_of_one_page_age_together_and_one_delivery_takes_what_is_between_them() {
        let rules = Rules { renew: 3, ..rules(Design::RECOMMENDED) };
        let dialogue = Dialogue { rules, ..Dialogue::holding(Design::RECOMMENDED) };
        let dialogue = dialogue.replies(0, page(&[6, 8])).hears(2, News::Time);
        let dialogue = voids(dialogue, 2, 5, &[5, 6, 8]);
        let dialogue = voids(dialogue, 2, 7, &[5, 6, 7, 8]);
        delivers(&dialogue, 4, 8);
    }

    #[test]
    fn a_gap_ages_while_the_handler_works_on_what_is_before_it() {
        let dialogue = Dialogue::holding(Design::RECOMMENDED).replies(0, page(&[5, 7]));
        delivers(&dialogue, 4, 5);
        let moved = Lease { checkpoint: Seq(5), until: Tick(5), ..lease() };
        let dialogue = dialogue.hears(2, News::Handled).replies(2, Reply::Leased(moved));
        let dialogue = dialogue.replies(2, page(&[7]));
        let dialogue = voids(dialogue, 2, 6, &[6, 7]);
        delivers(&dialogue, 5, 7);
    }

    #[test]
    fn a_slot_that_was_passed_over_later_has_a_grace_period_of_its_own() {
        let rules = Rules { renew: 9, lease: 20, ..rules(Design::RECOMMENDED) };
        let dialogue = Dialogue { rules, ..Dialogue::holding(Design::RECOMMENDED) };
        let dialogue = dialogue.replies(0, page(&[6]));
        let dialogue = voids(dialogue.hears(2, News::Time), 2, 5, &[5, 6, 8]);
        delivers(&dialogue, 4, 6);
        let moved = Lease { checkpoint: Seq(6), until: Tick(23), ..lease() };
        let dialogue = dialogue.hears(3, News::Handled).replies(3, Reply::Leased(moved));
        let dialogue = dialogue.replies(3, page(&[8]));
        assert_eq!(dialogue.wakes_at(), Some(Tick(4)), "slot 7 was passed over at tick 2");
    }

    /// A page may end earlier than the one before it: DynamoDB cuts it where it likes.
    #[test]
    fn a_slot_behind_the_end_of_the_page_is_not_voided() {
        let rules = Rules { renew: 3, ..rules(Design::RECOMMENDED) };
        let dialogue = Dialogue { rules, ..Dialogue::holding(Design::RECOMMENDED) };
        let dialogue = dialogue.replies(0, page(&[6, 9])).hears(2, News::Time);
        let dialogue = voids(dialogue, 2, 5, &[5, 6]);
        delivers(&dialogue, 4, 6);
    }

    #[test]
    fn what_can_be_delivered_is_not_held_up_once_a_renewal_is_due() {
        let dialogue = Dialogue::holding(Design::RECOMMENDED).replies(0, page(&[6, 8]));
        // The renewal is due since tick 1.
        let dialogue = voids(dialogue.hears(2, News::Time), 2, 5, &[5, 6, 8]);
        delivers(&dialogue, 4, 6);
    }

    #[test]
    fn a_gap_that_a_stale_read_may_show_is_waited_for_each_time() {
        let design = Design { read: ReadDesign::EventualConfirmed, ..Design::RECOMMENDED };
        let dialogue = Dialogue::holding(design).replies(0, page(&[6])).hears(2, News::Time);
        let dialogue = voids(dialogue, 2, 5, &[6]);
        assert_eq!(dialogue.turn.wants(&dialogue.rules).store, None);
    }

    #[test]
    fn wakes_to_renew_while_the_handler_works() {
        let dialogue = Dialogue::delivering(Design::RECOMMENDED).hears(0, News::Time);
        assert_eq!(dialogue.turn.wants(&dialogue.rules).store, None);
        assert_eq!(dialogue.wakes_at(), Some(Tick(1)));
        let dialogue = dialogue.hears(1, News::Time);
        assert!(matches!(dialogue.asks(), Request::Renew { .. }));
        // If the renewal is never answered, this is when it is over.
        assert_eq!(dialogue.wakes_at(), Some(Tick(3)));
    }

    #[test]
    fn its_own_lost_renewal_counts() {
        // The clock was set back since the lost one, so the second one asked for less.
        let renewing = Dialogue::delivering(Design::RECOMMENDED).hears(1, News::Time);
        let longer = Lease { until: Tick(5), ..lease() };
        let dialogue = renewing.replies(1, refused(longer)).hears(4, News::Time);
        assert_eq!(dialogue.ended(), None);
        // It lasts until the end that the lost one asked for.
        assert_eq!(dialogue.hears(5, News::Time).ended(), Some(Outcome::Lost));
    }

    #[test]
    fn a_clock_that_was_set_back_asks_for_no_less_than_the_turn_counts_on() {
        // Renewed at tick 2, the lease ends at tick 5. Then the clock shows 1.
        let renewing = Dialogue::delivering(Design::RECOMMENDED).hears(2, News::Time);
        let renewed = renewing.replies(2, Reply::Leased(Lease { until: Tick(5), ..lease() }));
        let dialogue = renewed.hears(1, News::Handled).replies(1, page(&[6]));
        let Request::Checkpoint { extend, .. } = dialogue.asks() else { panic!("a checkpoint") };
        assert_eq!(extend.until, Tick(5));
        let moved = Lease { checkpoint: Seq(5), until: Tick(5), ..lease() };
        let dialogue = dialogue.replies(1, Reply::Leased(moved)).hears(4, News::Time);
        assert_eq!(dialogue.ended(), None);
        assert_eq!(dialogue.hears(5, News::Time).ended(), Some(Outcome::Lost));
    }

    #[test]
    fn anybody_elses_lease_is_not_renewed() {
        let renewing = Dialogue::delivering(Design::RECOMMENDED).hears(1, News::Time);
        let taken = Lease { epoch: Epoch(8), until: Tick(5), ..lease() };
        assert_eq!(renewing.replies(1, refused(taken)).ended(), Some(Outcome::Lost));
    }

    #[test]
    fn a_lease_is_over_the_moment_it_ends() {
        let at = |tick| Dialogue::delivering(Design::RECOMMENDED).hears(tick, News::Time).ended();
        assert_eq!(at(2), None);
        assert_eq!(at(3), Some(Outcome::Lost));
    }
}

mod checkpointing {
    use super::*;

    fn refused_by(lease: Lease<Small>) -> Dialogue {
        Dialogue::checkpointing().replies(1, refused(lease))
    }

    #[test]
    fn reads_on_behind_it() {
        Dialogue::checkpointing().replies(0, Reply::Leased(lease())).reads_after(5);
    }

    #[test]
    fn its_own_lost_checkpoint_counts() {
        let dialogue = refused_by(Lease { checkpoint: Seq(5), ..lease() });
        dialogue.reads_after(5);
        // From when the lost one was sent (tick 0), not from the retry.
        assert_eq!(dialogue.hears(3, News::Time).ended(), Some(Outcome::Lost));
    }

    #[test]
    fn anybody_elses_means_that_the_lease_is_lost() {
        let own = Lease { checkpoint: Seq(5), ..lease() };
        for other in [
            Lease { epoch: Epoch(8), ..own.clone() },
            Lease { active: false, ..own.clone() },
            Lease { checkpoint: Seq(4), ..own },
        ] {
            assert_eq!(refused_by(other).ended(), Some(Outcome::Lost));
        }
    }
}

mod giving_up {
    use super::*;

    fn refused_by(lease: Lease<Small>) -> Dialogue {
        Dialogue::releasing(Design::RECOMMENDED).replies(0, refused(lease))
    }

    #[test]
    fn its_own_lost_release_counts() {
        let own = refused_by(Lease { active: false, ..lease() });
        assert_eq!(own.ended(), Some(Outcome::CaughtUp));
    }

    #[test]
    fn anybody_elses_release_does_not() {
        let other = refused_by(Lease { active: false, epoch: Epoch(8), ..lease() });
        assert_eq!(other.ended(), Some(Outcome::Lost));
        let taken = refused_by(Lease { epoch: Epoch(8), ..lease() });
        assert_eq!(taken.ended(), Some(Outcome::Lost));
    }

    #[test]
    fn what_came_in_meanwhile_is_read() {
        let design = Design { release: ReleaseDesign::NextEmpty, ..Design::RECOMMENDED };
        let dialogue = Dialogue::releasing(design);
        match dialogue.asks() {
            Request::Release { guard, .. } => assert_eq!(guard, Guard::Empty(Seq(5))),
            other => panic!("{other:?}"),
        }
        dialogue.replies(0, Reply::Refused { lease: None, taken: true }).reads_after(4);
    }

    #[test]
    fn a_word_that_was_left_is_heeded() {
        let design = Design { release: ReleaseDesign::Wake, ..Design::RECOMMENDED };
        let dialogue = Dialogue::releasing(design);
        let dialogue = dialogue.replies(0, refused(Lease { wake: 1, ..lease() }));
        dialogue.reads_after(4);
        let dialogue = dialogue.replies(0, page(&[]));
        match dialogue.asks() {
            Request::Release { guard, .. } => assert_eq!(guard, Guard::Unwoken(1)),
            other => panic!("{other:?}"),
        }
        // Refused though nothing came: the lease is somebody else's affair now.
        let dialogue = dialogue.replies(0, refused(Lease { wake: 1, ..lease() }));
        assert_eq!(dialogue.ended(), Some(Outcome::Lost));
    }

    #[test]
    fn a_word_left_for_somebody_else_is_not() {
        let design = Design { release: ReleaseDesign::Wake, ..Design::RECOMMENDED };
        for other in [
            Lease { wake: 1, epoch: Epoch(8), ..lease() },
            Lease { wake: 1, active: false, epoch: Epoch(8), ..lease() },
        ] {
            let dialogue = Dialogue::releasing(design).replies(0, refused(other));
            assert_eq!(dialogue.ended(), Some(Outcome::Lost));
        }
    }

    #[test]
    fn gives_the_trigger_back_when_its_time_runs_out() {
        let dialogue = Dialogue::delivering(Design::RECOMMENDED).hears(0, News::Stop);
        let dialogue = dialogue.hears(0, News::Handled).replies(0, page(&[6]));
        let dialogue = dialogue.replies(0, Reply::Leased(lease()));
        assert!(matches!(dialogue.asks(), Request::Release { guard: Guard::None, .. }));
        let dialogue = dialogue.replies(0, Reply::Released);
        assert_eq!(dialogue.ended(), Some(Outcome::GivenBack));
    }

    #[test]
    fn triggers_a_successor_before_or_after_the_release() {
        let stopped = |handover| {
            let design = Design { handover, ..Design::RECOMMENDED };
            Dialogue::holding(design).hears(0, News::Stop).replies(0, page(&[5]))
        };
        let triggers = |dialogue: &Dialogue| dialogue.turn.wants(&dialogue.rules).trigger;

        let before = stopped(Handover::TriggerThenRelease);
        assert!(triggers(&before) && before.turn.holds_lease() && before.turn.is_active());
        let before = before.hears(0, News::Triggered);
        assert!(!triggers(&before) && matches!(before.asks(), Request::Release { .. }));
        assert_eq!(before.replies(0, Reply::Released).ended(), Some(Outcome::HandedOver));

        let after = stopped(Handover::ReleaseThenTrigger).replies(0, Reply::Released);
        assert!(triggers(&after) && !after.turn.holds_lease());
        assert_eq!(after.hears(0, News::Triggered).ended(), Some(Outcome::HandedOver));
    }

    #[test]
    fn may_be_told_to_stop_once_while_it_holds_the_lease() {
        assert!(!Dialogue::of(Design::RECOMMENDED).turn.may_stop());
        let holding = Dialogue::delivering(Design::RECOMMENDED);
        assert!(holding.turn.may_stop());
        assert!(!holding.hears(0, News::Stop).turn.may_stop());
        assert!(!Dialogue::releasing(Design::RECOMMENDED).turn.may_stop());
    }
}
