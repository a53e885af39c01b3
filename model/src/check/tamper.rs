//! Protections taken out of the wire traffic, to show that a check can fail.
//!
//! A design turns back one mechanism of the protocol; these break what no design
//! can choose to break.

use serde::{Deserialize, Serialize};

use super::small::{Small, Tick};
use crate::ids::{Epoch, Seq};
use crate::store::{
    Extend, Free, Guard, Keep, Lease, Reply, Request, Slot, Tables, View, Write, apply,
};

/// One protection taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tamper {
    /// Numbers are taken in blocks of two, and used from the end.
    NumbersInBlocks,
    /// A reader takes voids for events.
    VoidsAsEvents,
    /// A page leaves out an event that has others behind it (scenario 1).
    EventHidden,
    /// A page takes voids away.
    VoidsHidden,
    /// A checkpoint whose outcome is unknown is reported as done (scenario 6).
    UnknownAsDone,
    /// A write of a slot whose outcome is unknown is reported as done (scenario 2).
    UnknownWriteAsDone,
    /// A write of a slot that was refused is reported as done.
    RefusalAsDone,
    /// Every token looks like one's own (scenario 2).
    TokenReused,
    /// The condition is stripped from every write of a slot.
    UnguardedSlots,
    /// Voids are written without a condition (scenario 1).
    UnguardedVoids,
    /// The epoch is stripped from the condition of every write of a lease.
    UnfencedLease,
    /// The epoch is stripped from the condition of checkpoints (scenario 7).
    UnfencedCheckpoint,
    /// The epoch is stripped from the condition of renewals (scenario 3).
    UnfencedRenewal,
    /// The epoch is stripped from the condition of releases (scenario 3).
    UnfencedRelease,
    /// A lease is taken whatever it shows (scenario 7).
    LeaseTakenAnyway,
    /// An acquire does not raise the epoch.
    EpochStandsStill,
    /// An acquire is reported as done, and is not (scenario 10).
    AcquireForgotten,
    /// A checkpoint may go back (scenario 6).
    CheckpointBackwards,
    /// A checkpoint is moved one slot too far.
    CheckpointAhead,
    /// A checkpoint is reported as done, and is not (scenario 6).
    CheckpointForgotten,
    /// A renewal revives a lease that was released (scenario 9).
    RenewalRevives,
    /// A late renewal shortens the lease (scenario 9).
    RenewalShortens,
    /// Leases end as soon as they are taken (scenario 9).
    ExpiryTooSmall,
    /// A release is reported as done, and is not (scenario 10).
    ReleaseForgotten,
    /// Every increment gives out the same number.
    HeadStandsStill,
    /// Every increment is applied twice (scenario 2).
    IncrementTwice,
    /// Every increment demands a head that never comes, so that its sender tries
    /// again, for ever (a livelock).
    FailsForEver,
    /// An increment does not demand the record that its producer saw.
    RecordUnguarded,
    /// A producer's record is not kept.
    RecordForgotten,
    /// A transaction's second half is left out.
    TransactionHalved,
    /// A read of a slot answers that it is empty, as a stale one may (scenario 2).
    StaleRecovery,
}

