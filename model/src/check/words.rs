//! Requests, replies and items in words.

use std::fmt::Write as _;

use super::small::{Small, Tick, Token, Window};
use crate::number::{Epoch, Seq};
use crate::store::{Free, Guard, Head, Keep, Lease, Raise, Record, Reply, Request, Slot};
use crate::vocabulary::{Page, Seen};

pub(super) fn slot_words(slot: &Slot<Small>) -> String {
    match slot {
        Slot::Empty => "·".to_owned(),
        Slot::Void => "void".to_owned(),
        Slot::Events { token, batch } if batch.0 > 1 => {
            let first = Token { number: token.number + 1 - batch.0, ..*token };
            format!("{first}-{token}")
        }
        Slot::Events { token, .. } => token.to_string(),
    }
}

pub(super) fn lease_words(lease: Option<&Lease<Small>>) -> String {
    let Some(lease) = lease else { return "no lease yet".to_owned() };
    let Lease { checkpoint, active, owner, epoch, until, .. } = lease;
    let state = match (active, *until == Tick::NOW) {
        (false, _) => "free".to_owned(),
        (true, false) => format!("held by {owner}"),
        (true, true) => format!("held by {owner}, ended"),
    };
    format!("checkpoint {checkpoint}, epoch {epoch} {state}")
}

pub(super) fn record_words(record: &Record) -> String {
    let Record { epoch, number, slot, .. } = record;
    format!("epoch {epoch}, event {number} in slot {slot}")
}

fn raise_words(raise: &Raise<Small>) -> String {
    let Raise { head, record, .. } = raise;
    let mut text = "raise the head".to_owned();
    if let Some(head) = head {
        let _ = write!(text, " if it is {head}");
    }
    if let Some(Keep { seen, number, .. }) = record {
        let _ = write!(text, ", recording event {number} if the record is of epoch {}", seen.epoch);
    }
    text
}

pub(super) fn request_words(request: &Request<Small>) -> String {
    match request {
        Request::ReadHead { name: None, .. } => "read the head".to_owned(),
        Request::ReadHead { name: Some(name), .. } => format!("read the record of {name}"),
        Request::Raise(raise) => raise_words(raise),
        Request::Claim { name, seen, .. } => {
            let epoch = seen.map_or(0, |record| record.epoch.0);
            format!("claim the name {name} if its epoch is {epoch}")
        }
        Request::ReadTail { .. } => "read the tail".to_owned(),
        Request::ReadSlot { slot, .. } => format!("read slot {slot}"),
        Request::Write(write) => {
            let guard = if write.if_absent { " if empty" } else { "" };
            format!("write {} into slot {}{guard}", write.token, write.slot)
        }
        Request::Void { slot, .. } => format!("void slot {slot} if empty"),
        Request::RaiseAndWrite { raise, write } => {
            format!("{} and write {} into slot {}", raise_words(raise), write.token, write.slot)
        }
        Request::ReadEvents { after, consistent, .. } => {
            let how = if *consistent { "" } else { ", eventually consistent" };
            format!("read events after {after}{how}")
        }
        Request::ReadLease { .. } => "read the lease".to_owned(),
        Request::SetLease { epoch, .. } => format!("set the lease, epoch {epoch}"),
        Request::Acquire { free, .. } => match free {
            Free::Inactive => "take the lease if it is free".to_owned(),
            Free::EndedBy(_) => "take the lease if it is free or has ended".to_owned(),
            Free::Unchanged { epoch, beat } => {
                format!("take the lease if it still shows epoch {epoch}, beat {beat}")
            }
        },
        Request::Renew { fence, .. } => format!("renew the lease{}", fence_words(*fence)),
        Request::Checkpoint { to, fence, forward, .. } => {
            let forward = if *forward { ", forward only" } else { "" };
            format!("move the checkpoint to {to}{}{forward}", fence_words(*fence))
        }
        Request::Release { fence, guard, .. } => {
            let guard = match guard {
                Guard::None => String::new(),
                Guard::Empty(slot) => format!(" and slot {slot} is empty"),
                Guard::Unwoken(wake) => format!(" and {wake} triggers came"),
            };
            format!("release the lease{}{guard}", fence_words(*fence))
        }
        Request::Wake { .. } => "leave word with the lease's holder".to_owned(),
    }
}

fn fence_words(fence: Option<Epoch>) -> String {
    fence.map_or(String::new(), |epoch| format!(" if its epoch is {epoch}"))
}

fn head_words(head: &Head<Small>) -> String {
    match &head.record {
        Some(record) => format!("head {}, {}", head.head, record_words(record)),
        None => format!("head {}", head.head),
    }
}

pub(super) fn reply_words(reply: &Reply<Small>) -> String {
    match reply {
        Reply::Head(head) => head_words(head),
        Reply::Raised(slot) => format!("given {slot}"),
        Reply::NotRaised(old) => format!("refused: {}", head_words(old)),
        Reply::Claimed(record) => format!("claimed: epoch {}", record.epoch),
        Reply::NotClaimed(old) => {
            format!("refused: epoch {}", old.map_or(0, |record| record.epoch.0))
        }
        Reply::Tail(tail) => format!("tail {tail}"),
        Reply::Slot(slot) => slot_words(slot),
        Reply::Written => "done".to_owned(),
        Reply::Taken(slot) => format!("taken: {}", slot_words(slot)),
        Reply::Appended(slot) => format!("given {slot} and written"),
        Reply::NotAppended { head, slot } => {
            let head = head.as_ref().map(head_words);
            let slot = slot.as_ref().map(|slot| format!("the slot holds {}", slot_words(slot)));
            let reasons: Vec<_> = head.into_iter().chain(slot).collect();
            format!("refused: {}", reasons.join("; "))
        }
        Reply::Page(page) => page_words(page),
        Reply::Lease(lease) => lease_words(lease.as_ref()),
        Reply::Leased(lease) => lease_words(Some(lease)),
        Reply::Released => "released".to_owned(),
        Reply::Refused { lease: Some(lease), .. } => {
            format!("refused: {}", lease_words(Some(lease)))
        }
        Reply::Refused { lease: None, taken: true } => "refused: the slot is taken".to_owned(),
        Reply::Refused { lease: None, taken: false } => "refused: no lease".to_owned(),
    }
}

fn page_words(page: &Window) -> String {
    let Some(last) = page.last() else { return "nothing".to_owned() };
    let shown: Vec<_> = (1..=last.0)
        .filter_map(|slot| match page.seen(Seq(slot)) {
            Seen::Nothing => None,
            Seen::Void => Some(format!("void in {slot}")),
            Seen::Events => Some(format!("slot {slot}")),
        })
        .collect();
    shown.join(", ")
}
