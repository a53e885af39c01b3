//! `gapless merge`: one partition takes the place of those that make it up.

use std::collections::BTreeSet;

use gapless::{LineageError, PartitionId};
use gapless_model::HASH_BITS;

use super::lineage::{Change, Seals, foresee, lineage_failure, read_lineage};
use super::{block_on, open};
use crate::cli::lineage::MergeArgs;
use crate::failure::Failure;
use crate::status::Status;

/// Merges partitions, pair by pair.
pub fn run(args: &MergeArgs) -> Result<Status, Failure> {
    block_on(async {
        let (stream, _store) = open(&args.place).await?;
        let failed = |error: &LineageError, done: bool| {
            lineage_failure("the partitions cannot be merged", error, done)
        };
        let parents: BTreeSet<_> = args.partitions.iter().cloned().collect();
        let parents: Vec<_> = parents.into_iter().collect();
        let before = read_lineage(&stream).await?;
        let changed = foresee(&before, &seals(&parents)).map_err(|error| failed(&error, false))?;
        let merged = stream.merge(&parents).await;
        // Only a rival can have come between, and only where there are several pairs.
        let merged = merged.map_err(|error| match &error {
            LineageError::Other { .. } => failed(&error, parents.len() > 2),
            _ => failed(&error, false),
        })?;
        let change = Change { how: "merged", parents, children: vec![merged], changed };
        change.print(&before, args.place.json)?;
        Ok(Status::Holds)
    })
}

/// The seals that make one of these partitions; none if they are not as much as one.
fn seals(partitions: &[PartitionId]) -> Seals {
    let size = |partition: &PartitionId| 1_u128 << (HASH_BITS - partition.bits());
    let whole: u128 = partitions.iter().map(size).sum();
    let mut seals = Seals::new();
    for partition in partitions.iter().filter(|_| whole.is_power_of_two()) {
        let mut part = partition.clone();
        while size(&part) < whole
            && let Some(merged) = part.merges_into()
        {
            seals.insert(part, vec![merged.clone()]);
            part = merged;
        }
    }
    seals
}
