//! Partitions that are split and merged: what a seal refuses, and what it leaves as it is.

use gapless::embedded::Engine;
use gapless::{
    Config, Epoch, Event, EventBatch, Group, Layout, Live, Owner, PartitionId, Seq, StoreError,
    Stream, Timestamp, Token,
};
use gapless_model::store::{Entry, Free, Guard, Head, Raise, Record, Reply, Request, Slot, Write};

/// A stream of two partitions, `p0` and `p1`.
async fn stream() -> Stream {
    let client = Engine::memory().expect("an engine").client();
    let config = Config::new("seals-").layout(Layout::Fixed { bits: 1 });
    Stream::create(client, config).await.expect("a stream")
}

fn id(id: &str) -> PartitionId {
    id.parse().expect("an id")
}

fn ids(list: &[&str]) -> Vec<PartitionId> {
    list.iter().map(|text| id(text)).collect()
}

async fn send(stream: &Stream, request: Request<Live>) -> Reply<Live> {
    stream.wire().send(&request).await.expect("an answer")
}

async fn seal(stream: &Stream, partition: &str, children: &[&str]) -> Reply<Live> {
    send(stream, Request::Seal { partition: id(partition), children: ids(children) }).await
}

async fn merge(stream: &Stream, parents: &[&str], child: &str) -> Reply<Live> {
    send(stream, Request::Merge { parents: ids(parents), child: id(child) }).await
}

fn raise_of(partition: &str, head: Option<u64>) -> Raise<Live> {
    Raise { partition: id(partition), head: head.map(Seq), token: None, record: None }
}

async fn raise(stream: &Stream, partition: &str) -> Reply<Live> {
    send(stream, Request::Raise(raise_of(partition, None))).await
}

async fn head(stream: &Stream, partition: &str) -> Head<Live> {
    match send(stream, Request::ReadHead { partition: id(partition), name: None }).await {
        Reply::Head(head) => head,
        other => panic!("{other:?}"),
    }
}

fn not_sealed(before: &[&[&str]]) -> Reply<Live> {
    Reply::NotSealed(before.iter().map(|children| ids(children)).collect())
}

#[tokio::test]
async fn a_sealed_partition_is_not_sealed_again_and_says_what_took_its_place() {
    let stream = stream().await;
    assert_eq!(seal(&stream, "p0", &["p00", "p01"]).await, Reply::Sealed);
    for other in [["p00", "p01"], ["p01", "p00"]] {
        assert_eq!(seal(&stream, "p0", &other).await, not_sealed(&[&["p00", "p01"]]));
    }
    assert_eq!(head(&stream, "p0").await.children, ids(&["p00", "p01"]));
    assert_eq!(head(&stream, "p1").await.children, []);
}

#[tokio::test]
async fn no_number_is_given_out_behind_a_seal_and_the_head_stays() {
    let stream = stream().await;
    for (partition, last) in [("p0", 1), ("p1", 0)] {
        for number in 1..=last {
            assert_eq!(raise(&stream, partition).await, Reply::Raised(Seq(number)));
        }
        assert_eq!(seal(&stream, partition, &["p~"]).await, Reply::Sealed);
        let sealed = head(&stream, partition).await;
        let children = ids(&["p~"]);
        assert_eq!(sealed, Head { head: Seq(last), raiser: None, record: None, children });
        for expected in [None, Some(last), Some(last + 1)] {
            let refused = send(&stream, Request::Raise(raise_of(partition, expected))).await;
            assert_eq!(refused, Reply::NotRaised(sealed.clone()), "{expected:?}");
        }
        let slot = Seq(last + 1);
        let write = Write {
            partition: id(partition),
            slot,
            token: Token::from("t"),
            batch: EventBatch::from(Event::new("k", "x")),
            if_absent: true,
        };
        let raise = raise_of(partition, Some(last));
        let refused = send(&stream, Request::RaiseAndWrite { raise, write }).await;
        assert_eq!(refused, Reply::NotAppended { head: Some(sealed.clone()), slot: None });
        let read = Request::ReadSlot { partition: id(partition), slot };
        assert_eq!(send(&stream, read).await, Reply::Slot(Slot::Empty));
        assert_eq!(head(&stream, partition).await, sealed);
    }
}

#[tokio::test]
async fn a_merge_seals_all_partitions_or_none() {
    let stream = stream().await;
    assert_eq!(seal(&stream, "p1", &["p10", "p11"]).await, Reply::Sealed);
    let sealed: &[&str] = &["p10", "p11"];
    assert_eq!(merge(&stream, &["p0", "p1"], "p~").await, not_sealed(&[&[], sealed]));
    assert_eq!(merge(&stream, &["p1", "p0"], "p~").await, not_sealed(&[sealed, &[]]));
    assert_eq!(raise(&stream, "p0").await, Reply::Raised(Seq(1)), "it is open");
    // One that nothing was appended to yet is merged like the others.
    assert_eq!(merge(&stream, &["p0", "p10", "p11"], "p~").await, Reply::Sealed);
    for parent in ["p0", "p10", "p11"] {
        let refused = raise(&stream, parent).await;
        assert!(matches!(&refused, Reply::NotRaised(head) if head.children == ids(&["p~"])));
    }
    assert_eq!(merge(&stream, &["p~"], "p~~").await, Reply::Sealed, "of one alone");
}

