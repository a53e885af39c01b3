//! Moving a checkpoint back behind which a group has begun children: what the store refuses, what the seek
//! does, what the checker finds.

use gapless_model::check::{Bounds, GroupNo, Owner, PartitionNo, Small, Task, Tick, WorkerNo};
use gapless_model::consume::{Seek, SeekEnd};
use gapless_model::design::Design;
use gapless_model::store::{
    Entry, Free, Lease, MemoryTables, Reply, Request, Tables, View, apply, request_words,
};
use gapless_model::{Epoch, Invariant, Mutant, Seq};

use crate::common::{assert_breaks, assert_holds, broken, mutated, run, task};
use crate::dialogue::rules;

const R: Design = Design::RECOMMENDED;
const GROUP: GroupNo = GroupNo(0);
const ROOT: PartitionNo = PartitionNo(0);
const LEFT: PartitionNo = PartitionNo(1);
const RIGHT: PartitionNo = PartitionNo(2);
const MERGED: PartitionNo = PartitionNo(3);
const HAND: Owner = Owner { worker: WorkerNo(7), turn: 0 };
const TURN: Owner = Owner { worker: WorkerNo(0), turn: 0 };

/// One producer of one key, one worker, and no fault.
const CALM: Bounds = Bounds {
    producers: 1,
    keys: 1,
    events: 2,
    merges: 0,
    resets: 1,
    skew: 0,
    faults: 0,
    ..Bounds::FAMILY
};

fn free(checkpoint: u64, epoch: u64) -> Lease<Small> {
    Lease {
        checkpoint: Seq(checkpoint),
        active: false,
        owner: TURN,
        epoch: Epoch(epoch),
        until: Tick(0),
        beat: 0,
        wake: 0,
        begun: true,
    }
}

/// A root that was split, whose halves were merged, all of it read by the group, an event in the root and in
/// the merged partition.
fn read_whole() -> MemoryTables<Small> {
    let mut tables = MemoryTables::default();
    for (partition, head, children) in [
        (ROOT, 1, vec![LEFT, RIGHT]),
        (LEFT, 0, vec![MERGED]),
        (RIGHT, 0, vec![MERGED]),
        (MERGED, 1, vec![]),
    ] {
        tables.set_head(&partition, Seq(head));
        if !children.is_empty() {
            tables.seal(&partition, children);
        }
        tables.put_lease(&GROUP, &partition, free(head, 5));
    }
    tables
}

/// Plays a seek to its end. Returns what it asked for.
fn play(tables: &mut MemoryTables<Small>, seek: &mut Seek<Small>) -> Vec<String> {
    let mut asked = Vec::new();
    while let Some(request) = seek.wants(&rules(R), Tick(0)) {
        asked.push(format!("{}: {}", request.partition(), request_words(&request)));
        seek.tell(apply(tables, &request, View::Latest));
    }
    asked
}

fn seek(to: u64) -> Seek<Small> {
    Seek::new(GROUP, ROOT, HAND, Seq(to))
}

fn lease(tables: &MemoryTables<Small>, partition: PartitionNo) -> Lease<Small> {
    tables.lease(&GROUP, &partition).expect("an item")
}

mod a_seek {
    use super::*;

    #[test]
    fn takes_parents_before_children_and_moves_its_own_checkpoint_last() {
        let mut tables = read_whole();
        let mut seek = seek(0);
        let asked = play(&mut tables, &mut seek);
        let hold = "take the lease if it is free or has ended, as not begun";
        let give = "move the checkpoint to 0, releasing the lease, if its epoch is 6";
        let look = "read the head";
        let expected = [
            ("p1", hold),
            ("p1", look),
            ("p2", hold),
            ("p2", look),
            ("p3", hold),
            ("p3", look),
            ("p4", hold),
            ("p4", look),
            ("p4", give),
            ("p3", give),
            ("p2", give),
            ("p1", give),
        ];
        let expected = expected.map(|(partition, words)| format!("{partition}: {words}"));
        assert_eq!(asked, expected);
        assert_eq!(seek.outcome(), Some(&SeekEnd::Moved { from: Seq(1) }));
        for partition in [ROOT, LEFT, RIGHT, MERGED] {
            let Lease { checkpoint, active, begun, epoch, .. } = lease(&tables, partition);
            assert_eq!((checkpoint, active, begun, epoch), (Seq(0), false, false, Epoch(6)));
        }
    }

    #[test]
    fn leaves_children_alone_where_the_checkpoint_does_not_go_back() {
        let mut tables = read_whole();
        let mut seek = seek(1);
        assert_eq!(play(&mut tables, &mut seek).len(), 2);
        assert_eq!(lease(&tables, LEFT), free(0, 5));
    }

    #[test]
    fn moves_no_checkpoint_where_a_turn_holds_a_child() {
        let mut tables = read_whole();
        let held = Lease { active: true, until: Tick(9), ..free(0, 5) };
        tables.put_lease(&GROUP, &MERGED, held.clone());
        let mut seek = seek(0);
        play(&mut tables, &mut seek);
        let end = SeekEnd::Held { partition: MERGED, lease: held.clone() };
        assert_eq!(seek.outcome(), Some(&end));
        assert_eq!(lease(&tables, MERGED), held);
        for partition in [ROOT, LEFT, RIGHT] {
            let Lease { checkpoint, active, .. } = lease(&tables, partition);
            assert_eq!((checkpoint, active), (tables.head(&partition), false));
        }
    }

