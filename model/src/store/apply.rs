//! The executable specification of every typed request: one function from a
//! store and a request to a store and a reply.

use super::item::{Lease, Raiser, Record, Slot};
use super::reply::{Head, Reply};
use super::request::{Extend, Free, Guard, Raise, Request, Write};
use super::tables::Tables;
use crate::ids::{Epoch, Seq};
use crate::vocabulary::Vocabulary;

/// What a read sees of the store.
///
/// A read without `ConsistentRead` may miss writes that were acknowledged before
/// it began. DynamoDB promises no more than that what it shows was written, so
/// both shapes of staleness are here: a replica that lags, and a single item
/// that does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum View {
    /// Everything that was written.
    Latest,
    /// Nothing from this slot on.
    Before(Seq),
    /// Everything but this slot.
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

/// Applies one request and answers it. A write sees the latest state whatever
/// the `view`; so does a read that asks for it.
pub fn apply<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    request: &Request<V>,
    view: View,
) -> Reply<V> {
    match request {
        Request::ReadHead { partition, name } => {
            Reply::Head(head_of(tables, partition, name.as_ref()))
        }
        Request::Raise(raise) => match refuses(tables, raise) {
            Some(old) => Reply::NotRaised(old),
            None => Reply::Raised(give_out(tables, raise)),
        },
        Request::Claim { partition, name, seen } => claim(tables, partition, name, *seen),
        Request::ReadTail { partition } => Reply::Tail(tables.tail(partition)),
        Request::ReadSlot { partition, slot } => Reply::Slot(tables.slot(partition, *slot)),
        Request::Write(write) => match occupied(tables, write) {
            Some(old) => Reply::Taken(old),
            None => {
                put(tables, write);
                Reply::Written
            }
        },
        Request::Void { partition, slot } => match tables.slot(partition, *slot) {
            Slot::Empty => {
                tables.put_slot(partition, *slot, Slot::Void);
                Reply::Written
            }
            // S1: a slot that holds something keeps it.
            old @ (Slot::Void | Slot::Events { .. }) => Reply::Taken(old),
        },
        Request::RaiseAndWrite { raise, write } => {
            match (refuses(tables, raise), occupied(tables, write)) {
                (None, None) => {
                    let head = give_out(tables, raise);
                    put(tables, write);
                    Reply::Appended(head)
                }
                (head, slot) => Reply::NotAppended { head, slot },
            }
        }
        Request::ReadEvents { partition, after, consistent } => {
            let view = if *consistent { View::Latest } else { view };
            Reply::Page(tables.page(partition, *after, &|slot| view.hides(slot)))
        }
        Request::ReadLease { group, partition } => Reply::Lease(tables.lease(group, partition)),
        Request::SetLease { group, partition, owner, epoch, until } => {
            let old = tables.lease(group, partition);
            let lease = taken(old, owner, *epoch, *until);
            tables.put_lease(group, partition, lease.clone());
            Reply::Leased(lease)
        }
        Request::Acquire { group, partition, owner, until, free } => {
            acquire(tables, (group, partition), owner, *until, free)
        }
        Request::Renew { group, partition, fence, extend } => {
            update(tables, group, partition, |lease| {
                // L2: a late copy must not shorten what the owner counts on.
                let held = passes(lease, *fence) && lease.active && lease.until <= extend.until;
                held.then(|| extended(lease, extend))
            })
        }
        Request::Checkpoint { group, partition, to, fence, forward, extend } => {
            update(tables, group, partition, |lease| {
                // L3: a late checkpoint must not move it back, nor one of an earlier epoch at all.
                let moves = !*forward || lease.checkpoint < *to;
                (passes(lease, *fence) && moves)
                    .then(|| Lease { checkpoint: *to, ..extended(lease, extend) })
            })
        }
        Request::Release { group, partition, fence, guard } => {
            release(tables, group, partition, *fence, *guard)
        }
        Request::Wake { group, partition } => update(tables, group, partition, |lease| {
            lease.active.then(|| Lease { wake: lease.wake + 1, ..lease.clone() })
        }),
    }
}

fn head_of<V: Vocabulary, T: Tables<V>>(
    tables: &T,
    partition: &V::Partition,
    name: Option<&V::Name>,
) -> Head<V> {
    Head {
        head: tables.head(partition),
        raiser: tables.raiser(partition),
        record: name.and_then(|name| tables.record(partition, name)),
    }
}

/// The item that fails a raise's condition, if it does.
fn refuses<V: Vocabulary, T: Tables<V>>(tables: &T, raise: &Raise<V>) -> Option<Head<V>> {
    let keep = raise.record.as_ref();
    let old = head_of(tables, &raise.partition, keep.map(|keep| &keep.name));
    let head_differs = raise.head.is_some_and(|head| head != old.head);
    // S2: what an earlier run sent, or a copy, finds another record and takes no second number.
    let record_differs = keep.is_some_and(|keep| Some(keep.seen) != old.record);
    (head_differs || record_differs).then_some(old)
}

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

