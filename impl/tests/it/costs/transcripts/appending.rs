//! What those say who append.

use std::time::Duration;

use futures_util::future::{join, join_all};
use gapless::{AppendError, Event, Live, Seq};
use gapless_model::store::{Request, reply_words};

use super::{SECOND, each_key, one_partition, transcript};
use crate::costs::event;
use crate::costs::meter::{Latency, Wrong};
use crate::costs::take_number;

/// What fails is sent again after a pause, and a write whose answer was lost is recognised.
#[test]
fn answers_that_are_lost() {
    transcript("answers_that_are_lost", one_partition, |scene| {
        scene
            .meter
            .go_wrong_in_turn("UpdateItem", &[Wrong::Throttled, Wrong::Internal, Wrong::Applied]);
        scene.meter.go_wrong_in_turn("PutItem", &[Wrong::Applied, Wrong::Throttled]);
        scene.run(scene.append("k", "0"));
        scene.run(scene.append("k", "1"));
    });
}

#[test]
fn an_append_that_is_settled_later() {
    transcript(
        "settled_later",
        |config| one_partition(config).patience(SECOND),
        |scene| {
            scene.meter.go_wrong("PutItem", Wrong::Internal);
            scene.say("append k=0");
            let failed = scene.run(scene.stream.append(event(0)));
            let Err(AppendError::Unsettled(unsettled)) = failed else { panic!("{failed:?}") };
            scene.say(format!("unsettled: {}", unsettled.why()));
            let failed = scene.run(unsettled.settle());
            let Err(AppendError::Unsettled(unsettled)) = failed else { panic!("{failed:?}") };
            scene.say(format!("unsettled: {}", unsettled.why()));
            scene.meter.mend("PutItem");
            scene.say_appended(scene.run(unsettled.settle()));
            scene.meter.go_wrong("UpdateItem", Wrong::Forbidden);
            scene.say_appended(scene.run(scene.stream.append(event(1))));
        },
    );
}

/// Its slot was voided in between: it takes another.
#[test]
fn a_writer_that_is_too_late() {
    transcript(
        "a_writer_that_is_too_late",
        |c| one_partition(c).patience(SECOND),
        |scene| {
            scene.meter.go_wrong("PutItem", Wrong::Internal);
            let failed = scene.run(scene.stream.append(event(0)));
            let Err(AppendError::Unsettled(unsettled)) = failed else { panic!("{failed:?}") };
            scene.meter.mend("PutItem");
            scene.run(scene.append("k", "1"));
            scene.catch_up(scene.worker());
            scene.say("settle the first");
            scene.say_appended(scene.run(unsettled.settle()));
            scene.catch_up(scene.worker());
        },
    );
}

#[test]
fn batches_and_expectations() {
    transcript("batches_and_expectations", each_key, |scene| {
        let batch = vec![event(0), event(1), event(2)];
        scene.say_appended(scene.run(scene.stream.append_batch(batch.clone())));
        let mixed = vec![Event::new("a", "0"), Event::new("b", "0")];
        scene.say_appended(scene.run(scene.stream.append_batch(mixed)));
        scene.say_appended(scene.run(scene.stream.append_batch(Vec::new())));
        let large = vec![Event::new("k", vec![0; 410_000])];
        scene.say_appended(scene.run(scene.stream.append_batch(large)));
        let of_k = scene.stream.route("k");
        for expected in [Seq::ZERO, Seq(1), Seq(5)] {
            scene.say(format!("append, expecting {expected}"));
            let appended = scene.stream.append_expecting(&of_k, expected, batch.clone());
            scene.say_appended(scene.run(appended));
        }
        let rivals = [0, 1].map(|_| scene.stream.append_expecting(&of_k, Seq(2), batch.clone()));
        for ended in scene.run(join_all(rivals)) {
            scene.say_appended(ended);
        }
    });
}

/// Of an event that fits alone, three do not: nothing is sent.
#[test]
fn a_batch_that_is_too_large() {
    transcript("a_batch_that_is_too_large", one_partition, |scene| {
        let large = || Event::new("k", "x".repeat(200_000));
        scene.say_appended(scene.run(scene.stream.append_batch(vec![large(), large(), large()])));
        scene.say_appended(scene.run(scene.stream.append_batch(vec![large(), large()])));
    });
}

