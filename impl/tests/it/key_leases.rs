//! Leases on keys: at most one caller is at work, and none goes on that lost its lease.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::{join, join_all, select};
use gapless::embedded::Engine;
use gapless::trigger::Trigger;
use gapless::{Config, Epoch, Group, Held, KeyLease, Layout, Owner, StoreError, Stream, Timestamp};
use gapless_model::design::NAMED;
use gapless_model::store::{Guard, Reply, Request};
use tokio::time::sleep;

const LEASE: Duration = Duration::from_millis(400);

async fn stream() -> Stream {
    let config = Config::new("keys-").lease(LEASE).skew(Duration::from_millis(100));
    let client = Engine::memory().expect("an engine").client();
    Stream::create(client, config).await.expect("a stream")
}

/// Takes another's lease away, as a worker would once it has ended.
async fn steal(stream: &Stream, lease: &str, key: &str, epoch: u64) {
    let taken = Request::SetLease {
        group: Group::from(format!("#lease/{lease}")),
        partition: Layout::EachKey.route(key),
        owner: Owner::from("a thief"),
        epoch: Epoch(epoch),
        until: Timestamp::from_millis(stream.now().as_millis() + 60_000),
    };
    stream.wire().send(&taken).await.expect("the engine does as it is told");
}

async fn nothing(lease: &KeyLease) -> Held<Epoch> {
    lease.hold(async |epoch| epoch).await.expect("the engine answers")
}

#[tokio::test]
async fn each_time_it_is_taken_has_an_epoch_of_its_own() {
    let lease = stream().await.lease("jobs", "nightly");
    for epoch in 1..4 {
        assert_eq!(nothing(&lease).await, Held::Done(Epoch(epoch)));
    }
}

#[tokio::test]
async fn while_it_is_held_nobody_else_has_it() {
    let stream = stream().await;
    let lease = stream.lease("jobs", "nightly");
    let held = lease.hold(async |_| nothing(&lease).await).await.expect("held");
    assert_eq!(held, Held::Done(Held::Busy));
    let others = [stream.lease("jobs", "weekly"), stream.lease("tasks", "nightly")];
    let held = lease.hold(async |_| join_all(others.iter().map(nothing)).await).await;
    assert_eq!(held.expect("held"), Held::Done(vec![Held::Done(Epoch(1)); 2]));
}

#[tokio::test]
async fn of_many_that_take_turns_one_is_at_work() {
    let lease = stream().await.lease("jobs", "nightly");
    let (at_work, done) = (AtomicU32::new(0), AtomicU32::new(0));
    let work = async |_| {
        assert_eq!(at_work.fetch_add(1, Ordering::SeqCst), 0);
        sleep(Duration::from_millis(5)).await;
        at_work.fetch_sub(1, Ordering::SeqCst);
        done.fetch_add(1, Ordering::SeqCst);
    };
    let caller = async |_: u32| {
        while lease.hold(work).await.expect("the engine answers") == Held::Busy {
            sleep(Duration::from_millis(3)).await;
        }
    };
    join_all((0..8).map(caller)).await;
    assert_eq!(done.load(Ordering::SeqCst), 8);
}

#[tokio::test]
async fn it_is_renewed_while_the_work_goes_on() {
    let lease = stream().await.lease("jobs", "nightly");
    let long = lease.hold(async |_| sleep(3 * LEASE).await);
    let looking = async {
        for _ in 0..10 {
            sleep(LEASE / 4).await;
            assert_eq!(nothing(&lease).await, Held::Busy);
        }
    };
    assert_eq!(join(long, looking).await.0.expect("held"), Held::Done(()));
}

#[tokio::test]
async fn work_is_dropped_once_the_lease_is_lost() {
    let stream = stream().await;
    let lease = stream.lease("jobs", "nightly");
    let was_done = AtomicBool::new(false);
    let began = Instant::now();
    let held = lease.hold(async |epoch: Epoch| {
        steal(&stream, "jobs", "nightly", epoch.0 + 1).await;
        sleep(10 * LEASE).await;
        was_done.store(true, Ordering::SeqCst);
    });
    assert_eq!(held.await.expect("the engine answers"), Held::Lost(None));
    assert!(began.elapsed() < 3 * LEASE && !was_done.load(Ordering::SeqCst));
}

