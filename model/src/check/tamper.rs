//! Protections taken out of the wire traffic, to show that a check can fail.
//!
//! A design turns back one mechanism of the protocol; these break what no design
//! can choose to break.

use serde::{Deserialize, Serialize};

use super::small::{Small, Window};
use super::world::PARTITION;
use crate::store::{Reply, Request, Slot, Tables};

/// One protection taken out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tamper {
    /// Numbers that were given out and not written are given out again.
    RecycledNumbers,
    /// A reader takes voids for events.
    VoidsAsEvents,
    /// A checkpoint whose outcome is unknown is reported as done (scenario 6).
    UnknownAsDone,
    /// The condition is stripped from every write of a slot.
    UnguardedSlots,
    /// The epoch is stripped from the condition of every write of a lease.
    UnfencedLease,
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
    pub(super) fn reply(
        self,
        tables: &mut impl Tables<Small>,
        request: &Request<Small>,
        reply: Reply<Small>,
    ) -> Reply<Small> {
        match (self, request, reply) {
            (Tamper::RecycledNumbers, Request::Raise(_), Reply::Raised(mut given)) => {
                while given.0 > 1 {
                    let below = crate::number::Seq(given.0 - 1);
                    if tables.slot(&PARTITION, below) != Slot::Empty {
                        break;
                    }
                    given = below;
                }
                Reply::Raised(given)
            }
            (Tamper::VoidsAsEvents, _, Reply::Page(page)) => Reply::Page(Window::without_voids(page)),
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
