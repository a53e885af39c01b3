//! What is to be explained of each item, one moment each.

use std::collections::{BTreeMap, BTreeSet};

use super::call::{Call, Heard};
use crate::ids::Seq;
use crate::store::{Guard, Reply, Request, Slot, ToSlots};
use crate::vocabulary::Vocabulary;

/// An item of a partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Item<G> {
    /// The partition's own: its head and the producers' records.
    Head,
    /// A slot.
    Slot(Seq),
    /// A group's lease.
    Lease(G),
}

/// What is to be explained of an item.
pub(super) struct Pieces<V: Vocabulary> {
    /// What was heard, by the time at which it was asked.
    pub(super) heard: Vec<Piece<V>>,
    /// What may have had an effect that nobody heard of.
    pub(super) unheard: Vec<Unheard<V>>,
}

/// Something that was so at a moment between an ask and its answer.
pub(super) struct Piece<V: Vocabulary> {
    /// The call that it belongs to.
    pub(super) call: usize,
    pub(super) process: usize,
    pub(super) sent: V::Time,
    pub(super) heard: V::Time,
    pub(super) says: Says<V>,
}

/// What a piece says.
#[derive(Clone)]
pub(super) enum Says<V: Vocabulary> {
    /// That the store answered this.
    Answer(Request<V>, Reply<V>),
    /// That a slot held this.
    Slot(Seq, Slot<V>),
    /// That a slot was not empty.
    Filled(Seq),
}

/// An effect that nobody heard of: it happened once, at any time after the ask, or never.
pub(super) struct Unheard<V: Vocabulary> {
    pub(super) process: usize,
    pub(super) sent: V::Time,
    pub(super) request: Request<V>,
}

/// The pieces of a partition's items.
pub(super) type Items<V> = BTreeMap<Item<<V as Vocabulary>::Group>, Pieces<V>>;

/// Takes the calls on a partition apart.
pub(super) fn of<V: Vocabulary>(
    calls: &[Call<V>],
    indices: &[usize],
    hidden_retries: bool,
) -> Items<V>
where
    V::Group: Ord,
    V::Page: ToSlots<V>,
{
    let mut items = Items::<V>::new();
    let mut empty = EmptyAfter::<V>(BTreeMap::new());
    for &index in indices {
        let Call { process, sent, request, heard } = &calls[index];
        let (process, sent) = (*process, *sent);
        // An answer says nothing of the attempts before the one that was answered. They can still be
        // under way.
        if hidden_retries || matches!(heard, Heard::Nothing) {
            for (item, request) in effects(request) {
                let unheard = Unheard { process, sent, request };
                pieces(&mut items, item).unheard.push(unheard);
            }
        }
        match heard {
            Heard::Refusal | Heard::Nothing => {}
            Heard::Reply(heard, reply) => {
                let heard = *heard;
                let said = said(request, reply);
                for (item, says) in said.pieces {
                    let piece = Piece { call: index, process, sent, heard, says };
                    pieces(&mut items, item).heard.push(piece);
                }
                if let Some(after) = said.empty_after {
                    empty.add(process, after, Look { call: index, sent, heard });
                }
            }
        }
    }
    empty.tell(&mut items);
    for pieces in items.values_mut() {
        pieces.heard.sort_by_key(|piece| piece.sent);
        pieces.unheard.sort_by_key(|unheard| unheard.sent);
    }
    items
}

fn pieces<V: Vocabulary>(items: &mut Items<V>, item: Item<V::Group>) -> &mut Pieces<V>
where
    V::Group: Ord,
{
    items.entry(item).or_insert_with(|| Pieces { heard: Vec::new(), unheard: Vec::new() })
}

/// A read that found every slot after some slot empty.
struct Look<V: Vocabulary> {
    call: usize,
    sent: V::Time,
    heard: V::Time,
}

/// Reads that found every slot after some slot empty, by process and by that slot.
struct EmptyAfter<V: Vocabulary>(BTreeMap<usize, Vec<(Seq, Look<V>)>>);

