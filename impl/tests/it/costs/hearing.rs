//! How soon a worker hears of an event, and what it costs to listen.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::config::retry::RetryConfig;
use futures_util::future::{join, join3};
use gapless::trigger::{Hint, TableStream, Trigger};
use gapless::{Config, Delivery, Event, Handler, HandlerError, Layout, Seq, Stream};

use super::meter::{Latency, Meter, Wrong};
use super::{ONE_PARTITION, calls, event, noting};
use crate::table_stream::streams_config;

fn streams(meter: &Meter) -> Client {
    let config = streams_config(meter.http_client()).retry_config(RetryConfig::disabled());
    let config = config.time_source(meter.time.clone()).sleep_impl(meter.time.clone());
    Client::from_conf(config.build())
}

/// How long after its append, a minute from now, an event is handled, if no sweep comes before.
fn handled_after(
    meter: &Meter,
    writer: &Stream,
    stream: &Stream,
    hints: Option<TableStream>,
) -> Duration {
    let appended = Mutex::new(Duration::ZERO);
    let (handler, handled) = noting(meter, Duration::ZERO);
    let mut worker = stream.worker("g", handler).sweep_every(Duration::from_secs(36_000));
    if let Some(hints) = hints {
        worker = worker.trigger(Arc::new(hints));
    }
    let appends = async {
        meter.time.wait(Duration::from_secs(60)).await;
        writer.append(event(1)).await.expect("appended");
        *appended.lock().expect("no panic") = meter.time.elapsed();
    };
    meter.run_for(Duration::from_secs(3_600), join(worker.run(), appends));
    let [appended, handled] = [&appended, &*handled].map(|time| *time.lock().expect("no panic"));
    handled.checked_sub(appended).expect("it is handled, and afterwards")
}

#[test]
fn a_worker_hears_at_once_of_an_event_of_its_own_process() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).table_stream(true));
    assert_eq!(handled_after(&meter, &stream, &stream, None), Duration::ZERO);
}

#[test]
fn a_worker_hears_of_an_event_of_another_process_with_the_next_look() {
    let meter = Meter::new();
    let [writer, stream] =
        [(); 2].map(|()| meter.stream(|config| config.layout(ONE_PARTITION).table_stream(true)));
    let hints = TableStream::new(streams(&meter), &stream).expect("a reader");
    let after = handled_after(&meter, &writer, &stream, Some(hints));
    assert!(after <= Duration::from_millis(250), "{after:?}");
}

fn listening(meter: &Meter) -> (Stream, TableStream) {
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).table_stream(true));
    let hints = TableStream::new(streams(meter), &stream).expect("a reader");
    let none = meter.run_for(Duration::from_secs(1), hints.next());
    assert!(!none.is_empty(), "it looks");
    (stream, hints)
}

/// Four times a second, and ever less often while nothing answers.
#[test]
fn a_tables_stream_is_looked_at_four_times_a_second() {
    let meter = Meter::new();
    let (_stream, hints) = listening(&meter);
    let bill = meter.run_for(Duration::from_secs(60), hints.next());
    assert_eq!(bill, ["6 DescribeStream", "241 GetRecords"]);
    meter.set_wrong(Some(Wrong::Internal));
    let bill = meter.run_for(Duration::from_secs(60), hints.next());
    // Each pause is between one and two seconds in the end.
    assert!((30..70).contains(&calls(&bill[..1])), "{bill:?}");
}

/// It would be told all of the last day otherwise. What it misses, a sweep finds.
#[test]
fn a_shard_whose_iterator_has_expired_is_read_from_now_on() {
    let meter = Meter::new();
    let (stream, hints) = listening(&meter);
    meter.time.run(stream.append(event(1))).expect("appended");
    meter.go_wrong_once("GetRecords", Wrong::ExpiredIterator);
    let told = Mutex::new(None);
    let listens = async { *told.lock().expect("no panic") = Some(hints.next().await) };
    let bill = meter.run_for(Duration::from_secs(1), listens);
    assert_eq!(bill, ["1 DescribeStream", "5 GetRecords", "1 GetShardIterator"]);
    assert_eq!(told.into_inner().expect("no panic"), None);
    let appended = meter.time.run(stream.append(event(2))).expect("appended");
    assert_eq!(meter.time.run(hints.next()), [Hint::of_slot(appended.partition, Seq(2))]);
}