    /// L3: between its last look and its writes, another has taken a child.
    #[test]
    fn stops_before_its_checkpoint_where_a_child_was_taken_meanwhile() {
        let mut tables = read_whole();
        let mut seek = seek(0);
        while let Some(request) = seek.wants(&rules(R), Tick(0)) {
            if matches!(request, Request::Release { partition: LEFT, to: Some(_), .. }) {
                let taken = Lease { active: true, epoch: Epoch(7), ..free(0, 5) };
                tables.put_lease(&GROUP, &LEFT, taken);
            }
            seek.tell(apply(&mut tables, &request, View::Latest));
        }
        assert_eq!(seek.outcome(), Some(&SeekEnd::Lost));
        let Lease { checkpoint, active, .. } = lease(&tables, ROOT);
        assert_eq!((checkpoint, active), (Seq(1), false));
    }

    /// It may die, or its leases may end. What is given again then comes with everything behind it.
    #[test]
    fn leaves_no_child_in_its_place_behind_a_parent_that_went_back_wherever_it_stops() {
        let mut tables = read_whole();
        // Each has something to go back from.
        for partition in [ROOT, LEFT, RIGHT, MERGED] {
            tables.put_lease(&GROUP, &partition, free(1, 5));
        }
        let mut seek = seek(0);
        while let Some(request) = seek.wants(&rules(R), Tick(0)) {
            seek.tell(apply(&mut tables, &request, View::Latest));
            for (parent, child) in [(ROOT, LEFT), (ROOT, RIGHT), (LEFT, MERGED), (RIGHT, MERGED)] {
                let [parent, child] = [parent, child].map(|it| lease(&tables, it));
                let is_back = !child.begun && child.checkpoint == Seq::ZERO;
                assert!(is_back || parent.checkpoint == Seq(1), "{request:?}");
            }
        }
    }

    /// Every request may be applied without an answer, and is sent again then.
    #[test]
    fn knows_its_own_effects_again() {
        let (mut once, mut twice) = (read_whole(), read_whole());
        play(&mut once, &mut seek(0));
        let mut seek = seek(0);
        while let Some(request) = seek.wants(&rules(R), Tick(0)) {
            apply(&mut twice, &request, View::Latest);
            seek.tell(apply(&mut twice, &request, View::Latest));
        }
        assert_eq!(seek.outcome(), Some(&SeekEnd::Moved { from: Seq(1) }));
        assert_eq!(once, twice);
    }
}

mod the_store {
    use super::*;

    fn begin(entry: Entry) -> Request<Small> {
        let until = Tick(2);
        let free = Free::Inactive;
        Request::Acquire { group: GROUP, partition: LEFT, owner: TURN, until, free, entry }
    }

    fn begins(kept: Option<Lease<Small>>, entry: Entry) -> bool {
        let mut tables = MemoryTables::default();
        if let Some(lease) = kept {
            tables.put_lease(&GROUP, &LEFT, lease);
        }
        matches!(apply(&mut tables, &begin(entry), View::Latest), Reply::Leased(_))
    }

    #[test]
    fn lets_a_group_begin_what_was_not_taken_back_since() {
        let unbegun = Lease { begun: false, ..free(0, 5) };
        let seen = |epoch| Entry::Begin { seen: Epoch(epoch) };
        for (kept, entry, may) in [
            (None, seen(0), true),
            (None, seen(5), false),
            (None, Entry::Begun, false),
            (Some(unbegun.clone()), Entry::Begun, false),
            (Some(unbegun.clone()), seen(5), true),
            (Some(unbegun.clone()), seen(4), false),
            (Some(unbegun.clone()), seen(0), false),
            (Some(free(0, 5)), seen(4), true),
            (Some(free(0, 5)), Entry::Begun, true),
            (Some(unbegun), Entry::Hold, true),
            (None, Entry::Hold, true),
        ] {
            assert_eq!(begins(kept.clone(), entry), may, "{kept:?} {entry:?}");
        }
    }

    #[test]
    fn holds_a_lease_as_not_begun() {
        let mut tables = MemoryTables::default();
        apply(&mut tables, &begin(Entry::Hold), View::Latest);
        assert!(!lease(&tables, LEFT).begun);
    }
}

mod the_checker {
    use super::*;

    /// With a merge, a rival and any one fault.
    const STRUCK: Bounds =
        Bounds { merges: 1, skew: 0, faults: 1, crashes: 1, lost_replies: 1, late: 1, ..CALM };

    #[test]
    fn finds_nothing_and_exercises_every_step() {
        let report = run(&task(R, Bounds { workers: 2, ..CALM }));
        assert_eq!(report.violated(), []);
        assert_eq!(report.missed_marks, Vec::<&str>::new());
    }

    #[test]
    fn finds_nothing_under_faults() {
        assert_holds(&task(R, STRUCK));
    }

    /// Each has something to go back from: the root, a half, and what was merged of it.
    #[test]
    fn finds_nothing_with_an_event_in_each_generation() {
        assert_holds(&task(R, Bounds { events: 3, merges: 1, ..CALM }));
    }

    /// Scenario 11: a checkpoint is moved back, and what comes after it counts as begun.
    #[test]
    fn finds_children_that_stay_begun() {
        let bounds = Bounds { workers: 2, ..CALM };
        assert_breaks(&mutated(R, bounds, Mutant::HoldKeepsBegun), Invariant::D4);
    }

    #[test]
    fn finds_a_begin_that_does_not_see_the_reset() {
        let bounds = Bounds { workers: 2, ..CALM };
        assert_breaks(&mutated(R, bounds, Mutant::ResetUnseen), Invariant::D4);
    }

    #[test]
    fn says_the_same_of_every_order_of_steps() {
        let reduced = task(R, Bounds { events: 1, workers: 2, ..CALM });
        let whole = Task { reduced: false, ..reduced.clone() };
        assert_eq!(broken(&reduced), broken(&whole));
    }
}
