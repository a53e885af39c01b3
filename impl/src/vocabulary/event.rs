//! Events, batches and positions.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use bytes::Bytes;
use gapless_model::{Batch, PartitionId, Seq};
use serde::{Deserialize, Serialize};

use super::time::Timestamp;

/// An event: a key, arbitrary bytes, and headers if it has any.
///
/// Events with the same key are totally ordered. An event must fit into one item of
/// DynamoDB; `gapless::wire::check_event` says whether it does.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// What the event is about, such as an order, a customer or a device. The key
    /// decides the partition.
    pub key: String,
    /// What happened. Bytes that are UTF-8 are stored as a string, so that they can be
    /// read in the table; everything else is stored as binary.
    pub data: Bytes,
    /// What is said about the event by name, such as a trace or a content type.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
}

impl Event {
    /// Creates an event about `key`. What is in a vector or a string is not copied.
    #[must_use]
    pub fn new(key: impl Into<String>, data: impl Into<Vec<u8>>) -> Event {
        Event { key: key.into(), data: Bytes::from(data.into()), headers: BTreeMap::new() }
    }

    /// Adds a header, in place of one of that name.
    ///
    /// ```
    /// let event = gapless::Event::new("order-17", "placed").with_header("trace", "4bf92f35");
    /// assert_eq!(event.headers["trace"], "4bf92f35");
    /// ```
    #[must_use]
    pub fn with_header(mut self, name: impl Into<String>, value: impl Into<String>) -> Event {
        self.headers.insert(name.into(), value.into());
        self
    }

    /// Creates an event about `key` whose data is a value as JSON.
    ///
    /// ```
    /// use gapless::Event;
    /// use serde::{Deserialize, Serialize};
    ///
    /// #[derive(Debug, PartialEq, Serialize, Deserialize)]
    /// struct Placed {
    ///     order: u64,
    /// }
    ///
    /// let event = Event::json("orders", &Placed { order: 7 })?;
    /// assert_eq!(event.text(), Some(r#"{"order":7}"#));
    /// assert_eq!(event.parse_json::<Placed>()?, Placed { order: 7 });
    /// # Ok::<(), serde_json::Error>(())
    /// ```
    ///
    /// # Errors
    /// Returns an error if the value is none that JSON has, such as a map whose keys are lists. A
    /// number that is infinite or none is written as `null`.
    pub fn json(
        key: impl Into<String>,
        value: &(impl Serialize + ?Sized),
    ) -> Result<Event, serde_json::Error> {
        Ok(Event::new(key, serde_json::to_vec(value)?))
    }

    /// Reads the data as JSON, as [`Event::json`] writes it.
    ///
    /// # Errors
    /// Returns an error that says where the data is no JSON, or is another value's.
    pub fn parse_json<'a, T: Deserialize<'a>>(&'a self) -> Result<T, serde_json::Error> {
        serde_json::from_slice(&self.data)
    }

    /// Returns the data as text, or `None` if it is not UTF-8.
    #[must_use]
    pub fn text(&self) -> Option<&str> {
        std::str::from_utf8(&self.data).ok()
    }
}

/// What one append writes into its slot: one or more events.
///
/// Cloning is cheap: clones share the events.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventBatch(Arc<[Event]>);

impl EventBatch {
    /// Creates a batch; `None` if there is no event.
    #[must_use]
    pub fn new(events: Vec<Event>) -> Option<EventBatch> {
        (!events.is_empty()).then(|| EventBatch(events.into()))
    }

    /// Returns the events in their order. There is at least one.
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

/// An event's place in its partition: a slot, and an index in the slot's batch.
///
/// Positions of one partition are ordered as its events are. The text form is the slot,
/// a dot and the index, such as `17.0`; a slot alone stands for its first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// The slot's sequence number, from 1.
    pub slot: Seq,
    /// The index in the slot's batch, from 0.
    pub index: u32,
}

impl Position {
    /// The position before every event.
    pub const START: Position = Position { slot: Seq::ZERO, index: 0 };
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.slot, self.index)
    }
}

/// The error of parsing a text that is not a [`Position`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a position: write a slot such as `17`, or a slot and an index such as `17.0`"
)]
pub struct NoPosition(String);

impl FromStr for Position {
    type Err = NoPosition;

    fn from_str(text: &str) -> Result<Position, NoPosition> {
        let (slot, index) = text.split_once('.').unwrap_or((text, "0"));
        match (slot.parse(), index.parse()) {
            (Ok(slot), Ok(index)) => Ok(Position { slot: Seq(slot), index }),
            _ => Err(NoPosition(text.to_owned())),
        }
    }
}

/// An event in the log, with its place. Two are equal if these are, whether or not it is known when the
/// event was written.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recorded {
    /// The partition.
    pub partition: PartitionId,
    /// The position in the partition. With the partition's id it names the event, for good.
    pub position: Position,
    /// When its slot was written, by its writer's clock; `None` where that is not known. Clocks differ,
    /// so times need not rise as positions do.
    pub at: Option<Timestamp>,
    /// The event.
    pub event: Event,
}

impl PartialEq for Recorded {
    fn eq(&self, other: &Recorded) -> bool {
        (&self.partition, self.position, &self.event)
            == (&other.partition, other.position, &other.event)
    }
}

impl Eq for Recorded {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn data_that_is_another_value_is_refused_with_its_place() {
        let event = Event::json("k", &["a", "b"]).expect("JSON has it");
        let said = event.parse_json::<Vec<u64>>().expect_err("they are texts").to_string();
        assert!(said.contains("column 4") && said.contains("u64"), "{said}");
        let said = Event::new("k", "a").parse_json::<u64>().expect_err("no JSON").to_string();
        assert!(said.contains("line 1"), "{said}");
    }

    #[test]
    fn a_value_that_json_has_not_is_refused() {
        let keyed = BTreeMap::from([(vec![1, 2], "x")]);
        let said = Event::json("k", &keyed).expect_err("a key is a list").to_string();
        assert!(said.contains("key must be a string"), "{said}");
    }
}
