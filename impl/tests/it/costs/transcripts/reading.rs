//! What those say who read, load and look.

use std::pin::pin;

use futures_util::StreamExt as _;
use futures_util::future::{join, select};
use gapless::{Event, Group, History, Layout, Position, Reader, Recorded, Seq, Target};
use serde_json::json;

use super::{SECOND, Scene, each_key, one_partition, transcript};
use crate::costs::meter::Wrong;
use crate::costs::take_number;

fn say_read(scene: &Scene, reader: Reader) {
    match scene.run(reader.collect()) {
        Ok(events) => {
            for read in events {
                let text = read.event.text().unwrap_or_default();
                scene
                    .say(format!("{} {} {}={text}", read.partition, read.position, read.event.key));
            }
        }
        Err(error) => scene.say(error),
    }
}

#[test]
fn readers() {
    transcript("readers", each_key, |scene| {
        scene.given(&[("a", "0"), ("b", "0"), ("a", "1"), ("b", "1"), ("a", "2")]);
        scene.run(take_number(&scene.stream));
        scene.say("read everything");
        say_read(scene, scene.stream.read(Target::Everything));
        scene.say("read a from its second slot");
        let from = Position { slot: Seq(2), index: 0 };
        say_read(scene, scene.stream.read(Target::Key("a".into())).from(from));
        scene.say("read the partition of b");
        say_read(scene, scene.stream.read(Target::Partition(scene.stream.route("b"))));
    });
}

/// With a number that was not written; and little more than was asked for.
#[test]
fn a_reader_that_goes_backwards() {
    transcript("a_reader_that_goes_backwards", each_key, |scene| {
        scene.given(&[("a", "0"), ("b", "0"), ("a", "1"), ("b", "1")]);
        scene.run(take_number(&scene.stream));
        scene.run(scene.stream.append(Event::new("k", "1"))).expect("appended");
        let say = |read: Result<Recorded, _>| {
            let read = read.expect("read");
            let text = read.event.text().unwrap_or_default();
            scene.say(format!("{} {} {}={text}", read.partition, read.position, read.event.key));
        };
        scene.say("read everything backwards");
        scene.run(scene.stream.read_back(Target::Everything).for_each(async |read| say(read)));
        scene.say("the newest event of b");
        let mut of_b = pin!(scene.stream.read_back(Target::Key("b".into())));
        scene.run(of_b.next()).map(say);
    });
}

#[test]
fn a_reader_at_a_gap() {
    transcript("a_reader_at_a_gap", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        scene.run(take_number(&scene.stream));
        scene.given(&[("k", "1"), ("k", "2")]);
        say_read(scene, scene.stream.read(Target::Everything));
        let reader = scene.stream.read(Target::Everything).follow(SECOND);
        let follows = reader.events().for_each(|read| {
            scene.say(format!("{:?}", read.map(|read| read.position)));
            std::future::ready(())
        });
        let works = async {
            scene.wait(2.5).await;
            scene.say("a worker voids the slot");
            let ended = scene.worker().until_caught_up().await;
            scene.say(format!("{ended:?}"));
            scene.wait(3.0).await;
        };
        scene.run(select(pin!(follows), pin!(works)));
    });
}

#[test]
fn a_receipt_that_waits_until_it_can_be_read() {
    transcript(
        "settled",
        |config| one_partition(config).patience(SECOND),
        |scene| {
            scene.run(take_number(&scene.stream));
            let receipt = scene.run(scene.stream.append(Event::new("k", "0"))).expect("appended");
            let settled = scene.run(scene.stream.settled(&receipt));
            scene.say(format!("{settled:?}"));
            let (settled, ended) =
                scene.run(join(scene.stream.settled(&receipt), scene.worker().until_caught_up()));
            scene.say(format!("{settled:?} {ended:?}"));
        },
    );
}

fn say_history(scene: &Scene, history: &History) {
    let texts: Vec<_> = history.events().iter().map(|event| event.event.text()).collect();
    scene.say(format!("up to {}: {texts:?}", history.head()));
}

async fn append_to(scene: &Scene, history: &mut History, data: &str) {
    scene.say(format!("append {data} to the history"));
    let event = Event::new(history.key(), data);
    scene.say_appended(scene.stream.append_to(history, vec![event]).await);
    say_history(scene, history);
}

#[test]
fn histories() {
    transcript(
        "histories",
        |c| one_partition(c).grace(SECOND / 2),
        |scene| {
            scene.given(&[("a", "0"), ("b", "0")]);
            scene.run(async {
                let mut history = scene.stream.load("a").await.expect("loaded");
                say_history(scene, &history);
                append_to(scene, &mut history, "1").await;
                scene.say("others append to b, and take a number");
                scene.stream.append(Event::new("b", "1")).await.expect("appended");
                take_number(&scene.stream).await;
                append_to(scene, &mut history, "2").await;
                scene.say("others append to a");
                scene.stream.append(Event::new("a", "other")).await.expect("appended");
                append_to(scene, &mut history, "3").await;
                append_to(scene, &mut history, "4").await;
                scene.say("load what is behind 6");
                let of_a = scene.stream.route("a");
                let later = scene.stream.load_after("a", &of_a, Seq(6)).await.expect("loaded");
                say_history(scene, &later);
                let refused =
                    scene.stream.load_after("a", &of_a, Seq(60)).await.expect_err("it is empty");
                scene.say(refused);
            });
        },
    );
}

