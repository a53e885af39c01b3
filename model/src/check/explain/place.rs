//! Where things are: a slot of a partition, and a group's place in a partition.

use super::super::small::{GroupNo, PartitionNo, Small};
use super::super::world::Turn;
use crate::store::Request;

/// A slot of a partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Position {
    pub(super) partition: PartitionNo,
    pub(super) slot: u64,
}

impl Position {
    /// The slot that a request writes, if it writes one.
    pub(super) fn of(request: &Request<Small>) -> Option<Position> {
        let slot = request.slot()?.0;
        Some(Position { partition: *request.partition(), slot })
    }
}

/// A group's place in a partition, where it has a lease and a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) group: GroupNo,
    pub(super) partition: PartitionNo,
}

impl Place {
    /// The place whose lease a request writes, if it writes one.
    pub(super) fn of(request: &Request<Small>) -> Option<Place> {
        let group = *request.group()?;
        Some(Place { group, partition: *request.partition() })
    }

    /// The place for which a turn is at work.
    pub(super) fn of_turn(turn: &Turn) -> Place {
        Place { group: turn.group, partition: turn.partition }
    }

    /// A slot of the partition.
    pub(super) fn at(self, slot: u64) -> Position {
        Position { partition: self.partition, slot }
    }
}
