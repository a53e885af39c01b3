//! What the processes write down for the one that judges: a line of JSON for each thing that happened.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;
use gapless::{PartitionId, Position};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::events::Entry;
use super::moment::Moment;

/// An append of the prober that was acknowledged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Acknowledged {
    pub at: Moment,
    pub key: String,
    pub number: u64,
    pub partition: PartitionId,
}

/// What a handler was given, and when it was called.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Delivered {
    pub at: Moment,
    pub partition: PartitionId,
    pub epoch: u64,
    pub events: Vec<(Position, String, Entry)>,
}

/// What an operator does, as its lines say it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Progress {
    /// It begins with this step of its list.
    Begun(usize, Moment),
    /// It has done that step.
    Ended(usize, Moment),
}

/// Writes a line into a file or a pipe. What is written survives the process's death, but for the line
/// that is cut short by it.
pub fn write(mut to: impl std::io::Write, line: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_vec(line)?;
    text.push(b'\n');
    to.write_all(&text)?;
    Ok(to.flush()?)
}

/// Reads the whole lines of a file.
pub fn read<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    let parse = |line: &str| serde_json::from_str(line).with_context(|| line.to_owned());
    whole.lines().map(parse).collect()
}

/// Opens a file to write on behind what is there.
pub fn append_to(path: &Path) -> anyhow::Result<File> {
    let opened = File::options().create(true).append(true).open(path);
    opened.with_context(|| format!("{}", path.display()))
}

/// Ends a line that a kill has cut short, so that the next one is whole.
pub fn end_torn_line(path: &Path) -> anyhow::Result<()> {
    let text = std::fs::read(path).unwrap_or_default();
    if text.last().is_some_and(|last| *last != b'\n') {
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
        let mut file = File::create(path)?;
        file.write_all(&text[..whole])?;
    }
    Ok(())
}
