//! What workers say at numbers that no event was written for.

use gapless::{Event, Seq};

use super::{SECOND, one_partition, transcript};
use crate::costs::{take_number, write_late};

/// The first is voided when its grace is over; the writer of the second is only late.
#[test]
fn a_writer_that_died_and_one_that_is_late() {
    transcript("gaps", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        scene.run(take_number(&scene.stream));
        scene.given(&[("k", "2")]);
        scene.run(take_number(&scene.stream));
        scene.given(&[("k", "4")]);
        scene.work_during(scene.worker(), async {
            scene.wait(0.5).await;
            scene.say("the late writer comes");
            write_late(&scene.stream, Seq(4), Event::new("k", "3")).await;
            scene.wait(10.0).await;
        });
    });
}

/// Its writer was faster than the void.
#[test]
fn a_void_that_is_refused() {
    transcript("a_void_that_is_refused", one_partition, |scene| {
        scene.run(take_number(&scene.stream));
        scene.given(&[("k", "1")]);
        scene.work_during(scene.worker(), async {
            scene.wait(1.0055).await;
            write_late(&scene.stream, Seq(1), Event::new("k", "0")).await;
            scene.wait(10.0).await;
        });
    });
}

/// They age together.
#[test]
fn three_gaps_in_a_row() {
    transcript("three_gaps_in_a_row", one_partition, |scene| {
        for _ in 0..3 {
            scene.run(take_number(&scene.stream));
        }
        scene.given(&[("k", "0")]);
        scene.catch_up(scene.worker());
    });
}

/// Nothing is behind it, so nothing waits for it: each sweep looks whether that has changed.
#[test]
fn a_number_at_the_tail() {
    transcript("a_number_at_the_tail", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        scene.run(take_number(&scene.stream));
        scene.given(&[]);
        let worker = scene.worker().sweep_every(3 * SECOND);
        scene.work_during(worker, async {
            scene.wait(8.0).await;
            scene.say("its event is written");
            write_late(&scene.stream, Seq(2), Event::new("k", "1")).await;
            scene.wait(5.0).await;
        });
    });
}

/// A worker is asked to stop while it waits at a gap.
#[test]
fn a_stop_at_a_gap() {
    transcript("a_stop_at_a_gap", one_partition, |scene| {
        scene.run(take_number(&scene.stream));
        scene.given(&[("k", "0")]);
        scene.work_during(scene.worker(), scene.wait(0.5));
    });
}
