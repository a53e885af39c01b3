//! Partitions that split and merge: what the store refuses, what the machines do, what the checker finds.

use crate::common::{ONE_KEY, assert_breaks, assert_holds, broken, mutated, run, task};
use gapless_model::check::{
    Bounds, Clocks, Count, Engine, PartitionNo, Protocol, Small, Task, Token,
};
use gapless_model::design::{Design, LINEAGE, Merging, Parents, SealedTail, Splitting};
use gapless_model::store::{MemoryTables, Raise, Reply, Request, View, Write, apply};
use gapless_model::{Invariant, Mutant, Rules, Seq};

const R: Design = Design::RECOMMENDED;
const ROOT: PartitionNo = PartitionNo(0);
const LEFT: PartitionNo = PartitionNo(1);
const RIGHT: PartitionNo = PartitionNo(2);
const MERGED: PartitionNo = PartitionNo(3);

fn rules(design: Design) -> Rules<Small> {
    Protocol::new(design, Bounds::FAMILY, Clocks::Timely, vec![]).rules
}

mod the_store {
    use super::*;

    fn raise(partition: PartitionNo) -> Request<Small> {
        Request::Raise(Raise { partition, head: None, token: None, record: None })
    }

    fn seal(partition: PartitionNo, children: &[PartitionNo]) -> Request<Small> {
        Request::Seal { partition, children: children.to_vec() }
    }

    fn answers(requests: &[Request<Small>]) -> Vec<Reply<Small>> {
        let mut tables: MemoryTables<Small> = MemoryTables::default();
        requests.iter().map(|request| apply(&mut tables, request, View::Latest)).collect()
    }

    #[test]
    fn gives_out_no_number_of_a_sealed_partition_and_says_what_took_its_place() {
        let answers = answers(&[raise(ROOT), seal(ROOT, &[LEFT, RIGHT]), raise(ROOT), raise(LEFT)]);
        assert_eq!(answers[..2], [Reply::Raised(Seq(1)), Reply::Sealed]);
        match &answers[2] {
            Reply::NotRaised(head) => {
                assert_eq!(
                    (head.head, head.children.as_slice()),
                    (Seq(1), [LEFT, RIGHT].as_slice())
                );
            }
            other => panic!("{other:?}"),
        }
        assert_eq!(answers[3], Reply::Raised(Seq(1)));
    }

    #[test]
    fn takes_what_was_given_out_before_the_seal() {
        let token = Token { producer: gapless_model::check::ProducerNo(0), run: 0, number: 1 };
        let write =
            Write { partition: ROOT, slot: Seq(1), token, batch: Count(1), if_absent: true };
        let answers = answers(&[raise(ROOT), seal(ROOT, &[LEFT]), Request::Write(write)]);
        assert_eq!(answers[2], Reply::Written);
    }

    #[test]
    fn seals_a_partition_once() {
        let answers = answers(&[seal(ROOT, &[LEFT]), seal(ROOT, &[RIGHT]), seal(ROOT, &[LEFT])]);
        let refused = Reply::NotSealed(vec![vec![LEFT]]);
        assert_eq!(answers, [Reply::Sealed, refused.clone(), refused]);
    }

    #[test]
    fn merges_all_parents_or_none() {
        let merge = Request::Merge { parents: vec![LEFT, RIGHT], child: MERGED };
        let refused = Reply::NotSealed(vec![vec![], vec![ROOT]]);
        let answers = answers(&[seal(RIGHT, &[ROOT]), merge, raise(LEFT)]);
        assert_eq!(answers, [Reply::Sealed, refused, Reply::Raised(Seq(1))]);
    }
}

mod an_operator {
    use super::*;
    use gapless_model::lineage::{Merge, MergeEnd, Split, SplitEnd};

    fn split(design: Design) -> Split<Small> {
        Split::new(&rules(design), ROOT, vec![LEFT, RIGHT])
    }