#[test]
fn a_history_with_gaps() {
    transcript(
        "a_history_with_gaps",
        |c| one_partition(c).grace(SECOND / 2),
        |scene| {
            scene.given(&[("a", "0")]);
            scene.run(take_number(&scene.stream));
            scene.run(take_number(&scene.stream));
            scene.given(&[("a", "1")]);
            scene.run(take_number(&scene.stream));
            scene.run(async {
                let mut history = scene.stream.load("a").await.expect("loaded");
                say_history(scene, &history);
                append_to(scene, &mut history, "2").await;
            });
        },
    );
}

/// They age together, and what is between them is read at once.
#[test]
fn a_history_with_gaps_apart() {
    transcript(
        "a_history_with_gaps_apart",
        |c| one_partition(c).grace(SECOND / 2),
        |scene| {
            for number in ["0", "1", "2"] {
                scene.given(&[("a", number), ("b", number)]);
                scene.run(take_number(&scene.stream));
            }
            scene.given(&[("a", "3")]);
            let history = scene.run(scene.stream.load("a")).expect("loaded");
            say_history(scene, &history);
        },
    );
}

#[test]
fn looks_at_a_stream() {
    transcript(
        "looks",
        |config| config.layout(Layout::Fixed { bits: 1 }),
        |scene| {
            scene.given(&[("a", "0"), ("b", "0"), ("c", "0"), ("d", "1")]);
            scene.run(scene.worker().until_caught_up()).expect("caught up");
            scene.given(&[("a", "1")]);
            scene.run(take_number(&scene.stream));
            let partitions = scene.run(scene.stream.partitions()).expect("listed");
            scene.say(format!("{partitions:?}"));
            scene.say(format!("{:?}", scene.run(scene.stream.heads(&partitions))));
            scene.say(format!("{:?}", scene.run(scene.stream.standings(&Group::from("g")))));
            scene.say(format!("{:?}", scene.run(scene.stream.status())));
            scene.say(format!(
                "{:?}",
                scene.run(scene.stream.audit(|so_far| {
                    scene.say(format!("so far: {so_far:?}"));
                }))
            ));
            scene.say(format!("{:?}", scene.run(scene.stream.has_table_stream())));
        },
    );
}

/// Its own write has no answer, and others write for as long as patience lasts.
#[test]
fn a_history_whose_append_is_in_doubt() {
    transcript(
        "a_history_in_doubt",
        |c| one_partition(c).patience(SECOND),
        |scene| {
            scene.given(&[("a", "0")]);
            scene.run(async {
                let mut history = scene.stream.load("a").await.expect("loaded");
                scene.meter.go_wrong("PutItem", Wrong::Applied);
                append_to(scene, &mut history, "1").await;
                scene.meter.mend("PutItem");
                append_to(scene, &mut history, "2").await;
                append_to(scene, &mut history, "3").await;
                scene.meter.go_wrong_once("UpdateItem", Wrong::Throttled);
                append_to(scene, &mut history, "4").await;
            });
        },
    );
}

/// Another append is always faster.
#[test]
fn a_history_of_a_busy_partition() {
    transcript(
        "a_history_of_a_busy_partition",
        |c| one_partition(c).patience(SECOND / 20),
        |scene| {
            scene.given(&[("a", "0")]);
            scene.run(async {
                let mut history = scene.stream.load("a").await.expect("loaded");
                let busy = async {
                    loop {
                        let _ = scene.stream.append(Event::new("b", "x")).await;
                    }
                };
                select(pin!(append_to(scene, &mut history, "1")), pin!(busy)).await;
            });
        },
    );
}

#[test]
fn a_reader_whose_pages_fail() {
    transcript(
        "a_reader_whose_pages_fail",
        |c| one_partition(c).patience(SECOND),
        |scene| {
            scene.given(&[("k", "0")]);
            scene.meter.go_wrong_in_turn("Query events", &[Wrong::Throttled, Wrong::Internal]);
            say_read(scene, scene.stream.read(Target::Everything));
            scene.meter.go_wrong("Query events", Wrong::Internal);
            say_read(scene, scene.stream.read(Target::Everything));
            scene.meter.go_wrong("Query events", Wrong::Forbidden);
            say_read(scene, scene.stream.read(Target::Everything));
        },
    );
}

/// Where each key has a partition, new ones come while it follows.
#[test]
fn a_reader_that_follows_new_partitions() {
    transcript("a_reader_that_follows", each_key, |scene| {
        let reader = scene.stream.read(Target::Everything).follow(SECOND);
        let follows = reader.events().for_each(|read| {
            scene.say(format!("{:?}", read.map(|read| (read.event.key, read.position))));
            std::future::ready(())
        });
        let appends = async {
            for key in ["a", "b", "a"] {
                scene.append(key, "x").await;
                scene.wait(1.5).await;
            }
        };
        scene.run(select(pin!(follows), pin!(appends)));
    });
}

/// What should not be: an event in two slots, a checkpoint ahead of the head.
#[test]
fn an_audit_that_finds_something() {
    transcript("an_audit_that_finds_something", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        scene.run(scene.worker().until_caught_up()).expect("caught up");
        let mut copy = scene.meter.items("events")[0].clone();
        copy["sequenceNumber"] = json!({ "N": "4" });
        scene.meter.put("events", &copy);
        let mut ahead = scene.meter.items("consumers")[0].clone();
        ahead["sequenceNumber"] = json!({ "N": "7" });
        scene.meter.put("consumers", &ahead);
        scene.given(&[]);
        let audit = scene.run(scene.stream.audit(|_| ())).expect("read");
        scene.say(format!(
            "{} partitions, {} slots, {} open",
            audit.partitions, audit.slots, audit.open
        ));
        for finding in &audit.findings {
            scene.say(format!(
                "{finding} (slots {:?} of {})",
                finding.slots(),
                finding.partition()
            ));
        }
    });
}
