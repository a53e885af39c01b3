//! The mutants in the checked model: how the store behaves without one of its protections.

use super::small::{Small, Tick};
use crate::ids::{Epoch, Seq};
use crate::mutant::Mutant;
use crate::store::{
    Entry, Extend, Free, Guard, Keep, Lease, Reply, Request, Slot, Tables, View, Write, apply,
};

/// A time that every lease's end is after.
const ENDED: Tick = Tick(-100);

impl Mutant {
    /// Applies a request to tables that lack the protection.
    pub(super) fn apply(
        self,
        tables: &mut impl Tables<Small>,
        request: &Request<Small>,
        view: View,
    ) -> Reply<Small> {
        let sent = self.request(request, tables);
        let before = Before::of(&sent, tables);
        let reply = apply(tables, &sent, view);
        let reply = self.undone(tables, &sent, &before, reply);
        let reply = self.kept(tables, &sent, &before, reply);
        self.heard(&sent, reply)
    }

    /// What is sent instead.
    fn request(self, request: &Request<Small>, tables: &impl Tables<Small>) -> Request<Small> {
        let mut request = request.clone();
        match (self, &mut request) {
            (Mutant::BlindWrites, Request::Write(write) | Request::RaiseAndWrite { write, .. }) => {
                write.if_absent = false
            }
            (Mutant::IncrementNeverSucceeds, Request::Raise(raise)) => {
                raise.head = Some(Seq(u64::MAX))
            }
            (
                Mutant::LeaseUnfenced,
                Request::Renew { fence, .. }
                | Request::Checkpoint { fence, .. }
                | Request::Release { fence, .. },
            )
            | (Mutant::CheckpointUnfenced, Request::Checkpoint { fence, .. })
            | (Mutant::RenewalUnfenced, Request::Renew { fence, .. })
            | (Mutant::ReleaseUnfenced, Request::Release { fence, .. }) => *fence = None,
            (Mutant::LeaseTakenAnyway, Request::Acquire { free, .. }) => {
                *free = Free::EndedBy(Tick(i16::MAX));
            }
            (Mutant::LeaseTakenEarly, Request::Acquire { free: Free::EndedBy(time), .. }) => {
                *time = Tick(time.0 + 1);
            }
            (Mutant::ExpectationUnguarded, Request::Raise(raise)) => raise.head = None,
            (
                Mutant::LeaseCountedTwice,
                Request::Acquire { until, .. }
                | Request::SetLease { until, .. }
                | Request::Renew { extend: Extend { until, .. }, .. }
                | Request::Checkpoint { extend: Extend { until, .. }, .. },
            ) => *until = Tick(until.0 - Tick::LEASE / 2),
            (Mutant::CheckpointBackwards, Request::Checkpoint { forward, .. }) => *forward = false,
            (
                Mutant::CheckpointAhead,
                Request::Checkpoint { to, .. } | Request::Release { to: Some(to), .. },
            ) => *to = to.next(),
            (
                Mutant::ExpiryInSeconds,
                Request::Acquire { until, .. }
                | Request::SetLease { until, .. }
                | Request::Renew { extend: Extend { until, .. }, .. }
                | Request::Checkpoint { extend: Extend { until, .. }, .. },
            ) => *until = ENDED,
            (Mutant::RecordUnguarded, Request::Raise(raise)) => {
                if let Some(Keep { name, seen, .. }) = &mut raise.record
                    && let Some(record) = tables.record(&raise.partition, name)
                {
                    *seen = record;
                }
            }
            (Mutant::RecordForgotten, Request::Raise(raise)) => {
                if let Some(Keep { seen, number, .. }) = &mut raise.record {
                    *number = seen.number;
                }
            }
            (Mutant::TransactionHalved, Request::Release { guard, .. }) => *guard = Guard::None,
            (
                Mutant::ResetUnseen,
                Request::Acquire { group, partition, entry: Entry::Begin { seen }, .. },
            ) => {
                *seen = tables.lease(group, partition).map_or(Epoch::ZERO, |lease| lease.epoch);
            }
            _ => {}
        }
        request
    }

