//! What workers say where something fails.

use std::time::Duration;

use gapless::{AfterFailure, Delivery, Event, HandlerError, Permanent};
use serde_json::json;

use super::{SECOND, each_key, one_partition, transcript};
use crate::costs::meter::{Latency, Wrong};

#[test]
fn a_handler_that_fails_twice() {
    transcript("a_handler_that_fails_twice", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        let handler = scene.script.failing(SECOND / 10, 2);
        scene.catch_up(scene.worker_with(handler).attempts(3, SECOND));
    });
}

/// It is not tried again, whatever the attempts.
#[test]
fn a_handler_that_fails_for_good() {
    transcript("a_handler_that_fails_for_good", one_partition, |scene| {
        scene.given(&[("k", "0"), ("k", "1")]);
        let handler =
            async |_: Delivery| Err::<(), HandlerError>(Permanent::new("no order").into());
        scene.catch_up(scene.worker_with(handler).attempts(3, SECOND));
    });
}

/// Each attempt is given up when its time is over. The lease is renewed meanwhile.
#[test]
fn a_handler_that_hangs() {
    transcript("a_handler_that_hangs", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        let worker = scene.worker_with(scene.script.handler(60 * SECOND));
        scene.catch_up(worker.attempts(2, SECOND).handler_limit(5 * SECOND));
    });
}

#[test]
fn a_partition_that_fails_and_is_come_back_to() {
    transcript("a_partition_that_fails", each_key, |scene| {
        scene.given(&[("a", "0")]);
        let handler = scene.script.failing(SECOND / 10, 6);
        let worker = scene.worker_with(handler).attempts(2, SECOND / 2);
        let worker = worker.sweep_every(60 * SECOND);
        let worker = worker.after_failure(AfterFailure::ComeBack { pause: 20 * SECOND });
        scene.work_during(worker, async {
            scene.wait(5.0).await;
            scene.append("b", "0").await;
            scene.wait(5.0).await;
            scene.append("a", "1").await;
            scene.wait(300.0).await;
        });
    });
}

#[test]
fn a_partition_that_fails_and_is_left_alone() {
    transcript("a_partition_left_alone", each_key, |scene| {
        scene.given(&[("a", "0"), ("b", "0")]);
        let handler = scene.script.failing(SECOND / 10, 1);
        let worker = scene.worker_with(handler).attempts(1, SECOND);
        scene.catch_up(worker.after_failure(AfterFailure::LeaveAlone).concurrency(1));
    });
}

#[test]
fn a_partition_that_fails_and_stops_the_worker() {
    transcript("a_partition_that_stops_the_worker", each_key, |scene| {
        scene.given(&[("a", "0"), ("b", "0")]);
        let handler = scene.script.failing(SECOND / 10, 1);
        let worker = scene.worker_with(handler).attempts(1, SECOND);
        scene.catch_up(worker.after_failure(AfterFailure::Stop).concurrency(1));
    });
}

#[test]
fn requests_that_fail_once_each() {
    transcript("requests_that_fail_once", one_partition, |scene| {
        scene.given(&[("k", "0"), ("k", "1")]);
        for kind in ["BatchGetItem", "Query consumers", "Query events"] {
            scene.meter.go_wrong_once(kind, Wrong::Internal);
        }
        scene.meter.go_wrong_in_turn("UpdateItem", &[Wrong::Throttled, Wrong::Applied]);
        scene.work_during(scene.worker().delivery_limit(1).sweep_every(2 * SECOND), async {
            scene.wait(5.0).await;
            scene.append("k", "2").await;
            scene.meter.go_wrong_in_turn("UpdateItem", &[Wrong::Applied; 6]);
            scene.wait(10.0).await;
        });
    });
}

/// The worker gives up when patience is over.
#[test]
fn a_table_that_does_not_answer() {
    transcript(
        "a_table_that_does_not_answer",
        |c| one_partition(c).patience(3 * SECOND),
        |scene| {
            scene.given(&[("k", "0")]);
            scene.meter.go_wrong("UpdateItem consumers", Wrong::Internal);
            let ended = scene.run(scene.worker().run());
            scene.say(format!("{}", ended.expect_err("it gives up")));
            scene.meter.mend("UpdateItem consumers");
            scene.meter.go_wrong("Query consumers", Wrong::Internal);
            let ended = scene.run(scene.worker().sweep_every(SECOND).run());
            scene.say(format!("{}", ended.expect_err("it gives up")));
        },
    );
}

#[test]
fn a_caller_without_permission() {
    transcript("a_caller_without_permission", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        for kind in ["BatchGetItem", "Query events", "UpdateItem consumers"] {
            scene.meter.go_wrong_once(kind, Wrong::Forbidden);
            scene.catch_up(scene.worker());
        }
    });
}

/// No partition can be told from it: the worker says so once, and ends with it once it has caught up.
#[test]
fn an_item_that_cannot_be_read() {
    transcript("an_item_that_cannot_be_read", each_key, |scene| {
        scene.given(&[("a", "0")]);
        let foreign = json!({
            "partitionId": { "S": "p0~2!" }, "bucket": { "S": "0" },
            "sequenceNumber": { "N": "3" },
        });
        scene.meter.put("partitions", &foreign);
        scene.work_during(scene.worker().sweep_every(3 * SECOND), async {
            scene.wait(10.0).await;
        });
        scene.catch_up(scene.worker());
    });
}

