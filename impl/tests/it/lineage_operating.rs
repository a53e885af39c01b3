//! Splits and merges as an operator makes them, what is shown of them, and checkpoints moved by hand across
//! them.

use gapless::embedded::Engine;
use gapless::{
    Config, Event, Finding, Group, Layout, Lineage, LineageError, PartitionId, SeekError, SeekTo,
    Seq, Stream, Token,
};
use gapless_model::store::{Entry, Free, Lease, Request, Write};

use crate::lineage::{Seen, id, processes};

fn ids(list: &[&str]) -> Vec<PartitionId> {
    list.iter().map(|text| id(text)).collect()
}

async fn append(stream: &Stream, keys: &[&str], text: &str) {
    for key in keys {
        stream.append(Event::new(*key, text)).await.expect("appended");
    }
}

const KEYS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// `p` with six events, split; `p0` and `p1` with six events; merged into `p~` with six.
async fn split_and_merged() -> Stream {
    let [stream] = processes().await;
    append(&stream, &KEYS, "1").await;
    stream.split(&id("p")).await.expect("split");
    append(&stream, &KEYS, "2").await;
    stream.merge(&ids(&["p0", "p1"])).await.expect("merged");
    append(&stream, &KEYS, "3").await;
    stream
}

fn leaves(lineage: &Lineage) -> Vec<String> {
    lineage.leaves().map(PartitionId::to_string).collect()
}

#[tokio::test]
async fn two_operators_who_do_the_same_get_the_same() {
    let [one, other] = processes().await;
    for stream in [&one, &other, &one] {
        assert_eq!(stream.split(&id("p")).await.expect("split"), [id("p0"), id("p1")]);
    }
    let halves = ids(&["p1", "p0"]);
    let merges = [&one, &other].map(|stream| stream.merge(&halves));
    for merged in futures_util::future::join_all(merges).await {
        assert_eq!(merged.expect("merged"), id("p~"));
    }
    assert_eq!(one.split(&id("p")).await.expect("as before"), [id("p0"), id("p1")]);
    assert_eq!(leaves(&other.lineage().await.expect("read")), ["p~"]);
}

#[tokio::test]
async fn of_a_split_and_a_merge_of_the_same_partition_one_is_refused() {
    let [one, other] = processes().await;
    one.split(&id("p")).await.expect("split");
    one.split(&id("p1")).await.expect("split");
    match other.merge(&ids(&["p0", "p1"])).await {
        Err(LineageError::Other { partition, children }) => {
            assert_eq!((partition, children), (id("p1"), ids(&["p10", "p11"])));
        }
        ended => panic!("{ended:?}"),
    }
    // P2: nothing of it was done.
    assert_eq!(leaves(&other.lineage().await.expect("read")), ["p0", "p10", "p11"]);
    other.merge(&ids(&["p0", "p10", "p11"])).await.expect("merged, the finest first");
    assert_eq!(leaves(&one.lineage().await.expect("read")), ["p~"]);
    assert!(matches!(one.split(&id("p0")).await, Err(LineageError::Other { .. })));
}

#[tokio::test]
async fn a_merge_that_stopped_halfway_is_completed_by_the_same_call() {
    let [one, other] = processes().await;
    for partition in ["p", "p0", "p1"] {
        one.split(&id(partition)).await.expect("split");
    }
    let all = ids(&["p00", "p01", "p10", "p11"]);
    one.merge(&all[2..]).await.expect("as far as it got");
    assert_eq!(other.merge(&all).await.expect("completed"), id("p~"));
    assert_eq!(one.merge(&all).await.expect("again"), id("p~"));
}

#[tokio::test]
async fn what_cannot_be_split_or_merged_is_refused_and_nothing_is_changed() {
    let [stream] = processes().await;
    let said = |refused: Result<_, LineageError>| refused.expect_err("it cannot").to_string();
    let missing = said(stream.split(&id("p01")).await.map(|_| ()));
    assert!(missing.contains("no partition p01"), "{missing}");
    let missing = said(stream.merge(&ids(&["p0", "p1"])).await.map(|_| ()));
    assert!(missing.contains("no partition p0:"), "{missing}");
    stream.split(&id("p")).await.expect("split");
    // A seal of what is none would make it one.
    let missing = said(stream.merge(&ids(&["p00", "p01", "p1"])).await.map(|_| ()));
    assert!(missing.contains("no partition p00:"), "{missing}");
    stream.split(&id("p0")).await.expect("split");
    let missing = said(stream.merge(&ids(&["p00", "p01", "p10", "p11"])).await.map(|_| ()));
    assert!(missing.contains("no partition p10:"), "{missing}");
    for (partitions, why) in
        [(&[][..], "no partition was named"), (&["p"][..], "p is no half"), (&["p0", "p11"], "p11")]
    {
        let apart = said(stream.merge(&ids(partitions)).await.map(|_| ()));
        assert!(apart.contains(why), "{apart}");
    }
    assert_eq!(leaves(&stream.lineage().await.expect("read")), ["p00", "p01", "p1"]);
}

