//! Protections taken out of the wire traffic, to show that a check can fail.
//!
//! A design turns back one mechanism of the protocol; these break what no design
//! can choose to break.

use serde::{Deserialize, Serialize};

use super::small::{Small, Window};
use crate::number::Seq;
use crate::store::{Reply, Request, Slot, Tables};

/// One protection taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tamper {
    /// Numbers are taken in blocks of two, and used from the end.
    NumbersInBlocks,
    /// A reader takes voids for events.
    VoidsAsEvents,
    /// A checkpoint whose outcome is unknown is reported as done (scenario 6).
    UnknownAsDone,
    /// The condition is stripped from every write of a slot.
    UnguardedSlots,
    /// The epoch is stripped from the condition of every write of a lease.
    UnfencedLease,
    /// Every increment demands a head that never comes, so that its sender tries
    /// again, for ever (a livelock).
    FailsForEver,
    /// A read of a slot answers that it is empty, as a stale one may (scenario 2).
    StaleRecovery,
}

impl Tamper {
    /// What is sent instead.
    pub(super) fn request(self, request: &Request<Small>) -> Option<Request<Small>> {
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
            ) => *fence = None,
            _ => return None,
        }
        Some(request)
    }

    /// What is heard instead.
    pub(super) fn reply(self, request: &Request<Small>, reply: Reply<Small>) -> Reply<Small> {
        match (self, request, reply) {
            (Tamper::NumbersInBlocks, Request::Raise(_), Reply::Raised(given)) => {
                Reply::Raised(Seq(((given.0 - 1) ^ 1) + 1))
            }
            (Tamper::VoidsAsEvents, _, Reply::Page(page)) => {
                Reply::Page(Window::without_voids(page))
            }
            (Tamper::StaleRecovery, Request::ReadSlot { .. }, Reply::Slot(_)) => {
                Reply::Slot(Slot::Empty)
            }
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
            _ => None,
        }
    }
}
