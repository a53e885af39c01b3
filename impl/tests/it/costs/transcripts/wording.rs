//! How a call and its answer are written down, each in one line.

use serde_json::Value;

use super::super::meter::table_name;

/// What a call asks for.
pub fn call(operation: &str, asked: &Value) -> String {
    match operation {
        "TransactWriteItems" => {
            let acts = list(&asked["TransactItems"]).iter().map(|act| {
                let (act, of) = only_entry(act);
                write(act, of)
            });
            let token = asked["ClientRequestToken"].as_str().unwrap_or("without a token");
            format!("transaction {token} [{}]", acts.collect::<Vec<_>>().join("; "))
        }
        "BatchGetItem" => {
            let (table, of) = only_entry(&asked["RequestItems"]);
            let keys: Vec<_> = list(&of["Keys"]).iter().map(fields).collect();
            let what = format!("BatchGetItem {} {}", table_name(table), ranges(&keys));
            with_modifiers(what, of)
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => write(operation, asked),
        _ => read(operation, asked),
    }
}

fn write(act: &str, of: &Value) -> String {
    let about = if of["Item"].is_object() { fields(&of["Item"]) } else { fields(&of["Key"]) };
    let mut words = format!("{act} {} {about}", table(of));
    for (name, before) in [("UpdateExpression", ""), ("ConditionExpression", "IF ")] {
        if let Value::String(expression) = &of[name] {
            words += &format!(" {before}{}", filled(expression, of));
        }
    }
    // Every write that can be refused asks what refused it, and every update what it made.
    if of["ConditionExpression"].is_string()
        && of["ReturnValuesOnConditionCheckFailure"] != "ALL_OLD"
    {
        words += ", blind";
    }
    if act == "UpdateItem" && of["ReturnValues"] != "ALL_NEW" {
        words += &format!(", returning {}", of["ReturnValues"]);
    }
    words
}

fn read(operation: &str, asked: &Value) -> String {
    let mut words = operation.to_owned();
    if asked["TableName"].is_string() {
        words += &format!(" {}", table(asked));
    }
    if asked["Key"].is_object() {
        words += &format!(" {}", fields(&asked["Key"]));
    }
    for name in ["KeyConditionExpression", "FilterExpression"] {
        if let Value::String(expression) = &asked[name] {
            words += &format!(" {}", filled(expression, asked));
        }
    }
    with_modifiers(words, asked)
}

/// With how a read is to be done.
fn with_modifiers(mut words: String, asked: &Value) -> String {
    let names = ["IndexName", "Limit", "Select", "ShardIteratorType", "SequenceNumber"];
    for name in names {
        match &asked[name] {
            Value::Null => {}
            Value::String(text) => words += &format!(", {name} {text}"),
            other => words += &format!(", {name} {other}"),
        }
    }
    if let Value::String(expression) = &asked["ProjectionExpression"] {
        words += &format!(", only {}", filled(expression, asked));
    }
    for (name, said) in [("ScanIndexForward", false), ("ConsistentRead", true)] {
        if asked[name] == said {
            words += if said { ", consistent" } else { ", backward" };
        }
    }
    if asked["ExclusiveStartKey"].is_object() {
        words += &format!(", after {}", fields(&asked["ExclusiveStartKey"]));
    }
    words
}

/// What the answer to a call says.
pub fn answer(operation: &str, status: u16, told: &Value) -> String {
    if status != 200 {
        let kind = told["__type"].as_str().unwrap_or_default();
        let kind = kind.rsplit('#').next().unwrap_or_default();
        let with_item = |words: &str, by: &Value| {
            if by["Item"].is_object() {
                format!("{words} {}", fields(&by["Item"]))
            } else {
                words.to_owned()
            }
        };
        let reasons = list(&told["CancellationReasons"]).iter();
        let reasons = reasons.map(|by| with_item(by["Code"].as_str().unwrap_or("None"), by));
        let reasons: Vec<_> = reasons.collect();
        let why = told["message"].as_str().filter(|_| !kind.contains("Condition"));
        let why = why.filter(|_| reasons.is_empty()).unwrap_or_default();
        return with_item(format!("{kind} {why}{}", reasons.join("; ")).trim_end(), told);
    }
    let mut words = Vec::new();
    if operation == "GetItem" && !told["Item"].is_object() {
        words.push("nothing".to_owned());
    }
    if let Value::String(state) = &told["Table"]["TableStatus"] {
        words.push(state.to_lowercase());
    }
    for name in ["Item", "Attributes"] {
        if told[name].is_object() {
            words.push(fields(&told[name]));
        }
    }
    if told["Items"].is_array() {
        words.push(counted(&told["Items"]));
    }
    if let Value::Object(tables) = &told["Responses"] {
        words.extend(tables.values().map(counted));
    }
    if let Value::Object(tables) = &told["UnprocessedKeys"] {
        let left = tables.values().map(|left| list(&left["Keys"]).len()).sum::<usize>();
        if left > 0 {
            words.push(format!("{left} not looked at"));
        }
    }
    if told["LastEvaluatedKey"].is_object() {
        words.push("and more".to_owned());
    }
    if words.is_empty() { "done".to_owned() } else { words.join(", ") }
}

/// Items: all of a few, and of many where they are.
fn counted(items: &Value) -> String {
    match list(items) {
        [] => "nothing".to_owned(),
        many if many.len() > 3 => {
            let keys = many.iter().map(|item| {
                let name = ["sequenceNumber", "partitionId"].into_iter().find(|name| {
                    item[*name].is_object() && (*name != "sequenceNumber" || item["at"].is_object())
                });
                name.map_or_else(|| fields(item), |name| value(&item[name]))
            });
            let keys: Vec<_> = keys.collect();
            let shown = keys.len().min(12);
            let rest = if shown < keys.len() { " and so on" } else { "" };
            format!("{} items: {}{rest}", keys.len(), keys[..shown].join(" "))
        }
        few => few.iter().map(fields).collect::<Vec<_>>().join(" "),
    }
}

/// An expression with what its placeholders stand for.
fn filled(expression: &str, of: &Value) -> String {
    let mut words = String::new();
    let mut rest = expression;
    while let Some(at) = rest.find(['#', ':']) {
        let length = rest[at + 1..].find(|c: char| !c.is_alphanumeric() && c != '_');
        let end = length.map_or(rest.len(), |length| at + 1 + length);
        let placeholder = &rest[at..end];
        words += &rest[..at];
        words += &match &of["ExpressionAttributeNames"][placeholder] {
            Value::String(name) => name.clone(),
            _ => value(&of["ExpressionAttributeValues"][placeholder]),
        };
        rest = &rest[end..];
    }
    words + rest
}

/// The attributes of an item, by name.
fn fields(item: &Value) -> String {
    let item = item.as_object().expect("an item");
    let mut words: Vec<_> = item.iter().map(|(name, of)| format!("{name}={}", value(of))).collect();
    words.sort();
    format!("{{{}}}", words.join(" "))
}

/// A value of the wire.
fn value(of: &Value) -> String {
    let Some((kind, of)) = of.as_object().and_then(|of| of.iter().next()) else {
        return of.to_string();
    };
    match (kind.as_str(), of) {
        ("B", Value::String(bytes)) => format!("<{}>", cut(bytes)),
        ("S", Value::String(text)) => format!("'{}'", cut(text)),
        ("M", of) => fields(of),
        ("L", Value::Array(of)) => {
            format!("[{}]", of.iter().map(value).collect::<Vec<_>>().join(" "))
        }
        (_, Value::String(number)) => number.clone(),
        (_, other) => other.to_string(),
    }
}

/// A text, or the beginning of a long one. The ids of partitions are written whole.
fn cut(text: &str) -> String {
    match text.char_indices().nth(100) {
        Some((end, _)) => format!("{}… {} bytes", text[..end].escape_debug(), text.len()),
        None => text.escape_debug().to_string(),
    }
}

/// Keys: all of a few, the first and the last of many.
fn ranges(keys: &[String]) -> String {
    let mut keys = keys.to_vec();
    keys.sort();
    match &keys[..] {
        [first, .., last] if keys.len() > 4 => format!("{first} to {last}, {} in all", keys.len()),
        few => few.join(" "),
    }
}

fn table(of: &Value) -> String {
    table_name(of["TableName"].as_str().unwrap_or_default())
}

fn list(of: &Value) -> &[Value] {
    of.as_array().map_or(&[], Vec::as_slice)
}

fn only_entry(of: &Value) -> (&String, &Value) {
    of.as_object().and_then(|of| of.iter().next()).expect("an entry")
}
