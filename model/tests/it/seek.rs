//! Moving a checkpoint by hand, over the store as it is specified.

use gapless_model::check::{GroupNo, Owner, PartitionNo, Small, Tick, WorkerNo};
use gapless_model::consume::{Seek, SeekEnd};
use gapless_model::design::{Design, Expiry};
use gapless_model::store::{
    Extend, Free, Guard, Head, Lease, MemoryTables, Reply, Request, Tables, View, apply,
};
use gapless_model::{Epoch, Rules, Seq};
use proptest::prelude::*;

use crate::dialogue::{ME, OTHER, lease, rules};

const GROUP: GroupNo = GroupNo(0);
const PARTITION: PartitionNo = PartitionNo(0);
const HAND: Owner = Owner { worker: WorkerNo(7), turn: 0 };

fn seek(to: u64) -> Seek<Small> {
    Seek::new(GROUP, PARTITION, HAND, Seq(to))
}

fn tables(lease: Option<Lease<Small>>) -> MemoryTables<Small> {
    let mut tables = MemoryTables::default();
    if let Some(lease) = lease {
        tables.put_lease(&GROUP, &PARTITION, lease);
    }
    tables
}

fn wants(seek: &Seek<Small>, tick: i16) -> Option<Request<Small>> {
    seek.wants(&rules(Design::RECOMMENDED), Tick(tick))
}

/// Sends what a seek wants, and tells it the answer, to its end.
fn play(tables: &mut MemoryTables<Small>, to: u64, tick: i16) -> SeekEnd<Small> {
    let mut seek = seek(to);
    while let Some(request) = wants(&seek, tick) {
        seek.tell(apply(tables, &request, View::Latest));
    }
    seek.outcome().expect("it has ended").clone()
}

fn now(tables: &MemoryTables<Small>) -> Lease<Small> {
    tables.lease(&GROUP, &PARTITION).expect("a lease")
}

#[test]
fn moves_a_checkpoint_back_and_forward_and_leaves_the_lease_free() {
    for to in [0, 2, 9] {
        let mut tables = tables(Some(Lease { active: false, ..lease() }));
        let end = play(&mut tables, to, 0);
        assert_eq!(end, SeekEnd::Moved { from: Seq(4) });
        let Lease { checkpoint, active, epoch, .. } = now(&tables);
        assert_eq!((checkpoint, active, epoch), (Seq(to), false, Epoch(8)));
    }
}

#[test]
fn leaves_a_lease_alone_that_a_turn_holds() {
    let held = Lease { owner: OTHER, ..lease() };
    let mut tables = tables(Some(held.clone()));
    let end = SeekEnd::Held { partition: PARTITION, lease: held.clone() };
    assert_eq!(play(&mut tables, 0, 2), end);
    assert_eq!(now(&tables), held);
}

#[test]
fn takes_a_lease_that_has_ended() {
    let mut tables = tables(Some(Lease { owner: OTHER, ..lease() }));
    assert_eq!(play(&mut tables, 0, 3), SeekEnd::Moved { from: Seq(4) });
}

/// The owner's clock may be behind the operator's by as much as clocks may differ.
#[test]
fn waits_for_a_lease_as_long_as_clocks_may_differ() {
    let rules = Rules { skew: 2, ..rules(Design::RECOMMENDED) };
    let asked = seek(0).wants(&rules, Tick(9));
    assert!(
        matches!(asked, Some(Request::Acquire { free: Free::EndedBy(Tick(7)), .. })),
        "{asked:?}"
    );
}

#[test]
fn does_not_know_of_a_watched_lease_whether_it_has_ended() {
    let design = Design { expiry: Expiry::Observer, ..Design::RECOMMENDED };
    let asked = seek(0).wants(&rules(design), Tick(9));
    assert!(matches!(asked, Some(Request::Acquire { free: Free::Inactive, .. })), "{asked:?}");
}

#[test]
fn a_refusal_without_an_item_ends_it() {
    let mut seek = seek(0);
    seek.tell(Reply::Refused { lease: None, taken: false });
    assert_eq!(seek.outcome(), Some(&SeekEnd::Lost));
}

