//! Requests, replies and items in the words of the decision log.
//!
//! Replaying a log compares these words, and the simulation hashes them. To reword one is to
//! change the format: see [`VERSION`](crate::log::VERSION).

use std::fmt::Write as _;

use super::item::{Lease, Record, Slot};
use super::reply::{Head, Reply};
use super::request::{Entry, Free, Guard, Keep, Raise, Request};
use crate::ids::Epoch;
use crate::vocabulary::Vocabulary;

/// A vocabulary that has words for its values, as they appear in a decision log.
pub trait Spoken: Vocabulary {
    /// Names the events of an append.
    fn events(token: &Self::Token, batch: &Self::Batch) -> String;
    /// Names the owner of a lease: a turn of a worker.
    fn owner(owner: &Self::Owner) -> String;
    /// Names a partition.
    fn partition(partition: &Self::Partition) -> String;
    /// Names a producer.
    fn producer(name: &Self::Name) -> String;
    /// Returns what follows the owner of a held lease with this end, such as `, ended`; may be
    /// empty.
    fn ending(until: Self::Time) -> String;
    /// Lists the slots that a page shows.
    fn page(page: &Self::Page) -> String;
}

/// Describes what a slot holds; `·` is an empty slot.
pub fn slot_words<V: Spoken>(slot: &Slot<V>) -> String {
    match slot {
        Slot::Empty => "·".to_owned(),
        Slot::Void => "void".to_owned(),
        Slot::Events { token, batch } => V::events(token, batch),
    }
}

/// Describes a lease and its checkpoint.
pub fn lease_words<V: Spoken>(lease: Option<&Lease<V>>) -> String {
    let Some(lease) = lease else { return "no lease yet".to_owned() };
    let Lease { checkpoint, active, owner, epoch, until, .. } = lease;
    let state = match active {
        false => "free".to_owned(),
        true => format!("held by {}{}", V::owner(owner), V::ending(*until)),
    };
    format!("checkpoint {checkpoint}, epoch {epoch} {state}")
}

/// Describes a producer's record.
#[must_use]
pub fn record_words(record: &Record) -> String {
    let Record { epoch, number, slot, .. } = record;
    format!("epoch {epoch}, event {number} in slot {slot}")
}

fn seal_words<V: Spoken>(partition: &V::Partition, children: &[V::Partition]) -> String {
    let (partition, children) = (V::partition(partition), partition_words::<V>(children));
    format!("seal {partition} for {children} if it is open")
}

fn merge_words<V: Spoken>(parents: &[V::Partition], child: &V::Partition) -> String {
    let (parents, child) = (partition_words::<V>(parents), V::partition(child));
    format!("merge {parents} into {child} if they are open")
}

