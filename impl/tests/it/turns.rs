//! The turns of one worker: run twice at once, dropped and run again. Each turn owns its lease under
//! a name of its own, so none takes another's for its own.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::{join, join3, select};
use gapless::embedded::Engine;
use gapless::{
    AfterFailure, Config, Delivery, Epoch, Event, Group, Handler, HandlerError, Layout, Owner,
    Stream, Timestamp, Worker,
};
use gapless_model::store::{Guard, Raise, Request};

const LEASE: Duration = Duration::from_millis(600);

async fn stream() -> Stream {
    let config = Config::new("turns-")
        .layout(Layout::Fixed { bits: 0 })
        .lease(LEASE)
        .skew(Duration::from_millis(100))
        .grace(Duration::from_millis(100));
    let client = Engine::memory().expect("an engine").client();
    Stream::create(client, config).await.expect("a stream")
}

/// What the handlers did.
#[derive(Clone, Debug, Default)]
struct Work {
    delivered: Arc<Mutex<Vec<(Epoch, String)>>>,
    at_work: Arc<AtomicUsize>,
    most_at_work: Arc<AtomicUsize>,
    /// Whether the next delivery never ends.
    hangs: Arc<AtomicBool>,
}

/// A handler at work, until it has finished or is dropped.
struct AtWork(Arc<AtomicUsize>);

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Work {
    /// A handler that takes this long for each delivery.
    fn handler(&self, long: Duration) -> impl Handler + use<> {
        let work = self.clone();
        move |delivery: Delivery| {
            let work = work.clone();
            async move {
                let count = work.at_work.fetch_add(1, Ordering::SeqCst) + 1;
                let at_work = AtWork(Arc::clone(&work.at_work));
                work.most_at_work.fetch_max(count, Ordering::SeqCst);
                let epoch = delivery.fence().epoch;
                let texts = delivery.events().filter_map(|e| e.event.text().map(str::to_owned));
                let texts: Vec<_> = texts.map(|text| (epoch, text)).collect();
                work.delivered.lock().expect("no panic").extend(texts);
                if work.hangs.swap(false, Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                tokio::time::sleep(long).await;
                drop(at_work);
                Ok::<(), HandlerError>(())
            }
        }
    }

    fn delivered(&self) -> Vec<(Epoch, String)> {
        self.delivered.lock().expect("no panic").clone()
    }

    async fn until_delivered(&self, count: usize) {
        while self.delivered().len() < count {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A stream with one event, on which a run of a worker was dropped while its handler was at work.
async fn dropped_in_mid_turn(work: &Work) -> (Stream, Worker<impl Handler + use<>>) {
    let stream = stream().await;
    stream.append(Event::new("k", "1")).await.expect("appended");
    work.hangs.store(true, Ordering::SeqCst);
    let worker = stream.worker("g", work.handler(LEASE / 4));
    let worker = worker.sweep_every(Duration::from_millis(20));
    select(Box::pin(worker.run()), Box::pin(work.until_delivered(1))).await;
    assert_eq!(work.at_work.load(Ordering::SeqCst), 0, "the handler is dropped with the run");
    (stream, worker)
}

/// Appends an event after a moment. Its notice makes a worker ask for the lease at once, where a
/// sweep alone would wait for its end.
async fn append_soon(stream: &Stream) {
    tokio::time::sleep(LEASE / 12).await;
    stream.append(Event::new("k", "2")).await.expect("appended");
}

#[tokio::test]
async fn a_worker_that_runs_twice_at_once_is_at_work_once() {
    let (stream, work) = (stream().await, Work::default());
    let worker = stream.worker("g", work.handler(Duration::from_millis(30)));
    let worker = worker.sweep_every(Duration::from_millis(20));
    let stop = worker.stopper();
    let appends = async {
        for number in 0..12 {
            let event = Event::new("k", number.to_string());
            stream.append(event).await.expect("appended");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        work.until_delivered(12).await;
        stop.request();
    };
    let (one, other, ()) = join3(worker.run(), worker.run(), appends).await;
    let events = one.expect("a run").events + other.expect("a run").events;
    assert_eq!(events, 12);
    assert_eq!(work.most_at_work.load(Ordering::SeqCst), 1);
    let texts: Vec<_> = work.delivered().into_iter().map(|(_, text)| text).collect();
    assert_eq!(texts, (0..12).map(|number| number.to_string()).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_worker_that_is_dropped_and_run_again_waits_for_its_lease_to_end() {
    let (work, began) = (Work::default(), Instant::now());
    let (stream, worker) = dropped_in_mid_turn(&work).await;
    join(worker.until_caught_up(), append_soon(&stream)).await.0.expect("caught up");
    assert!(began.elapsed() >= LEASE, "{:?}", began.elapsed());
    let delivered = work.delivered();
    let epochs: Vec<_> = delivered.iter().map(|(epoch, _)| *epoch).collect();
    assert_eq!(epochs, [Epoch(1), Epoch(2), Epoch(2)], "the lease was taken anew, not adopted");
    assert_eq!(work.most_at_work.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn the_leases_of_a_dropped_run_can_be_released() {
    let work = Work::default();
    let (stream, worker) = dropped_in_mid_turn(&work).await;
    let began = Instant::now();
    stream.release_leases(&Group::from("g"), worker.id().expect("an id")).await.expect("released");
    worker.until_caught_up().await.expect("caught up");
    assert!(began.elapsed() < LEASE, "{:?}", began.elapsed());
    assert_eq!(work.delivered().len(), 2);
}

#[tokio::test]
async fn the_leases_of_other_workers_are_not_released() {
    let work = Work::default();
    let (stream, _worker) = dropped_in_mid_turn(&work).await;
    let (group, other) = (Group::from("g"), stream.worker("g", work.handler(LEASE / 4)));
    stream.release_leases(&group, other.id().expect("an id")).await.expect("nothing to release");
    let standings = stream.standings(&group).await.expect("read");
    assert_eq!(standings.iter().filter(|(_, standing)| standing.lease.active).count(), 1);
}

/// A worker whose lease was taken over meanwhile must not leave its failure on the new owner's item.
#[tokio::test]
async fn a_failure_is_noted_under_ones_own_epoch_alone() {
    let stream = stream().await;
    let partition = stream.append(Event::new("k", "1")).await.expect("appended").partition;
    let (there, elsewhere) = (stream.clone(), partition.clone());
    let failing = move |delivery: Delivery| {
        let (stream, partition) = (there.clone(), elsewhere.clone());
        async move {
            let taken = Request::SetLease {
                group: Group::from("g"),
                partition,
                owner: Owner::from("another"),
                epoch: Epoch(delivery.fence().epoch.0 + 1),
                until: Timestamp::from_millis(stream.now().as_millis() + 60_000),
            };
            stream.wire().send(&taken).await.expect("the engine does as it is told");
            Err::<(), HandlerError>("no such order".into())
        }
    };
    let worker = stream.worker("g", failing).attempts(1, Duration::ZERO);
    let worker = worker.after_failure(AfterFailure::Stop);
    worker.run().await.expect_err("its handler fails for good");
    let standing = &stream.status().await.expect("status")[0].groups[0];
    assert_eq!((standing.lease.epoch, standing.failure.as_deref()), (Epoch(2), None));
}

/// A number that was given out and never written, with nothing behind it, is looked at with a read
/// and not with a lease, sweep after sweep.
#[tokio::test]
async fn a_head_that_is_ahead_of_its_slots_costs_no_lease() {
    let stream = stream().await;
    let partition = stream.append(Event::new("k", "1")).await.expect("appended").partition;
    let raise = Raise { partition, head: None, token: None, record: None };
    stream.wire().send(&Request::Raise(raise)).await.expect("a number");
    let work = Work::default();
    let worker = stream.worker("g", work.handler(Duration::ZERO));
    let worker = worker.sweep_every(Duration::from_millis(5));
    let many_sweeps = tokio::time::sleep(Duration::from_millis(300));
    select(Box::pin(worker.run()), Box::pin(many_sweeps)).await;
    let epoch = stream.status().await.expect("status")[0].groups[0].lease.epoch;
    assert!((Epoch(1)..=Epoch(3)).contains(&epoch), "{epoch:?}");
}

#[tokio::test]
async fn a_worker_of_no_partition_at_once_has_one() {
    let stream = stream().await;
    stream.append(Event::new("k", "1")).await.expect("appended");
    let work = Work::default();
    let worker = stream.worker("g", work.handler(Duration::ZERO)).concurrency(0);
    let done = tokio::time::timeout(Duration::from_secs(20), worker.until_caught_up()).await;
    assert_eq!(done.expect("it goes on").expect("caught up").events, 1);
}

#[tokio::test]
async fn a_late_release_of_a_dropped_run_lets_one_worker_in_and_not_two() {
    let work = Work::default();
    let (stream, worker) = dropped_in_mid_turn(&work).await;
    let other = stream.worker("g", work.handler(LEASE / 4));
    let other = other.sweep_every(Duration::from_millis(20));
    let late = async {
        append_soon(&stream).await;
        tokio::time::sleep(LEASE / 12).await;
        let (group, partition) = (Group::from("g"), stream.route("k"));
        let fence = Some(Epoch(1));
        let release = Request::Release { group, partition, to: None, fence, guard: Guard::None };
        stream.wire().send(&release).await.expect("released");
    };
    let (one, other, ()) = join3(worker.until_caught_up(), other.until_caught_up(), late).await;
    one.and(other).expect("caught up");
    assert_eq!(work.most_at_work.load(Ordering::SeqCst), 1);
    assert_eq!(work.delivered().len(), 3, "the first once again, by one of them");
}
