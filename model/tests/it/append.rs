//! The append machine, reply by reply: what it makes of each refusal.

use gapless_model::append::{Answer, Append, Identity, Session, Want};
use gapless_model::check::{Clocks, Count, PartitionNo, ProducerNo, Protocol, Small, Token};
use gapless_model::design::{Design, Increment};
use gapless_model::store::{Head, Raiser, Record, Reply, Request, Slot};
use gapless_model::{Epoch, Number, Rules, Seq};

const TOKEN: Token = Token { producer: ProducerNo(0), run: 0, number: 1 };

const PARTITION: PartitionNo = PartitionNo(0);

fn rules() -> Rules<Small> {
    let bounds = gapless_model::check::Bounds::TINY;
    Protocol::new(Design::RECOMMENDED, bounds, Clocks::Timely, vec![]).rules
}

/// An unnamed append that demands that the head is 4.
fn expecting() -> Append<Small> {
    Append::new(&rules(), PARTITION, TOKEN, Count(1), Identity::Anonymous, Some(Seq(4)))
}

/// An append of event 1 by a producer of epoch 2.
fn named() -> Append<Small> {
    let session =
        Session { name: ProducerNo(0), record: Record::claimed(Epoch(2)), number: Number(1) };
    Append::new(&rules(), PARTITION, TOKEN, Count(1), Identity::Named(session), None)
}

fn refused_by(raiser: Option<(Token, u64)>, record: Option<Record>) -> Reply<Small> {
    let raiser = raiser.map(|(token, slot)| Raiser { token, slot: Seq(slot) });
    Reply::NotRaised(Head { head: Seq(5), raiser, record, children: Vec::new() })
}

fn writes_into(append: &Append<Small>) -> Option<Seq> {
    match append.wants(&rules()) {
        Want::Store(Request::Write(write)) => Some(write.slot),
        Want::Store(_) | Want::Trigger | Want::Nothing => None,
    }
}

#[test]
fn its_own_retry_is_not_a_conflict() {
    let mut append = expecting();
    append.tell(&rules(), refused_by(Some((TOKEN, 5)), None));
    assert_eq!(writes_into(&append), Some(Seq(5)));
}

#[test]
fn anothers_raise_is_a_conflict() {
    let other = Token { number: 2, ..TOKEN };
    for raiser in [None, Some((other, 5))] {
        let mut append = expecting();
        append.tell(&rules(), refused_by(raiser, None));
        assert_eq!(append.answer(&rules()), Some(Answer::Conflict { head: Seq(5) }));
    }
}

#[test]
fn its_own_raise_to_another_number_is_a_conflict() {
    // It raised before, was voided, and demanded the voided number; then somebody came in between.
    let mut append = expecting();
    append.tell(&rules(), refused_by(Some((TOKEN, 3)), None));
    assert_eq!(append.answer(&rules()), Some(Answer::Conflict { head: Seq(5) }));
}

#[test]
fn an_expecting_append_whose_slot_was_voided_expects_that_slot() {
    let mut append = expecting();
    append.tell(&rules(), Reply::Raised(Seq(5)));
    append.tell(&rules(), Reply::Taken(Slot::Void));
    match append.wants(&rules()) {
        Want::Store(Request::Raise(raise)) => assert_eq!(raise.head, Some(Seq(5))),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_expecting_append_whose_slot_has_anothers_events_is_in_conflict_with_them() {
    let other = Token { number: 2, ..TOKEN };
    let mut append = expecting();
    append.tell(&rules(), Reply::Raised(Seq(5)));
    append.tell(&rules(), Reply::Taken(Slot::Events { token: other, batch: Count(1) }));
    assert_eq!(append.answer(&rules()), Some(Answer::Conflict { head: Seq(5) }));
}

/// Nothing was raised, so the same transaction would be refused for ever.
#[test]
fn a_transaction_passes_a_slot_that_its_counter_does_not_know_of_by_a_raise() {
    let design = Design { increment: Increment::Transaction, ..Design::RECOMMENDED };
    let bounds = gapless_model::check::Bounds::TINY;
    let rules = Protocol::new(design, bounds, Clocks::Timely, vec![]).rules;
    let mut append = Append::new(&rules, PARTITION, TOKEN, Count(1), Identity::Anonymous, None);
    let head = Head { head: Seq(4), raiser: None, record: None, children: Vec::new() };
    append.tell(&rules, Reply::Head(head));
    let other = Token { number: 2, ..TOKEN };
    let taken = Slot::Events { token: other, batch: Count(1) };
    append.tell(&rules, Reply::NotAppended { head: None, slot: Some(taken.clone()) });
    match append.wants(&rules) {
        Want::Store(Request::Raise(raise)) => assert_eq!(raise.head, Some(Seq(4))),
        other => panic!("{other:?}"),
    }
    append.tell(&rules, Reply::Raised(Seq(5)));
    append.tell(&rules, Reply::Taken(taken));
    assert!(matches!(append.wants(&rules), Want::Store(Request::ReadHead { .. })));
}

#[test]
fn a_record_of_its_own_epoch_is_its_own_effect() {
    let record = Record { epoch: Epoch(2), number: Number(1), count: 1, slot: Seq(3) };
    let mut append = named();
    append.tell(&rules(), refused_by(None, Some(record)));
    assert_eq!(writes_into(&append), Some(Seq(3)));
}

#[test]
fn a_record_of_a_later_epoch_fences_it_out() {
    let record = Record { epoch: Epoch(3), number: Number(1), count: 1, slot: Seq(3) };
    for record in [Some(record), None] {
        let mut append = named();
        append.tell(&rules(), refused_by(None, record));
        assert_eq!(append.answer(&rules()), Some(Answer::Fenced));
    }
}

#[test]
fn only_an_append_that_demands_a_head_expects_one() {
    assert!(expecting().expects_head());
    assert!(!named().expects_head());
}
