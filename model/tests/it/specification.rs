//! What the store does with each request, as DynamoDB does it: one rule a test.

use gapless_model::check::{
    Count, GroupNo, Owner, PartitionNo, ProducerNo, Small, Tick, Token, WorkerNo,
};
use gapless_model::store::{
    Entry, Extend, Free, Guard, Lease, MemoryTables, Reply, Request, Slot, Tables, View, Write,
    apply,
};
use gapless_model::{Epoch, Page, Seen, Seq};

const GROUP: GroupNo = GroupNo(0);
const PARTITION: PartitionNo = PartitionNo(0);
const ME: Owner = Owner { worker: WorkerNo(0), turn: 0 };
const TOKEN: Token = Token { producer: ProducerNo(0), run: 0, number: 1 };

/// The lease of epoch 3 until tick 2, with the checkpoint at 4.
fn lease() -> Lease<Small> {
    Lease {
        checkpoint: Seq(4),
        active: true,
        owner: ME,
        epoch: Epoch(3),
        until: Tick(2),
        beat: 5,
        wake: 6,
        begun: true,
    }
}

/// What a request does to a lease: the lease after it, if it was not refused.
fn after(lease: &Lease<Small>, request: &Request<Small>) -> Option<Lease<Small>> {
    let mut tables = MemoryTables::default();
    tables.put_lease(&GROUP, &PARTITION, lease.clone());
    tables.put_slot(&PARTITION, Seq(6), Slot::Void);
    let reply = apply(&mut tables, request, View::Latest);
    let now = tables.lease(&GROUP, &PARTITION).expect("a lease stays");
    match reply {
        Reply::Leased(shown) => {
            assert_eq!(shown, now, "the answer is the item as it is now");
            Some(now)
        }
        Reply::Released => Some(now),
        Reply::Refused { .. } => {
            assert_eq!(now, *lease, "what is refused changes nothing");
            None
        }
        other => panic!("{other:?}"),
    }
}

mod renewing {
    use super::*;

    fn renewal(fence: Option<u64>, until: i16, beat: bool) -> Request<Small> {
        let extend = Extend { until: Tick(until), beat };
        Request::Renew { group: GROUP, partition: PARTITION, fence: fence.map(Epoch), extend }
    }

    #[test]
    fn moves_the_end_and_nothing_else() {
        let renewed = Lease { until: Tick(3), ..lease() };
        assert_eq!(after(&lease(), &renewal(Some(3), 3, false)), Some(renewed.clone()));
        let beaten = Lease { beat: 6, ..renewed };
        assert_eq!(after(&lease(), &renewal(None, 3, true)), Some(beaten));
    }

    #[test]
    fn is_for_the_epoch_that_holds_it() {
        assert_eq!(after(&lease(), &renewal(Some(2), 3, false)), None);
        assert_eq!(after(&Lease { active: false, ..lease() }, &renewal(Some(3), 3, false)), None);
    }

    #[test]
    fn never_shortens_a_lease() {
        // A copy that was sent before the last renewal, and comes after it (L2, scenario 7).
        assert!(after(&lease(), &renewal(Some(3), 2, false)).is_some());
        assert_eq!(after(&lease(), &renewal(Some(3), 1, false)), None);
    }
}

mod checkpointing {
    use super::*;

    fn checkpoint(to: u64, fence: Option<u64>, forward: bool) -> Request<Small> {
        let extend = Extend { until: Tick(3), beat: false };
        let (group, partition, fence) = (GROUP, PARTITION, fence.map(Epoch));
        Request::Checkpoint { group, partition, to: Seq(to), fence, forward, extend }
    }

    #[test]
    fn moves_it_and_renews() {
        let moved = Lease { checkpoint: Seq(5), until: Tick(3), ..lease() };
        assert_eq!(after(&lease(), &checkpoint(5, Some(3), true)), Some(moved));
    }

    #[test]
    fn goes_strictly_forward_if_told_to() {
        assert_eq!(after(&lease(), &checkpoint(4, Some(3), true)), None);
        assert_eq!(after(&lease(), &checkpoint(3, Some(3), true)), None);
        assert!(after(&lease(), &checkpoint(3, Some(3), false)).is_some());
    }

    #[test]
    fn is_fenced_if_told_to() {
        assert_eq!(after(&lease(), &checkpoint(5, Some(2), true)), None);
        assert_eq!(after(&lease(), &checkpoint(5, Some(2), false)), None);
        assert!(after(&lease(), &checkpoint(5, None, true)).is_some());
    }
}

mod releasing {
    use super::*;

    fn release(fence: Option<u64>, guard: Guard) -> Request<Small> {
        Request::Release {
            group: GROUP,
            partition: PARTITION,
            to: None,
            fence: fence.map(Epoch),
            guard,
        }
    }

