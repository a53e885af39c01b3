//! What workers say.

use futures_util::future::join;
use gapless::{Event, Layout, Stream};
use gapless_model::Time as _;

use super::{SECOND, each_key, one_partition, transcript};

#[test]
fn two_events() {
    transcript("two_events", one_partition, |scene| {
        scene.run(scene.append("k", "0"));
        scene.run(scene.append("k", "1"));
        scene.catch_up(scene.worker());
    });
}

#[test]
fn nothing_to_do() {
    transcript(
        "nothing_to_do",
        |config| config.layout(Layout::Fixed { bits: 2 }),
        |scene| {
            scene.catch_up(scene.worker());
        },
    );
}

/// The worker hears of what is appended in its own process at once, and of the rest by its sweeps.
#[test]
fn a_worker_that_stands() {
    transcript("a_worker_that_stands", each_key, |scene| {
        let worker = scene.worker();
        let elsewhere = scene.meter.stream_over(scene.meter.client(), each_key);
        scene.given(&[]);
        scene.work_during(worker, async {
            scene.wait(1.0).await;
            scene.append("a", "0").await;
            scene.wait(1.0).await;
            scene.say("another process appends to b");
            elsewhere.append(gapless::Event::new("b", "0")).await.expect("appended");
            scene.wait(15.0).await;
        });
    });
}

/// Two of them, with one place each, on four partitions with three events each.
#[test]
fn two_workers() {
    transcript("two_workers", each_key, |scene| {
        for number in ["0", "1", "2"] {
            for key in ["a", "b", "c", "d"] {
                scene.given(&[(key, number)]);
            }
        }
        let workers = [0, 1].map(|_| scene.worker().concurrency(1).delivery_limit(1));
        let [first, second] = workers;
        let ended = scene.run(join(first.until_caught_up(), second.until_caught_up()));
        scene.say(format!("{ended:?}"));
    });
}

/// With one place and a quota of a quarter of a second, partitions take turns.
#[test]
fn more_partitions_than_places() {
    transcript("more_partitions_than_places", each_key, |scene| {
        for number in ["0", "1", "2", "3"] {
            scene.given(&[("a", number), ("b", number)]);
        }
        let worker = scene.worker().concurrency(1).delivery_limit(1).quota(SECOND / 4);
        scene.catch_up(worker);
    });
}

#[test]
fn a_deadline() {
    transcript("a_deadline", one_partition, |scene| {
        scene.given(&[("k", "0"), ("k", "1"), ("k", "2"), ("k", "3")]);
        let worker = scene.worker().delivery_limit(1);
        let deadline = scene.stream.now().plus(SECOND / 2);
        let summary = scene.run(worker.deadline(deadline, SECOND / 5).run());
        scene.say(format!("{summary:?}"));
        scene.catch_up(scene.worker());
    });
}

/// Waits for what a worker is in the middle of, without delivering more.
#[test]
fn a_worker_is_asked_to_stop_while_it_handles() {
    transcript("a_stop_while_it_handles", one_partition, |scene| {
        scene.given(&[("k", "0"), ("k", "1")]);
        let worker = scene.worker_with(scene.script.handler(SECOND)).delivery_limit(1);
        scene.work_during(worker, scene.wait(0.5));
        scene.catch_up(scene.worker());
    });
}

/// The deadline comes while the handler is at work, which is waited for.
#[test]
fn a_deadline_that_a_handler_overruns() {
    transcript("a_deadline_overrun", one_partition, |scene| {
        scene.given(&[("k", "0"), ("k", "1")]);
        let worker = scene.worker_with(scene.script.handler(2 * SECOND)).delivery_limit(1);
        let deadline = scene.stream.now().plus(SECOND);
        let summary = scene.run(worker.deadline(deadline, SECOND / 5).run());
        scene.say(format!("{summary:?}"));
    });
}

/// There are more of them than one batch asks for, and the first batch is left undone.
#[test]
fn more_partitions_than_a_batch_asks_for() {
    transcript(
        "more_than_a_batch",
        |config| config.layout(Layout::Fixed { bits: 7 }),
        |scene| {
            scene.given(&[("k", "0")]);
            scene.meter.overload(1);
            scene.catch_up(scene.worker());
        },
    );
}

/// Pages are as long as a delivery may be; the next is read while one is handled.
#[test]
fn pages() {
    transcript("pages", one_partition, |scene| {
        for number in 0..5 {
            scene.given(&[("k", &number.to_string())]);
        }
        scene.catch_up(scene.worker().delivery_limit(2));
    });
}

/// It is asked to stop while its handler rests after a failure.
#[test]
fn a_stop_while_a_handler_rests() {
    transcript("a_stop_while_a_handler_rests", one_partition, |scene| {
        scene.given(&[("k", "0")]);
        let handler = scene.script.failing(SECOND / 10, 1);
        let worker = scene.worker_with(handler).attempts(3, 2 * SECOND);
        scene.work_during(worker, scene.wait(0.5));
    });
}

/// A second run of a worker, while the first goes on.
#[test]
fn a_worker_that_runs_twice() {
    transcript("a_worker_that_runs_twice", one_partition, |scene| {
        scene.given(&[("k", "0"), ("k", "1")]);
        let worker = scene.worker().delivery_limit(1);
        let both = scene.run(join(worker.until_caught_up(), worker.until_caught_up()));
        scene.say(format!("{both:?}"));
        scene.say("and again, with nothing to do");
        scene.catch_up(worker);
    });
}

/// It sweeps less often while nothing happens, and as often as before once something has.
#[test]
fn a_worker_that_rests() {
    transcript("a_worker_that_rests", one_partition, |scene| {
        scene.work_during(scene.worker().rest_up_to(60 * SECOND), async {
            scene.wait(200.0).await;
            // Its own notices are not those of this stream.
            scene.say("append elsewhere");
            let stream = Stream::open(scene.meter.client(), scene.meter.config()).await;
            stream.expect("opened").append(Event::new("k", "0")).await.expect("appended");
            scene.wait(90.0).await;
        });
    });
}