/// What many lock clients get wrong: the next holder has it after one lease, and the write of the one
/// before, which is late, is refused.
#[tokio::test]
async fn the_next_caller_has_it_after_one_lease_and_the_old_one_writes_no_more() {
    let stream = stream().await;
    let lease = stream.lease("jobs", "nightly");
    let began = Instant::now();
    let dies = lease.hold(async |_| std::future::pending::<()>().await);
    select(Box::pin(dies), Box::pin(sleep(Duration::from_millis(50)))).await;
    assert_eq!(nothing(&lease).await, Held::Busy);
    let late = Request::Release {
        group: Group::from("#lease/jobs"),
        partition: Layout::EachKey.route("nightly"),
        to: None,
        fence: Some(Epoch(1)),
        guard: Guard::None,
    };
    let mut next = nothing(&lease).await;
    while next == Held::Busy {
        sleep(Duration::from_millis(10)).await;
        next = nothing(&lease).await;
    }
    assert_eq!(next, Held::Done(Epoch(2)));
    assert!(began.elapsed() >= LEASE && began.elapsed() < 3 * LEASE, "{:?}", began.elapsed());
    let held = lease.hold(async |_| stream.wire().send(&late).await.expect("an answer")).await;
    assert!(matches!(held, Ok(Held::Done(Reply::Refused { .. }))), "{held:?}");
}

#[tokio::test]
async fn it_is_no_group_of_the_stream() {
    let stream = stream().await;
    nothing(&stream.lease("jobs", "nightly")).await;
    let status = stream.status().await.expect("read");
    assert!(status.iter().all(|partition| partition.groups.is_empty()), "{status:?}");
    assert!(stream.audit(|_| ()).await.expect("read").findings.is_empty());
    let error = stream.standings(&Group::from("#lease/jobs")).await.expect_err("no group's name");
    assert!(matches!(error, StoreError::Reserved { .. }), "{error}");
}

#[tokio::test]
async fn a_name_that_cannot_be_stored_is_refused() {
    let stream = stream().await;
    for lease in [stream.lease(&"s".repeat(2048), "k"), stream.lease("s", &"k".repeat(1000))] {
        let error = lease.hold(async |_| ()).await.expect_err("too long");
        assert!(matches!(error, StoreError::Name { .. }), "{error}");
    }
}

/// Also in designs whose workers tell a successor: there is none to be told.
#[tokio::test]
async fn it_is_held_in_every_design_and_no_worker_hears_of_it() {
    for known in NAMED.iter().filter(|known| known.breaks.is_empty()) {
        let config = Config::new("keys-").lease(LEASE).skew(Duration::from_millis(100));
        let config = config.design(known.design);
        let client = Engine::memory().expect("an engine").client();
        let stream = Stream::create(client, config).await.expect("a stream");
        let notices = stream.notices().subscribe();
        let held = nothing(&stream.lease("jobs", "nightly")).await;
        assert_eq!(held, Held::Done(Epoch(1)), "{}", known.name);
        let told = Trigger::next(&notices).now_or_never();
        assert!(told.is_none(), "{}: {told:?}", known.name);
    }
}

/// The answer to the release is lost, and another caller has the lease when it is asked for again.
#[tokio::test]
async fn work_that_was_done_is_not_lost_with_the_lease() {
    let stream = stream().await;
    let lease = stream.lease("jobs", "nightly");
    let held = lease.hold(async |epoch: Epoch| {
        steal(&stream, "jobs", "nightly", epoch.0 + 1).await;
        "done"
    });
    assert_eq!(held.await.expect("the engine answers"), Held::Lost(Some("done")));
}

#[tokio::test]
async fn dropping_it_drops_the_work() {
    let lease = stream().await.lease("jobs", "nightly");
    let alive = Arc::new(());
    let kept = Arc::clone(&alive);
    let held = lease.hold(move |_| async move {
        let _kept = kept;
        std::future::pending::<()>().await;
    });
    select(Box::pin(held), Box::pin(sleep(Duration::from_millis(50)))).await;
    assert_eq!(Arc::strong_count(&alive), 1);
}
