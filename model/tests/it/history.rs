//! Histories of several processes are explained by an order of their calls, or the first answer that
//! no order gives is named.

use gapless_model::history::{Call, Doubts, Heard, Unexplained, explain};
use gapless_model::store::{
    Entry, Free, Guard, Head, Lease, MemoryTables, Raise, Raiser, Record, Reply, Request, Slot,
    View, Write, apply,
};
use gapless_model::{Epoch, Seq};

use crate::words::{Millis, Shown, Text, Words};

pub const MOST: u64 = 1_000_000;

pub fn p() -> String {
    "p".to_owned()
}

pub fn raise() -> Request<Words> {
    Request::Raise(Raise { partition: p(), head: None, token: None, record: None })
}

pub fn write(slot: u64, token: &str) -> Request<Words> {
    let (token, batch) = (token.to_owned(), Text(token.to_owned()));
    Request::Write(Write { partition: p(), slot: Seq(slot), token, batch, if_absent: true })
}

fn events(token: &str) -> Slot<Words> {
    Slot::Events { token: token.to_owned(), batch: Text(token.to_owned()) }
}

pub fn void(slot: u64) -> Request<Words> {
    Request::Void { partition: p(), slot: Seq(slot) }
}

pub fn read(after: u64, consistent: bool) -> Request<Words> {
    Request::ReadEvents { partition: p(), after: Seq(after), consistent }
}

fn page(slots: &[(u64, Slot<Words>)]) -> Reply<Words> {
    Reply::Page(Shown(slots.iter().map(|(seq, slot)| (Seq(*seq), slot.clone())).collect()))
}

pub fn acquire(owner: &str) -> Request<Words> {
    Request::Acquire {
        group: "g".to_owned(),
        partition: p(),
        owner: owner.to_owned(),
        until: Millis(1_000),
        free: Free::Inactive,
        entry: Entry::default(),
    }
}

/// A call that a process made at one time, and that was answered at another.
pub fn call(
    process: usize,
    times: (u64, u64),
    request: Request<Words>,
    reply: Reply<Words>,
) -> Call<Words> {
    let (sent, heard) = times;
    Call { process, sent: Millis(sent), request, heard: Heard::Reply(Millis(heard), reply) }
}

pub fn unheard(process: usize, sent: u64, request: Request<Words>) -> Call<Words> {
    Call { process, sent: Millis(sent), request, heard: Heard::Nothing }
}

pub fn explained(calls: &[Call<Words>]) -> Result<(), Unexplained<Words>> {
    explain(calls, &Doubts { skew: 0, hidden_retries: false }, MOST)
}

/// The call that no order explains.
fn blamed(calls: &[Call<Words>]) -> usize {
    match explained(calls) {
        Err(Unexplained::Answer { call, .. }) => call,
        other => panic!("{other:?}"),
    }
}

#[test]
fn calls_one_after_the_other_have_the_answers_of_the_specification() {
    let mut calls = vec![
        call(0, (1, 2), raise(), Reply::Raised(Seq(1))),
        call(1, (3, 4), raise(), Reply::Raised(Seq(2))),
        call(0, (5, 6), write(1, "a"), Reply::Written),
        call(1, (7, 8), void(1), Reply::Taken(events("a"))),
    ];
    assert_eq!(explained(&calls), Ok(()));
    calls[1].heard = Heard::Reply(Millis(4), Reply::Raised(Seq(1)));
    let given = Unexplained::Answer { call: 1, instead: Box::new(Reply::Raised(Seq(2))) };
    assert_eq!(explained(&calls), Err(given), "a number is given out once");
}

#[test]
fn calls_that_overlap_may_have_taken_effect_in_any_order() {
    let overlapping = |second: (u64, u64)| {
        [
            call(0, (1, 9), raise(), Reply::Raised(Seq(2))),
            call(1, second, raise(), Reply::Raised(Seq(1))),
        ]
    };
    assert_eq!(explained(&overlapping((2, 10))), Ok(()));
    assert_eq!(blamed(&overlapping((10, 11))), 0, "the second began when the first was over");
}

#[test]
fn an_acknowledged_write_is_seen_by_every_consistent_read_after_it() {
    let reads = |at: u64, consistent: bool| {
        [
            call(0, (1, 4), write(1, "a"), Reply::Written),
            call(1, (at, at + 1), read(0, consistent), page(&[])),
        ]
    };
    assert_eq!(explained(&reads(3, true)), Ok(()), "it overlaps the write");
    assert_eq!(blamed(&reads(5, true)), 1);
    assert_eq!(explained(&reads(5, false)), Ok(()), "an eventual read may miss it");
}

