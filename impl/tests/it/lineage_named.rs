//! Named producers whose partitions split and merge: each event of the input is appended once, and each
//! key keeps its order, whatever becomes of their runs.

mod schedules;
mod world;

use std::pin::pin;

use gapless::{AppendError, Event, Number, ProducerError, StoreError};
use gapless_model::store::Slot;

use world::{KEYS, Run, World, abandon, id};

/// Appends what waits of a run, which dies when it has taken a slot and not written it.
async fn die_with_a_slot(world: &World, mut run: Run, partition: &str) {
    let partition = id(partition);
    let (before, _) = world.head(&partition).await;
    let mut flush = pin!(run.flush());
    for _ in 0..100 {
        assert!(futures_util::poll!(&mut flush).is_pending());
        let (head, _) = world.head(&partition).await;
        if head > before {
            assert_eq!(world.slot(&partition, head).await, Slot::Empty);
            return;
        }
    }
    panic!("it takes no slot");
}

#[tokio::test]
async fn a_run_that_meets_a_split_goes_on_in_the_halves() {
    let world = World::new().await;
    let input = KEYS.repeat(3);
    let mut run = Run::new(&world.process().await, 3);
    run.push_to(&input, 8).await.expect("pushed");
    world.split("p").await;
    run.push_to(&input, 20).await.expect("pushed");
    let first = run.receipts.first().expect("it has flushed").partition.clone();
    assert_eq!(first, id("p"));
    assert_ne!(run.receipts.last().expect("and again").partition, first);
    run.finish(&world, &input).await;
    world.verify(&input).await;
    Run::new(&world.process().await, 5).finish(&world, &input).await;
    world.verify(&input).await;
}

#[tokio::test]
async fn what_waits_in_both_parents_of_a_merge_goes_on_in_order() {
    let world = World::new().await;
    world.split("p").await;
    let input = KEYS.repeat(2);
    let mut run = Run::new(&world.process().await, 100);
    run.push_to(&input, 12).await.expect("pushed");
    world.merge(&["p0", "p1"], "p~").await;
    run.flush().await.expect("flushed");
    assert_eq!(run.producer.waiting(), 0);
    assert_eq!(run.receipts.iter().map(|it| it.events).collect::<Vec<_>>(), [12]);
    let Slot::Events { batch, .. } = world.slot(&id("p~"), 1).await else { panic!("no events") };
    let numbers = batch.events().iter().map(|event| event.text().expect("one").to_owned());
    assert!(numbers.eq((1..=12).map(|number| number.to_string())));
    run.finish(&world, &input).await;
    world.verify(&input).await;
}

/// A record of `p~` covers the events of both parents. The run is killed with those of one moved.
#[tokio::test]
async fn a_merged_partition_waits_for_what_is_under_way_in_both_parents() {
    let input = KEYS.repeat(2);
    for polls in 0..40 {
        let world = World::new().await;
        world.split("p").await;
        let mut run = Run::new(&world.process().await, 2);
        run.push_to(&input, 4).await.expect("pushed");
        // It has taken slots in none of the parents, in one or in both.
        abandon(polls % 8, run.flush()).await;
        world.merge(&["p0", "p1"], "p~").await;
        if polls % 3 == 0 {
            world.void().await;
        }
        abandon(polls, run.push_to(&input, 12)).await;
        drop(run);
        Run::new(&world.process().await, 2).finish(&world, &input).await;
        world.verify(&input).await;
    }
}

#[tokio::test]
async fn a_run_that_is_killed_anywhere_and_rerun_appends_everything_once() {
    let input = KEYS.repeat(2);
    for polls in 0..140 {
        let world = World::new().await;
        for (step, batches) in [(0, 3), (1, 2), (2, 3), (3, 2)] {
            let mut run = Run::new(&world.process().await, batches);
            abandon(polls, async {
                run.push_to(&input, input.len()).await.expect("pushed");
                run.flush().await.expect("flushed");
            })
            .await;
            match step {
                0 => world.split("p").await,
                1 => world.split("p1").await,
                2 => world.merge(&["p0", "p10", "p11"], "p~").await,
                _ => world.split("p~").await,
            }
            if polls % 2 == 0 {
                world.void().await;
            }
        }
        Run::new(&world.process().await, 4).finish(&world, &input).await;
        world.verify(&input).await;
    }
}

/// The partition that is open has no record of the producer.
#[tokio::test]
async fn a_rerun_after_a_split_and_a_merge_skips_what_is_in_the_first_partition() {
    let world = World::new().await;
    let input = KEYS.repeat(2);
    let mut run = Run::new(&world.process().await, 3);
    run.push_to(&input, 11).await.expect("pushed");
    run.flush().await.expect("flushed");
    drop(run);
    world.split("p").await;
    world.merge(&["p0", "p1"], "p~").await;
    let mut rerun = Run::new(&world.process().await, 3);
    rerun.push_to(&input, 11).await.expect("pushed");
    assert_eq!((rerun.producer.skipped(), rerun.producer.waiting()), (11, 0));
    rerun.finish(&world, &input).await;
    world.verify(&input).await;
}

