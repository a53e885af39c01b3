//! The versions of every item, for reads that are eventually consistent.

use std::collections::{HashMap, VecDeque};

use gapless::TableNames;
use serde_json::Value;

use crate::decode::Source;
use crate::plan::Millis;

/// An item's table, and its key as text.
type ItemKey = (Source, String);

/// A state that an item took on, and when; no item if it was deleted.
#[derive(Debug)]
struct Version {
    at: Millis,
    item: Option<Value>,
}

/// The versions of every item of the stream's tables.
#[derive(Debug, Default)]
pub(super) struct History {
    items: HashMap<ItemKey, VecDeque<Version>>,
}

/// The key of an item, as a read of it gives it.
pub(super) fn key_of(source: Source, item: &Value) -> Option<Value> {
    let names: &[&str] = match source {
        Source::Partitions | Source::Index => &["partitionId"],
        Source::Events => &["partitionId", "sequenceNumber"],
        Source::Consumers => &["consumerId", "partitionId"],
    };
    let parts = names.iter().map(|name| Some(((*name).to_owned(), item.get(*name)?.clone())));
    parts.collect::<Option<serde_json::Map<_, _>>>().map(Value::Object)
}

/// The tables and keys of the items that a call may write.
pub(super) fn written(tables: &TableNames, operation: &str, call: &Value) -> Vec<(Source, Value)> {
    let written = |part: &Value, whole: &str| {
        let source = Source::table(tables, part.get("TableName")?.as_str()?)?;
        Some((source, key_of(source, part.get(whole)?)?))
    };
    match operation {
        "PutItem" => written(call, "Item").into_iter().collect(),
        "UpdateItem" | "DeleteItem" => written(call, "Key").into_iter().collect(),
        "TransactWriteItems" => {
            let parts = call["TransactItems"].as_array().into_iter().flatten();
            parts
                .filter_map(|part| {
                    let put = part.get("Put").and_then(|put| written(put, "Item"));
                    put.or_else(|| written(part.get("Update")?, "Key"))
                })
                .collect()
        }
        _ => Vec::new(),
    }
}

impl History {
    /// The oldest version that a read may still show. It is older than the longest lag.
    const KEPT: Millis = Millis(60_000);

    /// Records what an item is now.
    pub(super) fn record(&mut self, source: Source, key: &Value, item: Option<Value>, at: Millis) {
        let versions = self.items.entry((source, key.to_string())).or_default();
        if versions.back().map(|last| &last.item) == Some(&item) {
            return;
        }
        versions.push_back(Version { at, item });
        while versions.get(1).is_some_and(|next| next.at < at.minus(History::KEPT)) {
            versions.pop_front();
        }
    }

    /// An item as it is now.
    pub(super) fn latest(&self, source: Source, key: &Value) -> Option<&Value> {
        self.items.get(&(source, key.to_string()))?.back()?.item.as_ref()
    }

    /// An item as it was then, by the writes before that moment. None if there was no such item.
    pub(super) fn as_of(&self, source: Source, key: &Value, then: Millis) -> Option<&Value> {
        // The index shows items of Partitions.
        let table = if source == Source::Index { Source::Partitions } else { source };
        let versions = self.items.get(&(table, key.to_string()))?;
        versions.iter().rev().find(|version| version.at < then)?.item.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn item(head: u64) -> Value {
        json!({ "partitionId": { "S": "p" }, "sequenceNumber": { "N": head.to_string() } })
    }

    #[test]
    fn an_item_is_what_the_last_write_before_that_moment_made_it() {
        let mut history = History::default();
        let key = key_of(Source::Partitions, &item(1)).expect("it has a key");
        for (at, head) in [(10, 1), (20, 2), (30, 2), (40, 3)] {
            history.record(Source::Partitions, &key, Some(item(head)), Millis(at));
        }
        history.record(Source::Partitions, &key, None, Millis(50));
        let then = |at| history.as_of(Source::Partitions, &key, Millis(at)).cloned();
        assert_eq!((then(10), then(11), then(20)), (None, Some(item(1)), Some(item(1))));
        assert_eq!((then(21), then(40), then(41)), (Some(item(2)), Some(item(2)), Some(item(3))));
        assert_eq!(then(51), None);
        assert_eq!(history.as_of(Source::Index, &key, Millis(11)), Some(&item(1)));
        assert_eq!(history.as_of(Source::Consumers, &key, Millis(11)), None);
    }

    #[test]
    fn a_call_names_the_items_that_it_writes() {
        let tables = TableNames::prefixed("s-");
        let put = json!({ "TableName": "s-events", "Item": item(4) });
        let key = json!({ "partitionId": { "S": "p" }, "sequenceNumber": { "N": "4" } });
        assert_eq!(written(&tables, "PutItem", &put), [(Source::Events, key.clone())]);
        let lease = json!({ "consumerId": { "S": "g" }, "partitionId": { "S": "p" } });
        let update = json!({ "TableName": "s-consumers", "Key": lease });
        let call = json!({ "TransactItems": [
            { "Update": update },
            { "ConditionCheck": { "TableName": "s-events", "Key": key } },
            { "Put": put },
        ] });
        let both = [(Source::Consumers, lease), (Source::Events, key)];
        assert_eq!(written(&tables, "TransactWriteItems", &call), both);
        assert_eq!(written(&tables, "GetItem", &update), []);
    }
}