#[test]
fn a_page_says_that_nothing_was_behind_it_unless_it_was_cut() {
    let shows = |slots: &[(u64, Slot<Words>)], consistent| {
        let written = (1..=slots.len() as u64 + 1)
            .map(|slot| call(slot as usize, (slot, slot + 1), write(slot, "a"), Reply::Written));
        let read = call(9, (11, 12), read(0, consistent), page(slots));
        written.chain([read]).collect::<Vec<_>>()
    };
    let one = [(1, events("a"))];
    assert_eq!(blamed(&shows(&one, true)), 2, "slot 2 had been written");
    assert_eq!(explained(&shows(&one, false)), Ok(()), "an eventual read may miss it");
    let two = [(1, events("a")), (2, events("a"))];
    assert_eq!(explained(&shows(&two, true)), Ok(()), "it had no room for slot 3");
}

#[test]
fn of_two_reads_that_found_nothing_the_later_one_counts() {
    let empty = |at: u64, after: u64| call(1, (at, at + 1), read(after, true), page(&[]));
    let written = call(0, (3, 4), write(1, "a"), Reply::Written);
    assert_eq!(blamed(&[empty(1, 0), written.clone(), empty(7, 0)]), 2);
    assert_eq!(blamed(&[empty(7, 0), written.clone(), empty(1, 0)]), 0);
    assert_eq!(explained(&[empty(1, 0), written, empty(7, 1)]), Ok(()), "it looked behind it");
}

#[test]
fn a_tail_says_that_its_slot_is_the_last_one() {
    let tail = |at: u64, last: u64| {
        let request = Request::ReadTail { partition: p() };
        call(1, (at, at + 1), request, Reply::Tail(Seq(last)))
    };
    let writes = [
        call(0, (1, 2), write(1, "a"), Reply::Written),
        call(0, (5, 6), write(3, "b"), Reply::Written),
    ];
    let with = |tail| [&writes[..], &[tail]].concat();
    for (at, last) in [(3, 1), (5, 1), (5, 3), (7, 3)] {
        assert_eq!(explained(&with(tail(at, last))), Ok(()), "{last} at {at}");
    }
    for (at, last) in [(3, 0), (3, 3), (7, 1), (7, 2), (7, 4)] {
        assert_eq!(blamed(&with(tail(at, last))), 2, "{last} at {at}");
    }
}

#[test]
fn a_transaction_changes_both_of_its_items() {
    let (raise, write) = match (raise(), write(1, "a")) {
        (Request::Raise(raise), Request::Write(write)) => (raise, write),
        other => panic!("{other:?}"),
    };
    let transaction = || Request::RaiseAndWrite { raise: raise.clone(), write: write.clone() };
    let after = |request, reply| {
        let appended = call(0, (1, 2), transaction(), Reply::Appended(Seq(1)));
        [appended, call(1, (3, 4), request, reply)]
    };
    let shown = page(&[(1, events("a"))]);
    assert_eq!(explained(&after(read(0, true), shown)), Ok(()));
    assert_eq!(blamed(&after(read(0, true), page(&[]))), 1);
    assert_eq!(explained(&after(self::raise(), Reply::Raised(Seq(2)))), Ok(()));
    assert_eq!(blamed(&after(self::raise(), Reply::Raised(Seq(1)))), 1);
    let refused = |slot: Slot<Words>| Reply::NotAppended { head: None, slot: Some(slot) };
    assert_eq!(explained(&after(transaction(), refused(events("a")))), Ok(()));
    assert_eq!(blamed(&after(transaction(), refused(events("b")))), 1);
    let lost = [
        unheard(0, 1, transaction()),
        call(1, (3, 4), read(0, true), page(&[(1, events("a"))])),
        call(1, (5, 6), self::raise(), Reply::Raised(Seq(2))),
    ];
    assert_eq!(explained(&lost), Ok(()), "it was applied unheard");
}