#[tokio::test]
async fn the_partitions_of_single_keys_are_not_split() {
    let client = Engine::memory().expect("an engine").client();
    let config = Config::new("lineage-").layout(Layout::EachKey);
    let stream = Stream::create(client, config).await.expect("a stream");
    let receipt = stream.append(Event::new("k", "1")).await.expect("appended");
    let refused = stream.split(&receipt.partition).await.expect_err("it is one key");
    assert!(matches!(refused, LineageError::Whole { .. }), "{refused}");
}

#[tokio::test]
async fn partitions_of_a_fixed_layout_are_split_and_merged_above_it() {
    let client = Engine::memory().expect("an engine").client();
    let config = Config::new("lineage-").layout(Layout::Fixed { bits: 2 });
    let stream = Stream::create(client, config).await.expect("a stream");
    append(&stream, &KEYS, "1").await;
    let all = ids(&["p00", "p01", "p10", "p11"]);
    assert_eq!(stream.merge(&all).await.expect("merged"), id("p~"));
    append(&stream, &KEYS, "2").await;
    let seen = Seen::default();
    seen.catch_up(&stream, "g").await;
    for key in KEYS {
        assert_eq!(seen.of(key), ["1", "2"], "{key}");
    }
    assert_eq!(stream.audit(|_| ()).await.expect("audited").findings, []);
}

#[tokio::test]
async fn the_lineage_shows_each_partition_behind_its_parents() {
    let stream = split_and_merged().await;
    let lineage = stream.lineage().await.expect("read");
    let shown: Vec<_> = lineage.partitions().keys().map(PartitionId::to_string).collect();
    assert_eq!(shown, ["p", "p0", "p1", "p~"]);
    let of = |partition: &str| &lineage.partitions()[&id(partition)];
    assert_eq!((of("p").head, of("p").children.clone()), (Seq(6), ids(&["p0", "p1"])));
    assert_eq!((of("p~").head, of("p~").parents.clone()), (Seq(6), ids(&["p0", "p1"])));
    assert!(of("p~").is_leaf() && !of("p0").is_leaf() && of("p").parents.is_empty());
    assert_eq!(stream.partitions().await.expect("listed"), ids(&["p", "p0", "p1", "p~"]));
    let lag = stream.lag(&Group::from("g")).await.expect("read");
    assert_eq!(lag.values().sum::<u64>(), 18);
}

#[tokio::test]
async fn a_group_that_begins_at_the_end_is_given_what_comes_after_in_every_partition() {
    let stream = split_and_merged().await;
    stream.begin_at(&"late".into(), SeekTo::End).await.expect("begun");
    append(&stream, &KEYS, "4").await;
    stream.split(&id("p~")).await.expect("split");
    append(&stream, &KEYS, "5").await;
    let seen = Seen::default();
    seen.catch_up(&stream, "late").await;
    for key in KEYS {
        assert_eq!(seen.of(key), ["4", "5"], "{key}");
    }
    assert_eq!(stream.audit(|_| ()).await.expect("audited").findings, []);
}

/// An item would be one that waits for nothing.
#[tokio::test]
async fn a_group_that_begins_at_the_start_begins_no_child_before_its_parents() {
    let stream = split_and_merged().await;
    let group = Group::from("g");
    let sought = stream.begin_at(&group, SeekTo::Start).await.expect("begun");
    assert_eq!(sought.len(), 4);
    let begun: Vec<_> = stream.standings(&group).await.expect("read").into_keys().collect();
    assert_eq!(begun, ids(&["p"]));
    let seen = Seen::default();
    seen.catch_up(&stream, "g").await;
    for key in KEYS {
        assert_eq!(seen.of(key), ["1", "2", "3"], "{key}");
    }
}

