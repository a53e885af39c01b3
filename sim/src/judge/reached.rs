//! Which coverage marks the machines reach.

use gapless::{Live, Slots};
use gapless_model::Page as _;
use gapless_model::design::{Design, Read};
use gapless_model::store::{Entry, Reply, Request, Slot};

/// The coverage mark that a reply to a request reaches under a design.
pub(super) fn mark_of(
    design: &Design,
    request: &Request<Live>,
    reply: &Reply<Live>,
) -> Option<&'static str> {
    match (request, reply) {
        (Request::Write(write), Reply::Taken(Slot::Events { token, .. }))
            if *token == write.token =>
        {
            Some("a writer finds its own write")
        }
        (Request::Write(_), Reply::Taken(Slot::Void)) => Some("a writer finds its slot voided"),
        (Request::Void { .. }, Reply::Written) => Some("a gap is voided"),
        (Request::Void { .. }, Reply::Taken(_)) => Some("a void comes after the write"),
        (Request::ReadSlot { .. }, Reply::Slot(Slot::Empty)) => {
            Some("a rerun finds its predecessor's slot empty")
        }
        (Request::ReadSlot { .. }, Reply::Slot(_)) => {
            Some("a rerun finds its predecessor's slot taken")
        }
        // D4: the group has not begun what comes behind others.
        (Request::Acquire { entry: Entry::Begun, .. }, Reply::Refused { lease: None, .. }) => {
            Some("a worker asks what comes before a partition")
        }
        (Request::Acquire { .. }, Reply::Refused { .. }) => Some("a lease is held by another"),
        (Request::Acquire { .. }, Reply::Leased(lease)) if lease.epoch.0 > 1 => {
            Some("a lease is taken over")
        }
        (Request::Renew { .. }, Reply::Leased(_)) => Some("a lease is renewed"),
        (Request::Checkpoint { .. }, Reply::Refused { .. }) => Some("a checkpoint is refused"),
        (Request::Release { to: None, .. }, Reply::Released) => Some("a lease is released"),
        (Request::Release { to: Some(_), .. }, Reply::Released) => {
            Some("a release moves the checkpoint")
        }
        (Request::Release { .. }, Reply::Refused { .. }) => Some("a release is refused"),
        (Request::ReadEvents { consistent: false, .. }, Reply::Page(page))
            if design.read == Read::Consistent && page.last().is_some() =>
        {
            Some("a look behind a delivery finds more")
        }
        (Request::Raise(_), Reply::NotRaised(head)) if head.is_sealed() => {
            Some("a producer finds its partition sealed")
        }
        (Request::Raise(_), Reply::NotRaised(_)) => Some("an increment is refused"),
        (Request::ReadEvents { .. }, Reply::Page(page)) if page.is_full() => {
            match page.shown().len() < Slots::LIMIT {
                true => Some("a page of large slots is cut"),
                false => Some("a page is full"),
            }
        }
        _ => None,
    }
}
