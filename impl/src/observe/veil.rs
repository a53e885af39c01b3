//! Requests and replies without what events hold.

use std::borrow::Cow;

use gapless_model::Seq;
use gapless_model::store::{FromSlots as _, Reply, Request, Slot, ToSlots as _, Write};
use md5::{Digest, Md5};

use crate::vocabulary::{Event, EventBatch, Live, Slots};

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
    let slots = page.to_slots().into_iter();
    Slots::from_slots(Seq::ZERO, slots.map(|(seq, slot)| (seq, veiled_slot(&slot))))
}

fn veiled_batch(batch: &EventBatch) -> EventBatch {
    let veiled = batch.events().iter().map(|event| {
        let mut digest = Md5::new();
        // With its length, so that no key and data run into each other as another pair does.
        digest.update(event.key.len().to_be_bytes());
        digest.update(&event.key);
        digest.update(&event.data);
        Event::new("", digest.finalize().to_vec())
    });
    EventBatch::new(veiled.collect()).unwrap_or_else(|| batch.clone())
}