impl Tamper {
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
        self.heard(&sent, reply)
    }

    /// What is sent instead.
    fn request(self, request: &Request<Small>, tables: &impl Tables<Small>) -> Request<Small> {
        let mut request = request.clone();
        match (self, &mut request) {
            (
                Tamper::UnguardedSlots,
                Request::Write(write) | Request::RaiseAndWrite { write, .. },
            ) => write.if_absent = false,
            (Tamper::FailsForEver, Request::Raise(raise)) => raise.head = Some(Seq(u64::MAX)),
            (
                Tamper::UnfencedLease,
                Request::Renew { fence, .. }
                | Request::Checkpoint { fence, .. }
                | Request::Release { fence, .. },
            )
            | (Tamper::UnfencedCheckpoint, Request::Checkpoint { fence, .. })
            | (Tamper::UnfencedRenewal, Request::Renew { fence, .. })
            | (Tamper::UnfencedRelease, Request::Release { fence, .. }) => *fence = None,
            (Tamper::LeaseTakenAnyway, Request::Acquire { free, .. }) => {
                *free = Free::EndedBy(Tick(u8::MAX));
            }
            (Tamper::CheckpointBackwards, Request::Checkpoint { forward, .. }) => *forward = false,
            (Tamper::CheckpointAhead, Request::Checkpoint { to, .. }) => *to = to.next(),
            (
                Tamper::ExpiryTooSmall,
                Request::Acquire { until, .. }
                | Request::SetLease { until, .. }
                | Request::Renew { extend: Extend { until, .. }, .. }
                | Request::Checkpoint { extend: Extend { until, .. }, .. },
            ) => *until = Tick::NOW,
            (Tamper::RecordUnguarded, Request::Raise(raise)) => {
                if let Some(Keep { name, seen, .. }) = &mut raise.record
                    && let Some(record) = tables.record(&raise.partition, name)
                {
                    *seen = record;
                }
            }
            (Tamper::RecordForgotten, Request::Raise(raise)) => {
                if let Some(Keep { seen, number, .. }) = &mut raise.record {
                    *number = seen.number;
                }
            }
            (Tamper::TransactionHalved, Request::Release { guard, .. }) => *guard = Guard::None,
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
            (Tamper::UnguardedVoids, Request::Void { partition, slot }, Reply::Taken(_)) => {
                tables.put_slot(partition, *slot, Slot::Void);
                Reply::Written
            }
            (
                Tamper::TransactionHalved,
                Request::RaiseAndWrite { write, .. },
                Reply::Appended(_),
            ) => {
                tables.put_slot(&write.partition, write.slot, before.slot.clone());
                reply
            }
            (Tamper::HeadStandsStill, Request::Raise(raise), Reply::Raised(_)) => {
                tables.set_head(&raise.partition, before.head);
                reply
            }
            (Tamper::IncrementTwice, Request::Raise(_), Reply::Raised(_)) => {
                apply(tables, sent, View::Latest)
            }
            (Tamper::EpochStandsStill, Request::Acquire { .. }, Reply::Leased(lease)) => {
                let epoch = before.lease.as_ref().map_or(Epoch::ZERO, |lease| lease.epoch);
                put(tables, sent, Lease { epoch, ..lease.clone() })
            }
            (Tamper::AcquireForgotten, Request::Acquire { .. }, Reply::Leased(lease)) => {
                let never = Lease { active: false, epoch: Epoch::ZERO, ..lease.clone() };
                put(tables, sent, before.lease.clone().unwrap_or(never));
                reply
            }
            (Tamper::CheckpointForgotten, Request::Checkpoint { .. }, Reply::Leased(_))
            | (Tamper::ReleaseForgotten, Request::Release { .. }, Reply::Released) => {
                if let Some(lease) = &before.lease {
                    put(tables, sent, lease.clone());
                }
                reply
            }
            (
                Tamper::RenewalRevives | Tamper::RenewalShortens,
                Request::Renew { fence, extend, .. },
                Reply::Refused { lease: Some(lease), .. },
            ) if fence.is_none_or(|epoch| epoch == lease.epoch) => {
                let active = lease.active || self == Tamper::RenewalRevives;
                match active {
                    true => {
                        put(tables, sent, Lease { active, until: extend.until, ..lease.clone() })
                    }
                    false => reply,
                }
            }
            _ => reply,
        }
    }

    /// What is heard instead.
    fn heard(self, request: &Request<Small>, reply: Reply<Small>) -> Reply<Small> {
        match (self, request, reply) {
            (Tamper::NumbersInBlocks, Request::Raise(_), Reply::Raised(given)) => {
                Reply::Raised(Seq(((given.0 - 1) ^ 1) + 1))
            }
            (Tamper::VoidsAsEvents, _, Reply::Page(page)) => Reply::Page(page.without_marks()),
            (Tamper::VoidsHidden, _, Reply::Page(page)) => Reply::Page(page.without_voids()),
            (Tamper::EventHidden, _, Reply::Page(page)) => Reply::Page(page.without_first_event()),
            (Tamper::StaleRecovery, Request::ReadSlot { .. }, Reply::Slot(_)) => {
                Reply::Slot(Slot::Empty)
            }
            (Tamper::RefusalAsDone, Request::Write(_) | Request::Void { .. }, Reply::Taken(_)) => {
                Reply::Written
            }
            (
                Tamper::TokenReused,
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
            (Tamper::UnknownAsDone, Request::Checkpoint { group, partition, .. }) => {
                tables.lease(group, partition).map(Reply::Leased)
            }
            (Tamper::UnknownWriteAsDone, Request::Write(_) | Request::Void { .. }) => {
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