impl<V: Vocabulary> EmptyAfter<V>
where
    V::Group: Ord,
{
    fn add(&mut self, process: usize, after: Seq, look: Look<V>) {
        self.0.entry(process).or_default().push((after, look));
    }

    /// Tells each slot when it was found empty. Of one process's looks the one that was asked last says
    /// it all: what was empty then was empty before.
    fn tell(mut self, items: &mut Items<V>) {
        let slot = |item: &Item<V::Group>| match item {
            Item::Slot(seq) => Some(*seq),
            Item::Head | Item::Lease(_) => None,
        };
        let slots: BTreeSet<Seq> = items.keys().filter_map(slot).collect();
        for (process, looks) in &mut self.0 {
            looks.sort_by_key(|(after, look)| (*after, look.sent));
            let mut last: Option<&Look<V>> = None;
            let mut looks = looks.iter().peekable();
            for &seq in &slots {
                while let Some((_, look)) = looks.next_if(|(after, _)| *after < seq) {
                    if last.is_none_or(|last| last.sent <= look.sent) {
                        last = Some(look);
                    }
                }
                if let Some(&Look { call, sent, heard }) = last {
                    let says = Says::Slot(seq, Slot::Empty);
                    let piece = Piece { call, process: *process, sent, heard, says };
                    pieces(items, Item::Slot(seq)).heard.push(piece);
                }
            }
        }
    }
}

/// What a request may do to items, each by itself.
fn effects<V: Vocabulary>(request: &Request<V>) -> Vec<(Item<V::Group>, Request<V>)> {
    match request {
        Request::Raise(_) | Request::Claim { .. } => vec![(Item::Head, request.clone())],
        Request::Write(write) => vec![(Item::Slot(write.slot), request.clone())],
        Request::Void { slot, .. } => vec![(Item::Slot(*slot), request.clone())],
        Request::RaiseAndWrite { raise, write } => vec![
            (Item::Head, Request::Raise(raise.clone())),
            (Item::Slot(write.slot), Request::Write(write.clone())),
        ],
        Request::SetLease { group, .. }
        | Request::Acquire { group, .. }
        | Request::Renew { group, .. }
        | Request::Checkpoint { group, .. }
        | Request::Wake { group, .. } => vec![(Item::Lease(group.clone()), request.clone())],
        Request::Release { group, .. } => {
            vec![(Item::Lease(group.clone()), without_slot(request))]
        }
        Request::ReadHead { .. }
        | Request::ReadTail { .. }
        | Request::ReadSlot { .. }
        | Request::ReadEvents { .. }
        | Request::ReadLease { .. } => Vec::new(),
    }
}

/// A release without its look at a slot.
fn without_slot<V: Vocabulary>(request: &Request<V>) -> Request<V> {
    let mut request = request.clone();
    if let Request::Release { guard: guard @ Guard::Empty(_), .. } = &mut request {
        *guard = Guard::None;
    }
    request
}

/// What an answer says of items.
struct Said<V: Vocabulary> {
    pieces: Vec<(Item<V::Group>, Says<V>)>,
    /// The slot after which every slot was empty.
    empty_after: Option<Seq>,
}

fn said<V: Vocabulary>(request: &Request<V>, reply: &Reply<V>) -> Said<V>
where
    V::Page: ToSlots<V>,
{
    let whole = |item| vec![(item, Says::Answer(request.clone(), reply.clone()))];
    let pieces = match request {
        Request::ReadHead { .. } | Request::Raise(_) | Request::Claim { .. } => whole(Item::Head),
        Request::ReadSlot { slot, .. } | Request::Void { slot, .. } => whole(Item::Slot(*slot)),
        Request::Write(write) => whole(Item::Slot(write.slot)),
        Request::ReadLease { group, .. }
        | Request::SetLease { group, .. }
        | Request::Acquire { group, .. }
        | Request::Renew { group, .. }
        | Request::Checkpoint { group, .. }
        | Request::Wake { group, .. } => whole(Item::Lease(group.clone())),
        Request::RaiseAndWrite { .. } => of_transaction(request, reply),
        Request::Release { .. } => of_release(request, reply),
        Request::ReadTail { .. } => return of_tail(request, reply),
        Request::ReadEvents { .. } => return of_page(request, reply),
    };
    Said { pieces, empty_after: None }
}