/// The raise was applied, and the one who expected its head finds its own token there.
#[test]
fn an_expectation_whose_answer_is_lost() {
    transcript("an_expectation_lost", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        let of_k = scene.stream.route("k");
        scene.meter.go_wrong_once("UpdateItem", Wrong::Applied);
        scene.say_appended(scene.run(scene.stream.append_expecting(&of_k, Seq(1), vec![event(1)])));
        scene.meter.go_wrong_once("PutItem", Wrong::Applied);
        scene.say_appended(scene.run(scene.stream.append_expecting(&of_k, Seq(2), vec![event(2)])));
    });
}

/// A write has no answer, and the next attempt is refused: it stays open.
#[test]
fn a_write_in_doubt_that_is_refused() {
    transcript("in_doubt_and_refused", one_partition, |scene| {
        scene.meter.go_wrong_in_turn("PutItem", &[Wrong::Applied, Wrong::Forbidden]);
        let failed = scene.run(scene.stream.append(event(0)));
        let Err(AppendError::Unsettled(unsettled)) = failed else { panic!("{failed:?}") };
        scene.say(format!("unsettled: {}", unsettled.why()));
        scene.say_appended(scene.run(unsettled.settle()));
        scene.meter.go_wrong_in_turn("PutItem", &[Wrong::Forbidden]);
        scene.say_appended(scene.run(scene.stream.append(event(1))));
    });
}

/// Every attempt is turned away until patience ends.
#[test]
fn an_append_that_is_throttled() {
    transcript(
        "throttled",
        |config| one_partition(config).patience(SECOND),
        |scene| {
            scene.meter.go_wrong("UpdateItem", Wrong::Throttled);
            scene.say_appended(scene.run(scene.stream.append(event(0))));
        },
    );
}

/// The client sends each call up to three times by itself.
#[test]
fn the_clients_own_retries() {
    transcript("the_clients_own_retries", one_partition, |scene| {
        let client = scene.meter.client_that_tries(3);
        let stream = scene.meter.stream_over(client, one_partition);
        scene.given(&[]);
        scene.meter.go_wrong_once("UpdateItem", Wrong::Internal);
        scene.meter.go_wrong_in_turn("PutItem", &[Wrong::Applied]);
        scene.say_appended(scene.run(stream.append(event(0))));
        scene.meter.go_wrong_in_turn("PutItem", &[Wrong::Applied, Wrong::Forbidden]);
        scene.say_appended(scene.run(stream.append(event(1))));
    });
}

/// A call that does not answer is given up after three seconds, and sent again.
#[test]
fn an_append_whose_call_hangs() {
    transcript(
        "an_append_that_hangs",
        |c| one_partition(c).patience(5 * SECOND),
        |scene| {
            let hour = Duration::from_secs(3600);
            scene.meter.set_latency(Latency { queries: hour, others: hour });
            scene.say_appended(scene.run(scene.stream.append(event(0))));
        },
    );
}

/// A worker delivers what two appends at once have put behind each other.
#[test]
fn appends_at_once() {
    transcript("appends_at_once", one_partition, |scene| {
        scene.run(take_number(&scene.stream));
        let both = join(scene.append("k", "0"), scene.append("k", "1"));
        scene.run(both);
        scene.catch_up(scene.worker());
    });
}

/// A partition is split, and three hear of it: one that splits it too, one that merges it, and one that
/// appends.
#[test]
fn a_partition_that_was_split() {
    transcript("a_partition_that_was_split", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        let id = |id: &str| id.parse().expect("an id");
        let ask = |request: Request<Live>| {
            let reply = scene.run(scene.stream.wire().send(&request)).expect("an answer");
            scene.say(reply_words(&reply));
        };
        ask(Request::Seal { partition: id("p"), children: vec![id("p0"), id("p1")] });
        ask(Request::Seal { partition: id("p"), children: vec![id("p~")] });
        ask(Request::Merge { parents: vec![id("p0"), id("p")], child: id("p~") });
        ask(Request::Merge { parents: vec![id("p0"), id("p1")], child: id("p~") });
        scene.run(scene.append("k", "1"));
    });
}