#[test]
fn a_page_says_what_each_of_its_slots_was_and_that_those_between_were_empty() {
    let second = || call(0, (1, 2), write(2, "b"), Reply::Written);
    let shows =
        |page: Reply<Words>, consistent| [second(), call(1, (3, 4), read(0, consistent), page)];
    assert_eq!(explained(&shows(page(&[(2, events("b"))]), true)), Ok(()));
    for consistent in [true, false] {
        assert_eq!(blamed(&shows(page(&[(2, events("c"))]), consistent)), 1);
        assert_eq!(blamed(&shows(page(&[(1, Slot::Void), (2, events("b"))]), consistent)), 1);
    }
    let skipped = [
        call(0, (1, 2), write(1, "a"), Reply::Written),
        second(),
        call(1, (3, 4), read(0, true), page(&[(2, events("b"))])),
    ];
    assert_eq!(blamed(&skipped), 2, "slot 1 was not empty");
}

#[test]
fn a_query_is_no_snapshot() {
    // Slot 1 is looked at before it is written, and slot 2 after.
    let calls = [
        call(0, (2, 3), write(1, "a"), Reply::Written),
        call(0, (4, 5), write(2, "b"), Reply::Written),
        call(1, (1, 6), read(0, true), page(&[(2, events("b"))])),
    ];
    assert_eq!(explained(&calls), Ok(()));
}

#[test]
fn a_call_that_nobody_heard_of_may_take_effect_at_any_later_time_and_once() {
    let refused = |at: u64| call(1, (at, at + 1), void(1), Reply::Taken(events("a")));
    let empty = |at: u64| call(1, (at, at + 1), read(0, true), page(&[]));
    let unheard_write = || unheard(0, 5, write(1, "a"));
    assert_eq!(explained(&[unheard_write(), empty(7), refused(90)]), Ok(()));
    assert_eq!(explained(&[unheard_write(), empty(90)]), Ok(()), "or never");
    assert_eq!(blamed(&[unheard_write(), refused(1)]), 1, "not before it was asked");
    let own = call(0, (3, 4), void(1), Reply::Taken(events("a")));
    let with_skew = Doubts { skew: 100, hidden_retries: false };
    let found = explain(&[own, unheard_write()], &with_skew, MOST);
    assert!(matches!(found, Err(Unexplained::Answer { call: 0, .. })), "nor by its own clock");
    assert_eq!(blamed(&[unheard_write(), refused(7), empty(90)]), 2, "and not undone");
    let raised = |at, number| call(1, (at, at + 1), raise(), Reply::Raised(Seq(number)));
    assert_eq!(explained(&[unheard(0, 1, raise()), raised(5, 2), raised(7, 3)]), Ok(()));
    assert_eq!(blamed(&[unheard(0, 1, raise()), raised(5, 2), raised(7, 4)]), 2, "not twice");
}

#[test]
fn a_client_that_repeats_requests_by_itself_may_have_one_effect_several_times() {
    let doubts = |hidden_retries| Doubts { skew: 0, hidden_retries };
    let calls = [
        call(0, (1, 5), raise(), Reply::Raised(Seq(2))),
        call(1, (6, 7), raise(), Reply::Raised(Seq(3))),
    ];
    assert!(explain(&calls, &doubts(false), MOST).is_err());
    assert_eq!(explain(&calls, &doubts(true), MOST), Ok(()));
    let later = |number| {
        [
            call(0, (1, 5), raise(), Reply::Raised(Seq(1))),
            call(1, (8, 9), raise(), Reply::Raised(Seq(number))),
        ]
    };
    for number in [2, 4, 7] {
        assert_eq!(explain(&later(number), &doubts(true), MOST), Ok(()), "{number}");
    }
    assert!(explain(&later(1), &doubts(true), MOST).is_err(), "a number is given out once");
    assert!(explain(&later(40), &doubts(true), MOST).is_err(), "an SDK has tried enough by then");
}

#[test]
fn what_was_surely_refused_has_no_effect() {
    let refused = Call { process: 0, sent: Millis(1), request: raise(), heard: Heard::Refusal };
    let raised = |number| call(0, (2, 3), raise(), Reply::Raised(Seq(number)));
    assert_eq!(explained(&[refused.clone(), raised(1)]), Ok(()));
    assert_eq!(blamed(&[refused, raised(2)]), 1);
}

#[test]
fn clocks_of_two_processes_may_differ_and_one_clock_does_not() {
    let calls = |process: usize| {
        [
            call(0, (10, 11), raise(), Reply::Raised(Seq(2))),
            call(process, (14, 15), raise(), Reply::Raised(Seq(1))),
        ]
    };
    let with =
        |process, skew| explain(&calls(process), &Doubts { skew, hidden_retries: false }, MOST);
    assert!(with(1, 2).is_err());
    assert_eq!(with(1, 3), Ok(()));
    assert!(with(0, 3).is_err());
}

