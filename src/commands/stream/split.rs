//! `gapless split`: halves, or halves of halves, take a partition's place.

use gapless::{LineageError, PartitionId};

use super::lineage::{Change, Seals, foresee, lineage_failure, read_lineage};
use super::{block_on, open};
use crate::cli::lineage::SplitArgs;
use crate::failure::Failure;
use crate::status::Status;

/// Splits a partition, level by level.
pub fn run(args: &SplitArgs) -> Result<Status, Failure> {
    block_on(async {
        let (stream, _store) = open(&args.place).await?;
        let failed = |error: &LineageError, done: bool| {
            lineage_failure("the partition cannot be split", error, done)
        };
        let Plan { seals, parts } =
            Plan::of(&args.partition, args.into.get()).map_err(|error| failed(&error, false))?;
        let before = read_lineage(&stream).await?;
        let changed = foresee(&before, &seals).map_err(|error| failed(&error, false))?;
        // Parents sort before their children.
        for (index, partition) in seals.keys().enumerate() {
            let split = stream.split(partition).await;
            split.map_err(|error| failed(&error, index > 0))?;
        }
        let parents = vec![args.partition.clone()];
        let change = Change { how: "split", parents, children: parts, changed };
        change.print(&before, args.place.json)?;
        Ok(Status::Holds)
    })
}

/// How one partition becomes many.
struct Plan {
    seals: Seals,
    parts: Vec<PartitionId>,
}

impl Plan {
    /// The plan for a power of two.
    fn of(partition: &PartitionId, into: u8) -> Result<Plan, LineageError> {
        let mut plan = Plan { seals: Seals::new(), parts: vec![partition.clone()] };
        while plan.parts.len() < usize::from(into) {
            let mut halved = Vec::new();
            for part in std::mem::take(&mut plan.parts) {
                let Some(halves) = part.halves() else {
                    return Err(LineageError::Whole { partition: part });
                };
                halved.extend_from_slice(&halves);
                plan.seals.insert(part, halves.to_vec());
            }
            plan.parts = halved;
        }
        Ok(plan)
    }
}