    #[test]
    fn keeps_everything_but_the_activity() {
        let free = Lease { active: false, ..lease() };
        for guard in [Guard::None, Guard::Empty(Seq(5)), Guard::Unwoken(6)] {
            assert_eq!(after(&lease(), &release(Some(3), guard)), Some(free.clone()));
        }
        assert_eq!(after(&lease(), &release(None, Guard::None)), Some(free));
    }

    #[test]
    fn moves_the_checkpoint_with_it_if_told_to() {
        let with = |to: u64, fence, guard| match release(fence, guard) {
            Request::Release { group, partition, fence, guard, .. } => {
                Request::Release { group, partition, to: Some(Seq(to)), fence, guard }
            }
            other => other,
        };
        let moved = Lease { checkpoint: Seq(5), active: false, ..lease() };
        assert_eq!(after(&lease(), &with(5, Some(3), Guard::None)), Some(moved.clone()));
        assert_eq!(after(&lease(), &with(5, Some(3), Guard::Empty(Seq(5)))), Some(moved));
        // Refused, it moves nothing: by the fence, by the guard, and because it was applied before.
        assert_eq!(after(&lease(), &with(5, Some(2), Guard::None)), None);
        assert_eq!(after(&lease(), &with(5, Some(3), Guard::Empty(Seq(6)))), None);
        let released = Lease { active: false, ..lease() };
        assert_eq!(after(&released, &with(5, Some(3), Guard::None)), None);
    }

    #[test]
    fn is_refused_where_its_guard_does_not_hold() {
        assert_eq!(after(&lease(), &release(Some(3), Guard::Empty(Seq(6)))), None);
        assert_eq!(after(&lease(), &release(Some(3), Guard::Unwoken(5))), None);
    }

    #[test]
    fn is_for_the_epoch_that_holds_it() {
        assert_eq!(after(&lease(), &release(Some(2), Guard::None)), None);
        assert_eq!(
            after(&Lease { active: false, ..lease() }, &release(Some(3), Guard::None)),
            None
        );
    }
}

mod taking {
    use super::*;

    const OTHER: Owner = Owner { worker: WorkerNo(1), turn: 0 };

    fn acquisition(free: Free<Small>) -> Request<Small> {
        let until = Tick(3);
        Request::Acquire {
            group: GROUP,
            partition: PARTITION,
            owner: OTHER,
            until,
            free,
            entry: Entry::default(),
        }
    }

    #[test]
    fn raises_the_epoch_and_keeps_the_checkpoint() {
        let taken = Lease { owner: OTHER, epoch: Epoch(4), until: Tick(3), wake: 0, ..lease() };
        assert_eq!(after(&lease(), &acquisition(Free::EndedBy(Tick(2)))), Some(taken));
    }

    #[test]
    fn a_held_lease_is_free_when_it_ended_or_gave_no_sign_of_life() {
        assert_eq!(after(&lease(), &acquisition(Free::Inactive)), None);
        assert_eq!(after(&lease(), &acquisition(Free::EndedBy(Tick(1)))), None);
        let unchanged = |epoch, beat| Free::Unchanged { epoch: Epoch(epoch), beat };
        assert!(after(&lease(), &acquisition(unchanged(3, 5))).is_some());
        assert_eq!(after(&lease(), &acquisition(unchanged(2, 5))), None);
        assert_eq!(after(&lease(), &acquisition(unchanged(3, 4))), None);
    }

    #[test]
    fn a_released_lease_is_free() {
        let released = Lease { active: false, ..lease() };
        assert!(after(&released, &acquisition(Free::Inactive)).is_some());
    }

    #[test]
    fn the_drafts_way_sets_whatever_it_likes() {
        let epoch = Epoch(9);
        let (until, owner) = (Tick(3), OTHER);
        let set = Request::SetLease { group: GROUP, partition: PARTITION, owner, epoch, until };
        let now = Lease { owner, epoch, until, wake: 0, ..lease() };
        assert_eq!(after(&lease(), &set), Some(now));
    }

    #[test]
    fn a_word_is_left_with_a_holder_alone() {
        let wake = Request::Wake { group: GROUP, partition: PARTITION };
        assert_eq!(after(&lease(), &wake), Some(Lease { wake: 7, ..lease() }));
        assert_eq!(after(&Lease { active: false, ..lease() }, &wake), None);
    }
}

mod claiming {
    use gapless_model::Number;
    use gapless_model::store::Record;

    use super::*;

    #[test]
    fn raises_the_epoch_and_keeps_the_rest_of_the_record() {
        let mut tables: MemoryTables<Small> = MemoryTables::default();
        let name = ProducerNo(0);
        let mut claim = |seen| {
            let request = Request::Claim { partition: PARTITION, name, seen };
            apply(&mut tables, &request, View::Latest)
        };
        let first = Record::claimed(Epoch(1));
        assert_eq!(claim(None), Reply::Claimed(first));
        assert_eq!(claim(None), Reply::NotClaimed(Some(first)));
        assert_eq!(claim(Some(first)), Reply::Claimed(Record { epoch: Epoch(2), ..first }));

        let worked = Record { epoch: Epoch(4), number: Number(3), count: 2, slot: Seq(1) };
        tables.set_record(&PARTITION, &name, worked);
        let request = Request::Claim { partition: PARTITION, name, seen: Some(worked) };
        let claimed = Record { epoch: Epoch(5), ..worked };
        assert_eq!(apply(&mut tables, &request, View::Latest), Reply::Claimed(claimed));
    }
}

