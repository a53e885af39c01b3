//! What is to be explained of each item, one moment each.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::vec::IntoIter;

use super::call::{Call, Heard};
use crate::ids::Seq;
use crate::store::{Guard, Reply, Request, Slot, ToSlots};
use crate::vocabulary::{Page as _, SpanOf, Time as _, Vocabulary};

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
    /// What may have had an effect whose answer was not heard.
    pub(super) unheard: Vec<Unheard<V>>,
    /// How many such effects one call may have had.
    pub(super) most_effects: u8,
}

/// Something that was so at a moment between an ask and its answer.
#[derive(Clone)]
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
    /// That this release would have been granted.
    Releasable(Request<V>),
    /// What no store says.
    Never,
}

/// An effect whose answer was not heard: it happened at any time after the ask, or never.
#[derive(Clone)]
pub(super) struct Unheard<V: Vocabulary> {
    pub(super) process: usize,
    pub(super) sent: V::Time,
    pub(super) request: Request<V>,
}

/// How many effects a call may have had where clients repeat it: more than an SDK tries.
const MOST_EFFECTS: u8 = 8;

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
    let mut looks = Vec::new();
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
                // A clock that was set back meanwhile would say that the answer came first.
                let heard = sent.max(*heard);
                let said = said(request, reply);
                for (item, says) in said.pieces {
                    let piece = Piece { call: index, process, sent, heard, says };
                    pieces(&mut items, item).heard.push(piece);
                }
                let look = |empty| Look { call: index, process, sent, heard, empty };
                looks.extend(said.empty.into_iter().map(look));
            }
        }
    }
    tell(&mut items, looks);
    for pieces in items.values_mut() {
        pieces.most_effects = if hidden_retries { MOST_EFFECTS } else { 1 };
        pieces.heard.sort_by_key(|piece| piece.sent);
        pieces.unheard.sort_by_key(|unheard| unheard.sent);
    }
    items
}

fn pieces<V: Vocabulary>(items: &mut Items<V>, item: Item<V::Group>) -> &mut Pieces<V>
where
    V::Group: Ord,
{
    items.entry(item).or_insert_with(|| Pieces {
        heard: Vec::new(),
        unheard: Vec::new(),
        most_effects: 1,
    })
}

/// Slots in a row that a read found empty: those after the first number, and before the second if there
/// is one.
type Row = (Seq, Option<Seq>);

/// A read that found slots empty.
struct Look<V: Vocabulary> {
    call: usize,
    process: usize,
    sent: V::Time,
    heard: V::Time,
    empty: Row,
}

impl<V: Vocabulary> Look<V> {
    fn at(&self, seq: Seq) -> Piece<V> {
        let Look { call, process, sent, heard, .. } = *self;
        Piece { call, process, sent, heard, says: Says::Slot(seq, Slot::Empty) }
    }
}

/// Tells each slot when it was found empty.
fn tell<V: Vocabulary>(items: &mut Items<V>, looks: Vec<Look<V>>)
where
    V::Group: Ord,
{
    let mut without_end: BTreeMap<usize, Vec<Look<V>>> = BTreeMap::new();
    for look in looks {
        match look.empty {
            (_, None) => without_end.entry(look.process).or_default().push(look),
            (after, Some(before)) => {
                let row = Item::Slot(Seq(after.0.saturating_add(1)))..Item::Slot(before);
                for (item, pieces) in items.range_mut(row) {
                    if let Item::Slot(seq) = item {
                        pieces.heard.push(look.at(*seq));
                    }
                }
            }
        }
    }
    let mut of_each: Vec<Looks<V>> = without_end.into_values().map(Looks::new).collect();
    for (item, pieces) in items.iter_mut() {
        let Item::Slot(seq) = item else { continue };
        let filling = pieces.first_change();
        let last = of_each.iter_mut().filter_map(|looks| looks.last_at(*seq));
        // Before a change was asked for, the slot was empty anyway.
        let last = last.filter(|last| filling.is_some_and(|filling| filling <= last.heard));
        pieces.heard.extend(last.map(|last| last.at(*seq)));
    }
}

/// The looks of one process that found a slot and all after it empty.
struct Looks<V: Vocabulary> {
    /// Those behind the slots that were passed, by where they begin.
    next: Peekable<IntoIter<Look<V>>>,
    /// Of those before, the one that was asked last. It says it all: what was empty then was empty
    /// before.
    last: Option<Look<V>>,
}

impl<V: Vocabulary> Looks<V> {
    fn new(mut looks: Vec<Look<V>>) -> Self {
        looks.sort_by_key(|look| look.empty.0);
        Looks { next: looks.into_iter().peekable(), last: None }
    }

    /// The last look at a slot. Slots come in order.
    fn last_at(&mut self, seq: Seq) -> Option<&Look<V>> {
        while let Some(look) = self.next.next_if(|look| look.empty.0 < seq) {
            if self.last.as_ref().is_none_or(|last| last.sent <= look.sent) {
                self.last = Some(look);
            }
        }
        self.last.as_ref()
    }
}