    /// The requests of a split that are answered as if nothing had been there.
    fn requests(design: Design) -> Vec<String> {
        let mut split = split(design);
        let mut asked = Vec::new();
        while let Some(request) = split.wants() {
            asked.push(gapless_model::store::request_words(&request));
            let reply = match request {
                Request::Create { .. } => Reply::Created,
                _ => Reply::Sealed,
            };
            split.tell(&rules(design), reply);
        }
        assert_eq!(split.end(), Some(&SplitEnd::Split));
        asked
    }

    #[test]
    fn splits_by_one_request() {
        assert_eq!(requests(R), ["seal p1 for p2 and p3 if it is open"]);
    }

    #[test]
    fn creates_and_seals_in_the_order_of_the_design() {
        let [first, last] = [Splitting::CreateThenSeal, Splitting::SealThenCreate]
            .map(|split| requests(Design { split, ..R }));
        let (create, seal) = (["create p2", "create p3"], ["seal p1 for p2 and p3 if it is open"]);
        assert_eq!(first, [create.as_slice(), &seal].concat());
        assert_eq!(last, [seal.as_slice(), &create].concat());
    }

    #[test]
    fn takes_a_seal_for_the_same_children_for_its_own() {
        let mut split = split(R);
        split.tell(&rules(R), Reply::NotSealed(vec![vec![LEFT, RIGHT]]));
        assert_eq!(split.end(), Some(&SplitEnd::Split));
    }

    #[test]
    fn learns_what_took_the_place_of_what_it_would_split() {
        let mut split = split(R);
        split.tell(&rules(R), Reply::NotSealed(vec![vec![MERGED]]));
        assert_eq!(split.end(), Some(&SplitEnd::Other(vec![MERGED])));
        assert_eq!(split.wants(), None);
    }

    #[test]
    fn merges_by_one_request_and_takes_the_same_merge_for_its_own() {
        for (reply, end) in [
            (Reply::Sealed, MergeEnd::Merged),
            (Reply::NotSealed(vec![vec![MERGED], vec![MERGED]]), MergeEnd::Merged),
            (Reply::NotSealed(vec![vec![], vec![ROOT]]), MergeEnd::Other(vec![vec![], vec![ROOT]])),
        ] {
            let mut merge = Merge::new(&rules(R), vec![LEFT, RIGHT], MERGED);
            let wanted = Request::Merge { parents: vec![LEFT, RIGHT], child: MERGED };
            assert_eq!(merge.wants(), Some(wanted));
            merge.tell(reply);
            assert_eq!((merge.end(), merge.wants()), (Some(&end), None));
        }
    }

    #[test]
    fn seals_one_parent_after_another_where_the_design_says_so() {
        let design = Design { merge: Merging::Intent, ..R };
        let mut merge = Merge::new(&rules(design), vec![LEFT, RIGHT], MERGED);
        for parent in [LEFT, RIGHT] {
            let wanted = Request::Seal { partition: parent, children: vec![MERGED] };
            assert_eq!(merge.wants(), Some(wanted));
            merge.tell(Reply::Sealed);
        }
        assert_eq!(merge.end(), Some(&MergeEnd::Merged));
    }
}

mod the_checker {
    use super::*;

    #[test]
    fn finds_nothing_in_the_recommended_design_and_exercises_every_step() {
        let report = run(&task(R, ONE_KEY));
        assert_eq!(report.violated(), []);
        assert_eq!(report.missed_marks, Vec::<&str>::new());
    }

    #[test]
    fn finds_a_raise_that_ignores_the_seal() {
        let bounds = Bounds { faults: 0, ..Bounds::FAMILY };
        let ignores = |invariant| Task {
            checked: vec![invariant],
            ..mutated(R, bounds, Mutant::SealIgnored)
        };
        let report = gapless_model::check::check(&ignores(Invariant::D4), &mut |_| true);
        assert_eq!(report.violated(), [Invariant::D4]);
    }