mod reading {
    use super::*;

    fn seen(consistent: bool, view: View) -> Vec<Seen> {
        let mut tables: MemoryTables<Small> = MemoryTables::default();
        for slot in 1..=3 {
            let batch = Count(1);
            let write = Write {
                partition: PARTITION,
                slot: Seq(slot),
                token: TOKEN,
                batch,
                if_absent: true,
            };
            assert_eq!(apply(&mut tables, &Request::Write(write), view), Reply::Written);
        }
        let request = Request::ReadEvents { partition: PARTITION, after: Seq::ZERO, consistent };
        match apply(&mut tables, &request, view) {
            Reply::Page(page) => (1..=3).map(|slot| page.seen(Seq(slot))).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_stale_read_misses_what_is_new_or_just_one_item() {
        use Seen::{Events, Nothing};
        assert_eq!(seen(false, View::Latest), [Events, Events, Events]);
        assert_eq!(seen(false, View::Before(Seq(2))), [Events, Nothing, Nothing]);
        assert_eq!(seen(false, View::Without(Seq(2))), [Events, Nothing, Events]);
    }

    #[test]
    fn a_consistent_read_misses_nothing() {
        assert_eq!(seen(true, View::Before(Seq(1))), [Seen::Events; 3]);
    }
}

/// What a request says of itself: what it writes, and whose.
mod describing_itself {
    use gapless_model::Number;
    use gapless_model::store::{Keep, Raise, Record};

    use super::*;

    /// Whether it writes, and the slot, the producer and the group that it writes.
    type Account = (bool, Option<Seq>, Option<ProducerNo>, Option<GroupNo>);

    fn account(request: &Request<Small>) -> Account {
        let (producer, group) = (request.producer().copied(), request.group().copied());
        (request.writes(), request.slot(), producer, group)
    }

    #[test]
    fn reads_write_nothing() {
        let (group, partition) = (GROUP, PARTITION);
        for read in [
            Request::ReadHead { partition, name: Some(ProducerNo(0)) },
            Request::ReadTail { partition },
            Request::ReadSlot { partition, slot: Seq(1) },
            Request::ReadEvents { partition, after: Seq(1), consistent: true },
            Request::ReadLease { group, partition },
        ] {
            assert_eq!(account(&read), (false, None, None, None), "{read:?}");
        }
    }

    #[test]
    fn writes_name_what_they_write() {
        let (group, partition, name) = (GROUP, PARTITION, ProducerNo(1));
        let write =
            Write { partition, slot: Seq(2), token: TOKEN, batch: Count(1), if_absent: true };
        let seen = Record::claimed(Epoch(1));
        let raise = |record| Raise { partition, head: None, token: None, record };
        let keep = Keep { name, seen, number: Number(1), count: 1 };
        let extend = Extend { until: Tick(3), beat: false };
        let lease = (true, None, None, Some(GROUP));
        let (fence, owner, until, epoch) = (None, ME, Tick(3), Epoch(1));
        for (request, expected) in [
            (Request::Write(write.clone()), (true, Some(Seq(2)), None, None)),
            (Request::Void { partition, slot: Seq(3) }, (true, Some(Seq(3)), None, None)),
            (Request::Raise(raise(None)), (true, None, None, None)),
            (Request::Raise(raise(Some(keep.clone()))), (true, None, Some(name), None)),
            (
                Request::RaiseAndWrite { raise: raise(Some(keep)), write },
                (true, Some(Seq(2)), Some(name), None),
            ),
            (Request::Claim { partition, name, seen: None }, (true, None, Some(name), None)),
            (Request::SetLease { group, partition, owner, epoch, until }, lease),
            (
                Request::Acquire {
                    group,
                    partition,
                    owner,
                    until,
                    free: Free::Inactive,
                    entry: Entry::default(),
                },
                lease,
            ),
            (Request::Renew { group, partition, fence, extend: extend.clone() }, lease),
            (
                Request::Checkpoint { group, partition, to: Seq(1), fence, forward: true, extend },
                lease,
            ),
            (Request::Release { group, partition, to: None, fence, guard: Guard::None }, lease),
            (Request::Wake { group, partition }, lease),
        ] {
            assert_eq!(account(&request), expected, "{request:?}");
        }
    }

    #[test]
    fn two_replies_alone_say_that_a_slot_was_written() {
        let wrote = |reply: Reply<Small>| reply.wrote();
        assert!(wrote(Reply::Written) && wrote(Reply::Appended(Seq(1))));
        assert!(!wrote(Reply::Taken(Slot::Void)) && !wrote(Reply::Raised(Seq(1))));
    }
}
