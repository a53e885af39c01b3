//! What those say who append in groups.

use std::pin::pin;

use futures_util::future::{join, join_all, select};
use futures_util::poll;
use gapless::{Event, GroupError, Grouping, Receipt};

use super::{SECOND, Scene, one_partition, receipt_of, transcript};
use crate::costs::event;
use crate::costs::meter::Wrong;

fn say_grouped(scene: &Scene, appended: Result<Receipt, GroupError>) {
    match appended {
        Ok(receipt) => scene.say(receipt_of(&receipt)),
        Err(error) => scene.say(format!("not appended: {error} {}", error.is_unsettled())),
    }
}

/// Appends so many events at once, `later` of them after a moment.
fn append_at_once(scene: &Scene, grouping: Grouping, events: u64, later: u64) {
    scene.say(format!("append {events} events, and {later} after 0.2 s: {grouping:?}"));
    let appender = scene.stream.appender(grouping);
    let first = join_all((0..events).map(|number| appender.append(event(number))));
    let then = async {
        scene.wait(0.2).await;
        join_all((0..later).map(|number| appender.append(event(100 + number)))).await
    };
    let (first, then) = scene.run(join(first, then));
    for ended in first.into_iter().chain(then) {
        say_grouped(scene, ended);
    }
}

/// A group is written when it is full, or the queue is, or after its linger.
#[test]
fn limits_of_groups() {
    transcript("limits_of_groups", one_partition, |scene| {
        let lingering = Grouping::default().linger(SECOND);
        append_at_once(scene, lingering.events(3), 3, 0);
        append_at_once(scene, lingering.events(3), 1, 2);
        append_at_once(scene, lingering.events(10).waiting(2), 2, 0);
        append_at_once(scene, lingering.events(10).waiting(2), 5, 0);
        append_at_once(scene, lingering.events(0), 2, 0);
        append_at_once(scene, lingering.waiting(0), 3, 0);
        append_at_once(scene, lingering.bytes(8), 2, 1);
        append_at_once(scene, Grouping::default(), 4, 1);
    });
}

#[test]
fn groups() {
    transcript("groups", one_partition, |scene| {
        let grouping = Grouping::default().linger(SECOND).events(3).waiting(4);
        let appender = scene.stream.appender(grouping);
        scene.say("append 7 events at once");
        let appends = join_all((0..7).map(|number| appender.append(event(number))));
        for ended in scene.run(appends) {
            say_grouped(scene, ended);
        }
        let grouping = Grouping::default().bytes(1_000);
        let appender = scene.stream.appender(grouping);
        scene.say("append 3 events of 450 bytes at once");
        let large = |number: u8| Event::new("k", number.to_string().repeat(450));
        let appends = join_all((0..3).map(|number| appender.append(large(number))));
        for ended in scene.run(appends) {
            say_grouped(scene, ended);
        }
    });
}

#[test]
fn a_group_whose_outcome_is_unknown() {
    transcript(
        "a_group_in_doubt",
        |config| one_partition(config).patience(SECOND),
        |scene| {
            let appender = scene.stream.appender(Grouping::default());
            scene.meter.go_wrong("PutItem", Wrong::Internal);
            let appends = join_all((0..2).map(|number| appender.append(event(number))));
            let failed = scene.run(appends).into_iter().map(|ended| ended.expect_err("no answer"));
            let settled = failed.map(|error| {
                scene.say(format!("not appended: {error} {}", error.is_unsettled()));
                error.settle()
            });
            let failed =
                scene.run(join_all(settled)).into_iter().map(|ended| ended.expect_err("none"));
            let failed: Vec<_> = failed.collect();
            scene.meter.mend("PutItem");
            scene.say("settle both");
            let settled = failed.into_iter().map(GroupError::settle);
            for ended in scene.run(join_all(settled)) {
                say_grouped(scene, ended);
            }
            scene.meter.go_wrong("UpdateItem", Wrong::Forbidden);
            let appends = join_all((0..2).map(|number| appender.append(event(number))));
            for ended in scene.run(appends) {
                say_grouped(scene, ended);
            }
        },
    );
}

/// Who leads is dropped after so long, while another waits for the same group.
fn drop_leader(scene: &Scene, after: f64) {
    let appender = scene.stream.appender(Grouping::default());
    scene.run(async {
        let mut first = Box::pin(appender.append(event(0)));
        let mut second = Box::pin(appender.append(event(1)));
        let pause = pin!(scene.wait(after));
        let _ = select(&mut first, pause).await;
        assert!(poll!(&mut second).is_pending());
        scene.say("the first is dropped");
        drop(first);
        say_grouped(scene, second.await);
    });
}

/// Its number is lost, and the group takes another.
#[test]
fn a_leader_that_is_dropped() {
    transcript("a_leader_that_is_dropped", one_partition, |scene| drop_leader(scene, 0.0005));
}

/// The next finds the slot written.
#[test]
fn a_leader_that_is_dropped_while_it_writes() {
    let name = "a_leader_dropped_while_it_writes";
    transcript(name, one_partition, |scene| drop_leader(scene, 0.0015));
}

/// All who wait for a group are dropped: it is given up with them.
#[test]
fn a_group_that_nobody_waits_for() {
    transcript("a_group_that_nobody_waits_for", one_partition, |scene| {
        let appender = scene.stream.appender(Grouping::default());
        scene.run(async {
            let both = join(appender.append(event(0)), appender.append(event(1)));
            select(pin!(both), pin!(scene.wait(0.0005))).await;
            scene.say("all are dropped");
            scene.wait(1.0).await;
            say_grouped(scene, appender.append(event(2)).await);
        });
        scene.catch_up(scene.worker());
    });
}

/// What is too large for any item is refused alone; the others go on.
#[test]
fn a_group_with_an_event_that_is_too_large() {
    transcript("a_group_with_a_large_event", one_partition, |scene| {
        let appender = scene.stream.appender(Grouping::default());
        let sizes = [410_000, 5, 300_000, 200_000];
        let events = sizes.map(|size| appender.append(Event::new("k", "x".repeat(size))));
        for ended in scene.run(join_all(events)) {
            say_grouped(scene, ended);
        }
        scene.say("as many bytes as go into an item");
        let appender = scene.stream.appender(Grouping::default().bytes(usize::MAX));
        let events = [200_000; 3].map(|size| appender.append(Event::new("k", "x".repeat(size))));
        for ended in scene.run(join_all(events)) {
            say_grouped(scene, ended);
        }
    });
}
