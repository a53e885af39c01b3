//! What is appended: by which source, under which key, and in which order.

use std::fmt;
use std::str::FromStr;

use anyhow::Context as _;
use gapless::{Event, Layout, PartitionId};
use serde::{Deserialize, Serialize};

/// How many keys the producers share.
const KEYS: u64 = 64;
/// Into how many binary digits of partitions the key space is divided at its widest: 16.
pub const WIDEST_BITS: u8 = 4;

/// What appends: the prober, or a named producer, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Source(pub u16);

impl Source {
    /// Appends to its own keys, without a name.
    pub const PROBER: Source = Source(0);
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Source::PROBER => f.write_str("the prober"),
            Source(number) => write!(f, "producer-{number}"),
        }
    }
}

/// What an event holds: its number among the input of its source. The prober counts for each key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Entry {
    pub source: Source,
    pub number: u64,
}

impl Entry {
    /// The event of a key that holds it.
    pub fn event(self, key: &str) -> Event {
        Event::new(key, format!("{} {}", self.source.0, self.number))
    }

    /// What an event holds.
    ///
    /// # Errors
    /// Fails for an event that none of these processes has appended.
    pub fn of(event: &Event) -> anyhow::Result<Entry> {
        let text = event.text().unwrap_or_default();
        text.parse().with_context(|| format!("an event of {} holds `{text}`", event.key))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "event {} of {}", self.number, self.source)
    }
}

impl FromStr for Entry {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Entry> {
        let (source, number) = text.split_once(' ').context("no source and number")?;
        Ok(Entry { source: Source(source.parse()?), number: number.parse()? })
    }
}

/// The key of a producer's event. All producers have the same keys, in turn.
pub fn key_of(number: u64) -> String {
    format!("key-{}", number % KEYS)
}

/// The first number of a producer that has a key, and how many further it is to the next; `None` for a key
/// of the prober, of which it has every number.
pub fn numbers_of(key: &str) -> Option<(u64, u64)> {
    let index: u64 = key.strip_prefix("key-")?.parse().ok()?;
    Some((if index == 0 { KEYS } else { index }, KEYS))
}

/// The prober's keys: one in each partition where they are most.
pub fn probed_keys() -> Vec<String> {
    let widest = Layout::Fixed { bits: WIDEST_BITS };
    let key_in = |place: PartitionId| {
        let mut names = (0..).map(|number: u64| format!("probe-{number}"));
        names.find(|name| widest.route(name) == place)
    };
    widest.all().unwrap_or_default().into_iter().filter_map(key_in).collect()
}

/// Where a key belongs when partitions are most. Every partition that ever has it overlaps this one.
pub fn place_of(key: &str) -> PartitionId {
    Layout::Fixed { bits: WIDEST_BITS }.route(key)
}
