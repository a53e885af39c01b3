//! What workers say about leases that end, are held, or are lost.

use std::pin::pin;

use futures_util::future::{join, select};
use gapless::{Epoch, Group, SeekTo, Seq, Timestamp};
use gapless_model::design::named;

use super::{SECOND, Scene, each_key, one_partition, transcript};
use crate::costs::meter::Wrong;
use crate::costs::take_number;

#[test]
fn a_handler_that_takes_longer_than_a_lease() {
    transcript("a_handler_that_takes_longer_than_a_lease", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        scene.catch_up(scene.worker_with(scene.script.handler(25 * SECOND)));
    });
}

/// It waits for the lease to end, and takes over.
#[test]
fn a_lease_of_a_worker_that_died() {
    transcript("a_lease_of_a_worker_that_died", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        let dies = scene.worker_with(scene.script.handler(60 * SECOND));
        scene.run(select(pin!(dies.run()), scene.meter.time.wait(SECOND)));
        scene.say("it died");
        scene.catch_up(scene.worker());
    });
}

#[test]
fn a_lease_that_is_released_from_outside() {
    transcript("a_lease_released_from_outside", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        let worker = scene.worker_with(scene.script.handler(5 * SECOND));
        let id = worker.id().expect("random bytes").clone();
        scene.work_during(worker, async {
            scene.wait(1.0).await;
            scene.say("an operator releases the worker's leases");
            let released = scene.stream.release_leases(&Group::from("g"), &id).await;
            scene.say(format!("{released:?}"));
            scene.wait(20.0).await;
        });
    });
}

/// With more to do it goes on until it asks for something that needs the lease.
#[test]
fn a_release_from_outside_with_a_backlog() {
    transcript("a_release_with_a_backlog", one_partition, |scene| {
        scene.given(&[("k", "0"), ("k", "1"), ("k", "2")]);
        let worker = scene.worker_with(scene.script.handler(SECOND)).delivery_limit(1);
        let id = worker.id().expect("random bytes").clone();
        scene.work_during(worker, async {
            scene.wait(0.5).await;
            scene.say("an operator releases the worker's leases");
            let released = scene.stream.release_leases(&Group::from("g"), &id).await;
            scene.say(format!("{released:?}"));
            scene.wait(5.0).await;
        });
    });
}

/// Both are told of the event at once: one of them is refused.
#[test]
fn two_workers_that_are_told_at_once() {
    transcript("told_at_once", one_partition, |scene| {
        let [first, second] = [0, 1].map(|_| scene.worker_with(scene.script.handler(2 * SECOND)));
        let stop = second.stopper();
        let both = async {
            scene.wait(0.5).await;
            scene.append("k", "0").await;
            scene.wait(1.0).await;
            scene.append("k", "1").await;
            scene.wait(20.0).await;
            stop.request();
        };
        scene.work_during(first, async {
            let (summary, ()) = join(second.run(), both).await;
            scene.say(format!("{summary:?}"));
        });
    });
}

/// A worker stands still for longer than its lease, and another has gone on meanwhile.
fn overtaken(scene: &Scene) {
    scene.given(&[("k", "0"), ("k", "1")]);
    let slow = scene.worker_with(scene.script.handler(4 * SECOND)).delivery_limit(1);
    let mut slow = Box::pin(slow.until_caught_up());
    scene.run(select(&mut slow, pin!(scene.meter.time.wait(SECOND))));
    scene.say("it stands still for a quarter of a minute");
    scene.run(scene.meter.time.wait(15 * SECOND));
    scene.say("another worker comes");
    scene.catch_up(scene.worker());
    scene.say("the first goes on");
    let summary = scene.run(slow);
    scene.say(format!("{summary:?}"));
}

#[test]
fn a_worker_that_was_overtaken() {
    transcript("overtaken", one_partition, overtaken);
}

