//! Requests and replies without what events hold.

use std::borrow::Cow;

use gapless_model::Page as _;
use gapless_model::Seq;
use gapless_model::store::{Reply, Request, Slot, Write};
use md5::{Digest, Md5};

use crate::vocabulary::{Event, EventBatch, Filled, Live, Slots};

/// The request with a digest in place of each event.
pub(super) fn veiled_request(request: &Request<Live>) -> Cow<'_, Request<Live>> {
    let veiled = |write: &Write<Live>| Write { batch: veiled_batch(&write.batch), ..write.clone() };
    match request {
        Request::Write(write) => Cow::Owned(Request::Write(veiled(write))),
        Request::RaiseAndWrite { raise, write } => {
            Cow::Owned(Request::RaiseAndWrite { raise: raise.clone(), write: veiled(write) })
        }
        Request::ReadHead { .. }
        | Request::Raise(_)
        | Request::Create { .. }
        | Request::Seal { .. }
        | Request::Merge { .. }
        | Request::Claim { .. }
        | Request::ReadTail { .. }
        | Request::ReadSlot { .. }
        | Request::Void { .. }
        | Request::ReadEvents { .. }
        | Request::ReadLease { .. }
        | Request::SetLease { .. }
        | Request::Acquire { .. }
        | Request::Renew { .. }
        | Request::Checkpoint { .. }
        | Request::Release { .. }
        | Request::Wake { .. } => Cow::Borrowed(request),
    }
}

/// The reply with a digest in place of each event.
pub(super) fn veiled_reply(reply: &Reply<Live>) -> Cow<'_, Reply<Live>> {
    match reply {
        Reply::Slot(slot) => Cow::Owned(Reply::Slot(veiled_slot(slot))),
        Reply::Taken(slot) => Cow::Owned(Reply::Taken(veiled_slot(slot))),
        Reply::NotAppended { head, slot } => Cow::Owned(Reply::NotAppended {
            head: head.clone(),
            slot: slot.as_ref().map(veiled_slot),
        }),
        Reply::Page(page) => Cow::Owned(Reply::Page(veiled_page(page))),
        Reply::Head(_)
        | Reply::Raised(_)
        | Reply::NotRaised(_)
        | Reply::Created
        | Reply::Sealed
        | Reply::NotSealed(_)
        | Reply::Claimed(_)
        | Reply::NotClaimed(_)
        | Reply::Tail(_)
        | Reply::Written
        | Reply::Appended(_)
        | Reply::Lease(_)
        | Reply::Leased(_)
        | Reply::Released
        | Reply::Refused { .. } => Cow::Borrowed(reply),
    }
}

fn veiled_slot(slot: &Slot<Live>) -> Slot<Live> {
    match slot {
        Slot::Empty => Slot::Empty,
        Slot::Void => Slot::Void,
        Slot::Events { token, batch } => {
            Slot::Events { token: token.clone(), batch: veiled_batch(batch) }
        }
    }
}

fn veiled_page(page: &Slots) -> Slots {
    let veiled = |(seq, filled): &(Seq, Filled)| match filled {
        Filled::Void => (*seq, Filled::Void),
        Filled::Events { token, batch } => {
            (*seq, Filled::Events { token: token.clone(), batch: veiled_batch(batch) })
        }
    };
    Slots::new(page.shown().iter().map(veiled).collect(), page.is_full())
}

fn veiled_batch(batch: &EventBatch) -> EventBatch {
    let veiled = batch.events().iter().map(|event| {
        let mut digest = Md5::new();
        // With its length, so that no key and data run into each other as another pair does.
        digest.update(event.key.len().to_be_bytes());
        digest.update(&event.key);
        digest.update(&event.data);
        if !event.headers.is_empty() {
            digest.update(event.data.len().to_be_bytes());
        }
        for header in event.headers.iter().flat_map(|(name, value)| [name, value]) {
            digest.update(header.len().to_be_bytes());
            digest.update(header);
        }
        Event::new("", digest.finalize().to_vec())
    });
    EventBatch::new(veiled.collect()).unwrap_or_else(|| batch.clone())
}

#[cfg(test)]
mod tests {
    use gapless_model::store::Head;

    use super::*;
    use crate::vocabulary::Token;

    fn batch(data: &str) -> EventBatch {
        EventBatch::new(vec![Event::new("key", data)]).expect("an event")
    }

    fn slot(data: &str) -> Slot<Live> {
        Slot::Events { token: Token::from("a1"), batch: batch(data) }
    }

    #[test]
    fn a_slot_keeps_all_but_what_its_events_hold() {
        for (seen, stays) in [(Slot::Void, true), (Slot::Empty, true), (slot("x"), false)] {
            let head =
                Some(Head { head: Seq(7), raiser: None, record: None, children: Vec::new() });
            for reply in [
                Reply::Slot(seen.clone()),
                Reply::Taken(seen.clone()),
                Reply::NotAppended { head, slot: Some(seen) },
            ] {
                let veiled = veiled_reply(&reply).into_owned();
                assert_eq!(veiled == reply, stays, "{veiled:?}");
                let shown = format!("{veiled:?}");
                assert!(!shown.contains("\"key\""), "{shown}");
                assert_eq!(shown.contains("a1"), !stays, "{shown}");
            }
        }
    }

    #[test]
    fn a_page_keeps_its_slots() {
        let events = Filled::Events { token: Token::from("a1"), batch: batch("x") };
        let page = Slots::new(vec![(Seq(3), events), (Seq(4), Filled::Void)], true);
        let veiled = veiled_page(&page);
        assert!(veiled.is_full());
        let slots: Vec<_> = veiled.shown().iter().map(|(seq, _)| *seq).collect();
        assert_eq!(slots, [Seq(3), Seq(4)]);
        assert_eq!(veiled.shown()[1].1, Filled::Void);
        assert_ne!(veiled, page);
    }

    #[test]
    fn the_same_events_have_the_same_digest_and_others_another() {
        assert_eq!(veiled_batch(&batch("x")), veiled_batch(&batch("x")));
        assert_ne!(veiled_batch(&batch("x")), veiled_batch(&batch("y")));
        // What is moved from the data to the key is another event.
        let moved = EventBatch::new(vec![Event::new("keyx", "")]).expect("an event");
        assert_ne!(veiled_batch(&batch("x")), veiled_batch(&moved));
    }
}
