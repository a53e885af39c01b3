//! The executable specification of every typed request: one function from tables and a request
//! to tables and a reply.

use super::item::{Lease, Raiser, Record, Slot};
use super::reply::{Head, Reply};
use super::request::{Entry, Extend, Free, Guard, Raise, Request, Write};
use super::tables::Tables;
use crate::ids::{Epoch, Seq};
use crate::vocabulary::Vocabulary;

/// What a read sees of a partition's slots.
///
/// A read without `ConsistentRead` may miss writes that were acknowledged before it began.
/// DynamoDB promises only that what it shows was written, so there are two shapes of staleness:
/// a replica that lags, and a single item that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum View {
    /// The read sees everything that was written.
    Latest,
    /// The read sees no item from this slot on.
    Before(Seq),
    /// The read sees every item but this slot's.
    Without(Seq),
}

impl View {
    fn hides(self, slot: Seq) -> bool {
        match self {
            View::Latest => false,
            View::Before(first) => slot >= first,
            View::Without(missing) => slot == missing,
        }
    }
}

/// Applies one request to the tables and returns the reply.
///
/// Only an eventually consistent [`Request::ReadEvents`] is subject to `view`. Every other request
/// sees the latest state.
pub fn apply<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    request: &Request<V>,
    view: View,
) -> Reply<V> {
    match request {
        Request::ReadHead { partition, name } => {
            Reply::Head(read_head(tables, partition, name.as_ref()))
        }
        Request::Raise(raise) => match refusing_head(tables, raise) {
            Some(old) => Reply::NotRaised(old),
            None => Reply::Raised(give_out(tables, raise)),
        },
        Request::Create { partition } => {
            tables.create(partition);
            Reply::Created
        }
        Request::Seal { partition, children } => {
            seal(tables, std::slice::from_ref(partition), children)
        }
        Request::Merge { parents, child } => seal(tables, parents, std::slice::from_ref(child)),
        Request::Claim { partition, name, seen } => claim(tables, partition, name, *seen),
        Request::ReadTail { partition } => Reply::Tail(tables.tail(partition)),
        Request::ReadSlot { partition, slot } => Reply::Slot(tables.slot(partition, *slot)),
        Request::Write(write) => match occupant(tables, write) {
            Some(old) => Reply::Taken(old),
            None => {
                put_events(tables, write);
                Reply::Written
            }
        },
        Request::Void { partition, slot } => void(tables, partition, *slot),
        Request::RaiseAndWrite { raise, write } => raise_and_write(tables, raise, write),
        Request::ReadEvents { partition, after, consistent } => {
            let view = if *consistent { View::Latest } else { view };
            Reply::Page(tables.page(partition, *after, &|slot| view.hides(slot)))
        }
        Request::ReadLease { group, partition } => Reply::Lease(tables.lease(group, partition)),
        Request::SetLease { group, partition, owner, epoch, until } => {
            let old = tables.lease(group, partition);
            let lease = taken_lease(old, owner, *epoch, *until, true);
            tables.put_lease(group, partition, lease.clone());
            Reply::Leased(lease)
        }
        Request::Acquire { group, partition, owner, until, free, entry } => {
            acquire(tables, (group, partition), owner, *until, free, *entry)
        }
        Request::Renew { group, partition, fence, extend } => {
            update_lease(tables, group, partition, |lease| {
                // L2: a late copy must not shorten what the owner counts on.
                let held =
                    passes_fence(lease, *fence) && lease.active && lease.until <= extend.until;
                held.then(|| extended_lease(lease, extend))
            })
        }
        Request::Checkpoint { group, partition, to, fence, forward, extend } => {
            update_lease(tables, group, partition, |lease| {
                // L3: a late checkpoint must not move it back, nor one of an earlier epoch at all.
                let moves = !*forward || lease.checkpoint < *to;
                (passes_fence(lease, *fence) && moves)
                    .then(|| Lease { checkpoint: *to, ..extended_lease(lease, extend) })
            })
        }
        Request::Release { group, partition, to, fence, guard } => {
            release(tables, (group, partition), *to, *fence, *guard)
        }
        Request::Wake { group, partition } => update_lease(tables, group, partition, |lease| {
            // P1: a trigger must not count on an owner that has left.
            lease.active.then(|| Lease { wake: lease.wake + 1, ..lease.clone() })
        }),
    }
}

fn read_head<V: Vocabulary, T: Tables<V>>(
    tables: &T,
    partition: &V::Partition,
    name: Option<&V::Name>,
) -> Head<V> {
    Head {
        head: tables.head(partition),
        raiser: tables.raiser(partition),
        record: name.and_then(|name| tables.record(partition, name)),
        children: tables.children(partition),
    }
}