/// A failure of another kind keeps the iterator.
#[test]
fn a_shard_that_cannot_be_read_for_a_moment_is_read_on() {
    let meter = Meter::new();
    let (stream, hints) = listening(&meter);
    let appended = meter.time.run(stream.append(event(1))).expect("appended");
    meter.set_wrong(Some(Wrong::Internal));
    let mends = async {
        meter.time.wait(Duration::from_secs(1)).await;
        meter.set_wrong(None);
    };
    let ((told, ()), bill) = meter.run(join(hints.next(), mends));
    assert_eq!(told, [Hint::of_slot(appended.partition, Seq(1))]);
    assert!(!bill.iter().any(|line| line.contains("GetShardIterator")), "{bill:?}");
}

#[test]
fn another_tables_stream_is_not_heard() {
    let meter = Meter::new();
    let other = Config::new("another-").layout(ONE_PARTITION);
    let other = meter.time.run(Stream::create(meter.client(), other)).expect("a stream");
    let (_stream, hints) = listening(&meter);
    meter.time.run(other.append(Event::new("k", "x"))).expect("appended");
    let told = Mutex::new(None);
    let listens = async { *told.lock().expect("no panic") = Some(hints.next().await) };
    meter.run_for(Duration::from_secs(60), listens);
    assert_eq!(told.into_inner().expect("no panic"), None);
}

/// It is listed for a day after another one took its place, and nothing gets into it.
#[test]
fn a_stream_that_was_disabled_is_passed_over() {
    let meter = Meter::new();
    meter.list_disabled_stream();
    let (stream, hints) = listening(&meter);
    let appended = meter.time.run(stream.append(event(1))).expect("appended");
    assert_eq!(meter.time.run(hints.next()), [Hint::of_slot(appended.partition, Seq(1))]);
}

/// A notice of its own process is sooner than the table's stream, which tells of the same slot then.
#[test]
fn what_the_tables_stream_tells_of_a_finished_slot_costs_no_lease() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION).table_stream(true));
    let hints = TableStream::new(streams(&meter), &stream).expect("a reader");
    let worker = stream.worker("g", noting(&meter, Duration::ZERO).0);
    let worker = worker.sweep_every(Duration::from_secs(36_000)).trigger(Arc::new(hints));
    let appends = async {
        for number in 1..=3 {
            meter.time.wait(Duration::from_secs(5)).await;
            stream.append(event(number)).await.expect("appended");
        }
    };
    let bill = meter.run_for(Duration::from_secs(60), join(worker.run(), appends));
    // Of each event: its number; the lease that is taken, and given back with the checkpoint.
    let writes = bill.iter().filter(|line| line.contains("UpdateItem"));
    assert_eq!(writes.collect::<Vec<_>>(), ["6 UpdateItem consumers", "3 UpdateItem partitions"]);
}

/// It takes four calls until it has read a shard, and a notice comes in the middle of each.
#[test]
fn a_worker_hears_of_other_processes_however_busy_it_is() {
    let meter = Meter::new();
    let [writer, stream] =
        [(); 2].map(|()| meter.stream(|config| config.layout(Layout::EachKey).table_stream(true)));
    let call = Duration::from_millis(20);
    meter.set_latency(Latency { queries: call, others: call });
    let (handler, heard) = noting_key(&meter, "far");
    let hints = TableStream::new(streams(&meter), &stream).expect("a reader");
    let worker = stream.worker("g", handler).sweep_every(Duration::from_secs(36_000));
    let worker = worker.trigger(Arc::new(hints));
    let notices = async {
        for number in 0_u64.. {
            stream.notices().notify(&stream.route(&format!("near{}", number % 4)));
            meter.time.wait(Duration::from_millis(7)).await;
        }
    };
    let appended = Mutex::new(Duration::ZERO);
    let appends = async {
        meter.time.wait(Duration::from_secs(5)).await;
        writer.append(Event::new("far", "x")).await.expect("appended");
        *appended.lock().expect("no panic") = meter.time.elapsed();
    };
    meter.run_for(Duration::from_secs(10), join3(worker.run(), notices, appends));
    let [appended, heard] = [&appended, &*heard].map(|time| *time.lock().expect("no panic"));
    let after = heard.checked_sub(appended).expect("it is handled, and afterwards");
    assert!(after <= Duration::from_millis(500), "{after:?}");
}

/// A handler that notes when it is given an event of this key.
fn noting_key(meter: &Meter, key: &'static str) -> (impl Handler + use<>, Arc<Mutex<Duration>>) {
    let (time, noted) = (meter.time.clone(), Arc::new(Mutex::new(Duration::ZERO)));
    let at = Arc::clone(&noted);
    let handler = move |delivery: Delivery| {
        if delivery.events().any(|recorded| recorded.event.key == key) {
            *at.lock().expect("no panic") = time.elapsed();
        }
        async { Ok::<(), HandlerError>(()) }
    };
    (handler, noted)
}