    #[test]
    fn finds_a_seal_that_does_not_demand_an_open_partition() {
        let task = mutated(R, Bounds { faults: 0, ..ONE_KEY }, Mutant::SealUnguarded);
        assert_breaks(&task, Invariant::P2);
    }

    /// A copy of the request arrives after its sender was given up: what it seals is sealed by then.
    #[test]
    fn finds_nothing_in_late_requests_of_operators_and_producers() {
        let bounds = Bounds { late: 1, crashes: 0, lost_replies: 1, ..ONE_KEY };
        assert_holds(&task(R, bounds));
    }

    /// That a partition is sealed, and where it ends, is known to a turn whose first request took its time.
    #[test]
    fn finds_nothing_in_slow_requests_and_in_turns_that_end_early() {
        let bounds = Bounds { slow: 1, failures: 1, handovers: 1, crashes: 0, ..ONE_KEY };
        assert_holds(&task(R, bounds));
    }

    /// Two producers of one key: its order is kept across the lineage, unless a child is there too early.
    #[test]
    fn finds_that_create_then_seal_breaks_the_order_of_a_key() {
        let bounds = Bounds { keys: 1, merges: 0, ..Bounds::FAMILY };
        assert_holds(&Task { checked: vec![Invariant::S3], ..task(R, bounds) });
        let design = Design { split: Splitting::CreateThenSeal, ..R };
        assert_breaks(&task(design, bounds), Invariant::S3);
    }

    #[test]
    fn finds_the_hole_in_the_barrier_without_any_fault() {
        let bounds = Bounds { faults: 0, ..ONE_KEY };
        let design = Design { parents: Parents::Checkpoints, ..R };
        assert_breaks(&task(design, bounds), Invariant::D4);
    }

    #[test]
    fn finds_no_harm_in_a_tail_that_is_left_alone_unless_a_writer_dies() {
        let design = Design { sealed_tail: SealedTail::Leave, ..R };
        let bounds = Bounds { merges: 0, ..Bounds::FAMILY };
        assert_holds(&task(design, Bounds { faults: 0, ..bounds }));
        assert_breaks(&task(design, bounds), Invariant::P1);
    }

    /// What is left out of a search changes no verdict.
    #[test]
    fn says_the_same_of_every_order_of_steps() {
        let one_worker = Bounds { events: 1, ..ONE_KEY };
        let two = Bounds { workers: 2, merges: 0, resplits: 0, faults: 0, ..one_worker };
        let rivals = Bounds { producers: 2, resplits: 0, merges: 0, keys: 1, ..one_worker };
        for design in LINEAGE.iter().map(|known| known.design).chain([R]) {
            for bounds in [one_worker, two, rivals] {
                let reduced = task(design, bounds);
                let whole = Task { reduced: false, ..reduced.clone() };
                assert_eq!(broken(&reduced), broken(&whole), "{design}");
            }
        }
    }

    #[test]
    fn says_the_same_by_both_engines() {
        let bounds = Bounds { events: 1, faults: 0, ..ONE_KEY };
        for design in LINEAGE.iter().map(|known| known.design).chain([R]) {
            let checked: Vec<_> = Task::applicable_within(&bounds, Clocks::Timely);
            let checked: Vec<_> =
                checked.into_iter().filter(|known| *known != Invariant::P1).collect();
            for reduced in [false, true] {
                let checked = checked.clone();
                let ours = Task { symmetric: false, reduced, checked, ..task(design, bounds) };
                let theirs = Task { engine: Engine::Stateright, ..ours.clone() };
                let (ours, theirs) = (run(&ours), run(&theirs));
                assert_eq!(ours.violated(), theirs.violated(), "{design}");
                if ours.violated().is_empty() {
                    // Where a search is reduced, ours passes through states that theirs keeps.
                    assert_eq!(ours.unique < theirs.unique, reduced, "{design}");
                    assert!(ours.unique <= theirs.unique, "{design}");
                }
            }
        }
    }
}