/// The head of a partition that nothing came of.
fn open() -> Head<Small> {
    Head { head: Seq(9), raiser: None, record: None, children: Vec::new() }
}

/// The seek holds the lease of epoch 8, and wants to release it.
fn releasing() -> Seek<Small> {
    let mut seek = seek(2);
    seek.tell(Reply::Leased(Lease { owner: HAND, epoch: Epoch(8), ..lease() }));
    seek.tell(Reply::Head(open()));
    seek
}

fn after_refusal(lease: Option<Lease<Small>>) -> SeekEnd<Small> {
    let mut seek = releasing();
    seek.tell(Reply::Refused { lease, taken: false });
    seek.outcome().expect("it has ended").clone()
}

#[test]
fn its_own_lost_acquire_counts() {
    let mut seek = seek(2);
    let own = Lease { owner: HAND, epoch: Epoch(8), ..lease() };
    seek.tell(Reply::Refused { lease: Some(own), taken: false });
    seek.tell(Reply::Head(open()));
    assert_eq!(wants(&seek, 1), wants(&releasing(), 1));
}

#[test]
fn its_own_lost_release_counts() {
    let own = Lease { owner: HAND, epoch: Epoch(8), active: false, checkpoint: Seq(2), ..lease() };
    assert_eq!(after_refusal(Some(own)), SeekEnd::Moved { from: Seq(4) });
}

#[test]
fn anybody_elses_release_or_lease_means_that_it_is_lost() {
    let own = Lease { owner: HAND, epoch: Epoch(8), checkpoint: Seq(2), ..lease() };
    let released = Lease { active: false, checkpoint: Seq(4), ..own.clone() };
    let revived = own.clone();
    let taken = Lease { owner: ME, epoch: Epoch(9), active: false, ..own };
    for lease in [Some(released), Some(revived), Some(taken), None] {
        assert_eq!(after_refusal(lease), SeekEnd::Lost);
    }
}

/// What an owner of epoch 7 may still have under way.
fn late_requests() -> Vec<Request<Small>> {
    let (group, partition, fence) = (GROUP, PARTITION, Some(Epoch(7)));
    let extend = Extend { until: Tick(20), beat: false };
    let to = Seq(6);
    vec![
        Request::Renew { group, partition, fence, extend: extend.clone() },
        Request::Checkpoint { group, partition, to, fence, forward: true, extend },
        Request::Release { group, partition, to: Some(to), fence, guard: Guard::None },
    ]
}

proptest! {
    /// L1, L3: each request may arrive any number of times, some of them late, and an owner of before
    /// has its own under way. Where the seek says that the checkpoint was moved, it is there.
    #[test]
    fn copies_that_arrive_late_move_nothing(
        copies in proptest::collection::vec(0..8_usize, 0..12),
        lost in proptest::collection::vec(any::<bool>(), 0..6),
        held: bool,
    ) {
        let first = Lease { owner: OTHER, active: held, ..lease() };
        let mut tables = tables(Some(first));
        let (mut seek, mut sent) = (seek(2), late_requests());
        let (mut copies, mut lost) = (copies.into_iter(), lost.into_iter());
        while let Some(request) = wants(&seek, 4) {
            sent.push(request.clone());
            let reply = apply(&mut tables, &request, View::Latest);
            if !lost.next().unwrap_or(false) {
                seek.tell(reply);
            }
            let known = now(&tables);
            for copy in copies.by_ref().take(2) {
                apply(&mut tables, &sent[copy % sent.len()].clone(), View::Latest);
                let lease = now(&tables);
                prop_assert!(lease.epoch >= known.epoch);
                prop_assert_eq!(lease.checkpoint, known.checkpoint);
            }
        }
        for copy in copies {
            apply(&mut tables, &sent[copy % sent.len()].clone(), View::Latest);
        }
        if let Some(SeekEnd::Moved { from }) = seek.outcome() {
            prop_assert_eq!(*from, Seq(4));
            prop_assert_eq!(now(&tables).checkpoint, Seq(2));
        }
    }
}