#[test]
fn two_owners_of_one_lease_are_not_explained() {
    let leased = |owner: &str, epoch| {
        let tables = &mut MemoryTables::default();
        let reply = apply(tables, &acquire(owner), View::Latest);
        match reply {
            Reply::Leased(lease) => {
                Reply::Leased(gapless_model::store::Lease { epoch: Epoch(epoch), ..lease })
            }
            other => panic!("{other:?}"),
        }
    };
    let release = Request::Release {
        group: "g".to_owned(),
        partition: p(),
        to: None,
        fence: Some(Epoch(1)),
        guard: Guard::Empty(Seq(1)),
    };
    let handed = |released: Reply<Words>, epoch| {
        [
            call(0, (1, 2), acquire("a"), leased("a", 1)),
            call(0, (3, 4), release.clone(), released),
            call(1, (5, 6), acquire("b"), leased("b", epoch)),
        ]
    };
    assert_eq!(explained(&handed(Reply::Released, 2)), Ok(()));
    assert_eq!(blamed(&handed(Reply::Released, 1)), 2, "an epoch has one owner");
    let refused = |lease| Reply::Refused { lease, taken: true };
    assert_eq!(blamed(&handed(refused(None), 2)), 1, "the slot is empty");

    let written = call(2, (1, 2), write(1, "x"), Reply::Written);
    let behind = |released| [&handed(released, 2)[..2], std::slice::from_ref(&written)].concat();
    assert_eq!(explained(&behind(refused(None))), Ok(()));
    assert_eq!(blamed(&behind(Reply::Released)), 1, "the slot is not empty");
    let Reply::Leased(held) = leased("c", 7) else { panic!("it is free") };
    assert_eq!(blamed(&behind(refused(Some(held)))), 1, "that lease was never there");
    let mut fenced = behind(refused(None));
    if let Request::Release { fence, .. } = &mut fenced[1].request {
        *fence = Some(Epoch(77));
    }
    assert_eq!(blamed(&fenced), 1, "the fence refuses it, and that shows the lease");
}

#[test]
fn partitions_are_explained_one_by_one() {
    let elsewhere =
        Request::Raise(Raise { partition: "q".to_owned(), head: None, token: None, record: None });
    let calls = |number| {
        [
            call(0, (1, 2), raise(), Reply::Raised(Seq(1))),
            call(0, (3, 4), elsewhere.clone(), Reply::Raised(Seq(number))),
        ]
    };
    assert_eq!(explained(&calls(1)), Ok(()));
    assert_eq!(blamed(&calls(2)), 1);
}

#[test]
fn an_answer_is_held_up_by_each_earlier_one_of_another_process() {
    let raised = |process, times, number| call(process, times, raise(), Reply::Raised(Seq(number)));
    let later = raised(1, (12, 13), 2);
    let calls = [raised(0, (1, 10), 3), raised(1, (1, 5), 1), later];
    assert!(explained(&calls).is_err(), "3 was heard before 2 was asked for");
}

#[test]
fn a_clock_that_is_set_back_during_a_call_does_not_hold_it_up() {
    assert_eq!(explained(&[call(0, (9, 5), raise(), Reply::Raised(Seq(1)))]), Ok(()));
}

#[test]
fn a_lease_that_is_taken_without_a_condition_may_go_back() {
    let mut tables = MemoryTables::default();
    let set = |(at, epoch): (u64, u64)| {
        let request = Request::SetLease {
            group: "g".to_owned(),
            partition: p(),
            owner: "a".to_owned(),
            epoch: Epoch(epoch),
            until: Millis(1_000),
        };
        let reply = apply(&mut tables, &request, View::Latest);
        call(0, (at, at + 1), request, reply)
    };
    let calls: Vec<_> = [(1, 5), (3, 2), (5, 3)].into_iter().map(set).collect();
    assert_eq!(explained(&calls), Ok(()));
}

#[test]
fn of_answers_that_came_in_the_same_moment_the_one_too_many_is_named() {
    let raised = |process, number| call(process, (1, 9), raise(), Reply::Raised(Seq(number)));
    let calls = [raised(0, 1), raised(1, 2), raised(2, 2), raised(3, 3)];
    let twice = Unexplained::Answer { call: 2, instead: Box::new(Reply::Raised(Seq(3))) };
    assert_eq!(explained(&calls), Err(twice));
}

