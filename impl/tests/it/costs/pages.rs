//! More items than an answer holds. DynamoDB ends one at a megabyte.

use std::time::Duration;

use futures_util::future::join_all;
use gapless::{Event, Group, Layout, Stream, Target};

use super::meter::Meter;
use super::{ONE_PARTITION, takes};

const PARTITIONS: usize = 1_200;

/// A stream whose partitions have such long ids that no answer holds them all.
fn many_partitions(meter: &Meter) -> Stream {
    let stream = meter.stream(|config| config.layout(Layout::EachKey));
    let key = |number: usize| format!("{number:0>900}");
    let appends = (0..PARTITIONS).map(|number| stream.append(Event::new(key(number), "x")));
    for appended in meter.time.run(join_all(appends)) {
        appended.expect("appended");
    }
    stream
}

#[test]
fn all_partitions_are_found_consumed_and_shown() {
    let meter = Meter::new();
    let stream = many_partitions(&meter);
    let (partitions, bill) = meter.run(stream.partitions());
    assert_eq!(partitions.expect("read").len(), PARTITIONS);
    assert_eq!(bill, ["2 Query partitions, eventual"]);
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    let summary = meter.time.run(worker.until_caught_up()).expect("caught up");
    assert_eq!((summary.events, summary.turns), (PARTITIONS as u64, PARTITIONS as u64));
    let (standings, bill) = meter.run(stream.standings(&Group::from("g")));
    assert_eq!(standings.expect("read").len(), PARTITIONS);
    assert_eq!(bill, ["2 Query consumers"]);
    let (status, bill) = meter.run(stream.status());
    let status = status.expect("read");
    assert_eq!(status.len(), PARTITIONS);
    assert!(status.iter().all(|partition| partition.groups.len() == 1));
    assert!(bill.contains(&"2 Scan consumers".to_owned()), "{bill:?}");
    let audit = meter.time.run(stream.audit(|_| ())).expect("audited");
    assert_eq!((audit.partitions, audit.findings), (PARTITIONS as u64, vec![]));
}

/// A page of slots ends there as well, and is no end of the partition.
#[test]
fn large_events_are_read_and_consumed_to_the_last() {
    let meter = Meter::new();
    let stream = meter.stream(|config| config.layout(ONE_PARTITION));
    for _ in 0..7 {
        let event = Event::new("k", vec![b'x'; 300 * 1024]);
        meter.time.run(stream.append(event)).expect("appended");
    }
    let (events, bill) = meter.run(stream.read(Target::Everything).collect());
    assert_eq!(events.expect("read").len(), 7);
    assert_eq!(bill, ["1 BatchGetItem 1 partitions", "3 Query events"]);
    let worker = stream.worker("g", takes(&meter, Duration::ZERO));
    let (summary, bill) = meter.run(worker.until_caught_up());
    assert_eq!(summary.expect("caught up").events, 7);
    // It looks behind the last page alone: the others say that they were cut.
    assert_eq!(
        bill,
        [
            "2 BatchGetItem 1 partitions",
            "2 Query consumers",
            "3 Query events",
            "1 Query events, eventual",
            "4 UpdateItem consumers"
        ]
    );
}
