//! The way from one partition to sixteen and back.

use std::fmt;
use std::str::FromStr;

use anyhow::Context as _;
use gapless::PartitionId;

use super::events::WIDEST_BITS;

/// One operation on partitions. As text it is the partition to split, or the two to merge with a `+`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Split(PartitionId),
    Merge([PartitionId; 2]),
}

impl Step {
    /// The partitions that it seals.
    pub fn parents(&self) -> &[PartitionId] {
        match self {
            Step::Split(parent) => std::slice::from_ref(parent),
            Step::Merge(parents) => parents,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Split(parent) => write!(f, "{parent}"),
            Step::Merge([one, other]) => write!(f, "{one}+{other}"),
        }
    }
}

impl FromStr for Step {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Step> {
        let id = |id: &str| id.parse().with_context(|| format!("`{id}` is no partition"));
        Ok(match text.split_once('+') {
            None => Step::Split(id(text)?),
            Some((one, other)) => Step::Merge([id(one)?, id(other)?]),
        })
    }
}

/// What is done from one partition on: splits until there are sixteen, then merges until there is one. The
/// operations of a level are independent of one another.
pub fn levels(root: &PartitionId) -> anyhow::Result<Vec<Vec<Step>>> {
    let (mut levels, mut leaves) = (Vec::new(), vec![root.clone()]);
    for _ in 0..WIDEST_BITS {
        levels.push(leaves.iter().cloned().map(Step::Split).collect());
        let halves = leaves.iter().map(|leaf| leaf.halves().context("it has halves"));
        leaves = halves.collect::<anyhow::Result<Vec<_>>>()?.into_flattened();
    }
    for _ in 0..WIDEST_BITS {
        let (pairs, _) = leaves.as_chunks::<2>();
        levels.push(pairs.iter().cloned().map(Step::Merge).collect());
        let merged = pairs.iter().map(|[one, _]| one.merges_into().context("it is a half"));
        leaves = merged.collect::<anyhow::Result<_>>()?;
    }
    Ok(levels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_leads_to_sixteen_partitions_and_back_to_one() {
        let root = "p~".parse().expect("an id");
        let levels = levels(&root).expect("a way");
        let counts: Vec<_> = levels.iter().map(Vec::len).collect();
        assert_eq!(counts, [1, 2, 4, 8, 8, 4, 2, 1]);
        assert_eq!(levels[4][0].to_string(), "p~0000+p~0001");
        assert_eq!(levels[7][0].to_string(), "p~0~+p~1~");
        for step in levels.iter().flatten() {
            assert_eq!(step.to_string().parse::<Step>().expect("a step"), *step);
        }
    }
}
