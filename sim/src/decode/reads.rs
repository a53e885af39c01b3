//! Decodes what a read reads, and whether it is consistent.

use gapless::TableNames;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a read reads from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) enum Source {
    Partitions,
    Events,
    Consumers,
    /// The index of Partitions.
    Index,
}

impl Source {
    /// A read of it, in words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Source::Partitions => "read partitions",
            Source::Events => "read slots",
            Source::Consumers => "read leases and checkpoints",
            Source::Index => "read the index",
        }
    }

    /// A table by its name.
    pub(crate) fn table(tables: &TableNames, name: &str) -> Option<Source> {
        [
            (&tables.partitions, Source::Partitions),
            (&tables.events, Source::Events),
            (&tables.consumers, Source::Consumers),
        ]
        .into_iter()
        .find_map(|(known, source)| (known == name).then_some(source))
    }
}

/// A read of items.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Read {
    pub(crate) source: Source,
    /// Whether it asks for a strongly consistent answer. An index has none to give.
    pub(crate) consistent: bool,
}

/// The read that a call is; nothing if it is none, or reads no table of the stream.
pub(crate) fn read(tables: &TableNames, operation: &str, call: &Value) -> Option<Read> {
    let asks = |part: &Value| part.get("ConsistentRead").and_then(Value::as_bool).unwrap_or(false);
    match operation {
        "GetItem" | "Query" | "Scan" => {
            let table = Source::table(tables, call.get("TableName")?.as_str()?)?;
            let index = call.get("IndexName").is_some_and(|name| !name.is_null());
            Some(match index {
                true => Read { source: Source::Index, consistent: false },
                false => Read { source: table, consistent: asks(call) },
            })
        }
        "BatchGetItem" => {
            let wanted = call.get("RequestItems")?.as_object()?;
            let source = Source::table(tables, wanted.keys().next()?)?;
            Some(Read { source, consistent: wanted.values().all(asks) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_read_is_consistent_if_its_own_flag_says_so() {
        let tables = TableNames::prefixed("s-");
        let read = |operation: &str, call: Value| {
            read(&tables, operation, &call).map(|read| (read.source, read.consistent))
        };
        let get = |rest: Value| {
            let mut call = json!({ "TableName": "s-consumers", "Key": {} });
            call.as_object_mut()
                .expect("a map")
                .extend(rest.as_object().cloned().unwrap_or_default());
            call
        };
        let consumers = |consistent| Some((Source::Consumers, consistent));
        assert_eq!(read("GetItem", get(json!({}))), consumers(false));
        assert_eq!(read("GetItem", get(json!({ "ConsistentRead": true }))), consumers(true));
        assert_eq!(read("GetItem", get(json!({ "ConsistentRead": false }))), consumers(false));
        // Not the text, wherever it stands: an event may hold it.
        let text = json!({ "Key": { "S": "\"ConsistentRead\":true" } });
        assert_eq!(read("GetItem", get(text)), consumers(false));
        let index = json!({ "IndexName": "by-id", "ConsistentRead": true });
        assert_eq!(read("Query", get(index)), Some((Source::Index, false)));
        let batch =
            |flag: bool| json!({ "RequestItems": { "s-partitions": { "ConsistentRead": flag } } });
        assert_eq!(read("BatchGetItem", batch(true)), Some((Source::Partitions, true)));
        assert_eq!(read("BatchGetItem", batch(false)), Some((Source::Partitions, false)));
        assert_eq!(read("PutItem", get(json!({}))), None);
    }
}
