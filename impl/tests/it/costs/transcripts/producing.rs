//! What named producers say.

use gapless::{Event, Number, Producer, ProducerError, Receipt};

use super::{SECOND, Scene, each_key, one_partition, receipt_of, transcript};
use crate::costs::meter::Wrong;

fn say_produced(scene: &Scene, ended: Result<Vec<Receipt>, ProducerError>) {
    match ended {
        Ok(receipts) => receipts.iter().for_each(|receipt| scene.say(receipt_of(receipt))),
        Err(error) => scene.say(format!("the producer fails: {error}")),
    }
}

async fn finish(scene: &Scene, producer: Producer) {
    match producer.finish().await {
        Ok((receipts, skipped)) => {
            say_produced(scene, Ok(receipts));
            scene.say(format!("{skipped} skipped"));
        }
        Err(error) => scene.say(error),
    }
}

async fn push(scene: &Scene, producer: &mut Producer, numbers: impl Iterator<Item = u64>) {
    for number in numbers {
        scene.say(format!("push {number}"));
        let key = if number % 2 == 0 { "a" } else { "b" };
        let pushed = producer.push(Number(number), Event::new(key, number.to_string())).await;
        say_produced(scene, pushed);
    }
}

#[test]
fn a_named_producer_and_its_rerun() {
    transcript("a_named_producer", each_key, |scene| {
        scene.run(async {
            let mut producer = scene.stream.producer("nightly").batches_of(2);
            push(scene, &mut producer, 1..=7).await;
            scene.say(format!("{} wait", producer.waiting()));
            say_produced(scene, producer.flush().await);
            push(scene, &mut producer, 7..=8).await;
            scene.say("it dies, and runs again");
            let mut producer = scene.stream.producer("nightly").batches_of(2);
            push(scene, &mut producer, 1..=8).await;
            scene.say(format!("{} skipped", producer.skipped()));
            finish(scene, producer).await;
        });
        scene.say(format!("{:?}", scene.run(scene.stream.producers())));
    });
}

#[test]
fn twins_of_a_producer() {
    transcript("twins_of_a_producer", each_key, |scene| {
        scene.run(async {
            let mut first = scene.stream.producer("nightly").batches_of(1);
            push(scene, &mut first, [2].into_iter()).await;
            say_produced(scene, first.flush().await);
            let mut second = scene.stream.producer("nightly").batches_of(1);
            push(scene, &mut second, [2, 4].into_iter()).await;
            say_produced(scene, second.flush().await);
            push(scene, &mut first, [4].into_iter()).await;
            say_produced(scene, first.flush().await);
            say_produced(scene, first.flush().await);
            scene.say(format!("{} wait", first.waiting()));
        });
    });
}

/// No batch's write has an answer: one was applied, one was not.
#[test]
fn a_producer_whose_writes_have_no_answer() {
    transcript(
        "a_producer_without_answers",
        |c| each_key(c).patience(SECOND),
        |scene| {
            scene.run(async {
                let mut producer = scene.stream.producer("nightly");
                push(scene, &mut producer, 1..=4).await;
                scene.meter.go_wrong("PutItem", Wrong::Internal);
                say_produced(scene, producer.flush().await);
                scene.meter.mend("PutItem");
                scene.say("it dies, and another runs with other input");
                let mut other = scene.stream.producer("nightly");
                push(scene, &mut other, 3..=5).await;
                say_produced(scene, other.flush().await);
                scene.say("it runs again");
                let mut producer = scene.stream.producer("nightly");
                push(scene, &mut producer, 1..=5).await;
                say_produced(scene, producer.flush().await);
                scene.say(format!("{} skipped", producer.skipped()));
            });
        },
    );
}

/// The answer to a raise is lost: the record in the item says that it was its own.
#[test]
fn a_producer_whose_raise_has_no_answer() {
    transcript("a_producer_whose_raise_is_lost", one_partition, |scene| {
        scene.run(async {
            let mut producer = scene.stream.producer("nightly");
            scene.meter.go_wrong_in_turn("UpdateItem", &[Wrong::Applied]);
            push(scene, &mut producer, 1..=2).await;
            scene.meter.go_wrong_in_turn("UpdateItem", &[Wrong::Applied]);
            say_produced(scene, producer.flush().await);
        });
    });
}

/// The number of its last batch was voided before it ran again.
#[test]
fn a_producer_whose_number_was_voided() {
    transcript("a_producer_whose_number_was_voided", one_partition, |scene| {
        scene.run(async {
            let mut producer = scene.stream.producer("nightly");
            push(scene, &mut producer, [1].into_iter()).await;
            scene.meter.go_wrong("PutItem", Wrong::Forbidden);
            say_produced(scene, producer.flush().await);
            scene.meter.mend("PutItem");
        });
        scene.given(&[("k", "0")]);
        scene.run(scene.worker().until_caught_up()).expect("caught up");
        scene.given(&[]);
        scene.run(async {
            scene.say("it runs again");
            let mut producer = scene.stream.producer("nightly");
            push(scene, &mut producer, [1].into_iter()).await;
            scene.say(format!("{} skipped, {} wait", producer.skipped(), producer.waiting()));
            say_produced(scene, producer.flush().await);
        });
        scene.catch_up(scene.worker());
    });
}

/// What a run left is not settled in its push, and is by the flush after it.
#[test]
fn a_producer_whose_recovery_fails_at_first() {
    transcript(
        "a_recovery_that_fails",
        |c| one_partition(c).patience(SECOND),
        |scene| {
            scene.run(async {
                let mut producer = scene.stream.producer("nightly");
                push(scene, &mut producer, 1..=2).await;
                scene.meter.go_wrong("PutItem", Wrong::Internal);
                say_produced(scene, producer.flush().await);
                scene.say("it runs again");
                let mut producer = scene.stream.producer("nightly");
                push(scene, &mut producer, 1..=2).await;
                scene.meter.mend("PutItem");
                say_produced(scene, producer.flush().await);
                scene.say(format!("{} skipped, {} wait", producer.skipped(), producer.waiting()));
                push(scene, &mut producer, 3..=3).await;
                finish(scene, producer).await;
            });
        },
    );
}

#[test]
fn more_names_than_may_be() {
    transcript(
        "more_names_than_may_be",
        |c| one_partition(c).most_producers(1),
        |scene| {
            scene.run(async {
                for name in ["first", "second", "first"] {
                    scene.say(format!("{name} begins"));
                    let mut producer = scene.stream.producer(name);
                    push(scene, &mut producer, [1].into_iter()).await;
                    say_produced(scene, producer.flush().await);
                }
            });
            scene.say(format!("{:?}", scene.run(scene.stream.producers())));
        },
    );
}

/// Its later events come in batches, limited by their bytes.
#[test]
fn large_events_of_a_producer() {
    transcript("large_events_of_a_producer", one_partition, |scene| {
        scene.run(async {
            let mut producer = scene.stream.producer("nightly");
            for number in 1..=3 {
                let large = Event::new("k", "x".repeat(120_000));
                let pushed = producer.push(Number(number), large).await;
                scene.say(format!("pushed {number}"));
                say_produced(scene, pushed);
            }
            let pushed = producer.push(Number(3), Event::new("k", "again")).await;
            say_produced(scene, pushed);
            say_produced(scene, producer.flush().await);
        });
    });
}