/// The item that refuses a raise; `None` if the raise's conditions are met.
fn refusing_head<V: Vocabulary, T: Tables<V>>(tables: &T, raise: &Raise<V>) -> Option<Head<V>> {
    let keep = raise.record.as_ref();
    let old = read_head(tables, &raise.partition, keep.map(|keep| &keep.name));
    // S4: nothing got a number since the head was the expected one.
    let head_differs = raise.head.is_some_and(|head| head != old.head);
    // S2: a raise of an earlier run, or a copy, finds another record and takes no second number.
    let record_differs = keep.is_some_and(|keep| Some(keep.seen) != old.record);
    // S3: what is appended after a split or a merge comes behind it, in a child.
    (head_differs || record_differs || old.is_sealed()).then_some(old)
}

/// Gives out the next number, and keeps what lets its sender recognise the raise.
fn give_out<V: Vocabulary, T: Tables<V>>(tables: &mut T, raise: &Raise<V>) -> Seq {
    // S3: each number is higher than all that were given out before it.
    let head = tables.head(&raise.partition).next();
    tables.set_head(&raise.partition, head);
    if let Some(token) = &raise.token {
        tables.set_raiser(&raise.partition, Raiser { token: token.clone(), slot: head });
    }
    if let Some(keep) = &raise.record {
        let record =
            Record { epoch: keep.seen.epoch, number: keep.number, count: keep.count, slot: head };
        tables.set_record(&raise.partition, &keep.name, record);
    }
    head
}

/// Seals partitions that are all open, and names what takes their place.
fn seal<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    partitions: &[V::Partition],
    children: &[V::Partition],
) -> Reply<V> {
    let before: Vec<_> = partitions.iter().map(|partition| tables.children(partition)).collect();
    // P2: of two that split or merge a partition one is refused, and learns what came of it.
    if before.iter().any(|children| !children.is_empty()) {
        return Reply::NotSealed(before);
    }
    partitions.iter().for_each(|partition| tables.seal(partition, children.to_vec()));
    Reply::Sealed
}

fn claim<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    partition: &V::Partition,
    name: &V::Name,
    seen: Option<Record>,
) -> Reply<V> {
    let old = tables.record(partition, name);
    // S2: of two claims of one record one is refused, so a run's epoch is its own.
    if old != seen {
        return Reply::NotClaimed(old);
    }
    let record = match old {
        None => Record::claimed(Epoch::ZERO.next()),
        // A request that an earlier run still has under way demands its own epoch, and fails.
        Some(record) => Record { epoch: record.epoch.next(), ..record },
    };
    tables.set_record(partition, name, record);
    Reply::Claimed(record)
}

/// What refuses a write because it is in the slot already; `None` if the write may go ahead.
fn occupant<V: Vocabulary, T: Tables<V>>(tables: &T, write: &Write<V>) -> Option<Slot<V>> {
    if !write.if_absent {
        return None;
    }
    match tables.slot(&write.partition, write.slot) {
        Slot::Empty => None,
        // S1: a slot that holds something keeps it.
        old @ (Slot::Void | Slot::Events { .. }) => Some(old),
    }
}

fn put_events<V: Vocabulary, T: Tables<V>>(tables: &mut T, write: &Write<V>) {
    let events = Slot::Events { token: write.token.clone(), batch: write.batch.clone() };
    tables.put_slot(&write.partition, write.slot, events);
}

fn void<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    partition: &V::Partition,
    slot: Seq,
) -> Reply<V> {
    match tables.slot(partition, slot) {
        Slot::Empty => {
            tables.put_slot(partition, slot, Slot::Void);
            Reply::Written
        }
        // S1: a slot that holds something keeps it.
        old @ (Slot::Void | Slot::Events { .. }) => Reply::Taken(old),
    }
}

fn raise_and_write<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    raise: &Raise<V>,
    write: &Write<V>,
) -> Reply<V> {
    match (refusing_head(tables, raise), occupant(tables, write)) {
        // S1, S2: both conditions hold, or neither item changes.
        (None, None) => {
            let head = give_out(tables, raise);
            put_events(tables, write);
            Reply::Appended(head)
        }
        (head, slot) => Reply::NotAppended { head, slot },
    }
}

