//! What the designs say, each of them about the same work.

use std::pin::pin;
use std::time::Duration;

use futures_util::future::select;
use gapless::Event;
use gapless_model::design::{Increment, named};

use super::{Scene, one_partition, transcript};
use crate::costs::meter::Wrong;
use crate::costs::take_number;

/// Two events, a number without an event, answers that are lost, and a worker that dies.
fn work(scene: &Scene, has_counter: bool) {
    scene.run(scene.append("k", "0"));
    scene.catch_up(scene.worker());
    scene.run(scene.append("k", "1"));
    if has_counter {
        scene.run(take_number(&scene.stream));
    }
    scene.run(scene.append("k", "2"));
    let (partition, expected) = (scene.stream.route("k"), gapless::Seq(1));
    let late = vec![Event::new("k", "late")];
    let expecting = scene.stream.append_expecting(&partition, expected, late);
    match scene.run(expecting) {
        Ok(receipt) => scene.say(super::receipt_of(&receipt)),
        Err(error) => scene.say(error),
    }
    scene.catch_up(scene.worker());
    scene.say("answers to writes are lost");
    for kind in ["PutItem", "Transact", "UpdateItem partitions", "UpdateItem consumers"] {
        scene.meter.go_wrong_once(kind, Wrong::Applied);
    }
    scene.run(scene.append("k", "3"));
    scene.catch_up(scene.worker());
    scene.say("a worker dies");
    scene.run(scene.append("k", "4"));
    let dies = scene.worker_with(scene.script.handler(Duration::from_secs(60)));
    scene.run(select(pin!(dies.run()), scene.meter.time.wait(Duration::from_secs(1))));
    scene.run(scene.append("k", "5"));
    scene.catch_up(scene.worker());
    scene.say("an event comes just before a release");
    scene.run(scene.append("k", "6"));
    scene.work_during(scene.worker(), async {
        scene.wait(0.1045).await;
        scene.append("k", "7").await;
        scene.wait(3.0).await;
    });
}

fn of(name: &str) {
    let design = named(name).expect("it has a name").design;
    let file = format!("design_{}", name.replace('-', "_"));
    let has_counter = design.increment != Increment::None;
    transcript(&file, |config| one_partition(config).design(design), |s| work(s, has_counter));
}

#[test]
fn recommended() {
    of("recommended");
}

#[test]
fn transaction() {
    of("transaction");
}

#[test]
fn compare_and_set() {
    of("compare-and-set");
}

#[test]
fn no_counter() {
    of("no-counter");
}

#[test]
fn observer() {
    of("observer");
}

#[test]
fn wake_counter() {
    of("wake-counter");
}

#[test]
fn checked_release() {
    of("checked-release");
}

#[test]
fn look_again() {
    of("look-again");
}
