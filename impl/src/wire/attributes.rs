//! Writing attributes, and reading items, which may hold anything.

use std::collections::{BTreeMap, HashMap};

use aws_sdk_dynamodb::types::AttributeValue;
use gapless_model::store::Record;
use gapless_model::{Epoch, Number, PartitionId, Seq};

use super::names;
use crate::vocabulary::{Event, StoreError};

/// An item, as the SDK represents it.
pub(crate) type Item = HashMap<String, AttributeValue>;

pub(crate) fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

pub(crate) fn number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

/// Names with a text each, as a map.
pub(crate) fn texts(texts: &BTreeMap<String, String>) -> AttributeValue {
    AttributeValue::M(texts.iter().map(|(name, value)| (name.clone(), text(value))).collect())
}

/// Events as one flat list: each event's key, then its data, as a string if it is UTF-8, and then a map of
/// its headers if it has any. A list within the list for each event would take three bytes more, and half
/// as much time again to read.
pub(crate) fn events(events: &[Event]) -> AttributeValue {
    let parts = events.iter().flat_map(|event| {
        let data = match event.text() {
            Some(data) => text(data),
            None => AttributeValue::B(event.data.to_vec().into()),
        };
        let headers = (!event.headers.is_empty()).then(|| texts(&event.headers));
        [Some(text(&event.key)), Some(data), headers].into_iter().flatten()
    });
    AttributeValue::L(parts.collect())
}

/// The event that a list begins with, and the rest of the list.
fn first_event(parts: &[AttributeValue]) -> Option<(Event, &[AttributeValue])> {
    let [AttributeValue::S(key), data, rest @ ..] = parts else { return None };
    let event = match data {
        AttributeValue::S(data) => Event::new(key.clone(), data.clone()),
        AttributeValue::B(data) => Event::new(key.clone(), data.clone().into_inner()),
        _ => return None,
    };
    let [AttributeValue::M(headers), rest @ ..] = rest else { return Some((event, rest)) };
    let header = |(name, value): (&String, &AttributeValue)| match value {
        AttributeValue::S(value) => Some((name.clone(), value.clone())),
        _ => None,
    };
    let headers = headers.iter().map(header).collect::<Option<_>>()?;
    Some((Event { headers, ..event }, rest))
}

/// Partitions as a list of their ids.
pub(crate) fn partitions(partitions: &[PartitionId]) -> AttributeValue {
    AttributeValue::L(partitions.iter().map(|id| text(id.as_str())).collect())
}

pub(crate) fn record(record: &Record) -> AttributeValue {
    AttributeValue::M(HashMap::from([
        (names::EPOCH.to_owned(), number(record.epoch.0)),
        (names::NUMBER.to_owned(), number(record.number.0)),
        (names::COUNT.to_owned(), number(record.count)),
        (names::SLOT.to_owned(), number(record.slot.0)),
    ]))
}

/// Reads an item. Its errors name the table, the item and the attribute.
#[derive(Clone, Copy)]
pub(crate) struct ItemReader<'a> {
    pub(crate) table: &'a str,
    pub(crate) item: &'a Item,
}

impl<'a> ItemReader<'a> {
    pub(crate) fn wrong(self, what: impl Into<String>) -> StoreError {
        let key = |name: &str| match self.item.get(name) {
            Some(AttributeValue::S(value) | AttributeValue::N(value)) => {
                Some(format!("{name} {value}"))
            }
            _ => None,
        };
        let keys = [names::GROUP, names::PARTITION, names::SEQ].into_iter().filter_map(key);
        let item = keys.collect::<Vec<_>>().join(", ");
        StoreError::Malformed { table: self.table.to_owned(), item, what: what.into() }
    }

