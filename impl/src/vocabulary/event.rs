//! Events, and where they stand.

use std::fmt;
use std::sync::Arc;

use gapless_model::{Batch, PartitionId, Seq};
use serde::{Deserialize, Serialize};

/// An event: a key that says what it is about, and any bytes.
///
/// Events of one key are totally ordered. Where the bytes are UTF-8 they stand in
/// the table as a string, so that a person can read them there.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Event {
    /// What it is about: an order, a customer, a device.
    pub key: String,
    /// What happened.
    pub data: Vec<u8>,
}

impl Event {
    /// An event about `key`.
    #[must_use]
    pub fn new(key: impl Into<String>, data: impl Into<Vec<u8>>) -> Event {
        Event { key: key.into(), data: data.into() }
    }

    /// The data as text, if it is.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.data).ok()
    }
}

/// What one append writes into its slot: one or more events.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventBatch(Arc<[Event]>);

impl EventBatch {
    /// A batch; `None` without an event.
    #[must_use]
    pub fn new(events: Vec<Event>) -> Option<EventBatch> {
        (!events.is_empty()).then(|| EventBatch(events.into()))
    }

    /// The events, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.0
    }
}

impl From<Event> for EventBatch {
    fn from(event: Event) -> EventBatch {
        EventBatch([event].into())
    }
}

impl Batch for EventBatch {
    fn events(&self) -> u64 {
        self.0.len() as u64
    }
}

/// Where an event stands in its partition: the slot, and the place in the slot's batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The slot's sequence number, from 1.
    pub slot: Seq,
    /// The place in the batch, from 0.
    pub index: u32,
}

impl Position {
    /// Before every event.
    pub const START: Position = Position { slot: Seq::ZERO, index: 0 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.index)
    }
}

/// Why a text is no position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a position: one is a slot, or a slot, a dot and a place in it, such as `17.0`"
)]
pub struct NoPosition(String);

impl std::str::FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Position, NoPosition> {
        let (slot, index) = text.split_once('.').unwrap_or((text, "0"));
        match (slot.parse(), index.parse()) {
            (Ok(slot), Ok(index)) => Ok(Position { slot: Seq(slot), index }),
            _ => Err(NoPosition(text.to_owned())),
        }
    }
}

/// An event in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// Its partition.
    pub partition: PartitionId,
    /// Its place there.
    pub position: Position,
    /// The event.
    pub event: Event,
}