/// One parent alone says nothing of the other's events.
#[tokio::test]
async fn a_group_that_begins_at_the_end_begins_no_child_of_which_one_parent_is_behind() {
    let [stream] = processes().await;
    let group = Group::from("g");
    append(&stream, &KEYS, "1").await;
    stream.split(&id("p")).await.expect("split");
    append(&stream, &KEYS, "2").await;
    Seen::default().catch_up(&stream, "g").await;
    let late = KEYS.into_iter().find(|key| stream.route(key) == id("p1"));
    append(&stream, &[late.expect("a key of p1")], "3").await;
    stream.merge(&ids(&["p0", "p1"])).await.expect("merged");
    append(&stream, &KEYS, "4").await;
    stream.begin_at(&group, SeekTo::End).await.expect("begun");
    assert!(!stream.standings(&group).await.expect("read").contains_key(&id("p~")));
    assert_eq!(stream.audit(|_| ()).await.expect("audited").findings, []);
}

/// Its item is there, and says that the group has yet to begin it.
#[tokio::test]
async fn a_group_that_begins_at_the_end_begins_no_child_of_what_was_taken_back() {
    let stream = split_and_merged().await;
    let group = Group::from("g");
    // Behind its last slot, but for p to be finished first.
    stream.seek(&group, &id("p0"), SeekTo::End).await.expect("moved");
    stream.seek(&group, &id("p1"), SeekTo::End).await.expect("moved");
    stream.begin_at(&group, SeekTo::Start).await.expect("begun");
    let standings = stream.standings(&group).await.expect("read");
    assert!(!standings.contains_key(&id("p~")), "{standings:?}");
    let seen = Seen::default();
    seen.catch_up(&stream, "g").await;
    for key in KEYS {
        assert_eq!(seen.of(key), ["1", "3"], "{key}");
    }
}

#[tokio::test]
async fn a_seek_to_where_the_checkpoint_is_has_nothing_delivered_again() {
    let stream = split_and_merged().await;
    let group = Group::from("g");
    Seen::default().catch_up(&stream, "g").await;
    for partition in ["p", "p0", "p~"] {
        let sought = stream.seek(&group, &id(partition), SeekTo::End).await.expect("moved");
        assert_eq!(sought.from, sought.to);
    }
    let seen = Seen::default();
    seen.catch_up(&stream, "g").await;
    assert_eq!(seen.count(), 0);
}

/// It begins there once its parents are drained, and not before.
#[tokio::test]
async fn a_checkpoint_that_is_moved_in_a_child_waits_for_its_parents() {
    let stream = split_and_merged().await;
    let group = Group::from("g");
    stream.seek(&group, &id("p~"), SeekTo::End).await.expect("moved");
    assert!(!stream.standings(&group).await.expect("read")[&id("p~")].lease.begun);
    let seen = Seen::default();
    seen.catch_up(&stream, "g").await;
    for key in KEYS {
        assert_eq!(seen.of(key), ["1", "2"], "{key}");
    }
    assert!(stream.standings(&group).await.expect("read")[&id("p~")].lease.begun);
}

/// Scenario 11: what was drained does not count as drained any more.
#[tokio::test]
async fn a_sealed_partition_that_is_moved_back_takes_what_came_of_it_along() {
    let stream = split_and_merged().await;
    let group = Group::from("g");
    Seen::default().catch_up(&stream, "g").await;
    for (moved, expected) in [("p", 18), ("p0", 8), ("p~", 6)] {
        let sought = stream.seek(&group, &id(moved), SeekTo::Start).await.expect("moved");
        assert_eq!(sought.to, Seq::ZERO);
        assert_eq!(stream.audit(|_| ()).await.expect("audited").findings, []);
        let seen = Seen::default();
        seen.catch_up(&stream, "g").await;
        assert_eq!(seen.count(), expected, "{moved}");
        for key in KEYS {
            let (all, seen) = (["1", "2", "3"].map(str::to_owned), seen.of(key));
            assert!(all.ends_with(&seen), "{key}: {seen:?}");
        }
    }
}