/// A transaction's conditions that were met say nothing if it was refused as a whole.
fn of_transaction<V: Vocabulary>(
    request: &Request<V>,
    reply: &Reply<V>,
) -> Vec<(Item<V::Group>, Says<V>)> {
    let Request::RaiseAndWrite { raise, write } = request else { return Vec::new() };
    let (raised, written) = match reply {
        Reply::Appended(number) => (Some(Reply::Raised(*number)), Some(Reply::Written)),
        Reply::NotAppended { head, slot } => {
            (head.clone().map(Reply::NotRaised), slot.clone().map(Reply::Taken))
        }
        // No transaction is answered so, and the specification will say that.
        other => (Some(other.clone()), None),
    };
    let raise = raised.map(|reply| Says::Answer(Request::Raise(raise.clone()), reply));
    let slot = Item::Slot(write.slot);
    let write = written.map(|reply| Says::Answer(Request::Write(write.clone()), reply));
    let raise = raise.map(|says| (Item::Head, says));
    raise.into_iter().chain(write.map(|says| (slot, says))).collect()
}

fn of_release<V: Vocabulary>(
    request: &Request<V>,
    reply: &Reply<V>,
) -> Vec<(Item<V::Group>, Says<V>)> {
    let Request::Release { group, guard, .. } = request else { return Vec::new() };
    let lease = |reply| (Item::Lease(group.clone()), Says::Answer(without_slot(request), reply));
    let slot = match (guard, reply) {
        (Guard::Empty(slot), Reply::Released) => Some((*slot, Says::Slot(*slot, Slot::Empty))),
        (Guard::Empty(slot), Reply::Refused { taken: true, .. }) => {
            Some((*slot, Says::Filled(*slot)))
        }
        _ => None,
    };
    let lease = match reply {
        // Only the slot refused it.
        Reply::Refused { lease: None, taken: true } => None,
        Reply::Refused { lease: old, .. } => {
            Some(lease(Reply::Refused { lease: old.clone(), taken: false }))
        }
        other => Some(lease(other.clone())),
    };
    lease.into_iter().chain(slot.map(|(slot, says)| (Item::Slot(slot), says))).collect()
}

fn of_tail<V: Vocabulary>(request: &Request<V>, reply: &Reply<V>) -> Said<V> {
    match reply {
        Reply::Tail(Seq::ZERO) => Said { pieces: Vec::new(), empty_after: Some(Seq::ZERO) },
        Reply::Tail(last) => Said {
            pieces: vec![(Item::Slot(*last), Says::Filled(*last))],
            empty_after: Some(*last),
        },
        other => Said {
            pieces: vec![(Item::Head, Says::Answer(request.clone(), other.clone()))],
            empty_after: None,
        },
    }
}

/// A page says something of each slot that it shows, and of those that it leaves out between them.
fn of_page<V: Vocabulary>(request: &Request<V>, reply: &Reply<V>) -> Said<V>
where
    V::Page: ToSlots<V>,
{
    let (Request::ReadEvents { after, consistent, .. }, Reply::Page(page)) = (request, reply)
    else {
        let pieces = vec![(Item::Head, Says::Answer(request.clone(), reply.clone()))];
        return Said { pieces, empty_after: None };
    };
    let shown = page.to_slots();
    let empty_after = (shown.is_empty() && *consistent).then_some(*after);
    let mut pieces = Vec::new();
    let mut next = after.next();
    for (seq, slot) in shown {
        while *consistent && next < seq {
            pieces.push((Item::Slot(next), Says::Slot(next, Slot::Empty)));
            next = next.next();
        }
        pieces.push((Item::Slot(seq), Says::Slot(seq, slot)));
        next = seq.next();
    }
    Said { pieces, empty_after }
}
