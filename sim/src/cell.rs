//! The cells of coverage: what a process asked for, what struck its call, and what came of it.

use gapless::Live;
use gapless_model::store::{Free, Reply, Request};

/// A combination that a run can meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// What a process asked for.
    pub asked: &'static str,
    /// What struck the call, or "nothing".
    pub struck: &'static str,
    /// What came of it in the tables.
    pub outcome: &'static str,
}

impl Cell {
    /// The cell of a request that was applied, and struck by a fault or not.
    pub(crate) fn applied(
        request: &Request<Live>,
        struck: Option<&'static str>,
        reply: Option<&Reply<Live>>,
    ) -> Cell {
        let outcome = reply.map_or("an error", outcome);
        Cell { asked: asked(request), struck: struck.unwrap_or("nothing"), outcome }
    }

    /// The cell of a request that never reached the tables.
    pub(crate) fn lost(request: &Request<Live>, struck: &'static str) -> Cell {
        Cell { asked: asked(request), struck, outcome: "not applied" }
    }
}

impl std::fmt::Display for Cell {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, {}: {}", self.asked, self.struck, self.outcome)
    }
}

fn asked(request: &Request<Live>) -> &'static str {
    match request {
        Request::ReadHead { name: None, .. } => "read the head",
        Request::ReadHead { name: Some(_), .. } => "read a record",
        Request::Raise(raise) if raise.record.is_some() => "raise under a name",
        Request::Raise(_) => "raise",
        Request::Create { .. } => "create a partition",
        Request::Seal { .. } => "seal a partition",
        Request::Merge { .. } => "merge partitions",
        Request::Claim { .. } => "claim a name",
        Request::ReadTail { .. } => "read the tail",
        Request::ReadSlot { .. } => "read a slot",
        Request::Write(_) => "write a slot",
        Request::Void { .. } => "void a slot",
        Request::RaiseAndWrite { .. } => "raise and write",
        Request::ReadEvents { .. } => "read events",
        Request::ReadLease { .. } => "read a lease",
        Request::SetLease { .. } => "set a lease",
        Request::Acquire { free: Free::Inactive, .. } => "take a free lease",
        Request::Acquire { free: Free::EndedBy(_) | Free::Unchanged { .. }, .. } => {
            "take a lease over"
        }
        Request::Renew { .. } => "renew a lease",
        Request::Checkpoint { .. } => "move a checkpoint",
        Request::Release { to: Some(_), .. } => "release and move a checkpoint",
        Request::Release { to: None, .. } => "release a lease",
        Request::Wake { .. } => "wake the owner",
    }
}

fn outcome(reply: &Reply<Live>) -> &'static str {
    match reply {
        Reply::Head(_) => "a head",
        Reply::Raised(_) => "raised",
        Reply::NotRaised(_) => "not raised",
        Reply::Created => "created",
        Reply::Sealed => "sealed",
        Reply::NotSealed(_) => "not sealed",
        Reply::Claimed(_) => "claimed",
        Reply::NotClaimed(_) => "not claimed",
        Reply::Tail(_) => "a tail",
        Reply::Slot(_) => "a slot",
        Reply::Written => "written",
        Reply::Taken(_) => "taken",
        Reply::Appended(_) => "appended",
        Reply::NotAppended { .. } => "not appended",
        Reply::Page(_) => "a page",
        Reply::Lease(_) => "a lease",
        Reply::Leased(_) => "leased",
        Reply::Released => "released",
        Reply::Refused { .. } => "refused",
    }
}
