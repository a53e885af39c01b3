//! The abstract store and a real engine, held against each other: random sequences
//! of typed requests, applied to the specification and, through the mapping and
//! the real SDK, to the embedded engine. Every reply must agree.
//!
//! `GAPLESS_CONFORMANCE=10000 cargo test --test it conformance` runs the deep setting.

use std::sync::atomic::{AtomicU64, Ordering};

use gapless::embedded::Engine;
use gapless::wire::Wire;
use gapless::{Config, Event, EventBatch, Live, Stream, Token};
use gapless_model::store::{MemoryTables, Reply, Request, View, Write, apply};
use gapless_model::{PartitionId, Seq};
use gapless_sim::conformance::request;
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, FileFailurePersistence, TestRunner};

/// Each sequence has items of its own, so that all can share one engine.
static SEQUENCE: AtomicU64 = AtomicU64::new(0);

/// The same request, about items of this sequence alone.
fn moved(request: Request<Live>, sequence: u64) -> Request<Live> {
    let mut json = serde_json::to_value(&request).expect("a request is JSON");
    rename(&mut json, sequence);
    serde_json::from_value(json).expect("it stays a request")
}

fn rename(json: &mut serde_json::Value, sequence: u64) {
    match json {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                match key.as_str() {
                    "partition" | "child" | "children" | "parents" => extend(value, sequence),
                    _ => rename(value, sequence),
                }
            }
        }
        serde_json::Value::Array(values) => {
            values.iter_mut().for_each(|value| rename(value, sequence));
        }
        _ => {}
    }
}

/// Gives the ids of partitions the sequence in the digits behind their own.
fn extend(ids: &mut serde_json::Value, sequence: u64) {
    match ids {
        serde_json::Value::String(id) => *id = format!("{id}{sequence:032b}"),
        serde_json::Value::Array(ids) => ids.iter_mut().for_each(|id| extend(id, sequence)),
        _ => {}
    }
}

async fn compare(wire: &Wire, requests: Vec<Request<Live>>) -> Result<u64, TestCaseError> {
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let mut tables: MemoryTables<Live> = MemoryTables::default();
    let mut wrote = 0;
    for request in requests {
        let request = moved(request, sequence);
        let specified = apply(&mut tables, &request, View::Latest);
        let answered = wire.send(&request).await;
        let answered = answered.map_err(|error| {
            TestCaseError::fail(format!(
                "{request:?}\n  is specified as {specified:?}\n  and failed: {error}"
            ))
        })?;
        prop_assert_eq!(&answered, &specified, "{:?}", request);
        let refused = matches!(
            answered,
            Reply::NotRaised(_)
                | Reply::NotSealed(_)
                | Reply::NotClaimed(_)
                | Reply::Taken(_)
                | Reply::NotAppended { .. }
                | Reply::Refused { .. }
        );
        wrote += u64::from(request.writes() && !refused);
    }
    Ok(wrote)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime")
}

fn runs() -> Runs {
    let cases = std::env::var("GAPLESS_CONFORMANCE").ok().and_then(|text| text.parse().ok());
    let failure_persistence =
        Some(Box::new(FileFailurePersistence::WithSource("regressions")) as _);
    Runs { cases: cases.unwrap_or(300), failure_persistence, ..Runs::default() }
}

#[test]
fn the_engine_answers_as_the_specification_says() {
    let runtime = runtime();
    let client = Engine::memory().expect("an engine in memory").client();
    let wire = runtime.block_on(async {
        let stream = Stream::create(client, Config::new("t-")).await.expect("tables");
        stream.wire().clone()
    });
    let sequences = prop::collection::vec(request(), 1..40);
    let wrote = AtomicU64::new(0);
    let outcome = TestRunner::new(runs()).run(&sequences, |requests| {
        wrote.fetch_add(runtime.block_on(compare(&wire, requests))?, Ordering::Relaxed);
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let (sequences, wrote) = (SEQUENCE.load(Ordering::Relaxed), wrote.into_inner());
    println!("{sequences} sequences agreed, with {wrote} writes that were applied");
    assert!(wrote > sequences, "most sequences should change something");
}

/// The comparison can fail: a store that forgets one rule is told apart.
#[test]
fn a_store_that_breaks_a_rule_is_told_apart() {
    let runtime = runtime();
    runtime.block_on(async {
        let client = Engine::memory().expect("an engine in memory").client();
        let stream = Stream::create(client, Config::new("t-")).await.expect("tables");
        let partition = PartitionId::covering(0, 1);
        let batch = EventBatch::from(Event::new("k", "v"));
        let write =
            Write { partition, slot: Seq(1), token: Token::from("t"), batch, if_absent: true };
        let twice = [Request::Write(write.clone()), Request::Write(write)];
        let mut tables: MemoryTables<Live> = MemoryTables::default();
        for (request, blind) in twice.into_iter().zip([false, true]) {
            // The second time the specification is asked for a blind write.
            let mut specified = request.clone();
            if let (Request::Write(write), true) = (&mut specified, blind) {
                write.if_absent = false;
            }
            let says = apply(&mut tables, &specified, View::Latest);
            let answer = stream.wire().send(&request).await.expect("the engine answers");
            assert_eq!(says == answer, !blind);
        }
    });
}
