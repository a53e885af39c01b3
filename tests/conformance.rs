//! The abstract store and a real engine, held against each other: random sequences
//! of typed requests, applied to the specification and, through the mapping and
//! the real SDK, to the embedded engine. Every reply must agree.
//!
//! `GAPLESS_CONFORMANCE=10000 cargo test --test conformance` runs the deep setting.

use std::sync::atomic::{AtomicU64, Ordering};

use gapless::embedded::Engine;
use gapless::wire::Wire;
use gapless::{
    Config, Event, EventBatch, Group, Live, Owner, ProducerName, Stream, Timestamp, Token,
};
use gapless_model::store::{
    Extend, Free, Guard, Keep, MemoryTables, Raise, Record, Reply, Request, View, Write, apply,
};
use gapless_model::{Epoch, Number, PartitionId, Seq};
use proptest::prelude::*;
use proptest::test_runner::{Config as Runs, FileFailurePersistence, TestRunner};

/// Each sequence has items of its own, so that all can share one engine.
static SEQUENCE: AtomicU64 = AtomicU64::new(0);

fn partition() -> impl Strategy<Value = PartitionId> {
    (0..2_u64).prop_map(|half| PartitionId::covering(half << 63, 1))
}

fn group() -> impl Strategy<Value = Group> {
    prop_oneof![Just(Group::from("a")), Just(Group::from("b"))]
}

fn name() -> impl Strategy<Value = ProducerName> {
    prop_oneof![Just(ProducerName::from("p")), Just(ProducerName::from("q.r-1"))]
}

fn owner() -> impl Strategy<Value = Owner> {
    (0..2_u8).prop_map(|run| Owner::from(format!("worker#{run}")))
}

fn token() -> impl Strategy<Value = Token> {
    (0..3_u8).prop_map(|token| Token::from(format!("t{token}")))
}

fn seq() -> impl Strategy<Value = Seq> {
    (0..5_u64).prop_map(Seq)
}

fn slot() -> impl Strategy<Value = Seq> {
    (1..6_u64).prop_map(Seq)
}

fn epoch() -> impl Strategy<Value = Epoch> {
    (1..4_u64).prop_map(Epoch)
}

fn time() -> impl Strategy<Value = Timestamp> {
    (0..6_u64).prop_map(|step| Timestamp::from_millis(1_800_000_000_000 + step))
}

fn batch() -> impl Strategy<Value = EventBatch> {
    // Text, bytes that are none, and nothing at all.
    let data = prop_oneof![
        Just(Vec::new()),
        Just("{\"caf\u{e9}\": 1}".as_bytes().to_vec()),
        Just(vec![0, 159, 146, 150]),
    ];
    let event = ("[a-z]{0,3}", data).prop_map(|(key, data)| Event::new(key, data));
    prop::collection::vec(event, 1..3)
        .prop_map(|events| EventBatch::new(events).expect("there is an event"))
}

fn record() -> impl Strategy<Value = Record> {
    (1..4_u64, 0..3_u64, 0..3_u64, 0..4_u64).prop_map(|(epoch, number, count, slot)| Record {
        epoch: Epoch(epoch),
        number: Number(number),
        count,
        slot: Seq(slot),
    })
}

fn raise(head: BoxedStrategy<Option<Seq>>) -> impl Strategy<Value = Raise<Live>> {
    let keep = (name(), record(), 1..4_u64, 1..3_u64)
        .prop_map(|(name, seen, number, count)| Keep { name, seen, number: Number(number), count });
    (partition(), head, prop::option::of(token()), prop::option::of(keep))
        .prop_map(|(partition, head, token, record)| Raise { partition, head, token, record })
}

fn write() -> impl Strategy<Value = Write<Live>> {
    (partition(), slot(), token(), batch(), any::<bool>()).prop_map(
        |(partition, slot, token, batch, if_absent)| Write {
            partition,
            slot,
            token,
            batch,
            if_absent,
        },
    )
}

fn extend() -> impl Strategy<Value = Extend<Live>> {
    (time(), any::<bool>()).prop_map(|(until, beat)| Extend { until, beat })
}

fn free() -> impl Strategy<Value = Free<Live>> {
    prop_oneof![
        Just(Free::Inactive),
        time().prop_map(Free::EndedBy),
        (epoch(), 0..3_u64).prop_map(|(epoch, beat)| Free::Unchanged { epoch, beat }),
    ]
}

fn guard() -> impl Strategy<Value = Guard> {
    prop_oneof![
        Just(Guard::None),
        slot().prop_map(Guard::Empty),
        (0..3_u64).prop_map(Guard::Unwoken),
    ]
}

fn of_partitions() -> BoxedStrategy<Request<Live>> {
    let some = seq().prop_map(Some).boxed();
    prop_oneof![
        (partition(), prop::option::of(name()))
            .prop_map(|(partition, name)| Request::ReadHead { partition, name }),
        raise(prop::option::of(seq()).boxed()).prop_map(Request::Raise),
        (partition(), name(), prop::option::of(record()))
            .prop_map(|(partition, name, seen)| Request::Claim { partition, name, seen }),
        (raise(some), write()).prop_map(|(raise, write)| Request::RaiseAndWrite { raise, write }),
    ]
    .boxed()
}

fn of_events() -> BoxedStrategy<Request<Live>> {
    prop_oneof![
        partition().prop_map(|partition| Request::ReadTail { partition }),
        (partition(), slot()).prop_map(|(partition, slot)| Request::ReadSlot { partition, slot }),
        write().prop_map(Request::Write),
        (partition(), slot()).prop_map(|(partition, slot)| Request::Void { partition, slot }),
        (partition(), seq(), any::<bool>()).prop_map(|(partition, after, consistent)| {
            Request::ReadEvents { partition, after, consistent }
        }),
    ]
    .boxed()
}

fn of_consumers() -> BoxedStrategy<Request<Live>> {
    let fence = || prop::option::of(epoch());
    prop_oneof![
        (group(), partition())
            .prop_map(|(group, partition)| Request::ReadLease { group, partition }),
        (group(), partition(), owner(), epoch(), time()).prop_map(
            |(group, partition, owner, epoch, until)| Request::SetLease {
                group,
                partition,
                owner,
                epoch,
                until
            }
        ),
        (group(), partition(), owner(), time(), free()).prop_map(
            |(group, partition, owner, until, free)| Request::Acquire {
                group,
                partition,
                owner,
                until,
                free
            }
        ),
        (group(), partition(), fence(), extend()).prop_map(|(group, partition, fence, extend)| {
            Request::Renew { group, partition, fence, extend }
        }),
        (group(), partition(), seq(), fence(), any::<bool>(), extend()).prop_map(
            |(group, partition, to, fence, forward, extend)| Request::Checkpoint {
                group,
                partition,
                to,
                fence,
                forward,
                extend
            }
        ),
        (group(), partition(), fence(), guard()).prop_map(|(group, partition, fence, guard)| {
            Request::Release { group, partition, fence, guard }
        }),
        (group(), partition()).prop_map(|(group, partition)| Request::Wake { group, partition }),
    ]
    .boxed()
}

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
                match (key.as_str(), &*value) {
                    ("partition", serde_json::Value::String(id)) => {
                        // The half, and the sequence in the next digits.
                        *value = format!("{id}{sequence:032b}").into();
                    }
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
    let request = prop_oneof![of_partitions(), of_events(), of_consumers()];
    let sequences = prop::collection::vec(request, 1..40);
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