fn raise_words<V: Spoken>(raise: &Raise<V>) -> String {
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

/// Describes a request as something to do, such as `read the head`.
pub fn request_words<V: Spoken>(request: &Request<V>) -> String {
    match request {
        Request::ReadHead { name: None, .. } => "read the head".to_owned(),
        Request::ReadHead { name: Some(name), .. } => {
            format!("read the record of {}", V::producer(name))
        }
        Request::Raise(raise) => raise_words(raise),
        Request::Create { partition } => format!("create {}", V::partition(partition)),
        Request::Seal { partition, children } => seal_words::<V>(partition, children),
        Request::Merge { parents, child } => merge_words::<V>(parents, child),
        Request::Claim { name, seen, .. } => {
            let epoch = seen.map_or(0, |record| record.epoch.0);
            format!("claim the name {} if its epoch is {epoch}", V::producer(name))
        }
        Request::ReadTail { .. } => "read the tail".to_owned(),
        Request::ReadSlot { slot, .. } => format!("read slot {slot}"),
        Request::Write(write) => {
            let guard = if write.if_absent { " if empty" } else { "" };
            let events = V::events(&write.token, &write.batch);
            format!("write {events} into slot {}{guard}", write.slot)
        }
        Request::Void { slot, .. } => format!("void slot {slot} if empty"),
        Request::RaiseAndWrite { raise, write } => {
            let events = V::events(&write.token, &write.batch);
            format!("{} and write {events} into slot {}", raise_words(raise), write.slot)
        }
        Request::ReadEvents { after, consistent, .. } => {
            let how = if *consistent { "" } else { ", eventually consistent" };
            format!("read events after {after}{how}")
        }
        Request::ReadLease { .. } => "read the lease".to_owned(),
        Request::SetLease { epoch, .. } => format!("set the lease, epoch {epoch}"),
        Request::Acquire { free, entry, .. } => acquire_words(free, *entry),
        Request::Renew { fence, .. } => format!("renew the lease{}", fence_words(*fence)),
        Request::Checkpoint { to, fence, forward, .. } => {
            let forward = if *forward { ", forward only" } else { "" };
            format!("move the checkpoint to {to}{}{forward}", fence_words(*fence))
        }
        Request::Release { to, fence, guard, .. } => {
            let guard = match guard {
                Guard::None => None,
                Guard::Empty(slot) => Some(format!("slot {slot} is empty")),
                Guard::Unwoken(wake) => Some(format!("{wake} triggers came")),
            };
            let fence = fence.map(|epoch| format!("its epoch is {epoch}"));
            let conditions: Vec<String> = fence.into_iter().chain(guard).collect();
            let (when, comma) = match conditions.as_slice() {
                [] => (String::new(), ""),
                conditions => (format!(" if {}", conditions.join(" and ")), ","),
            };
            match to {
                None => format!("release the lease{when}"),
                Some(to) => {
                    format!("move the checkpoint to {to}, releasing the lease{comma}{when}")
                }
            }
        }
        Request::Wake { .. } => "leave word with the lease's holder".to_owned(),
    }
}

fn acquire_words<V: Spoken>(free: &Free<V>, entry: Entry) -> String {
    let entry = match entry {
        Entry::Begun => ", and the group has begun",
        Entry::Begin { seen: Epoch::ZERO } => "",
        Entry::Begin { .. } => ", and nothing was reset meanwhile",
        Entry::Hold => ", as not begun",
    };
    match free {
        Free::Inactive => format!("take the lease if it is free{entry}"),
        Free::EndedBy(_) => format!("take the lease if it is free or has ended{entry}"),
        Free::Unchanged { epoch, beat } => {
            format!("take the lease if it still shows epoch {epoch}, beat {beat}{entry}")
        }
    }
}

fn fence_words(fence: Option<Epoch>) -> String {
    fence.map_or(String::new(), |epoch| format!(" if its epoch is {epoch}"))
}

fn head_words<V: Spoken>(head: &Head<V>) -> String {
    let mut words = format!("head {}", head.head);
    if let Some(record) = &head.record {
        let _ = write!(words, ", {}", record_words(record));
    }
    if head.is_sealed() {
        let _ = write!(words, ", sealed for {}", partition_words::<V>(&head.children));
    }
    words
}

/// Names partitions, such as `p2 and p3`.
pub fn partition_words<V: Spoken>(partitions: &[V::Partition]) -> String {
    partitions.iter().map(V::partition).collect::<Vec<_>>().join(" and ")
}

/// Describes a reply, such as `given 3` or `refused: …`.
pub fn reply_words<V: Spoken>(reply: &Reply<V>) -> String {
    match reply {
        Reply::Head(head) => head_words(head),
        Reply::Raised(slot) => format!("given {slot}"),
        Reply::NotRaised(old) => format!("refused: {}", head_words(old)),
        Reply::Claimed(record) => format!("claimed: epoch {}", record.epoch),
        Reply::NotClaimed(old) => {
            format!("refused: epoch {}", old.map_or(0, |record| record.epoch.0))
        }
        Reply::Created => "it is there".to_owned(),
        Reply::Sealed => "sealed".to_owned(),
        Reply::NotSealed(before) => {
            let sealed = before.iter().filter(|children| !children.is_empty());
            let words: Vec<_> = sealed.map(|children| partition_words::<V>(children)).collect();
            format!("refused: sealed for {}", words.join("; "))
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
        Reply::Page(page) => V::page(page),
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