#[tokio::test]
async fn a_partition_is_not_moved_back_while_a_worker_holds_what_came_of_it() {
    let stream = split_and_merged().await;
    let group = Group::from("g");
    Seen::default().catch_up(&stream, "g").await;
    let until = stream.now();
    let taken = Request::Acquire {
        group: group.clone(),
        partition: id("p~"),
        owner: "w/1".into(),
        until,
        free: Free::Inactive,
        entry: Entry::Begun,
    };
    plant(&stream, taken).await;
    let before = stream.standings(&group).await.expect("read");
    match stream.seek(&group, &id("p"), SeekTo::Start).await {
        Err(SeekError::Held { partition, .. }) => assert_eq!(partition, id("p~")),
        ended => panic!("{ended:?}"),
    }
    let after = stream.standings(&group).await.expect("read");
    for (partition, standing) in before {
        let Lease { checkpoint, active, .. } = after[&partition].lease;
        assert_eq!((checkpoint, active), (standing.lease.checkpoint, standing.lease.active));
    }
    assert_eq!(stream.audit(|_| ()).await.expect("audited").findings, []);
}

async fn plant(stream: &Stream, request: Request<gapless::Live>) {
    stream.wire().send(&request).await.expect("the engine does as it is told");
}

async fn findings(stream: &Stream) -> Vec<Finding> {
    stream.audit(|_| ()).await.expect("audited").findings
}

#[tokio::test]
async fn an_audit_finds_nothing_wrong_with_splits_and_merges() {
    let stream = split_and_merged().await;
    Seen::default().catch_up(&stream, "g").await;
    let audit = stream.audit(|_| ()).await.expect("audited");
    assert_eq!((audit.findings, audit.partitions, audit.events), (Vec::new(), 4, 18));
}

#[tokio::test]
async fn an_audit_finds_a_child_that_was_begun_before_its_parent_was_finished() {
    let stream = split_and_merged().await;
    let (partition, group) = (id("p~"), Group::from("g"));
    stream.seek(&group, &id("p"), SeekTo::End).await.expect("moved");
    let acquire = Request::Acquire {
        group: group.clone(),
        partition: partition.clone(),
        owner: "early".into(),
        until: stream.now(),
        free: gapless_model::store::Free::Inactive,
        entry: Entry::default(),
    };
    plant(&stream, acquire).await;
    let found = findings(&stream).await;
    let begun = |parent: &str| {
        let (partition, group, parent) = (partition.clone(), group.clone(), id(parent));
        Finding::BegunBeforeParent { partition, group, parent }
    };
    assert_eq!(found, [begun("p0"), begun("p1")]);
}

/// It read the children's leases before the reset, and reads those of their parents after it.
#[tokio::test(flavor = "multi_thread")]
async fn an_audit_takes_no_reset_beside_it_for_a_child_that_was_begun_too_early() {
    let stream = split_and_merged().await;
    let group = Group::from("g");
    Seen::default().catch_up(&stream, "g").await;
    let mut is_reset = false;
    let beside = |_: &gapless::Audit| {
        if !std::mem::replace(&mut is_reset, true) {
            let reset = async { stream.seek(&group, &id("p"), SeekTo::Start).await };
            let back = || tokio::runtime::Handle::current().block_on(reset).expect("moved");
            tokio::task::block_in_place(back);
        }
    };
    assert_eq!(stream.audit(beside).await.expect("audited").findings, []);
    let standings = stream.standings(&group).await.expect("read");
    assert!(standings.values().all(|standing| standing.lease.checkpoint == Seq::ZERO));
}

#[tokio::test]
async fn an_audit_finds_two_partitions_that_take_the_same_keys() {
    let [stream] = processes().await;
    stream.split(&id("p")).await.expect("split");
    plant(&stream, Request::Seal { partition: id("p0"), children: ids(&["p~"]) }).await;
    let lone = Finding::TwoLeaves { partition: id("p~"), parents: ids(&["p0"]) };
    assert_eq!(findings(&stream).await, [lone]);
}

#[tokio::test]
async fn an_audit_finds_keys_without_a_partition() {
    for children in [&["p0"][..], &["p0", "p1", "p10"]] {
        let [stream] = processes().await;
        let children = ids(children);
        plant(&stream, Request::Seal { partition: id("p"), children: children.clone() }).await;
        let found = findings(&stream).await;
        assert_eq!(found, [Finding::NoLeaf { partition: id("p"), children }]);
    }
}