/// It takes over when it has seen no sign of life for a whole lease.
#[test]
fn a_worker_that_was_overtaken_by_an_observer() {
    let design = named("observer").expect("it has a name").design;
    transcript("overtaken_by_an_observer", |c| one_partition(c).design(design), overtaken);
}

/// An event comes between the look behind a delivery and the release.
#[test]
fn an_event_that_comes_just_before_a_release() {
    transcript("just_before_a_release", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        scene.work_during(scene.worker(), async {
            scene.wait(0.1045).await;
            scene.append("k", "1").await;
            scene.wait(5.0).await;
        });
    });
}

/// A checkpoint is moved by hand: back, to a time, and not under a worker. Its answers are lost
/// once.
#[test]
fn a_checkpoint_moved_by_hand() {
    transcript("a_checkpoint_moved_by_hand", one_partition, |scene| {
        scene.given(&[("k", "0"), ("k", "1"), ("k", "2")]);
        let (group, partition) = (Group::from("g"), scene.stream.route("k"));
        let seek = |to| {
            scene.say(format!("seek {to:?}"));
            let sought = scene.run(scene.stream.seek(&group, &partition, to));
            scene
                .say(sought.map_or_else(|error| error.to_string(), |sought| format!("{sought:?}")));
        };
        seek(SeekTo::End);
        // Its acquire, and then its release.
        scene.meter.go_wrong_in_turn("UpdateItem consumers", &[Wrong::Applied, Wrong::Applied]);
        seek(SeekTo::Behind(Seq(1)));
        seek(SeekTo::Time(Timestamp::from_millis(1_700_000_000_000)));
        seek(SeekTo::Behind(Seq(4)));
        let handler = scene.script.handler(SECOND);
        scene.work_during(scene.worker_with(handler), async {
            scene.wait(0.5).await;
            scene.say("seek the start");
            let sought = scene.stream.seek(&group, &partition, SeekTo::Start).await;
            scene.say(sought.expect_err("a worker has the lease"));
        });
    });
}

/// There is nothing to look at.
#[test]
fn a_group_that_begins_at_the_end_of_nothing() {
    transcript("a_group_that_begins_at_the_end_of_nothing", one_partition, |scene| {
        let begun = scene.run(scene.stream.begin_at(&Group::from("g"), SeekTo::End));
        begun.expect("begun").iter().for_each(|sought| scene.say(format!("{sought:?}")));
    });
}

#[test]
fn a_group_that_begins_at_the_end() {
    transcript("a_group_that_begins_at_the_end", each_key, |scene| {
        scene.given(&[("a", "0"), ("b", "0"), ("a", "1")]);
        // A number that was not written; and the answer to the first write is lost.
        scene.run(take_number(&scene.stream));
        scene.meter.go_wrong_once("UpdateItem consumers", Wrong::Applied);
        for _ in 0..2 {
            let begun = scene.run(scene.stream.begin_at(&Group::from("g"), SeekTo::End));
            let begun = begun.expect("begun");
            begun.iter().for_each(|sought| scene.say(format!("{sought:?}")));
        }
        scene.catch_up(scene.worker());
    });
}

/// It is held longer than a lease lasts, asked for by another caller meanwhile, and held again.
#[test]
fn a_lease_on_a_key() {
    transcript("a_lease_on_a_key", one_partition, |scene| {
        let lease = scene.stream.lease("jobs", "nightly");
        let (script, length) = (&scene.script, SECOND);
        let work = async |epoch: Epoch| {
            script.say(format!("at work under epoch {epoch}"));
            script.time.wait(12 * length).await;
            script.say("done");
        };
        let another = async {
            scene.wait(5.0).await;
            scene.say(format!("another: {:?}", lease.hold(async |_| ()).await));
        };
        let (held, ()) = scene.run(join(lease.hold(work), another));
        scene.say(format!("{held:?}"));
        scene.say(format!("{:?}", scene.run(lease.hold(async |epoch| epoch))));
    });
}