#[tokio::test]
async fn two_that_merge_the_same_are_told_so_and_a_rival_is_told_who_came_first() {
    let stream = stream().await;
    assert_eq!(merge(&stream, &["p0", "p1"], "p~").await, Reply::Sealed);
    let won: &[&str] = &["p~"];
    assert_eq!(merge(&stream, &["p0", "p1"], "p~").await, not_sealed(&[won, won]));
    assert_eq!(seal(&stream, "p0", &["p00", "p01"]).await, not_sealed(&[won]));
    assert_eq!(seal(&stream, "p10", &["p100", "p101"]).await, Reply::Sealed);
    let (split, untouched): (&[&str], &[&str]) = (&["p100", "p101"], &[]);
    let refused = merge(&stream, &["p10", "p11", "p0"], "p1~").await;
    assert_eq!(refused, not_sealed(&[split, untouched, won]));
}

/// The item is complete: what splits a partition that nothing was appended to enters it into the index.
#[tokio::test]
async fn a_partition_that_is_sealed_before_its_first_append_is_found_by_sweeps() {
    let client = Engine::memory().expect("an engine").client();
    let config = Config::new("seals-").layout(Layout::EachKey);
    let stream = Stream::create(client, config).await.expect("a stream");
    assert_eq!(stream.partitions().await.expect("listed"), []);
    assert_eq!(seal(&stream, "p0", &["p00"]).await, Reply::Sealed);
    assert_eq!(stream.partitions().await.expect("listed"), ids(&["p0"]));
    let heads = stream.heads(&ids(&["p0"])).await.expect("a sealed one is read");
    assert_eq!(heads.into_values().collect::<Vec<_>>(), [Seq(0)]);
}

#[tokio::test]
async fn a_seal_names_what_takes_the_partitions_place() {
    let stream = stream().await;
    let request = Request::Seal { partition: id("p0"), children: Vec::new() };
    let refused = stream.wire().send(&request).await;
    assert!(matches!(&refused, Err(StoreError::Refused { .. })), "{refused:?}");
    assert_eq!(raise(&stream, "p0").await, Reply::Raised(Seq(1)));
}

/// An earlier run that has a raise under way demands its own epoch, also where it is refused by a seal.
#[tokio::test]
async fn a_name_is_claimed_in_a_sealed_partition_which_stays_sealed() {
    let stream = stream().await;
    assert_eq!(seal(&stream, "p0", &["p00"]).await, Reply::Sealed);
    let claim = Request::Claim { partition: id("p0"), name: "p".into(), seen: None };
    assert_eq!(send(&stream, claim).await, Reply::Claimed(Record::claimed(Epoch(1))));
    assert_eq!(head(&stream, "p0").await.children, ids(&["p00"]));
}

#[tokio::test]
async fn a_lease_that_must_have_begun_is_not_begun() {
    let stream = stream().await;
    let (group, partition, owner) = (Group::from("g"), id("p0"), Owner::from("w/1"));
    let until = |seconds: u64| Timestamp::from_millis(1_000 * seconds);
    let acquire = |entry: Entry, free: Free<Live>| Request::Acquire {
        group: group.clone(),
        partition: partition.clone(),
        owner: owner.clone(),
        until: until(9),
        free,
        entry,
    };
    let unseen = || Free::Unchanged { epoch: Epoch(1), beat: 0 };
    for free in [Free::Inactive, Free::EndedBy(until(10)), unseen()] {
        let refused = send(&stream, acquire(Entry::Begun, free)).await;
        assert_eq!(refused, Reply::Refused { lease: None, taken: false });
    }
    let read = Request::ReadLease { group: group.clone(), partition: partition.clone() };
    assert_eq!(send(&stream, read).await, Reply::Lease(None), "no item was made");

    let begun = send(&stream, acquire(Entry::default(), Free::Inactive)).await;
    let Reply::Leased(lease) = begun else { panic!("{begun:?}") };
    let refused = send(&stream, acquire(Entry::Begun, Free::Inactive)).await;
    assert_eq!(refused, Reply::Refused { lease: Some(lease), taken: false }, "it is held");
    let (to, fence, guard) = (None, Some(Epoch(1)), Guard::None);
    let release =
        Request::Release { group: group.clone(), partition: partition.clone(), to, fence, guard };
    assert_eq!(send(&stream, release).await, Reply::Released);
    for (epoch, free) in [(2, Free::Inactive), (3, Free::EndedBy(until(9)))] {
        let taken = send(&stream, acquire(Entry::Begun, free)).await;
        assert!(matches!(&taken, Reply::Leased(lease) if lease.epoch == Epoch(epoch)), "{taken:?}");
    }
}