fn acquire<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    (group, partition): (&V::Group, &V::Partition),
    owner: &V::Owner,
    until: V::Time,
    free: &Free<V>,
    entry: Entry,
) -> Reply<V> {
    let old = tables.lease(group, partition);
    if !may_enter(old.as_ref(), entry) {
        return Reply::Refused { lease: old, taken: false };
    }
    // L2: a lease that is held and does not count as free stays with its owner.
    if old.as_ref().is_some_and(|lease| lease.active && !is_free(lease, free)) {
        return Reply::Refused { lease: old, taken: false };
    }
    // L1: the write that names an owner raises the epoch.
    let epoch = old.as_ref().map_or(Epoch::ZERO, |lease| lease.epoch).next();
    let begun = match entry {
        Entry::Begun | Entry::Begin { .. } => true,
        // D4: nothing that comes after it can be begun while its checkpoint may move back.
        Entry::Hold => false,
    };
    let lease = taken_lease(old, owner, epoch, until, begun);
    tables.put_lease(group, partition, lease.clone());
    Reply::Leased(lease)
}

/// Whether the group has come as far as an acquire demands.
fn may_enter<V: Vocabulary>(old: Option<&Lease<V>>, entry: Entry) -> bool {
    match (entry, old) {
        (Entry::Hold, _) => true,
        // D4: the item says that the partition's parents were drained.
        (Entry::Begun, old) => old.is_some_and(|lease| lease.begun),
        // D4: a reset that came after the parents were asked has raised the epoch.
        (Entry::Begin { seen }, Some(lease)) => lease.begun || lease.epoch == seen,
        (Entry::Begin { seen }, None) => seen == Epoch::ZERO,
    }
}

/// Whether a held lease can be taken all the same.
fn is_free<V: Vocabulary>(lease: &Lease<V>, free: &Free<V>) -> bool {
    match free {
        // L2: a lease that is held has ended, or has shown no sign of life for its whole length.
        Free::Inactive => false,
        Free::EndedBy(time) => lease.until <= *time,
        Free::Unchanged { epoch, beat } => lease.epoch == *epoch && lease.beat == *beat,
    }
}

/// The item after its lease was taken.
fn taken_lease<V: Vocabulary>(
    old: Option<Lease<V>>,
    owner: &V::Owner,
    epoch: Epoch,
    until: V::Time,
    begun: bool,
) -> Lease<V> {
    // D2: the next owner begins behind what the last one finished.
    let (checkpoint, beat) = old.map_or((Seq::ZERO, 0), |lease| (lease.checkpoint, lease.beat));
    Lease { checkpoint, active: true, owner: owner.clone(), epoch, until, beat, wake: 0, begun }
}

fn passes_fence<V: Vocabulary>(lease: &Lease<V>, fence: Option<Epoch>) -> bool {
    // L3: a request of an earlier epoch is refused.
    fence.is_none_or(|epoch| lease.epoch == epoch)
}

/// The item with a new end and sign of life.
fn extended_lease<V: Vocabulary>(lease: &Lease<V>, extend: &Extend<V>) -> Lease<V> {
    let beat = lease.beat + u64::from(extend.beat);
    Lease { until: extend.until, beat, ..lease.clone() }
}

/// Puts what `change` makes of the lease. A change that returns `None` is refused; an item that
/// was never there fails every condition.
fn update_lease<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    group: &V::Group,
    partition: &V::Partition,
    change: impl FnOnce(&Lease<V>) -> Option<Lease<V>>,
) -> Reply<V> {
    let old = tables.lease(group, partition);
    match old.as_ref().and_then(change) {
        Some(lease) => {
            tables.put_lease(group, partition, lease.clone());
            Reply::Leased(lease)
        }
        None => Reply::Refused { lease: old, taken: false },
    }
}

fn release<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    (group, partition): (&V::Group, &V::Partition),
    to: Option<Seq>,
    fence: Option<Epoch>,
    guard: Guard,
) -> Reply<V> {
    let taken = match guard {
        Guard::Empty(slot) => tables.slot(partition, slot) != Slot::Empty,
        Guard::None | Guard::Unwoken(_) => false,
    };
    let old = tables.lease(group, partition);
    let woken = |lease: &Lease<V>| match guard {
        // P1: a trigger that found the lease held must not be lost.
        Guard::Unwoken(wake) => lease.wake != wake,
        Guard::None | Guard::Empty(_) => false,
    };
    match old {
        // L2: only the current epoch gives the lease up, so an earlier owner cannot free it.
        // P1: and only if no trigger came meanwhile.
        Some(lease) if passes_fence(&lease, fence) && lease.active && !woken(&lease) => {
            // P1: the owner has to see what came in behind its checkpoint before it leaves.
            if taken {
                return Reply::Refused { lease: None, taken };
            }
            // L3: a lease is released once in each epoch, so no late copy moves the checkpoint back.
            let checkpoint = to.unwrap_or(lease.checkpoint);
            let free = Lease { checkpoint, active: false, ..lease };
            tables.put_lease(group, partition, free);
            Reply::Released
        }
        other => Reply::Refused { lease: other, taken },
    }
}