#[test]
fn an_answer_that_no_store_gives_is_named() {
    let transaction = match (raise(), write(1, "a")) {
        (Request::Raise(raise), Request::Write(write)) => Request::RaiseAndWrite { raise, write },
        other => panic!("{other:?}"),
    };
    let for_nothing = Reply::NotAppended { head: None, slot: None };
    assert_eq!(blamed(&[call(0, (1, 2), transaction, for_nothing)]), 0);
    let written = call(0, (1, 2), write(1, "a"), Reply::Written);
    let behind = call(1, (3, 4), read(3, true), page(&[(1, events("a"))]));
    assert_eq!(blamed(&[written, behind]), 1, "the page begins after slot 3");
    let last = call(1, (1, 2), read(u64::MAX, true), page(&[]));
    assert_eq!(explained(&[last]), Ok(()), "and nothing is after the last one");
}

/// The one whose answer was heard first was not the one that was sent first.
#[test]
fn an_answer_is_held_up_by_whichever_was_heard_first() {
    let head = Request::ReadHead { partition: p(), name: None };
    let empty =
        Reply::Head(Head { head: Seq::ZERO, raiser: None, record: None, children: Vec::new() });
    let calls = [
        call(0, (1, 10), raise(), Reply::Raised(Seq(2))),
        call(1, (2, 3), raise(), Reply::Raised(Seq(1))),
        call(2, (6, 7), head, empty),
    ];
    assert_eq!(blamed(&calls), 2, "a number had been handed out");
}

#[test]
fn a_release_that_nobody_heard_of_may_have_freed_the_lease() {
    let leased = |owner: &str, epoch| {
        let reply = apply(&mut MemoryTables::default(), &acquire(owner), View::Latest);
        let Reply::Leased(lease) = reply else { panic!("it is free") };
        Reply::Leased(Lease { epoch: Epoch(epoch), ..lease })
    };
    let (to, guard, fence) = (None, Guard::None, Some(Epoch(1)));
    let release = Request::Release { group: "g".to_owned(), partition: p(), to, fence, guard };
    let taken = call(0, (1, 2), acquire("a"), leased("a", 1));
    let taken_over = call(1, (5, 6), acquire("b"), leased("b", 2));
    let calls = [taken.clone(), unheard(0, 3, release), taken_over.clone()];
    assert_eq!(explained(&calls), Ok(()));
    assert_eq!(blamed(&[taken, taken_over]), 1, "it was held");
}

#[test]
fn a_refused_raise_shows_who_raised_last() {
    let raise = |head, token: &str| {
        let (head, token) = (Some(Seq(head)), Some(token.to_owned()));
        Request::Raise(Raise { partition: p(), head, token, record: None })
    };
    let by = |token: &str| Raiser { token: token.to_owned(), slot: Seq(1) };
    let refused = |raiser| {
        let head = Head { head: Seq(1), raiser, record: None, children: Vec::new() };
        [
            call(0, (1, 2), raise(0, "a"), Reply::Raised(Seq(1))),
            call(1, (3, 4), raise(0, "b"), Reply::NotRaised(head)),
        ]
    };
    assert_eq!(explained(&refused(Some(by("a")))), Ok(()));
    assert_eq!(blamed(&refused(None)), 1);
    assert_eq!(blamed(&refused(Some(by("b")))), 1);
}

/// Its clock is ahead by as much as clocks may differ.
#[test]
fn what_a_later_sent_request_explains_is_not_blamed() {
    let raised = |process, times, number| call(process, times, raise(), Reply::Raised(Seq(number)));
    let calls = [raised(0, (1, 5), 2), unheard(1, 8, raise()), raised(2, (30, 31), 100)];
    let found = explain(&calls, &Doubts { skew: 10, hidden_retries: false }, MOST);
    assert!(matches!(found, Err(Unexplained::Answer { call: 2, .. })), "{found:?}");
}

#[test]
fn a_record_is_as_its_claim_left_it() {
    let name = "n".to_owned();
    let claim = Request::Claim { partition: p(), name: name.clone(), seen: None };
    let claimed = Record::claimed(Epoch(1));
    let shown = |record| {
        let read = Request::ReadHead { partition: p(), name: Some(name.clone()) };
        let head = Head { head: Seq::ZERO, raiser: None, record, children: Vec::new() };
        [
            call(0, (1, 2), claim.clone(), Reply::Claimed(claimed)),
            call(1, (3, 4), read, Reply::Head(head)),
        ]
    };
    assert_eq!(explained(&shown(Some(claimed))), Ok(()));
    assert_eq!(blamed(&shown(None)), 1);
}