fn claim<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    partition: &V::Partition,
    name: &V::Name,
    seen: Option<Record>,
) -> Reply<V> {
    let old = tables.record(partition, name);
    if old != seen {
        return Reply::NotClaimed(old);
    }
    let record = match old {
        None => Record::claimed(Epoch::ZERO.next()),
        // S2: what an earlier run still has under way demands its own epoch, and fails.
        Some(record) => Record { epoch: record.epoch.next(), ..record },
    };
    tables.set_record(partition, name, record);
    Reply::Claimed(record)
}

/// What is in a write's slot, if the write minds.
fn occupied<V: Vocabulary, T: Tables<V>>(tables: &T, write: &Write<V>) -> Option<Slot<V>> {
    if !write.if_absent {
        return None;
    }
    match tables.slot(&write.partition, write.slot) {
        Slot::Empty => None,
        // S1: a slot that holds something keeps it.
        old @ (Slot::Void | Slot::Events { .. }) => Some(old),
    }
}

fn put<V: Vocabulary, T: Tables<V>>(tables: &mut T, write: &Write<V>) {
    let events = Slot::Events { token: write.token.clone(), batch: write.batch.clone() };
    tables.put_slot(&write.partition, write.slot, events);
}

fn acquire<V: Vocabulary, T: Tables<V>>(
    tables: &mut T,
    (group, partition): (&V::Group, &V::Partition),
    owner: &V::Owner,
    until: V::Time,
    free: &Free<V>,
) -> Reply<V> {
    let old = tables.lease(group, partition);
    // L2: a lease that is held and does not count as free stays with its owner.
    if old.as_ref().is_some_and(|lease| lease.active && !is_free(lease, free)) {
        return Reply::Refused { lease: old, taken: false };
    }
    // L1: the write that names an owner raises the epoch.
    let epoch = old.as_ref().map_or(Epoch::ZERO, |lease| lease.epoch).next();
    let lease = taken(old, owner, epoch, until);
    tables.put_lease(group, partition, lease.clone());
    Reply::Leased(lease)
}

fn is_free<V: Vocabulary>(lease: &Lease<V>, free: &Free<V>) -> bool {
    match free {
        Free::Inactive => false,
        Free::EndedBy(time) => lease.until <= *time,
        Free::Unchanged { epoch, beat } => lease.epoch == *epoch && lease.beat == *beat,
    }
}

fn taken<V: Vocabulary>(
    old: Option<Lease<V>>,
    owner: &V::Owner,
    epoch: Epoch,
    until: V::Time,
) -> Lease<V> {
    // D2: the next owner begins where the last one ended.
    let (checkpoint, beat) = old.map_or((Seq::ZERO, 0), |lease| (lease.checkpoint, lease.beat));
    Lease { checkpoint, active: true, owner: owner.clone(), epoch, until, beat, wake: 0 }
}

fn passes<V: Vocabulary>(lease: &Lease<V>, fence: Option<Epoch>) -> bool {
    fence.is_none_or(|epoch| lease.epoch == epoch)
}

fn extended<V: Vocabulary>(lease: &Lease<V>, extend: &Extend<V>) -> Lease<V> {
    let beat = lease.beat + u64::from(extend.beat);
    Lease { until: extend.until, beat, ..lease.clone() }
}

/// Updates an existing lease if `change` agrees; an item that was never there fails every condition.
fn update<V: Vocabulary, T: Tables<V>>(
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
    group: &V::Group,
    partition: &V::Partition,
    fence: Option<Epoch>,
    guard: Guard,
) -> Reply<V> {
    let taken = match guard {
        Guard::Empty(slot) => tables.slot(partition, slot) != Slot::Empty,
        Guard::None | Guard::Unwoken(_) => false,
    };
    let old = tables.lease(group, partition);
    let woken = |lease: &Lease<V>| match guard {
        Guard::Unwoken(wake) => lease.wake != wake,
        Guard::None | Guard::Empty(_) => false,
    };
    match old {
        // L2: only the current epoch gives the lease up, so nobody else frees it under its owner.
        Some(lease) if passes(&lease, fence) && lease.active && !woken(&lease) => {
            // P1: the owner sees what came in behind its checkpoint before it leaves.
            if taken {
                return Reply::Refused { lease: None, taken };
            }
            let free = Lease { active: false, ..lease };
            tables.put_lease(group, partition, free);
            Reply::Released
        }
        other => Reply::Refused { lease: other, taken },
    }
}