/// Each write of a worker is applied, and its answer lost.
#[test]
fn answers_to_a_worker_that_are_lost() {
    transcript("answers_lost_to_a_worker", one_partition, |scene| {
        scene.given(&[("k", "0"), ("k", "1")]);
        let lose = |what: &str| {
            scene.say(format!("the answer to the {what} will be lost"));
            scene.meter.go_wrong_once("UpdateItem consumers", Wrong::Applied);
        };
        lose("acquisition");
        let handler = scene.script.handler(6 * SECOND);
        scene.work_during(scene.worker_with(handler).delivery_limit(1), async {
            scene.wait(1.0).await;
            lose("renewal");
            scene.wait(4.0).await;
            lose("checkpoint");
            scene.wait(2.0).await;
            lose("next renewal");
            scene.wait(3.8).await;
            lose("release");
            scene.wait(5.0).await;
        });
    });
}

#[test]
fn a_release_that_is_refused() {
    transcript("a_release_that_is_refused", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        scene.work_during(scene.worker(), async {
            scene.wait(0.05).await;
            scene.meter.go_wrong_once("UpdateItem consumers", Wrong::Forbidden);
            scene.wait(1.0).await;
        });
        scene.catch_up(scene.worker());
    });
}

/// An attempt has three seconds.
#[test]
fn calls_that_never_answer() {
    transcript(
        "calls_that_never_answer",
        |c| one_partition(c).patience(5 * SECOND),
        |scene| {
            scene.given(&[("k", "0")]);
            scene.work_during(scene.worker(), async {
                scene.wait(0.05).await;
                let hour = Duration::from_secs(3600);
                scene.meter.set_latency(Latency { queries: hour, others: hour });
                scene.wait(4.0).await;
                scene.append("k", "1").await;
                let millisecond = Duration::from_millis(1);
                scene.meter.set_latency(Latency { queries: millisecond, others: millisecond });
                scene.wait(20.0).await;
            });
        },
    );
}

/// The look behind a delivery fails: what was handled is kept all the same.
#[test]
fn a_look_behind_a_delivery_that_fails() {
    transcript("a_look_behind_that_fails", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        scene.work_during(scene.worker(), async {
            scene.wait(0.05).await;
            scene.meter.go_wrong_once("Query events", Wrong::Internal);
            scene.wait(1.0).await;
        });
    });
}

/// A page that is read ahead fails, and is read again.
#[test]
fn a_page_ahead_that_fails() {
    transcript("a_page_ahead_that_fails", one_partition, |scene| {
        scene.given(&[("k", "0"), ("k", "1"), ("k", "2")]);
        scene.meter.go_wrong_in_turn("Query events", &[Wrong::Throttled]);
        scene.work_during(scene.worker().delivery_limit(2), async {
            scene.wait(0.06).await;
            scene.meter.go_wrong_in_turn("Query events", &[Wrong::Internal, Wrong::Throttled]);
            scene.wait(1.0).await;
        });
    });
}

/// The handler fails, and so does the write of the failure's note.
#[test]
fn a_note_that_cannot_be_stored() {
    transcript("a_note_that_cannot_be_stored", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        let worker = scene.worker_with(scene.script.failing(SECOND, 1)).attempts(1, SECOND);
        let worker = worker.after_failure(AfterFailure::Stop);
        scene.work_during(worker, async {
            scene.wait(0.5).await;
            scene.meter.go_wrong_once("UpdateItem consumers", Wrong::Forbidden);
            scene.wait(1.0).await;
        });
    });
}

/// A slot that a newer release wrote stops its partition alone.
#[test]
fn a_slot_of_a_newer_release() {
    transcript("a_slot_of_a_newer_release", each_key, |scene| {
        scene.given(&[("a", "0"), ("b", "0")]);
        let id = scene.stream.route("a").to_string();
        let newer = json!({
            "partitionId": { "S": id }, "sequenceNumber": { "N": "2" }, "v": { "N": "2" },
        });
        scene.meter.put("events", &newer);
        scene.run(crate::costs::take_number_of(&scene.stream, "a"));
        scene.given(&[]);
        scene.catch_up(scene.worker());
        let newer = json!({
            "partitionId": { "S": scene.stream.route("b").to_string() }, "bucket": { "S": "0" },
            "sequenceNumber": { "N": "2" }, "v": { "N": "3" },
        });
        scene.meter.put("partitions", &newer);
        scene.run(scene.append("b", "1"));
        scene.catch_up(scene.worker());
        let appended = scene.run(scene.stream.append_batch(vec![Event::new("c", "0")]));
        scene.say(format!("{:?}", appended.map(|receipt| receipt.position)));
    });
}

/// The clock is set back by an hour while a worker waits at a gap, and while it handles.
#[test]
fn a_clock_that_is_set_back() {
    transcript("a_clock_that_is_set_back", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        scene.run(crate::costs::take_number(&scene.stream));
        scene.given(&[("k", "1")]);
        scene.work_during(scene.worker(), async {
            scene.wait(0.6).await;
            scene.say("the clock is set back");
            scene.meter.time.set_clock(-3_600_000);
            scene.wait(30.0).await;
        });
    });
}
