//! A group's place in a partition: the lease with the checkpoint, and what was delivered.

use serde::{Deserialize, Serialize};

use super::super::small::Small;
use crate::store::Lease;

/// A group's item for a partition, and what the judges remember of its deliveries.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(in crate::check) struct Seat {
    pub(in crate::check) lease: Option<Lease<Small>>,
    /// Bit `n` if slot `n` was delivered.
    pub(in crate::check) delivered: u64,
    /// Bit `n` if slot `n` may be delivered again, because a fault struck its delivery (D2).
    pub(in crate::check) excused: u64,
    /// Whether a turn on a child found that the group has not finished the partition, which is sealed.
    pub(in crate::check) drains: bool,
    /// Whether the lease was left behind by a turn that took it for lost without a cause (D2).
    pub(in crate::check) deserted: bool,
}

impl Seat {
    /// The last slot that the group has finished.
    pub(in crate::check) fn checkpoint(&self) -> u64 {
        self.lease.as_ref().map_or(0, |lease| lease.checkpoint.0)
    }

    pub(in crate::check) fn was_delivered(&self, slot: u64) -> bool {
        self.delivered & 1 << slot != 0
    }

    /// The seat without what the judges of safety remember.
    pub(in crate::check) fn after_faults(&self) -> Seat {
        Seat { excused: 0, deserted: false, ..self.clone() }
    }

    /// Excuses a second delivery of everything that was delivered and is not finished (D2).
    pub(in crate::check) fn excuse(&mut self) {
        let unfinished = !0_u64 << (self.checkpoint() + 1).min(63);
        self.excused |= self.delivered & unfinished;
    }
}