#[tokio::test]
async fn an_audit_finds_an_append_that_is_in_a_parent_and_in_its_child() {
    let [stream] = processes().await;
    append(&stream, &["a"], "1").await;
    stream.split(&id("p")).await.expect("split");
    append(&stream, &["a"], "2").await;
    let child = stream.route("a");
    for (partition, slot) in [(id("p"), 2), (child.clone(), 2)] {
        let raise = gapless_model::store::Raise {
            partition: partition.clone(),
            head: None,
            token: None,
            record: None,
        };
        stream.wire().send(&Request::Raise(raise)).await.ok();
        let batch = gapless::EventBatch::new(vec![Event::new("a", "x")]).expect("an event");
        let token = Token::from("twin");
        plant(
            &stream,
            Request::Write(Write { partition, slot: Seq(slot), token, batch, if_absent: true }),
        )
        .await;
    }
    let found = findings(&stream).await;
    let twin = found.iter().find(|it| matches!(it, Finding::InTwoPartitions { .. }));
    match twin {
        Some(Finding::InTwoPartitions { partition, slot: Seq(2), before, .. }) => {
            assert_eq!((partition, before), (&child, &(id("p"), Seq(2))));
        }
        other => panic!("{other:?} among {found:?}"),
    }
}

#[tokio::test]
async fn an_audit_finds_an_append_that_is_in_a_founding_partition_and_in_the_merge_of_it() {
    let client = Engine::memory().expect("an engine").client();
    let config = Config::new("lineage-").layout(Layout::Fixed { bits: 1 });
    let stream = Stream::create(client, config).await.expect("a stream");
    append(&stream, &KEYS, "1").await;
    let before = stream.route("a");
    stream.merge(&ids(&["p0", "p1"])).await.expect("merged");
    append(&stream, &KEYS, "2").await;
    let key = || Event::new("a", "x");
    for partition in [before, id("p~")] {
        let raise = gapless_model::store::Raise {
            partition: partition.clone(),
            head: None,
            token: None,
            record: None,
        };
        stream.wire().send(&Request::Raise(raise)).await.ok();
        let batch = gapless::EventBatch::new(vec![key()]).expect("an event");
        let (slot, token) = (Seq(7), Token::from("twin"));
        plant(&stream, Request::Write(Write { partition, slot, token, batch, if_absent: true }))
            .await;
    }
    let found = findings(&stream).await;
    assert!(found.iter().any(|it| matches!(it, Finding::InTwoPartitions { .. })), "{found:?}");
}

/// The process that split knows what took the partition's place, and not where it ended.
#[tokio::test]
async fn a_checkpoint_is_moved_into_a_child_once_another_process_has_drained_its_parent() {
    let [operator, consumer] = processes().await;
    append(&operator, &KEYS, "1").await;
    operator.split(&id("p")).await.expect("split");
    Seen::default().catch_up(&consumer, "g").await;
    let child = operator.route("a");
    append(&operator, &["a"], "2").await;
    operator.seek(&"g".into(), &child, SeekTo::End).await.expect("its parent is drained");
}

#[tokio::test]
async fn nothing_is_expected_of_a_partition_that_nothing_was_split_into() {
    let [stream] = processes().await;
    let home = id("p")
        .halves()
        .expect("halves")
        .into_iter()
        .find(|half| Layout::Fixed { bits: 1 }.route("a") == *half);
    let events = vec![Event::new("a", "1")];
    let refused = stream.append_expecting(&home.expect("one"), Seq::ZERO, events).await;
    let said = refused.expect_err("no worker would find it").to_string();
    assert!(said.contains("has no partition"), "{said}");
}

/// What took its place is named there alone, so nothing else shows it.
#[tokio::test]
async fn a_worker_has_not_caught_up_where_a_partitions_item_cannot_be_read() {
    let client = Engine::memory().expect("an engine").client();
    let config = || Config::new("lineage-").layout(Layout::Fixed { bits: 0 });
    let stream = Stream::create(client.clone(), config()).await.expect("a stream");
    append(&stream, &KEYS, "1").await;
    stream.split(&id("p")).await.expect("split");
    append(&stream, &KEYS, "2").await;
    let newer = aws_sdk_dynamodb::types::AttributeValue::N("99".to_owned());
    let update =
        client.update_item().table_name("lineage-partitions").update_expression("SET v = :v");
    let key = aws_sdk_dynamodb::types::AttributeValue::S("p".to_owned());
    let update = update.key("partitionId", key).expression_attribute_values(":v", newer);
    update.send().await.expect("updated");
    let other = Stream::open(client, config()).await.expect("it is there");
    let seen = Seen::default();
    let ended = seen.worker(&other, "g").until_caught_up().await;
    let said = ended.expect_err("what took its place is not known").to_string();
    assert!(said.contains("version 99"), "{said}");
    assert_eq!(seen.count(), KEYS.len());
}