/// Its two events have different children.
#[tokio::test]
async fn an_unsettled_batch_whose_slot_is_void_goes_to_the_children() {
    for is_void in [true, false] {
        let world = World::new().await;
        let input = ["a", "b", "c", "d"];
        let mut run = Run::new(&world.process().await, 10);
        run.push_to(&input, 2).await.expect("pushed");
        die_with_a_slot(&world, run, "p").await;
        world.split("p").await;
        if is_void {
            world.void().await;
        }
        let mut rerun = Run::new(&world.process().await, 10);
        rerun.push_to(&input, 2).await.expect("pushed");
        rerun.flush().await.expect("flushed");
        assert_eq!(rerun.producer.skipped(), if is_void { 0 } else { 2 });
        let half_of = |key: &str| world.operator.route(key);
        assert_ne!(half_of("a"), half_of("b"), "they have different halves");
        for (number, key) in [(1, "a"), (2, "b")] {
            let wanted = if is_void { half_of(key) } else { id("p") };
            assert_eq!(world.place_of(key, number).await, wanted);
        }
        rerun.finish(&world, &input).await;
        world.verify(&input).await;
    }
}

#[tokio::test]
async fn a_rerun_skips_what_a_killed_run_had_moved_to_a_child() {
    let world = World::new().await;
    let input = ["a", "b", "a", "b", "a", "b"];
    let mut run = Run::new(&world.process().await, 10);
    run.push_to(&input, 2).await.expect("pushed");
    die_with_a_slot(&world, run, "p").await;
    world.split("p").await;
    world.void().await;
    // What moved to one half is appended there; of the other's the run takes a slot and dies.
    let other = world.operator.route("b").to_string();
    let mut second = Run::new(&world.process().await, 10);
    second.push_to(&input, 4).await.expect("pushed");
    die_with_a_slot(&world, second, &other).await;
    world.merge(&["p0", "p1"], "p~").await;
    world.void().await;
    Run::new(&world.process().await, 3).finish(&world, &input).await;
    world.verify(&input).await;
}

/// What the second run's process knows of the seal does not tell the first that it was fenced out.
#[tokio::test]
async fn a_fenced_run_moves_nothing_to_a_child_that_another_run_found() {
    let world = World::new().await;
    let input = ["a", "a", "a"];
    let process = world.process().await;
    let mut zombie = Run::new(&process, 10);
    zombie.push_to(&input, 2).await.expect("pushed");
    let mut run = Run::new(&process, 10);
    run.push_to(&input, 2).await.expect("pushed");
    run.flush().await.expect("flushed");
    world.split("p").await;
    run.finish(&world, &input).await;
    match zombie.flush().await {
        Err(ProducerError::Append(AppendError::Fenced { partition })) => {
            assert_eq!(partition, id("p"));
        }
        other => panic!("{other:?}"),
    }
    world.verify(&input).await;
}

/// The half cannot be read for a while, as a release that is newer wrote its item.
#[tokio::test]
async fn events_that_cannot_move_on_wait_until_they_can() {
    let world = World::new().await;
    let input = ["a", "b"];
    let mut run = Run::new(&world.process().await, 10);
    run.push_to(&input, 2).await.expect("pushed");
    world.split("p").await;
    let half = world.operator.route("a");
    world.set_version(&half, Some(99)).await;
    for _ in 0..2 {
        let refused = run.flush().await.expect_err("it cannot be read");
        let ProducerError::Append(AppendError::Store(why)) = refused else { panic!("{refused:?}") };
        assert!(matches!(why, StoreError::Malformed { .. }), "{why:?}");
        assert_eq!(run.producer.waiting(), 2);
    }
    world.set_version(&half, None).await;
    let mut further = Run::new(&world.process().await, 10);
    further.push_to(&input, 1).await.expect("pushed");
    further.flush().await.expect("flushed");
    run.flush().await.expect("it can be read again");
    assert_eq!((run.producer.skipped(), run.producer.waiting()), (1, 0));
    run.finish(&world, &input).await;
    world.verify(&input).await;
}

/// Each half has room for one name. A run that is at work and a rerun are known there; a new name is not.
#[tokio::test]
async fn a_name_that_had_room_before_a_merge_has_room_behind_it() {
    let world = World::new().await;
    world.split("p").await;
    let stream = world.process_of(1).await;
    let producer = |name: &str| stream.producer(name).batches_of(1);
    let of = |half: &str| KEYS.into_iter().find(|key| world.operator.route(key) == id(half));
    let [low, high] = ["p0", "p1"].map(|half| of(half).expect("a key of each half"));
    let (mut at_work, mut before) = (producer("at-work"), producer("before"));
    for number in 1..=2 {
        at_work.push(Number(number), Event::new(low, "x")).await.expect("pushed");
        before.push(Number(number), Event::new(high, "x")).await.expect("pushed");
    }
    before.finish().await.expect("appended");
    world.merge(&["p0", "p1"], "p~").await;
    at_work.push(Number(3), Event::new(low, "x")).await.expect("its record goes with it");
    at_work.finish().await.expect("appended");
    let mut rerun = producer("before");
    for number in 1..=3 {
        rerun.push(Number(number), Event::new(high, "x")).await.expect("pushed");
    }
    assert_eq!(rerun.finish().await.expect("appended").1, 2, "two were there");
    match producer("new").push(Number(1), Event::new(low, "x")).await {
        Err(ProducerError::Append(AppendError::Store(StoreError::TooManyProducers {
            found: 2,
            limit: 1,
            ..
        }))) => {}
        other => panic!("{other:?}"),
    }
}

/// Another input, which ends before what an earlier run appended to a partition that is sealed now.
#[tokio::test]
async fn another_input_is_told_apart_in_a_sealed_partition() {
    let world = World::new().await;
    let input = KEYS;
    Run::new(&world.process().await, 3).finish(&world, &input).await;
    world.split("p").await;
    let mut other = Run::new(&world.process().await, 3);
    other.push_to(&input, 3).await.expect("pushed");
    match other.producer.finish().await {
        Err(ProducerError::OtherInput { number: Number(8), partition, .. }) => {
            assert_eq!(partition, id("p"));
        }
        other => panic!("{other:?}"),
    }
}