    /// What is undone, or done once more, after the request was applied.
    fn undone(
        self,
        tables: &mut impl Tables<Small>,
        sent: &Request<Small>,
        before: &Before,
        reply: Reply<Small>,
    ) -> Reply<Small> {
        match (self, sent, &reply) {
            (Mutant::BlindVoids, Request::Void { partition, slot }, Reply::Taken(_)) => {
                tables.put_slot(partition, *slot, Slot::Void);
                Reply::Written
            }
            (
                Mutant::TransactionHalved,
                Request::RaiseAndWrite { write, .. },
                Reply::Appended(_),
            ) => {
                tables.put_slot(&write.partition, write.slot, before.slot.clone());
                reply
            }
            (Mutant::SealIgnored, Request::Raise(raise), Reply::NotRaised(_)) => {
                let children = tables.children(&raise.partition);
                tables.seal(&raise.partition, Vec::new());
                let reply = apply(tables, sent, View::Latest);
                tables.seal(&raise.partition, children);
                reply
            }
            (Mutant::SealUnguarded, Request::Seal { .. } | Request::Merge { .. }, _) => {
                seal_anyway(tables, sent)
            }
            (Mutant::HeadStandsStill, Request::Raise(raise), Reply::Raised(_)) => {
                tables.set_head(&raise.partition, before.head);
                reply
            }
            (Mutant::IncrementTwice, Request::Raise(_), Reply::Raised(_)) => {
                apply(tables, sent, View::Latest)
            }
            (Mutant::EpochStandsStill, Request::Acquire { .. }, Reply::Leased(lease)) => {
                // The first one is given out; zero would be none.
                let epoch = before.lease.as_ref().map_or(lease.epoch, |lease| lease.epoch);
                put(tables, sent, Lease { epoch, ..lease.clone() })
            }
            (Mutant::AcquireForgotten, Request::Acquire { .. }, Reply::Leased(lease)) => {
                let never = Lease { active: false, epoch: Epoch::ZERO, ..lease.clone() };
                put(tables, sent, before.lease.clone().unwrap_or(never));
                reply
            }
            (
                Mutant::CheckpointForgotten,
                Request::Release { to: Some(_), .. },
                Reply::Released,
            ) => {
                if let Some(lease) = &before.lease {
                    put(tables, sent, Lease { active: false, ..lease.clone() });
                }
                reply
            }
            (Mutant::CheckpointForgotten, Request::Checkpoint { .. }, Reply::Leased(_))
            | (Mutant::ReleaseForgotten, Request::Release { .. }, Reply::Released) => {
                if let Some(lease) = &before.lease {
                    put(tables, sent, lease.clone());
                }
                reply
            }
            (
                Mutant::RenewalRevives | Mutant::RenewalShortens,
                Request::Renew { fence, extend, .. },
                Reply::Refused { lease: Some(lease), .. },
            ) if fence.is_none_or(|epoch| epoch == lease.epoch) => {
                let passes = match lease.active {
                    true => self == Mutant::RenewalShortens,
                    false => self == Mutant::RenewalRevives && lease.until <= extend.until,
                };
                let renewed = Lease { active: true, until: extend.until, ..lease.clone() };
                if passes { put(tables, sent, renewed) } else { reply }
            }
            _ => reply,
        }
    }

    /// What an operator leaves as it was.
    fn kept(
        self,
        tables: &mut impl Tables<Small>,
        sent: &Request<Small>,
        before: &Before,
        reply: Reply<Small>,
    ) -> Reply<Small> {
        match (self, sent, &reply, &before.lease) {
            (
                Mutant::HoldKeepsBegun,
                Request::Acquire { entry: Entry::Hold, .. },
                Reply::Leased(lease),
                Some(Lease { begun, .. }),
            ) => put(tables, sent, Lease { begun: *begun, ..lease.clone() }),
            _ => reply,
        }
    }

    /// What is heard instead.
    fn heard(self, request: &Request<Small>, reply: Reply<Small>) -> Reply<Small> {
        match (self, request, reply) {
            (Mutant::NumbersSwapped, Request::Raise(_), Reply::Raised(given)) => {
                Reply::Raised(Seq(((given.0 - 1) ^ 1) + 1))
            }
            (Mutant::VoidsAsEvents, _, Reply::Page(page)) => Reply::Page(page.without_marks()),
            (Mutant::VoidsHidden, _, Reply::Page(page)) => Reply::Page(page.without_voids()),
            (Mutant::EventHidden, _, Reply::Page(page)) => Reply::Page(page.without_first_event()),
            (Mutant::StaleRecovery, Request::ReadSlot { .. }, Reply::Slot(_)) => {
                Reply::Slot(Slot::Empty)
            }
            (Mutant::RefusalAsDone, Request::Write(_) | Request::Void { .. }, Reply::Taken(_)) => {
                Reply::Written
            }
            (
                Mutant::TokenReused,
                Request::Write(Write { token, .. }),
                Reply::Taken(Slot::Events { batch, .. }),
            ) => Reply::Taken(Slot::Events { token: *token, batch }),
            (_, _, reply) => reply,
        }
    }

    /// The reply that is made up for a request that is still under way.
    pub(super) fn believed(
        self,
        request: &Request<Small>,
        tables: &impl Tables<Small>,
    ) -> Option<Reply<Small>> {
        match (self, request) {
            (Mutant::CheckpointUnknownAsDone, Request::Checkpoint { group, partition, .. }) => {
                tables.lease(group, partition).map(Reply::Leased)
            }
            (Mutant::UnknownAsDone, Request::Write(_) | Request::Void { .. }) => {
                Some(Reply::Written)
            }
            _ => None,
        }
    }
}

/// What a request was about, before it was applied.
struct Before {
    head: Seq,
    slot: Slot<Small>,
    lease: Option<Lease<Small>>,
}

impl Before {
    fn of(request: &Request<Small>, tables: &impl Tables<Small>) -> Before {
        let partition = request.partition();
        Before {
            head: tables.head(partition),
            slot: request.slot().map_or(Slot::Empty, |slot| tables.slot(partition, slot)),
            lease: request.group().and_then(|group| tables.lease(group, partition)),
        }
    }
}

/// Seals the partitions of a request, whatever they are sealed for.
fn seal_anyway(tables: &mut impl Tables<Small>, request: &Request<Small>) -> Reply<Small> {
    match request {
        Request::Seal { partition, children } => tables.seal(partition, children.clone()),
        Request::Merge { parents, child } => {
            parents.iter().for_each(|parent| tables.seal(parent, vec![*child]));
        }
        _ => {}
    }
    Reply::Sealed
}

/// Puts the lease that a request is about.
fn put(
    tables: &mut impl Tables<Small>,
    request: &Request<Small>,
    lease: Lease<Small>,
) -> Reply<Small> {
    if let Some(group) = request.group() {
        tables.put_lease(group, request.partition(), lease.clone());
    }
    Reply::Leased(lease)
}
