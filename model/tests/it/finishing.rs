//! How a turn leaves at the tail: one look behind its last delivery, and one write.

use gapless_model::check::Tick;
use gapless_model::consume::{News, Outcome};
use gapless_model::design::{Design, Finish, Handover, Read, Release};
use gapless_model::store::{Guard, Lease, Reply, Request};
use gapless_model::{Epoch, Seq};

use crate::dialogue::{Dialogue, lease, page, refused};

const CHECKED: Design = Design { release: Release::NextEmpty, ..Design::RECOMMENDED };

/// A turn that asks to move the checkpoint to 5 and to release the lease at once.
fn leaving(design: Design) -> Dialogue {
    Dialogue::finished(design).replies(0, page(&[]))
}

#[track_caller]
fn asks_to_checkpoint(dialogue: &Dialogue) {
    assert!(matches!(dialogue.asks(), Request::Checkpoint { to: Seq(5), .. }));
}

/// It asks to move the checkpoint to 5 and to release the lease in one write.
#[track_caller]
fn asks_to_leave(dialogue: &Dialogue, on: Guard) {
    match dialogue.asks() {
        Request::Release { to, fence, guard, .. } => {
            assert_eq!((to, fence, guard), (Some(Seq(5)), Some(Epoch(7)), on));
        }
        other => panic!("{other:?}"),
    }
}

fn looks(dialogue: &Dialogue) -> Option<(Seq, bool)> {
    match dialogue.asks() {
        Request::ReadEvents { after, consistent, .. } => Some((after, consistent)),
        _ => None,
    }
}

#[test]
fn looks_behind_a_delivery_that_ends_with_its_page() {
    // The page was consistent, so this read is for speed alone, and may be cheap.
    let dialogue = Dialogue::finished(Design::RECOMMENDED);
    assert_eq!(looks(&dialogue), Some((Seq(5), false)));
    assert!(dialogue.turn.is_active() && dialogue.turn.may_stop());
    // No page has been: this one confirms that nothing is left.
    let design = Design { read: Read::EventualConfirmed, ..Design::RECOMMENDED };
    assert_eq!(looks(&Dialogue::finished(design)), Some((Seq(5), true)));
}

#[test]
fn does_not_look_where_more_is_known_or_may_be() {
    for shown in [&[5, 7][..], &[5, 6, 7, 8][..]] {
        let dialogue = Dialogue::holding(Design::RECOMMENDED).replies(0, page(shown));
        let dialogue = dialogue.hears(0, News::Handled);
        assert!(matches!(dialogue.asks(), Request::Checkpoint { .. }), "{shown:?}");
    }
    let two = Design { finish: Finish::TwoWrites, ..Design::RECOMMENDED };
    asks_to_checkpoint(&Dialogue::finished(two));
}

#[test]
fn moves_the_checkpoint_with_the_release_if_nothing_came() {
    let dialogue = leaving(Design::RECOMMENDED);
    asks_to_leave(&dialogue, Guard::None);
    assert_eq!(dialogue.replies(0, Reply::Released).ended(), Some(Outcome::CaughtUp));
}

#[test]
fn reads_on_behind_a_checkpoint_if_something_came() {
    let dialogue = Dialogue::finished(Design::RECOMMENDED).replies(0, page(&[6]));
    asks_to_checkpoint(&dialogue);
    dialogue.replies(0, Reply::Leased(lease())).reads_after(5);
}

#[test]
fn goes_on_without_a_look_that_fails_or_comes_too_late() {
    let dialogue = Dialogue::finished(Design::RECOMMENDED);
    assert!(dialogue.turn.can_do_without());
    assert_eq!(dialogue.wakes_at(), Some(Tick(1)), "the checkpoint renews the lease");
    let late = Dialogue::finished(Design::RECOMMENDED).hears(1, News::Time);
    for given_up in [dialogue.hears(0, News::Unheard), late] {
        asks_to_checkpoint(&given_up);
        assert!(!given_up.turn.can_do_without());
        asks_to_checkpoint(&given_up.hears(1, News::Unheard));
    }
}

