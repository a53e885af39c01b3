//! What splitting and merging have in common: what is foreseen, what is said, and why it fails.

use std::collections::BTreeMap;
use std::io::{Write as _, stdout};

use gapless::{Lineage, LineageError, PartitionId, Stream};
use serde_json::json;

use super::{READ_ONLY, use_failure};
use crate::failure::{Cause, Failure};

/// Seals that are to be made: each partition, and what takes its place.
pub type Seals = BTreeMap<PartitionId, Vec<PartitionId>>;

/// How many partitions a sentence lists.
const LISTED: usize = 8;

/// The partitions that there are.
pub async fn read_lineage(stream: &Stream) -> Result<Lineage, Failure> {
    let lineage = stream.lineage().await;
    lineage.map_err(|error| use_failure("the tables cannot be read", &error, READ_ONLY))
}

/// Refuses what is no partition of the stream. For one that the stream began with it sends nothing.
pub async fn check_partition(stream: &Stream, partition: &PartitionId) -> Result<(), Failure> {
    if stream.layout().founds(partition)
        || read_lineage(stream).await?.partitions().contains_key(partition)
    {
        return Ok(());
    }
    Err(Failure::Usage {
        what: format!("`{partition}` is not a partition of this stream"),
        help: "`gapless partitions` lists the partitions".to_owned(),
    })
}

/// Returns whether one of these seals has yet to be made. Refuses all of them, before one is made, where a
/// partition was sealed for others.
pub fn foresee(before: &Lineage, seals: &Seals) -> Result<bool, LineageError> {
    let mut changes = false;
    for (partition, children) in seals {
        match before.partitions().get(partition) {
            Some(member) if member.children == *children => {}
            Some(member) if !member.is_leaf() => {
                let (partition, children) = (partition.clone(), member.children.clone());
                return Err(LineageError::Other { partition, children });
            }
            Some(_) | None => changes = true,
        }
    }
    Ok(changes)
}

/// What partitions became.
pub struct Change {
    /// How the partitions became that: `split` or `merged`.
    pub how: &'static str,
    /// The partitions.
    pub parents: Vec<PartitionId>,
    /// What took their place.
    pub children: Vec<PartitionId>,
    /// Whether there was anything to do.
    pub changed: bool,
}

impl Change {
    /// Says what was done, and what took the place of the children in turn by the time of `before`.
    pub fn print(&self, before: &Lineage, as_json: bool) -> Result<(), Failure> {
        let Change { how, parents, children, changed } = self;
        let mut out = stdout().lock();
        if as_json {
            let told = json!({ "parents": parents, "children": children, "changed": changed });
            writeln!(out, "{told}")?;
            return Ok(());
        }
        let be = if parents.len() == 1 { "was" } else { "were" };
        let (whose, s) = match (parents.len(), children.len()) {
            (1, 1) => ("its", "s"),
            (1, _) => ("its", ""),
            (_, 1) => ("their", "s"),
            (_, _) => ("their", ""),
        };
        let (before_them, after_them) = (listed(parents), listed(children));
        match changed {
            true => writeln!(out, "{before_them} {be} {how}: {after_them} take{s} {whose} place")?,
            false => writeln!(
                out,
                "{before_them} {be} {how} before, and nothing was changed: {after_them} took {whose} place"
            )?,
        }
        for child in children {
            let next = before.partitions().get(child).map_or(&[][..], |member| &member.children);
            match next {
                [] => {}
                [merged] => writeln!(out, "{child} was merged since, into {merged}")?,
                halves => writeln!(out, "{child} was split since, into {}", listed(halves))?,
            }
        }
        writeln!(
            out,
            "producers and groups go on by themselves: each group finishes {before_them} before it begins \
             {after_them}"
        )?;
        Ok(())
    }
}

/// The partitions in a sentence, or how many there are and the outermost.
fn listed(partitions: &[PartitionId]) -> String {
    match partitions {
        [] => "none".to_owned(),
        [one] => one.to_string(),
        [first, .., last] if partitions.len() > LISTED => {
            format!("{} partitions from {first} to {last}", partitions.len())
        }
        [first @ .., last] => {
            let first = first.iter().map(PartitionId::as_str).collect::<Vec<_>>().join(", ");
            format!("{first} and {last}")
        }
    }
}

/// Why partitions cannot be split or merged, and what would help. `done`: what was done by then, if
/// anything may have been.
pub fn lineage_failure(what: &'static str, error: &LineageError, done: bool) -> Failure {
    let help = match error {
        LineageError::Missing { .. } => "`gapless partitions` lists the partitions",
        LineageError::Whole { .. } => {
            "a partition can be split while it covers more than one hash, and never where each key has its \
             own"
        }
        LineageError::TooLong { .. } => {
            "each merge adds a letter to an id; a partition with an id this long goes on as it is"
        }
        LineageError::Apart { .. } | LineageError::None => {
            "name all the partitions that are to become one: `gapless partitions` shows which are open"
        }
        LineageError::Other { .. } => {
            "go on with what took its place: `gapless partitions` shows the lineage"
        }
        LineageError::NoCounter => "a stream keeps the design that it was created with",
        LineageError::Store(_) => {
            "`gapless partitions` shows what was done; the same command can be given again, and completes it"
        }
        _ => "`gapless partitions` shows the lineage",
    };
    let help = match (done, error) {
        (true, LineageError::Store(_)) | (false, _) => help.to_owned(),
        (true, _) => format!("{help}. What was sealed by then stays sealed"),
    };
    Failure::Stream { what, help, source: Cause::of(error) }
}
