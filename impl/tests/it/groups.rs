//! How many events share a slot.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use gapless::embedded::Engine;
use gapless::{Config, Event, Grouping, Layout, Seq, Stream};

/// Appends so many events at once, and counts those in each slot.
async fn events_by_slot(grouping: Grouping, events: u32) -> BTreeMap<Seq, u32> {
    let client = Engine::memory().expect("an engine").client();
    let config = Config::new("test-").layout(Layout::Fixed { bits: 0 });
    let stream = Stream::create(client, config).await.expect("a stream");
    let appender = stream.appender(grouping);
    let appends = (0..events).map(|n| appender.append(Event::new("k", format!("{n:010}"))));
    let mut of_slot = BTreeMap::new();
    for receipt in join_all(appends).await {
        *of_slot.entry(receipt.expect("appended").position.slot).or_insert(0) += 1;
    }
    assert_eq!(of_slot.values().sum::<u32>(), events);
    of_slot
}

#[tokio::test]
async fn a_group_has_at_most_so_many_events() {
    let of_slot = events_by_slot(Grouping::default().events(7).waiting(10), 50).await;
    assert_eq!(of_slot.values().max(), Some(&7), "{of_slot:?}");
}

#[tokio::test]
async fn a_group_has_at_most_so_many_bytes() {
    // An event has a key of one byte, ten bytes of data and two of its own.
    let of_slot = events_by_slot(Grouping::default().bytes(3 * 13 + 12), 50).await;
    assert_eq!(of_slot.values().max(), Some(&3), "{of_slot:?}");
    let of_slot = events_by_slot(Grouping::default().bytes(4 * 13), 50).await;
    assert_eq!(of_slot.values().max(), Some(&4), "{of_slot:?}");
}

#[tokio::test]
async fn no_more_events_wait_for_a_partition_than_may() {
    let of_slot = events_by_slot(Grouping::default().waiting(3), 50).await;
    assert_eq!(of_slot.values().max(), Some(&3), "{of_slot:?}");
}

#[tokio::test]
async fn an_event_that_is_larger_than_a_group_goes_alone() {
    let of_slot = events_by_slot(Grouping::default().bytes(5), 4).await;
    assert!(of_slot.values().all(|&events| events == 1), "{of_slot:?}");
}