#[test]
fn leaves_with_one_write_and_no_look_where_its_time_runs_out() {
    for shown in [&[5][..], &[5, 7][..]] {
        for handover in [Handover::GiveBack, Handover::ReleaseThenTrigger] {
            let design = Design { handover, ..Design::RECOMMENDED };
            let dialogue = Dialogue::holding(design).replies(0, page(shown));
            let dialogue = dialogue.hears(0, News::Stop).hears(0, News::Handled);
            asks_to_leave(&dialogue, Guard::None);
            let left = dialogue.replies(0, Reply::Released);
            match handover {
                Handover::GiveBack => assert_eq!(left.ended(), Some(Outcome::GivenBack)),
                _ => assert!(left.turn.wants(&left.rules).trigger),
            }
        }
    }
    // What it was about to look for is its successor's.
    let stopped = Dialogue::finished(Design::RECOMMENDED).hears(0, News::Stop);
    asks_to_leave(&stopped, Guard::None);
    // A successor that comes before the release is to find the checkpoint moved.
    let design = Design { handover: Handover::TriggerThenRelease, ..Design::RECOMMENDED };
    let dialogue = Dialogue::delivering(design).hears(0, News::Stop);
    asks_to_checkpoint(&dialogue.hears(0, News::Handled));
}

#[test]
fn looks_again_behind_what_its_release_has_finished() {
    let design = Design { release: Release::LookAgain, ..Design::RECOMMENDED };
    leaving(design).replies(0, Reply::Released).reads_after(5);
    let own = Lease { checkpoint: Seq(5), active: false, ..lease() };
    leaving(design).replies(0, refused(own)).reads_after(5);
}

#[test]
fn looks_once_a_renewal_under_way_is_answered() {
    let dialogue = Dialogue::delivering(Design::RECOMMENDED).hears(1, News::Time);
    let dialogue = dialogue.hears(1, News::Handled);
    assert!(matches!(dialogue.asks(), Request::Renew { .. }));
    assert_eq!(looks(&dialogue.replies(1, Reply::Leased(lease()))), Some((Seq(5), false)));
}

#[test]
fn its_own_lost_release_counts_only_with_the_checkpoint() {
    let own = Lease { checkpoint: Seq(5), active: false, ..lease() };
    let dialogue = leaving(Design::RECOMMENDED).replies(0, refused(own.clone()));
    assert_eq!(dialogue.ended(), Some(Outcome::CaughtUp));
    // An operator has released it: slot 5 will be delivered again.
    let released = Lease { checkpoint: Seq(4), ..own };
    let dialogue = leaving(Design::RECOMMENDED).replies(0, refused(released));
    assert_eq!(dialogue.ended(), Some(Outcome::Lost));
}

#[test]
fn its_own_lost_hand_over_counts_only_with_the_checkpoint() {
    let own = Lease { checkpoint: Seq(5), active: false, ..lease() };
    let leaving = || Dialogue::finished(Design::RECOMMENDED).hears(0, News::Stop);
    assert_eq!(leaving().replies(0, refused(own.clone())).ended(), Some(Outcome::GivenBack));
    let released = Lease { checkpoint: Seq(4), ..own };
    assert_eq!(leaving().replies(0, refused(released)).ended(), Some(Outcome::Lost));
}

#[test]
fn checkpoints_first_if_the_release_is_refused_for_new_work() {
    let checked = leaving(CHECKED);
    asks_to_leave(&checked, Guard::Empty(Seq(6)));
    asks_to_checkpoint(&checked.replies(0, Reply::Refused { lease: None, taken: true }));
    let design = Design { release: Release::Wake, ..Design::RECOMMENDED };
    asks_to_checkpoint(&leaving(design).replies(0, refused(Lease { wake: 1, ..lease() })));
}

#[test]
fn is_not_active_any_more_once_it_asks_to_leave() {
    let dialogue = leaving(Design::RECOMMENDED);
    assert!(dialogue.turn.holds_lease() && !dialogue.turn.is_active());
}