impl<V: Vocabulary> Pieces<V> {
    /// The heard pieces in the order in which they were heard.
    pub(super) fn in_order(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.heard.len()).collect();
        order.sort_by_key(|&piece| (self.heard[piece].heard, self.heard[piece].call));
        order
    }

    /// What was known when these pieces had been heard: of a request whose answer was heard later, only
    /// that it was sent.
    pub(super) fn only(&self, heard: &[usize], skew: SpanOf<V>) -> Pieces<V> {
        let is_heard: BTreeSet<usize> = heard.iter().copied().collect();
        let last = heard.iter().map(|&piece| self.heard[piece].heard).max();
        // A clock that is ahead by the skew shows a later time for what was sent before.
        let may_be_sent = |sent: V::Time| last.is_some_and(|last| sent <= last.plus(skew));
        let (mut known, mut unheard) = (Vec::new(), self.unheard.clone());
        unheard.retain(|unheard| may_be_sent(unheard.sent));
        for (index, piece) in self.heard.iter().enumerate() {
            match &piece.says {
                _ if is_heard.contains(&index) => known.push(piece.clone()),
                Says::Answer(request, _) if request.writes() && may_be_sent(piece.sent) => {
                    let (process, sent) = (piece.process, piece.sent);
                    unheard.push(Unheard { process, sent, request: request.clone() });
                }
                _ => {}
            }
        }
        unheard.sort_by_key(|unheard| unheard.sent);
        Pieces { heard: known, unheard, most_effects: self.most_effects }
    }

    /// When the first change that may have happened was asked for.
    fn first_change(&self) -> Option<V::Time> {
        let written = self.heard.iter().filter(|piece| match &piece.says {
            Says::Answer(request, _) => request.writes(),
            Says::Slot(..) | Says::Filled(_) | Says::Releasable(_) | Says::Never => false,
        });
        let heard = written.map(|piece| piece.sent);
        heard.chain(self.unheard.iter().map(|unheard| unheard.sent)).min()
    }
}

/// What a request may do to items, each by itself.
fn effects<V: Vocabulary>(request: &Request<V>) -> Vec<(Item<V::Group>, Request<V>)> {
    match request {
        Request::Raise(_) | Request::Claim { .. } | Request::Seal { .. } => {
            vec![(Item::Head, request.clone())]
        }
        // A merge changes other partitions' items, a seal each.
        Request::Create { .. } | Request::Merge { .. } => Vec::new(),
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
    empty: Vec<Row>,
}

fn said<V: Vocabulary>(request: &Request<V>, reply: &Reply<V>) -> Said<V>
where
    V::Page: ToSlots<V>,
{
    let whole = |item| vec![(item, Says::Answer(request.clone(), reply.clone()))];
    let pieces = match request {
        Request::ReadHead { .. }
        | Request::Raise(_)
        | Request::Claim { .. }
        | Request::Seal { .. } => whole(Item::Head),
        Request::Create { .. } | Request::Merge { .. } => Vec::new(),
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
    Said { pieces, empty: Vec::new() }
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
    if raised.is_none() && written.is_none() {
        // It was refused, and for nothing.
        return vec![(Item::Head, Says::Never)];
    }
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
        Reply::Refused { lease: None, taken: true } => {
            (Item::Lease(group.clone()), Says::Releasable(without_slot(request)))
        }
        Reply::Refused { lease: old, .. } => {
            lease(Reply::Refused { lease: old.clone(), taken: false })
        }
        other => lease(other.clone()),
    };
    [lease].into_iter().chain(slot.map(|(slot, says)| (Item::Slot(slot), says))).collect()
}

fn of_tail<V: Vocabulary>(request: &Request<V>, reply: &Reply<V>) -> Said<V> {
    let (pieces, empty) = match reply {
        Reply::Tail(Seq::ZERO) => (Vec::new(), vec![(Seq::ZERO, None)]),
        Reply::Tail(last) => (vec![(Item::Slot(*last), Says::Filled(*last))], vec![(*last, None)]),
        other => (vec![(Item::Head, Says::Answer(request.clone(), other.clone()))], Vec::new()),
    };
    Said { pieces, empty }
}

/// A page says something of each slot that it shows, and of those that it leaves out between them.
fn of_page<V: Vocabulary>(request: &Request<V>, reply: &Reply<V>) -> Said<V>
where
    V::Page: ToSlots<V>,
{
    let (Request::ReadEvents { after, consistent, .. }, Reply::Page(page)) = (request, reply)
    else {
        let pieces = vec![(Item::Head, Says::Answer(request.clone(), reply.clone()))];
        return Said { pieces, empty: Vec::new() };
    };
    let shown = page.to_slots();
    let (mut pieces, mut empty) = (Vec::new(), Vec::new());
    let mut last = *after;
    for (seq, slot) in shown {
        // A page is in order, and begins behind the slot that it was asked for.
        let says = if seq > last { Says::Slot(seq, slot) } else { Says::Never };
        if seq > last {
            empty.push((last, Some(seq)));
        }
        pieces.push((Item::Slot(seq), says));
        last = seq;
    }
    if !page.is_full() {
        empty.push((last, None));
    }
    // What an eventually consistent read leaves out may be there.
    empty.retain(|_| *consistent);
    Said { pieces, empty }
}
