//! Requests under way that can change nothing any more.

use super::super::small::Small;
use super::World;
use crate::ids::Epoch;
use crate::store::{Request, Slot};

impl World {
    /// Forgets every request under way that can change nothing any more, which is as good as lost.
    ///
    /// It is refused now, and what refuses it never changes back: the epoch of a lease and of a
    /// record only grow, and a slot that is not empty keeps what it holds. Where a protection is
    /// taken out this need not be so.
    pub(in crate::check) fn drop_dead_letters(&mut self) {
        let mut network = std::mem::take(&mut self.network);
        network.0.retain(|late| !self.is_dead_letter(&late.request));
        self.network = network;
    }

    fn is_dead_letter(&self, request: &Request<Small>) -> bool {
        let partition = *request.partition();
        let filled = |slot| *self.log(partition).slot(slot) != Slot::Empty;
        let stale = |fence: &Option<Epoch>| {
            let lease = request.group().and_then(|group| self.lease(*group, partition));
            fence.is_some_and(|epoch| lease.is_some_and(|lease| epoch < lease.epoch))
        };
        match request {
            Request::Write(write) => write.if_absent && filled(write.slot),
            Request::Void { slot, .. } => filled(*slot),
            Request::Renew { fence, .. }
            | Request::Checkpoint { fence, .. }
            | Request::Release { fence, .. } => stale(fence),
            Request::Claim { name, seen, .. } => self.log(partition).records[name.index()] != *seen,
            Request::Create { partition } => self.log(*partition).created,
            Request::Seal { partition, .. } => self.log(*partition).is_sealed(),
            Request::Merge { parents, .. } => {
                parents.iter().any(|parent| self.log(*parent).is_sealed())
            }
            Request::Raise(raise) | Request::RaiseAndWrite { raise, .. } => {
                let log = self.log(partition);
                let is_fenced = raise
                    .record
                    .as_ref()
                    .is_some_and(|keep| log.records[keep.name.index()] != Some(keep.seen));
                log.is_sealed() || is_fenced
            }
            Request::ReadHead { .. }
            | Request::ReadTail { .. }
            | Request::ReadSlot { .. }
            | Request::ReadEvents { .. }
            | Request::ReadLease { .. }
            | Request::SetLease { .. }
            | Request::Acquire { .. }
            | Request::Wake { .. } => false,
        }
    }
}