    fn kind(value: &AttributeValue) -> &'static str {
        match value {
            AttributeValue::B(_) => "binary",
            AttributeValue::Bool(_) => "a boolean",
            AttributeValue::L(_) => "a list",
            AttributeValue::M(_) => "a map",
            AttributeValue::N(_) => "a number",
            AttributeValue::Null(_) => "null",
            AttributeValue::S(_) => "a string",
            _ => "a set",
        }
    }

    fn expected(self, name: &str, wanted: &str, found: Option<&AttributeValue>) -> StoreError {
        let found = found.map_or("is missing", Self::kind);
        self.wrong(match found {
            "is missing" => format!("`{name}` is missing; it should be {wanted}"),
            found => format!("`{name}` is {found}; it should be {wanted}"),
        })
    }

    pub(crate) fn number(self, name: &str) -> Result<u64, StoreError> {
        self.number_in(self.item, name)
    }

    fn number_in(self, map: &Item, name: &str) -> Result<u64, StoreError> {
        let found = map.get(name);
        let parsed = found.and_then(|value| value.as_n().ok()).and_then(|n| n.parse().ok());
        parsed.ok_or_else(|| self.expected(name, "a whole number", found))
    }

    /// A number, or 0 if it is missing.
    pub(crate) fn number_or_zero(self, name: &str) -> Result<u64, StoreError> {
        if self.item.contains_key(name) { self.number(name) } else { Ok(0) }
    }

    pub(crate) fn text(self, name: &str) -> Result<&'a str, StoreError> {
        let found = self.item.get(name);
        let parsed = found.and_then(|value| value.as_s().ok()).map(String::as_str);
        parsed.ok_or_else(|| self.expected(name, "a string", found))
    }

    pub(crate) fn flag(self, name: &str) -> Result<bool, StoreError> {
        let found = self.item.get(name);
        let parsed = found.and_then(|value| value.as_bool().ok()).copied();
        parsed.ok_or_else(|| self.expected(name, "a boolean", found))
    }

    pub(crate) fn record(self, name: &str) -> Result<Option<Record>, StoreError> {
        let Some(found) = self.item.get(name) else { return Ok(None) };
        let map = found.as_m().map_err(|_| self.expected(name, "a map", Some(found)))?;
        Ok(Some(Record {
            epoch: Epoch(self.number_in(map, names::EPOCH)?),
            number: Number(self.number_in(map, names::NUMBER)?),
            count: self.number_in(map, names::COUNT)?,
            slot: Seq(self.number_in(map, names::SLOT)?),
        }))
    }

    pub(crate) fn texts(self, name: &str) -> Result<BTreeMap<String, String>, StoreError> {
        let found = self.item.get(name);
        let map = found.and_then(|value| value.as_m().ok());
        let map = map.ok_or_else(|| self.expected(name, "a map of strings", found))?;
        let entry = |(name, value): (&String, &AttributeValue)| {
            value.as_s().ok().map(|value| (name.clone(), value.clone()))
        };
        let texts: Option<BTreeMap<String, String>> = map.iter().map(entry).collect();
        texts.ok_or_else(|| self.expected(name, "a map of strings", found))
    }

    /// Partitions, in order; none if the attribute is missing.
    pub(crate) fn partitions(self, name: &str) -> Result<Vec<PartitionId>, StoreError> {
        let Some(found) = self.item.get(name) else { return Ok(Vec::new()) };
        let list =
            found.as_l().map_err(|_| self.expected(name, "a list of partitions", Some(found)))?;
        // A seal that names nothing would be one to the store, and none to the machines.
        if list.is_empty() {
            return Err(self.wrong(format!("`{name}` should name at least one partition")));
        }
        let partition = |value: &AttributeValue| {
            let id =
                value.as_s().map_err(|_| self.wrong(format!("`{name}` should list strings")))?;
            id.parse().map_err(|error| self.wrong(format!("`{name}`: {error}")))
        };
        list.iter().map(partition).collect()
    }

    pub(crate) fn events(self, name: &str) -> Result<Vec<Event>, StoreError> {
        let found = self.item.get(name);
        let list = found.and_then(|value| value.as_l().ok());
        let list = list.ok_or_else(|| self.expected(name, "a list of events", found))?;
        let (mut rest, mut events) = (list.as_slice(), Vec::with_capacity(list.len() / 2));
        while !rest.is_empty() {
            let (event, next) = first_event(rest).ok_or_else(|| {
                self.wrong("`events` should list a key, data and perhaps headers for each event")
            })?;
            events.push(event);
            rest = next;
        }
        Ok(events)
    }

    /// Refuses an item that another version of the format wrote.
    pub(crate) fn version(self) -> Result<(), StoreError> {
        self.version_upto(names::THIS_VERSION)
    }

    /// Whether a lease's item says that its group has begun the partition; an error if it was written in
    /// another version.
    pub(crate) fn is_begun(self) -> Result<bool, StoreError> {
        self.version_upto(names::UNBEGUN_VERSION)?;
        Ok(self.number(names::VERSION)? != names::UNBEGUN_VERSION)
    }

    /// The same of a slot, which says its version only if it is not the first.
    pub(crate) fn version_if_any(self) -> Result<(), StoreError> {
        self.any_version_upto(names::THIS_VERSION)
    }

    /// The same of a partition's item, which says its version only once it is sealed.
    pub(crate) fn partition_version(self) -> Result<(), StoreError> {
        self.any_version_upto(names::SEALED_VERSION)
    }

    fn any_version_upto(self, newest: u64) -> Result<(), StoreError> {
        let says = self.item.contains_key(names::VERSION);
        if says { self.version_upto(newest) } else { Ok(()) }
    }

    fn version_upto(self, newest: u64) -> Result<(), StoreError> {
        let found = self.number(names::VERSION)?;
        if (names::THIS_VERSION..=newest).contains(&found) {
            return Ok(());
        }
        Err(self.wrong(format!(
            "it was written in version {found} of the format, and this release reads version {newest}: \
             use the release that wrote it, or a newer one"
        )))
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::{btree_map, vec};
    use proptest::prelude::*;

    use super::*;

    fn any_event() -> impl Strategy<Value = Event> {
        let headers = btree_map(".{0,3}", ".{0,3}", 0..3);
        (".{0,3}", any::<Vec<u8>>(), headers)
            .prop_map(|(key, data, headers)| Event { headers, ..Event::new(key, data) })
    }

    proptest! {
        #[test]
        fn events_are_read_back_as_they_were_written(written in vec(any_event(), 1..5)) {
            let item = Item::from([(names::EVENTS.to_owned(), events(&written))]);
            let reader = ItemReader { table: "t-events", item: &item };
            prop_assert_eq!(reader.events(names::EVENTS).expect("they are events"), written);
        }
    }

    #[test]
    fn a_list_that_is_not_one_of_events_is_refused() {
        let map = || texts(&BTreeMap::from([("name".to_owned(), "value".to_owned())]));
        let number_in_map = AttributeValue::M(HashMap::from([("n".to_owned(), number(1))]));
        for parts in [
            vec![text("key")],
            vec![text("key"), number(1)],
            vec![number(1), text("data")],
            vec![text("key"), text("data"), text("another")],
            vec![text("key"), text("data"), map(), map()],
            vec![text("key"), text("data"), number_in_map],
        ] {
            let item = Item::from([("events".to_owned(), AttributeValue::L(parts))]);
            let said = ItemReader { table: "t-events", item: &item }.events("events");
            let said = said.expect_err("no events").to_string();
            assert!(said.contains("should list a key, data and perhaps headers"), "{said}");
        }
    }

    /// What is said of an attribute that is not the number that it should be.
    fn said(attribute: Option<AttributeValue>) -> String {
        let key = (names::PARTITION.to_owned(), text("p"));
        let item: Item = attribute.map(|value| ("x".to_owned(), value)).into_iter().collect();
        let item = item.into_iter().chain([key]).collect();
        let reader = ItemReader { table: "t-events", item: &item };
        reader.number("x").expect_err("it is none").to_string()
    }

    #[test]
    fn an_error_says_where_what_is_wrong_and_what_would_be_right() {
        let list = AttributeValue::L(Vec::new());
        for (attribute, words) in [
            (Some(text("7")), "a string"),
            (Some(AttributeValue::N("1.5".to_owned())), "a number"),
            (Some(AttributeValue::Bool(true)), "a boolean"),
            (Some(AttributeValue::Null(true)), "null"),
            (Some(AttributeValue::B(b"7".to_vec().into())), "binary"),
            (Some(list), "a list"),
            (Some(AttributeValue::M(Item::new())), "a map"),
            (Some(AttributeValue::Ss(vec!["7".to_owned()])), "a set"),
            (None, "missing"),
        ] {
            let said = said(attribute);
            assert!(
                said.contains(&format!("`x` is {words}; it should be a whole number")),
                "{said}"
            );
            assert!(said.contains("t-events") && said.contains("partitionId p"), "{said}");
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let seen = Record { epoch: Epoch(1), number: Number(2), count: 3, slot: Seq(4) };
        let binary = Event::new("b", vec![0xff, 0]);
        let both = [Event::new("a", "text"), binary];
        let choices = BTreeMap::from([("gap".to_owned(), "void".to_owned())]);
        let halves = PartitionId::covering(0, 0).halves().expect("it has two");
        let item = [
            ("r", record(&seen)),
            ("e", events(&both)),
            ("f", AttributeValue::Bool(true)),
            ("t", texts(&choices)),
            ("p", partitions(&halves)),
        ];
        let item: Item = item.map(|(name, value)| (name.to_owned(), value)).into();
        let reader = ItemReader { table: "t", item: &item };
        assert_eq!(reader.record("r").expect("it is whole"), Some(seen));
        assert_eq!(reader.record("none").expect("it may be missing"), None);
        assert_eq!(reader.events("e").expect("they are whole"), both);
        assert_eq!(reader.flag("f").ok(), Some(true));
        assert_eq!(reader.texts("t").expect("it is whole"), choices);
        assert_eq!(reader.partitions("p").expect("they are whole"), halves);
        assert_eq!(reader.partitions("none").expect("they may be missing"), []);
        for (name, kind) in [("r", "a map"), ("e", "a list"), ("none", "missing")] {
            let said = reader.texts(name).expect_err("none").to_string();
            assert!(said.contains(&format!("`{name}` is {kind}; it should be a map of strings")));
        }
        assert_eq!(reader.number_or_zero("none").ok(), Some(0));
        for (name, wanted) in [("r", "a list of events"), ("f", "a list of events")] {
            let said = reader.events(name).expect_err("none").to_string();
            assert!(said.contains(wanted), "{said}");
        }
        assert!(reader.flag("e").is_err() && reader.text("e").is_err());
        let said = reader.record("e").expect_err("none").to_string();
        assert!(said.contains("`e` is a list; it should be a map"), "{said}");
    }
}
