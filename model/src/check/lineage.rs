//! The partitions of a checked world that can be split and merged: one, its halves, their merge, and a part
//! of the second half, into which a rival may split that instead.
//!
//! There are one or two keys. Parents have lower numbers than their children, so that positions of one key are
//! ordered by the number of their partition, and then by their slot.

use super::bounds::Bounds;
use super::small::{OperatorNo, PartitionNo, ProducerNo};
use super::world::World;
use crate::design::{Design, Parents, Splitting};
use crate::ids::Seq;

/// The partition of all keys, before it is split.
pub(super) const ROOT: PartitionNo = PartitionNo(0);
/// Its halves, by key.
pub(super) const HALVES: [PartitionNo; 2] = [PartitionNo(1), PartitionNo(2)];
/// What is merged of them.
pub(super) const MERGED: PartitionNo = PartitionNo(3);
/// What the second half is split into, as far as it has a key: its other part has none.
pub(super) const PART: PartitionNo = PartitionNo(4);

/// What an operator does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Splits the root.
    Splits,
    /// Merges its halves.
    Merges,
    /// Splits the second half once more.
    SplitsAgain,
    /// Lets the first group read the root again from its beginning.
    Resets,
}

/// What an operator does: those who split come first, then those who merge, and last who moves a checkpoint.
pub(super) fn role(bounds: &Bounds, operator: OperatorNo) -> Role {
    if operator.0 < bounds.splits {
        Role::Splits
    } else if operator.0 < bounds.splits + bounds.merges {
        Role::Merges
    } else if operator.0 < bounds.splits + bounds.merges + bounds.resplits {
        Role::SplitsAgain
    } else {
        Role::Resets
    }
}

/// The key that a producer appends to.
pub(super) fn key_of(bounds: &Bounds, producer: ProducerNo) -> usize {
    usize::from(producer.first().0 % bounds.keys)
}

/// Whether two producers append to one key. Where partitions stay as they are, each has one.
pub(super) fn have_one_key(bounds: &Bounds, one: ProducerNo, other: ProducerNo) -> bool {
    !bounds.has_lineage() || key_of(bounds, one) == key_of(bounds, other)
}

/// The partitions that a key's events may be in, ascending.
pub(super) fn path(bounds: &Bounds, key: usize) -> Vec<PartitionNo> {
    let all = [ROOT, HALVES[key], MERGED, PART];
    let last = usize::from(bounds.resplits > 0 && covers(PART, key));
    all[..3 + last].to_vec()
}

/// Whether a partition covers a key.
pub(super) fn covers(partition: PartitionNo, key: usize) -> bool {
    match partition {
        ROOT | MERGED => true,
        PART => key == 1,
        half => half == HALVES[key],
    }
}

/// The partitions that come right before one.
pub(super) fn parents(partition: PartitionNo) -> Vec<PartitionNo> {
    match partition {
        MERGED => HALVES.to_vec(),
        PART => vec![HALVES[1]],
        half if HALVES.contains(&half) => vec![ROOT],
        _ => Vec::new(),
    }
}

/// All partitions that come before one.
pub(super) fn ancestors(partition: PartitionNo) -> Vec<PartitionNo> {
    let mut all = parents(partition);
    all.extend(all.clone().into_iter().flat_map(ancestors));
    all.sort_unstable();
    all.dedup();
    all
}

/// The partitions that a turn asks for before its group begins one.
pub(super) fn asked(asks: Parents, partition: PartitionNo) -> Vec<PartitionNo> {
    match asks {
        Parents::Nothing => Vec::new(),
        Parents::Checkpoints | Parents::Begun => parents(partition),
        Parents::Ancestors => ancestors(partition),
    }
}

/// Whether a partition was made: by no operator, by one, or by its first number.
pub(super) fn is_made(world: &World, partition: PartitionNo) -> bool {
    let log = world.log(partition);
    partition == ROOT || log.created || log.head > Seq::ZERO
}

/// Whether a seal names a partition.
pub(super) fn is_named(world: &World, partition: PartitionNo) -> bool {
    parents(partition).into_iter().any(|parent| world.log(parent).children.contains(&partition))
}

/// Whether a partition is there, so that producers may append to it.
pub(super) fn is_there(design: &Design, world: &World, partition: PartitionNo) -> bool {
    let is_made_by_appends = match design.split {
        // A child that a seal names comes into being with its first append.
        Splitting::Intent | Splitting::CreateThenSeal => true,
        Splitting::SealThenCreate => partition == MERGED,
    };
    is_made(world, partition) || is_made_by_appends && is_named(world, partition)
}

/// The open partitions that cover a key.
pub(super) fn leaves(design: &Design, world: &World, key: usize) -> Vec<PartitionNo> {
    let all = (0..world.logs.len() as u8).map(PartitionNo);
    let open = all.filter(|leaf| is_there(design, world, *leaf) && !world.log(*leaf).is_sealed());
    open.filter(|leaf| covers(*leaf, key)).collect()
}
