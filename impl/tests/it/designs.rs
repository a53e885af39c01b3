//! Designs: what cannot work is refused, and all processes of a stream keep to one.

use std::time::Duration;

use gapless::embedded::Engine;
use gapless::{Config, Delivery, Event, HandlerError, Layout, SetupError, Stream};
use gapless_model::design::{Design, named};

fn config() -> Config {
    Config::new("test-")
        .lease(Duration::from_millis(600))
        .skew(Duration::from_millis(100))
        .grace(Duration::from_millis(100))
}

async fn taken(_: Delivery) -> Result<(), HandlerError> {
    Ok(())
}

fn design(name: &str) -> Design {
    named(name).expect("it has a name").design
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_a_table_is_made() {
    let no_counter = design("no-counter");
    let long_skew = Duration::from_secs(1);
    for (config, reason) in [
        (config().design(Design::SEED), "refuted"),
        (config().design(no_counter).layout(Layout::EachKey), "needs a counter"),
        (config().lease(Duration::from_millis(10)), "too short"),
        (config().skew(long_skew), "too short"),
        (config().lease(Duration::from_secs(86_401)), "too long"),
        (config().lease(Duration::MAX), "too long"),
        (config().grace(Duration::from_secs(86_401)), "too long"),
        (config().layout(Layout::Fixed { bits: 65 }), "too many partitions"),
    ] {
        let engine = Engine::memory().expect("an engine");
        match Stream::create(engine.client(), config).await {
            Err(error @ SetupError::Config(_)) => {
                assert!(error.to_string().contains(reason), "{error}");
            }
            other => panic!("{other:?}"),
        }
        let tables = engine.client().list_tables().send().await.expect("listed");
        assert!(tables.table_names().is_empty());
    }
}

/// Whether there is a stream makes no difference.
#[tokio::test]
async fn a_refuted_design_is_refused_before_a_stream_is_looked_for() {
    let client = Engine::memory().expect("an engine").client();
    let refused = Stream::open(client, config().design(Design::SEED)).await;
    assert!(matches!(refused, Err(SetupError::Config(_))), "{refused:?}");
}

#[tokio::test]
async fn a_process_keeps_to_the_design_that_the_stream_was_created_with() {
    let client = Engine::memory().expect("an engine").client();
    let founded = config().design(design("no-counter"));
    let stream = Stream::create(client.clone(), founded).await.expect("created");
    stream.append(Event::new("k", "1")).await.expect("appended");
    // In the default design there is a counter, and it would say that there is nothing.
    let other = Stream::open(client, config()).await.expect("opened");
    let summary = other.worker("g", taken).until_caught_up().await.expect("caught up");
    assert_eq!(summary.events, 1);
}

#[tokio::test]
async fn a_process_that_asks_for_another_design_than_the_stream_has_is_refused() {
    let client = Engine::memory().expect("an engine").client();
    Stream::create(client.clone(), config().design(design("observer"))).await.expect("created");
    let asking = || config().design(design("transaction"));
    let opened = Stream::open(client.clone(), asking()).await.expect_err("refused");
    assert!(matches!(opened, SetupError::Design { .. }), "{opened:?}");
    let created = Stream::create(client.clone(), asking()).await.expect_err("refused");
    assert!(matches!(created, SetupError::Founding { .. }), "{created:?}");
    for said in [opened.to_string(), created.to_string()] {
        assert!(said.contains("`observer`") && said.contains("`transaction`"), "{said}");
    }
    let same = config().design(design("observer"));
    Stream::open(client.clone(), same.clone()).await.expect("opened");
    Stream::create(client, same).await.expect("completed");
}

#[cfg(feature = "refuted-designs")]
#[tokio::test]
async fn a_stream_with_a_refuted_design_is_opened_by_simulations_alone() {
    let client = Engine::memory().expect("an engine").client();
    let refuted = || config().refuted_design(Design::SEED);
    Stream::create(client.clone(), refuted()).await.expect("created");
    let said = Stream::open(client.clone(), config()).await.expect_err("refused").to_string();
    assert!(said.contains("the design `seed` is refuted"), "{said}");
    Stream::open(client, refuted()).await.expect("opened");
}

#[cfg(feature = "refuted-designs")]
#[test]
fn a_simulation_can_have_a_design_that_is_refuted() {
    let seed = Design::SEED;
    assert_eq!(config().refuted_design(seed).rules().expect("it has rules").design, seed);
}

/// They are stored in milliseconds.
#[tokio::test]
async fn a_stream_with_times_between_two_milliseconds_can_be_created_again() {
    let client = Engine::memory().expect("an engine").client();
    let odd = || config().lease(Duration::from_micros(600_700)).grace(Duration::from_nanos(1));
    Stream::create(client.clone(), odd()).await.expect("created");
    Stream::create(client, odd()).await.expect("completed");
}
